/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/seccomp_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/procfs.h"
#include "base/str.h"

/* A target that can't be stopped (frozen by the v1 freezer, stuck in the kernel) is let go. */
#define STOP_TIMEOUT_SECONDS 5
#define SEIZE_TRIES 300
#define HELPER_STACK 65536

enum seccomp_step { STEP_NONE, STEP_SEIZE, STEP_STOP, STEP_READ };

static long trace(long request, pid_t pid, uintptr_t address, uintptr_t data)
{
	return syscall(SYS_ptrace, request, (long)pid, address, data);
}

/* Flags came with 4.16; before, FLAG_LOG is not to be known. */
static uint32_t read_flags(pid_t pid, uint32_t index)
{
	struct seccomp_metadata metadata = { .filter_off = index };

	if (trace(PTRACE_SECCOMP_GET_METADATA, pid, sizeof(metadata), (uintptr_t)&metadata) < 0) {
		return 0;
	}
	return (uint32_t)metadata.flags;
}

/*
 * ptrace(2) says that index 0 is the newest filter; the kernel (get_nth_filter) has always counted
 * from the oldest, and that is the order in which they are to be loaded again.
 */
static int read_filters(struct seccomp_reading *reading, pid_t pid)
{
	size_t used = 0;

	for (uint32_t i = 0;; i++) {
		uintptr_t where = (uintptr_t)&reading->instructions[used];

		if (i == SECCOMP_CHAIN_FILTERS || used >= SECCOMP_CHAIN_INSTRUCTIONS) {
			errno = 0;
			if (trace(PTRACE_SECCOMP_GET_FILTER, pid, i, 0) < 0 && errno == ENOENT) {
				return 0;
			}
			return E2BIG;
		}
		long length = trace(PTRACE_SECCOMP_GET_FILTER, pid, i, where);
		if (length < 0) {
			return errno == ENOENT ? 0 : errno;
		}
		if (length == 0 || length > BPF_MAXINSNS) {
			return EPROTO;
		}
		reading->filters[i].length = (uint16_t)length;
		reading->filters[i].flags = read_flags(pid, i);
		reading->count = i + 1;
		used += (size_t)length;
	}
}

/*
 * Waits for the first stop. *SIGNAL is what the target has to be let go with: a signal that was on
 * its way when it stopped, 0 in a stop of our own or of job control, which the kernel takes up
 * again by itself.
 */
static int wait_stop(pid_t pid, int *signal_out)
{
	int status;
	pid_t got;

	do {
		got = waitpid(pid, &status, __WALL);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		return errno;
	}
	if (!WIFSTOPPED(status)) {
		return ESRCH;
	}
	*signal_out = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
	return 0;
}

static void fail(struct seccomp_reading *reading, int step, int code)
{
	reading->step = step;
	reading->code = code;
}

/*
 * Another sallyport that captures the same target holds it for some milliseconds: waits for such a
 * one at most SEIZE_TRIES of them. Returns 0 or an errno.
 */
