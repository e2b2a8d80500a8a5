/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/str.h"

#define INITIAL_USER_NS 0xEFFFFFFDu /* USER_NS_INIT_INO of linux/nsfs.h, the same since 3.8 */

/* What a session can't do without, in the initial user namespace. */
static const struct {
	int number;
	const char *name;
} needed[] = {
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE" },
	{ CAP_SYS_CHROOT, "CAP_SYS_CHROOT" },
	{ CAP_SETUID, "CAP_SETUID" },
	{ CAP_SETGID, "CAP_SETGID" },
	{ CAP_SETPCAP, "CAP_SETPCAP" },
	{ CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE" },
	{ CAP_KILL, "CAP_KILL" },
};

/* Root of a user namespace of its own has all capabilities, but none over the host. */
static int check_user_ns(int self, struct error *err)
{
	struct ns_id ns;
	int r = procfs_ns_id(self, "user", &ns, err);

	if (r == 0 && ns.ino != INITIAL_USER_NS) {
		r = error_set_hint(err, EPERM, "run it as root of the host",
			"needs the initial user namespace, this is another one");
	}
	return r;
}

static int check_yama(struct error *err)
{
	_cleanup_free_ char *scope = NULL;

	if (fd_read_file(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", 64, &scope, NULL, NULL) ==
			0 &&
		scope[0] == '3') {
		return error_set_hint(err, EPERM, "it can only be lowered by a reboot",
			"ptrace is forbidden on this host: kernel.yama.ptrace_scope is 3");
	}
	return 0;
}

int session_check_host(struct error *err)
{
	_cleanup_close_ int self = procfs_open(getpid(), err);
	_cleanup_free_ char *status = NULL;
	uint64_t effective = 0;
	uint64_t seccomp = 0;
	int r = self < 0 ? self : procfs_status(self, &status, err);

	if (r < 0) {
		return r;
	}
	r = check_user_ns(self, err);
	if (r < 0) {
		return r;
	}
	procfs_field_u64(status, "CapEff", 16, &effective);
	procfs_field_u64(status, "Seccomp", 10, &seccomp);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if ((effective >> needed[i].number & 1) == 0) {
			return error_set_hint(err, EPERM, "run it as root, with sudo",
				"needs %s in the initial user namespace", needed[i].name);
		}
	}
	if (seccomp != 0) {
		return error_set_hint(err, EACCES, "start it from a shell without one: ptrace(2)",
			"sallyport itself runs under a seccomp filter and could not read or hold "
			"back another's");
	}
	return check_yama(err);
}

static void add(char *list, size_t size, const char *what)
{
	size_t n = strlen(list);

	snprintf(list + n, size - n, "%s%s", n > 0 ? "; " : "", what);
}

int session_check(
	const struct profile *profile, bool degraded, char *warning, size_t size, struct error *err)
{
	const struct seccomp_chain *chain = &profile->seccomp;
	char lost[256] = "";

	warning[0] = '\0';
	if (profile->cgroups.frozen) {
		return error_set_hint(err, EBUSY, "unpause it first",
			"the container is paused: whoever joins its cgroup stops");
	}
	if (chain->mode == 1) {
		return error_set_hint(err, EOPNOTSUPP,
			"choose another process of it with --like PID",
			"process %d is in seccomp's strict mode, which allows no execve",
			profile->pid);
	}
	for (size_t i = 0; i < chain->count; i++) {
		if (chain->filters[i].user_notif) {
			snprintf(lost, sizeof(lost),
				"seccomp filter %zu of %zu asks a listener "
				"(SECCOMP_RET_USER_NOTIF), which can't be copied",
				i + 1, chain->count);
		}
	}
	if (!profile->capabilities.no_new_privs && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		return error_set_hint(err, EPERM, "start it from a shell without it",
			"sallyport itself runs with no_new_privs, which the container has not and "
			"which can't be taken off again");
	}
	if (lost[0] != '\0' && !degraded) {
		return error_set_hint(err, EOPNOTSUPP,
			"--degraded goes on: calls meant for the listener then fail with ENOSYS",
			"%s", lost);
	}
	if (lost[0] != '\0') {
		add(warning, size, lost);
		add(warning, size, "calls meant for the listener fail with ENOSYS");
	}
	if (chain->threads_differ) {
		add(warning, size,
			"its threads have different seccomp filters; the leader's are taken");
	}
	return 0;
}
