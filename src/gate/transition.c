/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/transition.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/wire.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

/* "strace (pid 42)" for the tracer of TID; false where it has none. */
static bool name_tracer(pid_t tid, char *out, size_t size)
{
	_cleanup_close_ int proc_fd = procfs_open(tid, NULL);
	_cleanup_free_ char *status = NULL;
	_cleanup_free_ char *comm = NULL;
	uint64_t tracer = 0;
	char path[64];

	if (proc_fd < 0 || procfs_status(proc_fd, &status, NULL) < 0 ||
		procfs_field_u64(status, "TracerPid", 10, &tracer) < 0 || tracer == 0) {
		return false;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)tracer);
	if (fd_read_file(AT_FDCWD, path, 4096, &comm, NULL, NULL) == 0) {
		comm[strcspn(comm, "\n")] = '\0';
	}
	snprintf(out, size, "%s (pid %d)", comm != NULL ? comm : "a debugger", (int)tracer);
	return true;
}

int transition_seize(pid_t tid, struct error *err)
{
	long options = PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD |
		       PTRACE_O_SUSPEND_SECCOMP;
	char tracer[64];

	if (ptrace(PTRACE_SEIZE, tid, NULL, options) == 0) {
		return 0;
	}
	int code = errno;
	if (code == EPERM && name_tracer(tid, tracer, sizeof(tracer))) {
		return error_set_hint(err, EPERM,
			"trace the container's program with: strace -f " WIRE_ENTER_PATH
			" FILE, or gdb on it",
			"its process is traced by %s", tracer);
	}
	return error_set(err, code, "ptrace process %d", tid);
}

int transition_apply(pid_t pid, const int *cgroup_fds, size_t n_cgroups,
	const struct limits *limits, char *missed, size_t missed_size, struct error *err)
{
	int r = cgroups_apply(cgroup_fds, n_cgroups, pid, err);

	if (r < 0) {
		return r;
	}
	return limits_apply(limits, pid, missed, missed_size, err);
}

enum transition_stop transition_classify(int status)
{
	if (!WIFSTOPPED(status)) {
		return TRANSITION_GONE;
	}
	if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
		return TRANSITION_EXEC;
	}
	if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		return TRANSITION_SYSCALL;
	}
	return TRANSITION_OTHER;
}

static bool is_event(int status)
{
	return status >> 16 != 0 || WSTOPSIG(status) == (SIGTRAP | 0x80);
}

void transition_resume(pid_t tid, int status, int request)
{
	/* PTRACE_EVENT_STOP with another signal than SIGTRAP is a group-stop: ptrace(2). */
	bool group_stop = status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP;
	long sig = is_event(status) ? 0 : WSTOPSIG(status);

	if (group_stop) {
		ptrace(PTRACE_LISTEN, tid, NULL, NULL);
	} else {
		ptrace(request, tid, NULL, sig);
	}
}

void transition_release(pid_t tid, int status)
{
	long sig = is_event(status) ? 0 : WSTOPSIG(status);

	ptrace(PTRACE_DETACH, tid, NULL, sig);
}
