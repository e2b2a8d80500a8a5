/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "policy/hierarchy.h"
#include "policy/profile.h"

#define CGROUP_FILE_MAX (1u << 20)
#define CGROUP_DEPTH_MAX 4096

/* Cuts "ID:CONTROLLERS:PATH" out of *CURSOR. False at the end or where it is no such line. */
static bool next_line(char **cursor, char **controllers, char **path)
{
	char *line = *cursor;
	char *end = strchrnul(line, '\n');

	*cursor = *end == '\n' ? end + 1 : end;
	*end = '\0';
	char *colon = strchr(line, ':');
	if (colon == NULL) {
		return false;
	}
	*controllers = colon + 1;
	colon = strchr(*controllers, ':');
	if (colon == NULL) {
		return false;
	}
	*colon = '\0';
	*path = colon + 1;
	return true;
}

/* True where our own process has PATH in the hierarchy of CONTROLLERS. OWN is /proc/self/cgroup. */
static bool is_ours(const char *own, const char *controllers, const char *path)
{
	_cleanup_free_ char *text = strdup(own);
	char *other, *our_path;

	for (char *cursor = text; cursor != NULL && next_line(&cursor, &other, &our_path);) {
		if (str_equal(other, controllers)) {
			return str_equal(our_path, path);
		}
	}
	return false;
}

/* True where FILE in the cgroup DIR_FD holds a line TEXT. */
static bool file_has(int dir_fd, const char *file, const char *text)
{
	_cleanup_free_ char *content = NULL;

	if (fd_read_file(dir_fd, file, 4096, &content, NULL, NULL) < 0) {
		return false;
	}
	size_t length = strlen(text);
	for (const char *line = content; *line != '\0';) {
		size_t n = strcspn(line, "\n");

		if (n == length && memcmp(line, text, n) == 0) {
			return true;
		}
		line += n + (line[n] == '\n');
	}
	return false;
}

/* Frozen by v2, it or a cgroup above: cgroup.events tells late, and nothing of an empty one. */
static bool is_frozen_v2(int dir_fd)
{
	_cleanup_close_ int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);

	if (file_has(dir_fd, "cgroup.events", "frozen 1")) {
		return true;
	}
	for (int depth = 0; fd >= 0 && depth < CGROUP_DEPTH_MAX; depth++) {
		/* The hierarchy's root has no such file. */
		if (faccessat(fd, "cgroup.freeze", F_OK, 0) < 0) {
			return false;
		}
		if (file_has(fd, "cgroup.freeze", "1")) {
			return true;
		}
		int up = fd_openat2(fd, "..", O_PATH | O_DIRECTORY, 0);
		close(fd);
		fd = up;
	}
	return false;
}

static bool is_frozen(int dir_fd, const char *controllers)
{
	if (controllers[0] == '\0') {
		return is_frozen_v2(dir_fd);
	}
	return file_has(dir_fd, "freezer.state", "FROZEN") ||
	       file_has(dir_fd, "freezer.state", "FREEZING");
}

static int add(struct cgroups *cg, const char *controllers, const char *path, int join_fd,
	struct error *err)
{
	_cleanup_close_ int fd = join_fd;
	_cleanup_free_ char *hierarchy = strdup(controllers);
	_cleanup_free_ char *copy = strdup(path);

	if (cg->count == CGROUPS_MAX) {
		return error_set(err, E2BIG, "more than %d cgroup hierarchies", CGROUPS_MAX);
	}
	if (hierarchy == NULL || copy == NULL) {
		return error_set(err, ENOMEM, "read the target's cgroups");
	}
	cg->list[cg->count++] = (struct cgroup){ .hierarchy = steal_pointer(&hierarchy),
		.path = steal_pointer(&copy),
		.join_fd = steal_fd(&fd) };
	return 0;
}

/*
 * The file that takes the one thread of who writes "0" to it. Of the two that v1 has, tasks spares
 * the kernel's lock over all processes, and so an RCU grace period for each hierarchy:
 * kernel/cgroup/cgroup.c, cgroup_procs_write_start(). v2's cgroup.threads can't leave a domain.
 */
static int open_join(int dir_fd, const char *name, const char *path, struct error *err)
{
	const char *file = str_equal(name, "v2") ? "cgroup.procs" : "tasks";
	int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0) {
		const char *hint = errno == EROFS    ? "cgroups are mounted read-only here"
				   : errno == ENOENT ? "the cgroup was removed"
						     : "needs to be root of the host";

		return error_set_hint(
			err, errno, hint, "open %s of the %s cgroup %s", file, name, path);
	}
	return fd;
}

static int capture_one(struct cgroups *cg, const char *mountinfo, const char *own,
	const char *controllers, const char *path, struct error *err)
{
	const char *name = controllers[0] == '\0' ? "v2" : controllers;
	_cleanup_close_ int dir = hierarchy_open(mountinfo, controllers, path, err);

	if (dir == -ENXIO) {
		/* Who is started by us is in the right place already. */
		return is_ours(own, controllers, path)
			       ? 0
			       : error_set_hint(err, ENXIO, "mount it, or run where it is mounted",
					 "the %s cgroup hierarchy, where the target is in %s, is "
					 "not "
					 "mounted",
					 name, path);
	}
	if (dir < 0) {
		return dir;
	}
	int fd = open_join(dir, name, path, err);
	if (fd < 0) {
		return fd;
	}
	bool frozen = is_frozen(dir, controllers);
	cg->frozen = cg->frozen || frozen;
	cg->untraceable = cg->untraceable || (frozen && controllers[0] != '\0');
	return add(cg, controllers, path, fd, err);
}

int cgroups_capture(struct cgroups *cg, int proc_fd, struct error *err)
{
	_cleanup_free_ char *target = NULL;
	_cleanup_free_ char *own = NULL;
	_cleanup_free_ char *mountinfo = NULL;
	char *controllers, *path;

	*cg = (struct cgroups){ 0 };
	int r = fd_read_file(proc_fd, "cgroup", CGROUP_FILE_MAX, &target, NULL, err);
	if (r < 0) {
		return error_wrap(err, "read the target's cgroups");
	}
	r = fd_read_file(AT_FDCWD, "/proc/self/cgroup", CGROUP_FILE_MAX, &own, NULL, err);
	if (r == 0) {
		r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 64 * CGROUP_FILE_MAX, &mountinfo,
			NULL, err);
	}
	for (char *cursor = target; r == 0 && next_line(&cursor, &controllers, &path);) {
		r = capture_one(cg, mountinfo, own, controllers, path, err);
	}
	return r;
}

size_t cgroups_descriptors(const struct cgroups *cg, int fds[CGROUPS_MAX])
{
	for (size_t i = 0; i < cg->count; i++) {
		fds[i] = cg->list[i].join_fd;
	}
	return cg->count;
}

void cgroups_finish(struct cgroups *cg)
{
	if (cg == NULL) {
		return;
	}
	for (size_t i = 0; i < cg->count; i++) {
		free(cg->list[i].hierarchy);
		free(cg->list[i].path);
		cleanup_close(&cg->list[i].join_fd);
	}
	*cg = (struct cgroups){ 0 };
}
