/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "policy/profile.h"

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif
#define SCHED_FLAG_RESET 0x01 /* SCHED_FLAG_RESET_ON_FORK of linux/sched.h */
/* sched_setattr(2). <linux/sched/types.h> and <sched.h> can't both be included. */
struct scheduling {
	uint32_t size;
	uint32_t sched_policy;
	uint64_t sched_flags;
	int32_t sched_nice;
	uint32_t sched_priority;
	uint64_t sched_runtime;
	uint64_t sched_deadline;
	uint64_t sched_period;
};

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_SHIFT 13

/* As /proc/PID/limits names them, in the order of their numbers: fs/proc/base.c, lnames. */
static const struct {
	const char *line;
	const char *name;
} resources[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { "Max cpu time", "cpu" },
	[RLIMIT_FSIZE] = { "Max file size", "fsize" },
	[RLIMIT_DATA] = { "Max data size", "data" },
	[RLIMIT_STACK] = { "Max stack size", "stack" },
	[RLIMIT_CORE] = { "Max core file size", "core" },
	[RLIMIT_RSS] = { "Max resident set", "rss" },
	[RLIMIT_NPROC] = { "Max processes", "nproc" },
	[RLIMIT_NOFILE] = { "Max open files", "nofile" },
	[RLIMIT_MEMLOCK] = { "Max locked memory", "memlock" },
	[RLIMIT_AS] = { "Max address space", "as" },
	[RLIMIT_LOCKS] = { "Max file locks", "locks" },
	[RLIMIT_SIGPENDING] = { "Max pending signals", "sigpending" },
	[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "msgqueue" },
	[RLIMIT_NICE] = { "Max nice priority", "nice" },
	[RLIMIT_RTPRIO] = { "Max realtime priority", "rtprio" },
	[RLIMIT_RTTIME] = { "Max realtime timeout", "rttime" },
};

const char *limits_name(int resource)
{
	return resource >= 0 && resource < (int)RLIM_NLIMITS ? resources[resource].name : NULL;
}

static bool parse_limit(const char **p, rlim_t *out)
{
	char *end;

	*p += strspn(*p, " ");
	if (str_starts_with(*p, "unlimited")) {
		*out = RLIM_INFINITY;
		*p += strlen("unlimited");
		return true;
	}
	errno = 0;
	*out = strtoull(*p, &end, 10);
	if (end == *p || errno != 0) {
		return false;
	}
	*p = end;
	return true;
}

/* The file can be read where prlimit(2) wants CAP_SYS_RESOURCE: for a process of another uid. */
static int parse_limits(struct limits *limits, int proc_fd, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	int r = fd_read_file(proc_fd, "limits", 1 << 16, &text, NULL, err);

	if (r < 0) {
		return error_wrap(err, "read the target's limits");
	}
	for (size_t i = 0; i < ARRAY_SIZE(resources); i++) {
		const char *p = strstr(text, resources[i].line);

		if (p != NULL) {
			p += strlen(resources[i].line);
		}
		if (p == NULL || !parse_limit(&p, &limits->rlimits[i].rlim_cur) ||
			!parse_limit(&p, &limits->rlimits[i].rlim_max)) {
			return error_set(
				err, 0, "/proc/PID/limits has no \"%s\"", resources[i].line);
		}
	}
	return 0;
}

static int capture_rlimits(struct limits *limits, pid_t pid, int proc_fd, struct error *err)
{
	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		if (prlimit(pid, (enum __rlimit_resource)i, NULL, &limits->rlimits[i]) < 0) {
			return errno == EPERM
				       ? parse_limits(limits, proc_fd, err)
				       : error_set(err, errno, "read the target's limit of %s",
						 resources[i].name);
		}
	}
	return 0;
}

static int capture_scheduling(struct limits *limits, pid_t pid, struct error *err)
{
	struct scheduling attr = { .size = sizeof(attr) };

	if (syscall(SYS_sched_getattr, pid, &attr, sizeof(attr), 0) < 0) {
		return error_set(err, errno, "read the target's scheduling policy");
	}
	limits->policy = (int)attr.sched_policy;
	if ((attr.sched_flags & SCHED_FLAG_RESET) != 0) {
		limits->policy |= SCHED_RESET_ON_FORK;
	}
	limits->rt_priority = attr.sched_priority;
	if (attr.sched_policy == SCHED_DEADLINE) {
		limits->deadline_runtime = attr.sched_runtime;
		limits->deadline_deadline = attr.sched_deadline;
		limits->deadline_period = attr.sched_period;
	}
	errno = 0;
	limits->nice = getpriority(PRIO_PROCESS, (id_t)pid);
	if (limits->nice == -1 && errno != 0) {
		return error_set(err, errno, "read the target's nice value");
	}
	if (sched_getaffinity(pid, sizeof(limits->affinity), &limits->affinity) < 0) {
		if (errno == EINVAL) {
			return error_set_hint(err, 0, "such a machine is not supported yet",
				"this kernel is built for more than %d processors", CPU_SETSIZE);
		}
		return error_set(err, errno, "read the target's processor affinity");
	}
	limits->ioprio = (int)syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid);
	if (limits->ioprio < 0) {
		return error_set(err, errno, "read the target's I/O priority");
	}
	return 0;
}

static int capture_number(
	int proc_fd, const char *file, int base, long long *out, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char *end;
	int r = fd_read_file(proc_fd, file, 64, &text, NULL, err);

	if (r < 0) {
		return r;
	}
	*out = strtoll(text, &end, base);
	return end != text ? 0 : error_set(err, 0, "/proc/PID/%s holds no number", file);
}

