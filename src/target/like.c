/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --like: another process of the same container.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/process.h"
#include "target/target.h"

#define PID_NS_DEPTH_MAX 33 /* pid_namespaces(7): 32 levels */
#define ANCESTORS_MAX 4096
#define CGROUP_MAX (256 * 1024)

/* What is known of the target's init, to compare others with. */
struct container {
	pid_t init;
	struct ns_id pid_ns;
	bool own_pid_ns; /* not ours: with --pid host the namespace tells nothing */
	struct ns_id mnt_ns;
	char *cgroup;
};

/* True where the pid namespace of PROC_FD is NS or one below it. */
static bool is_in_pid_ns(int proc_fd, const struct ns_id *ns)
{
	int fd = openat(proc_fd, "ns/pid", O_RDONLY | O_CLOEXEC);
	bool found = false;

	for (int depth = 0; fd >= 0 && depth < PID_NS_DEPTH_MAX; depth++) {
		struct stat st;

		found = fstat(fd, &st) == 0 && st.st_dev == ns->dev && st.st_ino == ns->ino;
		int parent = found ? -1 : ioctl(fd, NS_GET_PARENT);
		close(fd);
		fd = parent;
	}
	if (fd >= 0) {
		close(fd);
	}
	return found;
}

static bool descends_from(pid_t pid, pid_t ancestor)
{
	for (int n = 0; pid > 1 && n < ANCESTORS_MAX; n++) {
		struct process process;
		_cleanup_close_ int proc_fd = procfs_open(pid, NULL);

		if (pid == ancestor) {
			return true;
		}
		if (proc_fd < 0 || process_read(proc_fd, &process, NULL) < 0) {
			return false;
		}
		pid = process.ppid;
	}
	return false;
}

/*
 * With the host's pid namespace: the init's descendants, and whoever shares its mount namespace
 * (which is not ours) and its cgroups, as what `docker exec` started does.
 */
static bool is_of_shared_pid_ns(
	const struct container *container, int proc_fd, const struct process *process)
{
	_cleanup_free_ char *cgroup = NULL;
	struct ns_id mnt;

	if (descends_from(process->pid, container->init)) {
		return true;
	}
	return process_is_apart(proc_fd, "mnt") && procfs_ns_id(proc_fd, "mnt", &mnt, NULL) == 0 &&
	       ns_id_equal(&mnt, &container->mnt_ns) &&
	       fd_read_file(proc_fd, "cgroup", CGROUP_MAX, &cgroup, NULL, NULL) == 0 &&
	       str_equal(cgroup, container->cgroup);
}

static bool is_of_container(
	const struct container *container, int proc_fd, const struct process *process)
{
	return container->own_pid_ns ? is_in_pid_ns(proc_fd, &container->pid_ns)
				     : is_of_shared_pid_ns(container, proc_fd, process);
}

static int look_at_container(
	struct container *container, const struct target *target, struct error *err)
{
	uint64_t start_time = 0;
	_cleanup_close_ int proc_fd = procfs_open(target->pid, err);
	int r = proc_fd;

	*container = (struct container){ .init = target->pid };
	if (r >= 0) {
		r = procfs_start_time(proc_fd, &start_time, err);
	}
	if (r == 0 && target->start_time != 0 && start_time != target->start_time) {
		r = error_set(err, ESRCH, "the container's process %d", target->pid);
	}
	if (r == 0) {
		r = procfs_ns_id(proc_fd, "pid", &container->pid_ns, err);
	}
	if (r == 0) {
		r = procfs_ns_id(proc_fd, "mnt", &container->mnt_ns, err);
	}
	if (r == 0) {
		r = fd_read_file(proc_fd, "cgroup", CGROUP_MAX, &container->cgroup, NULL, err);
	}
	container->own_pid_ns = r == 0 && process_is_apart(proc_fd, "pid");
	return r < 0 ? r : 0;
}

struct search {
	const struct container *container;
	pid_t inner_pid;
	pid_t found;
};

/* The process that the container itself knows by that number: its innermost pid namespace is the
 * init's own. */
static int look_for_inner(int proc_fd, void *data)
{
	struct search *search = data;
	struct process process;
	struct ns_id ns;

	if (process_read(proc_fd, &process, NULL) == 0 && process.inner_pid == search->inner_pid &&
		procfs_ns_id(proc_fd, "pid", &ns, NULL) == 0 &&
		ns_id_equal(&ns, &search->container->pid_ns)) {
		search->found = process.pid;
		return 1;
	}
	return 0;
}

static int find(const struct container *container, const struct target *target, pid_t number,
	pid_t *pid, struct error *err)
{
	struct search search = { .container = container, .inner_pid = number };
	struct process process;
	_cleanup_close_ int proc_fd = procfs_open(number, NULL);
	bool is_process = proc_fd >= 0 && process_read(proc_fd, &process, NULL) == 0;

	if (is_process && is_of_container(container, proc_fd, &process)) {
		*pid = number;
		return 0;
	}
	if (container->own_pid_ns) {
		process_each(NULL, NULL, look_for_inner, &search, NULL);
	}
	if (search.found != 0) {
		*pid = search.found;
		return 0;
	}
	if (is_process) {
		return error_set(err, 0, "process %d is not of container %s", number, target->name);
	}
	return error_set(err, ESRCH, "process %d of container %s", number, target->name);
}

bool target_holds(const struct target *target, pid_t pid)
{
	struct container container;
	struct process process;
	_cleanup_close_ int proc_fd = procfs_open(pid, NULL);
	bool holds = look_at_container(&container, target, NULL) == 0 && proc_fd >= 0 &&
		     process_read(proc_fd, &process, NULL) == 0 &&
		     is_of_container(&container, proc_fd, &process);

	free(container.cgroup);
	return holds;
}

int target_like(const struct target *target, const char *like, pid_t *pid, uint64_t *start_time,
	struct error *err)
{
	struct container container;
	struct target found = { 0 };
	uint64_t number;
	int r;

	if (str_to_u64(like, INT32_MAX, &number) < 0 || number == 0) {
		return error_set(err, 0, "--like %.64s: not a pid", like);
	}
	r = look_at_container(&container, target, err);
	if (r == 0) {
		r = find(&container, target, (pid_t)number, pid, err);
	}
	free(container.cgroup);
	/* Which also refuses zombies and the like. */
	if (r == 0) {
		r = pid_target(&found, *pid, true, err);
	}
	if (r < 0) {
		return error_wrap(err, "--like %s", like);
	}
	if (start_time != NULL) {
		*start_time = found.start_time;
	}
	target_finish(&found);
	return 0;
}
