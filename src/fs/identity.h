/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In whose name a request is carried out, and whether its sender may ask at all.
 */
#ifndef FS_IDENTITY_H
#define FS_IDENTITY_H

#include <linux/capability.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/wire.h"

struct caller {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	mode_t umask;
};

struct identity {
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3]; /* as the program has them */
	bool keeps_caps; /* setfsuid doesn't touch them: SECBIT_NO_SETUID_FIXUP */
	int proc_fd;
	bool check;
	struct ns_id container_mnt, our_user;
	_Atomic uint64_t session_mnt; /* the inode of the session's mount namespace; 0: not known */
};

/* To be called before threads are made: they inherit what it sets. Returns 0 or a negative errno.
 */
int identity_init(struct identity *identity, int proc_fd, const struct wire_fs_start *start,
	struct error *err);

/* MNT is the session's mount namespace, which outlives the view: who is in it may ask. */
void identity_know_session(struct identity *identity, const struct ns_id *mnt);

/*
 * Makes the calling thread's new files belong to UID and GID, with UMASK; its rights stay those of
 * the program. The thread must have its own struct fs (unshare(CLONE_FS)).
 */
void identity_assume(const struct identity *identity, uid_t uid, gid_t gid, mode_t umask_bits);

/* The same without the program's rights: for files of procfs and its like, which look at who opens
 * and who writes. */
void identity_assume_fully(const struct identity *identity, uid_t uid, gid_t gid);

/* The program's identity, but what is written to or truncated loses its set-id bits, as it does for
 * anyone without CAP_FSETID. */
void identity_lower(const struct identity *identity);

/* Ends any of these. Keeps errno. */
void identity_resume(const struct identity *identity);

/*
 * May the process PID have this view's files opened or changed? 0 or -EACCES. A program of the
 * container that was given one of our files as its standard input could open it anew through
 * /proc/self/fd, with what the view allows to a host tool.
 */
int identity_check(const struct identity *identity, pid_t pid);

#endif
