/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/transition.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
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
			"trace the container's program by sallyport attach and strace "
			"-f " WIRE_ENTER_PATH " FILE, or gdb on it",
			"its process is traced by %s", tracer);
	}
	return error_set_hint(err, code,
		code == EPERM ? "yama's ptrace_scope or a security module forbids it" : NULL,
		"ptrace process %d", tid);
}

int transition_verify(pid_t tid, const struct lsm_labels *labels, struct error *err)
{
	_cleanup_close_ int proc_fd = procfs_open(tid, err);
	int r = proc_fd < 0 ? proc_fd : lsm_verify(labels, proc_fd, err);
	char lost[64];

	if (r < 0) {
		kill(tid, SIGKILL);
		return error_wrap(err, "the program was killed before it began");
	}
	if (lsm_lost_descriptors(lost, sizeof(lost), proc_fd)[0] != '\0') {
		log_warning(
			"the container's label denies its program its %s: nothing comes or goes "
			"there (a pipe would do; without sallyport's policy module only a "
			"terminal)",
			lost);
	}
	return 0;
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

/* TID could not be resumed: it's gone. What else it may be must not stand still for ever. */
static void give_up(pid_t tid)
{
	kill(tid, SIGKILL);
}

void transition_resume(pid_t tid, int status, int request)
{
	/* PTRACE_EVENT_STOP with another signal than SIGTRAP is a group-stop: ptrace(2). */
	bool group_stop = status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP;
	long sig = is_event(status) ? 0 : WSTOPSIG(status);

	if (ptrace(group_stop ? PTRACE_LISTEN : request, tid, NULL, group_stop ? 0 : sig) < 0) {
		give_up(tid);
	}
}

void transition_release(pid_t tid, int status)
{
	long sig = is_event(status) ? 0 : WSTOPSIG(status);

	if (ptrace(PTRACE_DETACH, tid, NULL, sig) < 0) {
		give_up(tid);
	}
}

void transition_hear(int sock, struct error *why)
{
	struct wire_failed failed;

	if (sock >= 0 &&
		recv(sock, &failed, sizeof(failed), MSG_DONTWAIT) == (ssize_t)sizeof(failed) &&
		failed.header.type == WIRE_FAILED) {
		why->code = failed.code < 4096 ? (int)failed.code : EPROTO;
		failed.message[sizeof(failed.message) - 1] = '\0';
		memcpy(why->message, failed.message, sizeof(why->message));
	}
}
