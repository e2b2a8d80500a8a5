/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Labels of the security modules that label processes: SELinux contexts, AppArmor labels. A host
 * may run several at once, so there is one label for each. Labels are captured and verified by the
 * files of /proc/PID/attr (proc(5)) through a descriptor that pins the process; libselinux and
 * libapparmor are asked whether the transition will be allowed. Applying one is the launcher's.
 */
#ifndef LSM_LSM_H
#define LSM_LSM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <stddef.h>

#include "base/error.h"

enum lsm_kind {
	LSM_SELINUX,
	LSM_APPARMOR,
	LSM_OTHER, /* a module that we can read the labels of, and nothing more: Smack, say */
	LSM_KINDS
};

#define LSM_LABEL_MAX 4096 /* the kernel takes and gives no more than a page: fs/proc/base.c */
#define LSM_MODE_MAX 32

struct lsm_label {
	char text[LSM_LABEL_MAX]; /* "": the module is not active */
	/* AppArmor: "enforce", "complain", "kill", "unconfined", "mixed" (a stack of several); ""
	 * where the kernel shows none: plain unconfined */
	char mode[LSM_MODE_MAX];
};

struct lsm_labels {
	struct lsm_label of[LSM_KINDS];
};

/* "selinux", "apparmor", "other". Static. */
const char *lsm_name(enum lsm_kind kind);

/* False in a build without the library that labels of KIND are applied with: those are refused. */
bool lsm_can_apply(enum lsm_kind kind);

/*
 * Reads the labels of the process PROC_FD (a descriptor of /proc/PID) for every module that is
 * active. Needs no library. Returns 0 or a negative errno: -ESRCH where the process is gone.
 */
int lsm_capture(struct lsm_labels *labels, int proc_fd, struct error *err);

/*
 * LABELS as people read them: "docker-default (enforce)"; where several modules are active each
 * with its name before it, "selinux system_u:..., apparmor unconfined"; "" for none. Returns OUT.
 */
char *lsm_describe(char *out, size_t size, const struct lsm_labels *labels);

/*
 * Whether the process PROC_FD has exactly the labels WANTED, modes included. Returns 0; -EACCES
 * with both labels named where it has not; another negative errno where they can't be read.
 */
int lsm_verify(const struct lsm_labels *wanted, int proc_fd, struct error *err);

/*
 * Which of the descriptors 0, 1 and 2 of the process PROC_FD SELinux or AppArmor has replaced by
 * its null device at the exec, since the label may not use them: "standard output, standard error".
 * Returns OUT, "" for none.
 */
char *lsm_lost_descriptors(char *out, size_t size, int proc_fd);

/*
 * Whether a program with LABELS keeps the descriptor FD of ours when it begins. SELinux is asked;
 * where that fails, nothing is held against it: the kernel decides then, and lsm_lost_descriptors()
 * tells.
 */
bool lsm_may_inherit(const struct lsm_labels *labels, int fd);

/* What a label denies, for lsm_denies_file() and lsm_denies_capability(). */
struct lsm_denial {
	char detail[768]; /* in words */
	char change[512]; /* what would allow it; "": nothing simple */
};

/*
 * Whether a program with LABELS is denied the file FD (O_PATH will do) by the policies that are
 * loaded. They are asked themselves: the log lacks what dontaudit rules hide. MAY: R_OK, W_OK,
 * X_OK; PATH is the file's name in the container. Returns true, with DENIAL filled in, where one
 * denies it.
 */
bool lsm_denies_file(const struct lsm_labels *labels, int fd, const char *path, unsigned int may,
	struct lsm_denial *denial);
/*
 * The same of the capability CAP, whose NAME is "sys_admin", in the initial or in another user
 * namespace. Only SELinux can be asked.
 */
bool lsm_denies_capability(const struct lsm_labels *labels, unsigned int cap, const char *name,
	bool user_namespace, struct lsm_denial *denial);

/* A system call that failed. */
struct lsm_refusal {
	const char *call; /* "mount" */
	pid_t pid;
	int64_t since; /* it was made then or later: seconds since 1970 */
};

/*
 * What AppArmor has recorded of REFUSAL, where its library can't be asked. A deny rule that is not
 * audited keeps it out of the log. Returns true, with DENIAL filled in, where it has.
 */
bool lsm_logged_denial(const struct lsm_labels *labels, const struct lsm_refusal *refusal,
	struct lsm_denial *denial);

/*
 * In a child: what it executes next runs as who started sallyport would run it. An engine's own
 * client is no part of us. Returns 0 or a negative errno.
 */
int lsm_become_caller(struct error *err);

/* FD is our copy of a program that a container shall execute: it gets the label that our policy has
 * for such, where there is one. */
void lsm_label_program(int fd);

/* How the transition will come about, for lsm_check(). */
struct lsm_transition {
	const char *launcher; /* the installed sallyport-launch */
	const char *gate;     /* the program that will trace it; NULL: this very process does */
	bool in_session;      /* the launcher is executed by a host tool, from the host view */
	bool no_new_privs;    /* the container's program has no_new_privs */
	bool nosuid;	      /* the container's root is mounted nosuid */
};

/*
 * Whether the launcher will be allowed to become a process with LABELS, by the policies that are
 * loaded: SELinux is asked for each permission along the way, with our own context as it will be;
 * for AppArmor every profile of the label must be loaded. What is allowed but costs fidelity is
 * named in WARNING (SIZE bytes, "" for nothing). Returns 0 or a negative errno; the message names
 * the permission, the contexts and what to load. A label of a module that this build has no library
 * for is refused, unless it is our own too.
 */
int lsm_check(const struct lsm_labels *labels, const struct lsm_transition *transition,
	char *warning, size_t size, struct error *err);

#define LSM_ATTRIBUTES_MAX (LSM_KINDS + 1)

/* What the launcher has to write, and where, to give the program it executes a label. */
struct lsm_attribute {
	const char *file; /* below /proc/thread-self/attr; static */
	bool late;	  /* at the last moment before no_new_privs is set: in force at once */
	char content[LSM_LABEL_MAX + 16];
};

/*
 * Fills ATTRIBUTES for LABELS. AppArmor lets a confined launcher that has NO_NEW_PRIVS take no
 * other profile by an exec (security/apparmor/domain.c); it has to become the container's before.
 * Returns how many there are.
 */
size_t lsm_attributes(const struct lsm_labels *labels, bool no_new_privs,
	struct lsm_attribute attributes[LSM_ATTRIBUTES_MAX]);

/* What a session mounts: each has a label of its own by the policy that we ship. */
enum lsm_mount {
	LSM_HOST_VIEW,
	LSM_CONTAINER_VIEW,
	LSM_LAUNCHER, /* the launcher's directory */
	LSM_MOUNTS
};

/*
 * The value of the mount option "context" for MOUNT. Returns 1; 0 where no module that is active
 * has such a thing; -ENOENT where the policy doesn't know the type, since it is not ours. OUT then
 * holds
 * "".
 */
int lsm_mount_context(enum lsm_mount mount, char *out, size_t size);

/*
 * In the child that becomes the first host tool of a session in a container of LABELS: from now on
 * it has the AppArmor profile that we ship for tools, where that is loaded, nothing else confines
 * us, and the container's profile lets itself be traced and signalled by it. Returns 0 or a
 * negative errno.
 */
int lsm_become_tool(const struct lsm_labels *labels, struct error *err);

#endif
