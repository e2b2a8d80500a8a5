/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The C library's wrappers may act on all threads; these act on the calling one. */
static int set_caps(const struct __user_cap_data_struct *caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return (int)syscall(SYS_capset, &header, caps);
}

int identity_init(struct identity *identity, int proc_fd, const struct wire_fs_start *start,
	struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	identity->proc_fd = proc_fd;
	identity->container_mnt = start->callers.container_mnt;
	identity->our_user = start->callers.our_user;
	identity->check =
		start->callers.container_mnt.dev != 0 || start->callers.container_mnt.ino != 0;
	if (syscall(SYS_capget, &header, identity->caps) != 0) {
		return error_set(err, errno, "read the capabilities");
	}
	/* Fails without CAP_SETPCAP; then each setfsuid is followed by a capset. */
	int bits = prctl(PR_GET_SECUREBITS);

	identity->keeps_caps =
		bits >= 0 &&
		prctl(PR_SET_SECUREBITS, (unsigned long)bits | SECBIT_NO_SETUID_FIXUP) == 0;
	return 0;
}

void identity_know_session(struct identity *identity, const struct ns_id *mnt)
{
	atomic_store(&identity->session_mnt, mnt->ino);
}

static void set_ids(uid_t uid, gid_t gid)
{
	syscall(SYS_setfsgid, gid);
	syscall(SYS_setfsuid, uid);
}

void identity_assume(const struct identity *identity, uid_t uid, gid_t gid, mode_t umask_bits)
{
	umask(umask_bits & 0777);
	if (uid == 0 && gid == 0) {
		return;
	}
	set_ids(uid, gid);
	if (!identity->keeps_caps) {
		set_caps(identity->caps);
	}
}

void identity_assume_fully(const struct identity *identity, uid_t uid, gid_t gid)
{
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	set_ids(uid, gid);
	if (uid == 0) {
		return;
	}
	memcpy(none, identity->caps, sizeof(none));
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		none[i].effective = 0;
	}
	set_caps(none);
}

void identity_lower(const struct identity *identity)
{
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	memcpy(caps, identity->caps, sizeof(caps));
	caps[CAP_TO_INDEX(CAP_FSETID)].effective &= ~CAP_TO_MASK(CAP_FSETID);
	set_caps(caps);
}

void identity_resume(const struct identity *identity)
{
	int saved = errno;

	set_caps(identity->caps);
	set_ids(0, 0);
	if (!identity->keeps_caps) {
		set_caps(identity->caps);
	}
	errno = saved;
}

static bool ns_of(const struct identity *identity, pid_t pid, const char *name, struct ns_id *out)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "%d/ns/%s", (int)pid, name);
	if (fstatat(identity->proc_fd, path, &st, 0) != 0) {
		return false;
	}
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	return true;
}

/* The link's text, "mnt:[NUMBER]", takes half the time of a stat of what it leads to:
 * namespaces(7). */
static bool is_in_session(const struct identity *identity, pid_t pid)
{
	static const char before[] = "mnt:[";
	uint64_t session = atomic_load(&identity->session_mnt);
	char path[64];
	char link[64];

	if (session == 0) {
		return false;
	}
	snprintf(path, sizeof(path), "%d/ns/mnt", (int)pid);
	ssize_t n = readlinkat(identity->proc_fd, path, link, sizeof(link) - 1);
	if (n < (ssize_t)sizeof(before)) {
		return false;
	}
	link[n] = '\0';
	return memcmp(link, before, strlen(before)) == 0 &&
	       strtoull(link + strlen(before), NULL, 10) == session;
}

int identity_check(const struct identity *identity, pid_t pid)
{
	struct ns_id mnt, user;

	if (!identity->check || pid == 0 || is_in_session(identity, pid)) {
		return 0;
	}
	if (!ns_of(identity, pid, "mnt", &mnt) || !ns_of(identity, pid, "user", &user)) {
		return -EACCES;
	}
	if (ns_id_equal(&mnt, &identity->container_mnt) ||
		!ns_id_equal(&user, &identity->our_user)) {
		return -EACCES;
	}
	return 0;
}