static int seize(pid_t pid)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	for (int tries = 0; trace(PTRACE_SEIZE, pid, 0, 0) < 0; tries++) {
		if (errno != EPERM || tries == SEIZE_TRIES) {
			return errno;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

static void read_stopped(struct seccomp_reading *reading, pid_t pid, int proc_fd)
{
	struct stat st;
	int signal_out = 0;
	int code = seize(pid);

	if (code != 0) {
		return fail(reading, STEP_SEIZE, code);
	}
	/* Now the number can't pass to another process any more: is it still the one meant? */
	if (fstatat(proc_fd, "stat", &st, 0) < 0) {
		return fail(reading, STEP_SEIZE, ESRCH);
	}
	int64_t begin = clock_ns();
	if (trace(PTRACE_INTERRUPT, pid, 0, 0) < 0) {
		return fail(reading, STEP_STOP, errno);
	}
	code = wait_stop(pid, &signal_out);
	if (code != 0) {
		return fail(reading, STEP_STOP, code);
	}
	code = read_filters(reading, pid);
	trace(PTRACE_DETACH, pid, 0, (uintptr_t)signal_out);
	reading->stopped_ns = (uint64_t)(clock_ns() - begin);
	if (code != 0) {
		fail(reading, STEP_READ, code);
	}
}

struct helper {
	struct seccomp_reading *reading;
	pid_t parent;
	pid_t pid;
	int proc_fd;
};

/* The helper's whole life, in its parent's memory: system calls only. When it ends, however, the
 * kernel detaches from the target. */
static int help(void *data)
{
	const struct helper *helper = data;
	sigset_t alarm_only;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != helper->parent) {
		return 1;
	}
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
	alarm(STOP_TIMEOUT_SECONDS);
	read_stopped(helper->reading, helper->pid, helper->proc_fd);
	return 0;
}

/* As vfork(2): we wait until it has ended, and no page is copied; with a stack of its own. */
static pid_t start_helper(struct helper *helper)
{
	static _Alignas(16) char stack[HELPER_STACK];

	return clone(help, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, helper);
}

static void name_tracer(char *out, size_t size, const char *status)
{
	uint64_t tracer = 0;
	struct error ignored;
	_cleanup_free_ char *tracer_status = NULL;

	out[0] = '\0';
	if (status == NULL || procfs_field_u64(status, "TracerPid", 10, &tracer) < 0 ||
		tracer == 0) {
		return;
	}
	_cleanup_close_ int fd = procfs_open((pid_t)tracer, &ignored);
	const char *name = NULL;
	if (fd >= 0 && procfs_status(fd, &tracer_status, &ignored) == 0) {
		name = procfs_field(tracer_status, "Name");
	}
	snprintf(out, size, "it is traced by pid %u, %.*s; let that go first", (unsigned)tracer,
		name == NULL ? 1 : (int)strcspn(name, "\n"), name == NULL ? "?" : name);
}

static const char *hint_for(int step, int code)
{
	static const struct {
		int step;
		int code;
		const char *words;
	} hints[] = {
		{ STEP_SEIZE, EPERM,
			"needs CAP_SYS_PTRACE in the initial user namespace, and a yama "
			"ptrace_scope or LSM policy that allows it" },
		{ STEP_SEIZE, ESRCH, "the process has ended" },
		{ STEP_STOP, ESRCH, "the process has ended" },
		{ STEP_STOP, ETIMEDOUT,
			"it could not be stopped: its cgroup is frozen, or it is stuck in the "
			"kernel" },
		{ STEP_READ, EPERM, "needs CAP_SYS_ADMIN in the initial user namespace" },
		{ STEP_READ, EINVAL, "the kernel is built without CONFIG_CHECKPOINT_RESTORE" },
		{ STEP_READ, EIO, "the kernel is built without CONFIG_CHECKPOINT_RESTORE" },
		{ STEP_READ, EMEDIUMTYPE, "it is no classic BPF program" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].step == step && hints[i].code == code) {
			return hints[i].words;
		}
	}
	return NULL;
}

static int explain(const struct seccomp_reading *reading, pid_t pid, int proc_fd, struct error *err)
{
	_cleanup_free_ char *status = NULL;
	_cleanup_free_ char *own = NULL;
	_cleanup_close_ int self = procfs_open(getpid(), NULL);
	char tracer[128] = "";
	uint64_t our_mode = 0;
	int code = reading->code;
	const char *hint;

	if (reading->step == STEP_SEIZE && code == EPERM &&
		procfs_status(proc_fd, &status, NULL) == 0) {
		name_tracer(tracer, sizeof(tracer), status);
	}
	if (self >= 0 && procfs_status(self, &own, NULL) == 0) {
		procfs_field_u64(own, "Seccomp", 10, &our_mode);
	}
	if (reading->step == STEP_READ && code == EACCES && our_mode != 0) {
		hint = "our own process runs under a seccomp filter, and then the kernel shows "
		       "none";
	} else {
		/* The kernel has one errno for that and for a missing capability. */
		code = reading->step == STEP_READ && code == EACCES ? EPERM : code;
		hint = tracer[0] != '\0' ? tracer : hint_for(reading->step, code);
	}
	return error_set_hint(
		err, code, hint, "cannot read the seccomp filter of pid %d", (int)pid);
}

static int wait_helper(pid_t child, struct seccomp_reading *reading)
{
	int status;
	pid_t got;

	do {
		got = waitpid(child, &status, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		return -errno;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
		fail(reading, STEP_STOP, ETIMEDOUT);
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fail(reading, STEP_NONE, EINTR);
	}
	return 0;
}

int seccomp_read(struct seccomp_reading **out, pid_t pid, int proc_fd, struct error *err)
{
	struct seccomp_reading *reading = mmap(
		NULL, sizeof(*reading), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (reading == MAP_FAILED) {
		return error_set(err, errno, "cannot read the seccomp filter of pid %d", (int)pid);
	}
	struct helper helper = {
		.reading = reading, .parent = getpid(), .pid = pid, .proc_fd = proc_fd
	};
	pid_t child = start_helper(&helper);
	int r = child < 0 ? -errno : wait_helper(child, reading);
	if (r < 0) {
		r = error_set(err, -r, "cannot read the seccomp filter of pid %d", (int)pid);
	} else if (reading->code != 0) {
		r = explain(reading, pid, proc_fd, err);
	}
	if (r < 0) {
		seccomp_reading_free(reading);
		return r;
	}
	*out = reading;
	return 0;
}

void seccomp_reading_free(struct seccomp_reading *reading)
{
	if (reading != NULL) {
		munmap(reading, sizeof(*reading));
	}
}