int limits_capture(struct limits *limits, pid_t pid, int proc_fd, struct error *err)
{
	long long value = 0;

	memset(limits, 0, sizeof(*limits));
	int r = capture_rlimits(limits, pid, proc_fd, err);
	if (r == 0) {
		r = capture_scheduling(limits, pid, err);
	}
	if (r == 0) {
		r = capture_number(proc_fd, "oom_score_adj", 10, &value, err);
	}
	if (r < 0) {
		return r;
	}
	limits->oom_score_adj = (int)value;
	/* Wants CAP_SYS_NICE, and CONFIG_CHECKPOINT_RESTORE in old kernels. */
	if (capture_number(proc_fd, "timerslack_ns", 10, &value, NULL) == 0) {
		limits->timer_slack_ns = (uint64_t)value;
	}
	limits->coredump_filter = LIMITS_NO_COREDUMP_FILTER;
	if (capture_number(proc_fd, "coredump_filter", 16, &value, NULL) == 0) {
		limits->coredump_filter = (uint32_t)value;
	}
	return 0;
}

/* Where the kernel refuses: what the operator is told is missing. */
struct missed {
	char *names;
	size_t size;
};

static void miss(struct missed *missed, const char *name)
{
	size_t used = strnlen(missed->names, missed->size);

	if (used < missed->size) {
		snprintf(missed->names + used, missed->size - used, "%s%s", used > 0 ? "," : "",
			name);
	}
}

static rlim_t lower(rlim_t a, rlim_t b)
{
	return a < b ? a : b;
}

/* Without CAP_SYS_RESOURCE a hard limit can only fall; then it gets as near as may be. */
static int apply_rlimit(int resource, const struct rlimit *want, pid_t pid, struct missed *missed)
{
	enum __rlimit_resource which = (enum __rlimit_resource)resource;
	struct rlimit now;

	if (prlimit(pid, which, NULL, &now) == 0 && now.rlim_cur == want->rlim_cur &&
		now.rlim_max == want->rlim_max) {
		return 0;
	}
	if (prlimit(pid, which, want, NULL) == 0) {
		return 0;
	}
	if (errno != EPERM) {
		return -errno;
	}
	miss(missed, resources[resource].name);
	if (prlimit(pid, which, NULL, &now) < 0) {
		return errno == EPERM ? 0 : -errno;
	}
	struct rlimit near = { .rlim_cur = lower(want->rlim_cur, now.rlim_max),
		.rlim_max = lower(want->rlim_max, now.rlim_max) };
	return prlimit(pid, which, &near, NULL) == 0 || errno == EPERM ? 0 : -errno;
}

static int apply_scheduling(const struct limits *limits, pid_t pid, struct missed *missed)
{
	uint32_t policy = (uint32_t)(limits->policy & ~SCHED_RESET_ON_FORK);
	struct scheduling attr = {
		.size = sizeof(attr),
		.sched_policy = policy,
		.sched_flags = (limits->policy & SCHED_RESET_ON_FORK) != 0 ? SCHED_FLAG_RESET : 0,
		.sched_nice = limits->nice,
		.sched_priority = limits->rt_priority,
	};

	if (policy == SCHED_DEADLINE) {
		attr.sched_runtime = limits->deadline_runtime;
		attr.sched_deadline = limits->deadline_deadline;
		attr.sched_period = limits->deadline_period;
	}
	if (syscall(SYS_sched_setattr, pid, &attr, 0) < 0) {
		if (errno == ESRCH) {
			return -errno;
		}
		miss(missed, "scheduling policy");
	}
	/* Under a real-time policy the nice value sleeps, and comes back with SCHED_OTHER. */
	if (setpriority(PRIO_PROCESS, (id_t)pid, limits->nice) < 0) {
		if (errno == ESRCH) {
			return -errno;
		}
		miss(missed, "nice");
	}
	/* The kernel gives class "none" back with a level, and takes it only without one. */
	int ioprio = limits->ioprio >> IOPRIO_CLASS_SHIFT == 0 ? 0 : limits->ioprio;
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, ioprio) < 0) {
		if (errno == ESRCH) {
			return -errno;
		}
		miss(missed, "I/O priority");
	}
	return 0;
}

/* Writes VALUE to FILE of the process, unless it is there already. */
static void apply_number(
	int proc_fd, const char *file, int base, long long value, struct missed *missed)
{
	char text[32];
	long long now;

	if (capture_number(proc_fd, file, base, &now, NULL) == 0 && now == value) {
		return;
	}
	snprintf(text, sizeof(text), base == 16 ? "0x%llx" : "%lld", value);
	if (fd_write_file(proc_fd, file, text, NULL) < 0) {
		miss(missed, file);
	}
}

int limits_apply(
	const struct limits *limits, pid_t pid, char *missed, size_t size, struct error *err)
{
	struct missed list = { .names = missed, .size = size };
	_cleanup_close_ int proc_fd = procfs_open(pid, err);

	if (proc_fd < 0) {
		return proc_fd;
	}
	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		int r = apply_rlimit(i, &limits->rlimits[i], pid, &list);

		if (r < 0) {
			return error_set(err, -r, "set the limit of %s of process %d",
				resources[i].name, (int)pid);
		}
	}
	int r = apply_scheduling(limits, pid, &list);
	if (r < 0) {
		return error_set(err, -r, "set the scheduling of process %d", (int)pid);
	}
	apply_number(proc_fd, "oom_score_adj", 10, limits->oom_score_adj, &list);
	if (limits->timer_slack_ns != 0) {
		apply_number(
			proc_fd, "timerslack_ns", 10, (long long)limits->timer_slack_ns, &list);
	}
	if (limits->coredump_filter != LIMITS_NO_COREDUMP_FILTER) {
		apply_number(proc_fd, "coredump_filter", 16, limits->coredump_filter, &list);
	}
	uint64_t alive;
	return procfs_start_time(proc_fd, &alive, err);
}
