/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may make a transition: a host tool of the session that has what the launcher will need, and
 * has nothing on it that would stay on the container's process.
 */
#include "gate/state.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <unistd.h>

#include "base/callers.h"
#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/str.h"

/* What the launcher can't do without: namespaces and filters, root, ids, bounding set. */
static const struct {
	int number;
	const char *name;
} needed[] = {
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	{ CAP_SYS_CHROOT, "CAP_SYS_CHROOT" },
	{ CAP_SETUID, "CAP_SETUID" },
	{ CAP_SETGID, "CAP_SETGID" },
	{ CAP_SETPCAP, "CAP_SETPCAP" },
};

/*
 * The capabilities that the launcher will have, once the caller has become it: capabilities(7),
 * "Transformation of capabilities during execve()". Only root's gets any; else a user of the host
 * could become the container's root.
 */
static int check_capabilities(const char *status, struct error *err)
{
	uint64_t ambient = 0;
	uint64_t bounding = 0;
	uint64_t inheritable = 0;
	unsigned int euid = UINT32_MAX;
	const char *ids = procfs_field(status, "Uid");

	procfs_field_u64(status, "CapAmb", 16, &ambient);
	procfs_field_u64(status, "CapBnd", 16, &bounding);
	procfs_field_u64(status, "CapInh", 16, &inheritable);
	if (ids == NULL || sscanf(ids, "%*u %u", &euid) != 1) {
		return error_set(err, EPROTO, "read the caller's user id");
	}
	uint64_t available = euid == 0 ? bounding | inheritable : ambient;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if ((available >> needed[i].number & 1) == 0) {
			return error_set_hint(err, EPERM,
				"run it as root; as another user of the container: sallyport exec "
				"-u USER",
				"its caller, of uid %u, lacks %s, which becoming a process of "
				"the container takes",
				euid, needed[i].name);
		}
	}
	return 0;
}

/* What no process can take off itself, and the container's would not have. */
static int check_restrictions(const struct gate *gate, const char *status, struct error *err)
{
	uint64_t no_new_privs = 0;
	uint64_t seccomp = 0;

	procfs_field_u64(status, "NoNewPrivs", 10, &no_new_privs);
	procfs_field_u64(status, "Seccomp", 10, &seccomp);
	if (seccomp != 0) {
		return error_set_hint(err, EPERM, "run it from a tool without one",
			"its caller is under a seccomp filter of its own, which would stay on it");
	}
	if (no_new_privs != 0 && !gate->no_new_privs) {
		return error_set_hint(err, EPERM, "run it from a tool without it",
			"its caller has no_new_privs, which the container's processes have not");
	}
	return 0;
}

int caller_start(struct gate *gate, struct error *err)
{
	struct plan plan;

	if (pread(gate->plan_fds[0], &plan, sizeof(plan), 0) != (ssize_t)sizeof(plan) ||
		plan.magic != PLAN_MAGIC) {
		return error_set(err, EPROTO, "read the plan");
	}
	gate->no_new_privs = plan.no_new_privs != 0;
	return 0;
}

int caller_check(const struct gate *gate, pid_t pid, pid_t *tgid, struct error *err)
{
	_cleanup_close_ int proc_fd = procfs_open(pid, err);
	_cleanup_free_ char *status = NULL;
	uint64_t process;
	int r = proc_fd < 0 ? proc_fd : callers_check(&gate->start.callers, proc_fd, pid, err);

	if (r == 0) {
		r = procfs_status(proc_fd, &status, err);
	}
	if (r == 0 && (r = procfs_field_u64(status, "Tgid", 10, &process)) < 0) {
		error_set(err, -r, "the process of thread %d", pid);
	}
	if (r == 0) {
		r = check_capabilities(status, err);
	}
	if (r == 0) {
		r = check_restrictions(gate, status, err);
	}
	if (r == 0) {
		*tgid = (pid_t)process;
	}
	return r;
}
