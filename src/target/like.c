/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/target.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/str.h"

static bool same_pid_namespace(const struct target *target, pid_t pid)
{
	_cleanup_close_ int init = procfs_open(target->pid, NULL);
	_cleanup_close_ int other = procfs_open(pid, NULL);
	struct ns_id a;
	struct ns_id b;

	return init >= 0 && other >= 0 && procfs_ns_id(init, "pid", &a, NULL) == 0 &&
	       procfs_ns_id(other, "pid", &b, NULL) == 0 && a.dev == b.dev && a.ino == b.ino;
}

int target_like(const struct target *target, const char *like, pid_t *pid, uint64_t *start_time,
	struct error *err)
{
	uint64_t number;
	uint64_t ticks = 0;

	if (str_to_u64(like, INT32_MAX, &number) < 0 || number == 0) {
		return error_set(err, 0, "--like takes a pid, not %.64s", like);
	}
	if (!same_pid_namespace(target, (pid_t)number)) {
		return error_set_hint(err, ESRCH, "give the pid as the host has it",
			"process %s is not one of the container's", like);
	}
	_cleanup_close_ int proc_fd = procfs_open((pid_t)number, err);
	int r = proc_fd < 0 ? proc_fd : procfs_start_time(proc_fd, &ticks, err);
	if (r < 0) {
		return r;
	}
	*pid = (pid_t)number;
	if (start_time != NULL) {
		*start_time = ticks;
	}
	return 0;
}
