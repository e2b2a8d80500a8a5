/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "policy/profile.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

const char *const namespace_names[NAMESPACE_COUNT] = {
	[NAMESPACE_NET] = "net",
	[NAMESPACE_IPC] = "ipc",
	[NAMESPACE_UTS] = "uts",
	[NAMESPACE_CGROUP] = "cgroup",
	[NAMESPACE_TIME] = "time",
	[NAMESPACE_PID] = "pid",
	[NAMESPACE_MNT] = "mnt",
	[NAMESPACE_USER] = "user",
};

const int namespace_flags[NAMESPACE_COUNT] = {
	[NAMESPACE_NET] = CLONE_NEWNET,
	[NAMESPACE_IPC] = CLONE_NEWIPC,
	[NAMESPACE_UTS] = CLONE_NEWUTS,
	[NAMESPACE_CGROUP] = CLONE_NEWCGROUP,
	[NAMESPACE_TIME] = CLONE_NEWTIME,
	[NAMESPACE_PID] = CLONE_NEWPID,
	[NAMESPACE_MNT] = CLONE_NEWNS,
	[NAMESPACE_USER] = CLONE_NEWUSER,
};

static int capture_one(
	struct namespace *ns, enum namespace_kind kind, int proc_fd, struct error *err)
{
	char self[32], path[16];
	struct stat own, st;

	snprintf(self, sizeof(self), "/proc/self/ns/%s", namespace_names[kind]);
	snprintf(path, sizeof(path), "ns/%s", namespace_names[kind]);
	bool known = stat(self, &own) == 0;
	_cleanup_close_ int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !known) {
		return 0; /* the kernel was built without this kind */
	}
	if (fd < 0) {
		/* A process that is ending has let go of its namespaces before it is gone. */
		int code = errno == ENOENT ? ESRCH : errno;

		return error_set_hint(err, code, "needs CAP_SYS_PTRACE over the target",
			"open the target's %s namespace", namespace_names[kind]);
	}
	if (fstat(fd, &st) < 0) {
		return error_set(
			err, errno, "stat the target's %s namespace", namespace_names[kind]);
	}
	ns->id = (struct ns_id){ .dev = st.st_dev, .ino = st.st_ino };
	ns->shared = known && fd_stat_same(&own, &st);
	ns->fd = steal_fd(&fd);
	return 0;
}

static bool range_valid(const struct id_range *range)
{
	/* UINT32_MAX is what the kernel prints for a number without one in our own namespace. */
	return range->count > 0 && range->outside != UINT32_MAX &&
	       range->inside <= UINT32_MAX - (range->count - 1) &&
	       range->outside <= UINT32_MAX - (range->count - 1);
}

static int capture_map(struct id_map *map, int proc_fd, const char *file, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	int r = fd_read_file(proc_fd, file, 1 << 16, &text, NULL, err);

	if (r < 0) {
		return error_wrap(err, "read the target's %s", file);
	}
	map->ranges = calloc(ID_RANGES_MAX, sizeof(*map->ranges));
	if (map->ranges == NULL) {
		return error_set(err, ENOMEM, "read the target's %s", file);
	}
	for (char *line = text; *line != '\0' && map->count < ID_RANGES_MAX;) {
		struct id_range range;
		int used = 0;

		if (sscanf(line, "%" SCNu32 "%" SCNu32 "%" SCNu32 "%n", &range.inside,
			    &range.outside, &range.count, &used) != 3) {
			return error_set(err, 0, "the target's %s can't be understood", file);
		}
		if (range_valid(&range)) {
			map->ranges[map->count++] = range;
		}
		line += used;
		line += strspn(line, " \t\n");
	}
	if (map->count == 0) {
		/* An empty map would be taken for the identity. */
		return error_set_hint(err, 0, "its user namespace has not been set up",
			"the target's %s maps no id", file);
	}
	return 0;
}

static void init(struct namespaces *ns)
{
	memset(ns, 0, sizeof(*ns));
	ns->root_fd = -1;
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		ns->ns[i].fd = -1;
	}
}

int namespaces_capture(struct namespaces *ns, int proc_fd, struct error *err)
{
	init(ns);
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		int r = capture_one(&ns->ns[i], i, proc_fd, err);

		if (r < 0) {
			return r;
		}
	}
	ns->root_fd = openat(proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ns->root_fd < 0) {
		int code = errno == ENOENT ? ESRCH : errno;

		return error_set(err, code, "open the target's root directory");
	}
	if (ns->ns[NAMESPACE_USER].fd < 0 || ns->ns[NAMESPACE_USER].shared) {
		return 0;
	}
	int r = capture_map(&ns->uid_map, proc_fd, "uid_map", err);
	return r < 0 ? r : capture_map(&ns->gid_map, proc_fd, "gid_map", err);
}

void namespaces_finish(struct namespaces *ns)
{
	if (ns == NULL) {
		return;
	}
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		cleanup_close(&ns->ns[i].fd);
	}
	cleanup_close(&ns->root_fd);
	free(ns->uid_map.ranges);
	free(ns->gid_map.ranges);
	init(ns);
}

int id_map_to_outside(const struct id_map *map, uint32_t inside, uint32_t *out)
{
	if (map->count == 0) {
		*out = inside;
		return 0;
	}
	for (size_t i = 0; i < map->count; i++) {
		const struct id_range *r = &map->ranges[i];

		if (inside >= r->inside && inside - r->inside < r->count) {
			*out = r->outside + (inside - r->inside);
			return 0;
		}
	}
	return -ENOENT;
}

int id_map_to_inside(const struct id_map *map, uint32_t outside, uint32_t *out)
{
	if (map->count == 0) {
		*out = outside;
		return 0;
	}
	for (size_t i = 0; i < map->count; i++) {
		const struct id_range *r = &map->ranges[i];

		if (outside >= r->outside && outside - r->outside < r->count) {
			*out = r->inside + (outside - r->outside);
			return 0;
		}
	}
	return -ENOENT;
}
