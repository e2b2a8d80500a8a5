/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define CAPTURE_TRIES 3

/* What tells whether a process is still the one that it was: taken before and after. */
struct snapshot {
	struct ns_id ns[NAMESPACE_COUNT];
	struct ns_id exe;
	int64_t start_stack; /* chosen anew by every exec: address space randomisation */
	char ids[2048];	     /* the lines of the status file that make up its privileges */
};

static void init(struct profile *profile)
{
	memset(profile, 0, sizeof(*profile));
	profile->pidfd = -1;
	profile->proc_fd = -1;
	profile->namespaces.root_fd = -1;
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		profile->namespaces.ns[i].fd = -1;
	}
}

static bool has_ended(const struct profile *profile)
{
	struct pollfd fd = { .fd = profile->pidfd, .events = POLLIN };

	return poll(&fd, 1, 0) != 0;
}

static void copy_lines(char *out, size_t size, const char *status)
{
	static const char *const fields[] = { "Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd",
		"CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters" };
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *value = procfs_field(status, fields[i]);

		if (value != NULL && used < size) {
			used += (size_t)snprintf(
				out + used, size - used, "%.*s;", (int)strcspn(value, "\n"), value);
		}
	}
}

static int take_snapshot(
	struct snapshot *snapshot, int proc_fd, const char *status, struct error *err)
{
	struct stat st;

	memset(snapshot, 0, sizeof(*snapshot));
	copy_lines(snapshot->ids, sizeof(snapshot->ids), status);
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		/* A kind that the kernel lacks is 0 both times. */
		procfs_ns_id(proc_fd, namespace_names[i], &snapshot->ns[i], NULL);
	}
	if (fstatat(proc_fd, "exe", &st, 0) < 0) {
		if (errno == ENOENT) {
			return error_set(
				err, ESRCH, "it has no program: a kernel thread, or ending");
		}
		return error_set_hint(
			err, errno, "needs root, with CAP_SYS_PTRACE", "look at its program");
	}
	snapshot->exe = (struct ns_id){ .dev = st.st_dev, .ino = st.st_ino };
	return procfs_stat_field(proc_fd, 28, &snapshot->start_stack, err);
}

static int capture_seccomp(struct profile *p, const char *status, struct error *err)
{
	uint64_t mode = 0;

	procfs_field_u64(status, "Seccomp", 10, &mode);
	if (mode != 0 && p->cgroups.untraceable) {
		return error_set_hint(err, EBUSY, "the container is paused, resume it first",
			"cannot read the seccomp filter of pid %d", (int)p->pid);
	}
	return seccomp_capture(&p->seccomp, p->pid, p->proc_fd, status, err);
}

/* All that /proc and the kernel tell; STATUS is one reading of the status file. */
static int capture_parts(struct profile *p, const char *status, struct error *err)
{
	int r = namespaces_capture(&p->namespaces, p->proc_fd, err);

	if (r == 0) {
		r = cgroups_capture(&p->cgroups, p->proc_fd, err);
	}
	if (r == 0) {
		r = capabilities_capture(&p->capabilities, status, err);
	}
	if (r == 0) {
		r = credentials_capture(&p->credentials, p->proc_fd, status, err);
	}
	if (r == 0) {
		r = limits_capture(&p->limits, p->pid, p->proc_fd, err);
	}
	if (r == 0) {
		r = environment_capture(&p->environment, p->proc_fd, err);
	}
	if (r == 0) {
		r = lsm_capture(&p->labels, p->proc_fd, err);
	}
	if (r == 0) {
		r = capture_seccomp(p, status, err);
	}
	if (r == 0) {
		procfs_inner_pid(status, &p->inner_pid);
	}
	return r;
}

static void finish_parts(struct profile *p)
{
	namespaces_finish(&p->namespaces);
	cgroups_finish(&p->cgroups);
	seccomp_finish(&p->seccomp);
	credentials_finish(&p->credentials);
	environment_finish(&p->environment);
}

static int refuse_zombie(const char *status, struct error *err)
{
	const char *state = procfs_field(status, "State");

	if (state != NULL && (state[0] == 'Z' || state[0] == 'X')) {
		return error_set(err, ESRCH, "it has ended and waits for its parent");
	}
	return 0;
}

/* One capture between two snapshots. Positive where the process changed in between. */
static int capture_once(struct profile *p, struct error *err)
{
	_cleanup_free_ char *before = NULL;
	_cleanup_free_ char *after = NULL;
	struct snapshot first, second;
	int r = procfs_status(p->proc_fd, &before, err);

	if (r == 0) {
		r = refuse_zombie(before, err);
	}
	if (r == 0) {
		r = take_snapshot(&first, p->proc_fd, before, err);
	}
	if (r == 0) {
		r = capture_parts(p, before, err);
	}
	if (r < 0) {
		return r;
	}
	r = procfs_status(p->proc_fd, &after, err);
	if (r == 0) {
		r = take_snapshot(&second, p->proc_fd, after, err);
	}
	if (r == 0 && (memcmp(&first, &second, sizeof(first)) != 0 ||
			      lsm_verify(&p->labels, p->proc_fd, NULL) == -EACCES)) {
		return 1;
	}
	return r;
}

static int open_process(struct profile *p, uint64_t start_time, struct error *err)
{
	pid_t process;

	if (p->pid <= 0) {
		return error_set(err, ESRCH, "%d is no process", (int)p->pid);
	}
	p->proc_fd = procfs_open(p->pid, err);
	if (p->proc_fd < 0) {
		return p->proc_fd;
	}
	/* A thread has none of its own before Linux 6.9, and ends with its process. */
	int r = procfs_process(p->proc_fd, &process, err);
	if (r < 0) {
		return r;
	}
	p->pidfd = (int)syscall(SYS_pidfd_open, process, 0); /* O_CLOEXEC by nature */
	if (p->pidfd < 0) {
		return error_set_hint(err, errno, errno == ENOSYS ? "needs Linux 5.3" : NULL,
			"open process %d", (int)process);
	}
	r = procfs_start_time(p->proc_fd, &p->start_time, err);
	if (r < 0 || has_ended(p)) {
		return error_set(err, ESRCH, "process %d has ended", (int)p->pid);
	}
	if (start_time != 0 && start_time != p->start_time) {
		return error_set(err, ESRCH,
			"the container's process %d has ended, its number went to another one",
			(int)p->pid);
	}
	return 0;
}

int profile_capture(struct profile *profile, pid_t pid, uint64_t start_time, struct error *err)
{
	init(profile);
	profile->pid = pid;
	int r = open_process(profile, start_time, err);
	if (r < 0) {
		return r;
	}
	for (int tries = 0; tries < CAPTURE_TRIES; tries++) {
		r = capture_once(profile, err);
		if (has_ended(profile)) {
			return error_set(
				err, ESRCH, "process %d ended while it was examined", (int)pid);
		}
		if (r == 0) {
			return 0;
		}
		finish_parts(profile);
		if (r < 0) {
			return error_wrap(err, "examine process %d", (int)pid);
		}
	}
	return error_set_hint(err, EAGAIN, "try again",
		"process %d keeps changing its program, namespaces or credentials", (int)pid);
}

void profile_finish(struct profile *profile)
{
	if (profile == NULL) {
		return;
	}
	finish_parts(profile);
	cleanup_close(&profile->pidfd);
	cleanup_close(&profile->proc_fd);
	init(profile);
}
