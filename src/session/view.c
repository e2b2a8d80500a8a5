/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "session/callers.h"
#include "session/mounts.h"

static int mount_fuse(int device_fd, enum wire_view kind, bool read_only, struct error *err)
{
	char number[16];
	struct mount_option options[] = {
		{ "source", "sallyport" },
		{ "subtype", "sallyport" },
		{ "fd", number },
		{ "rootmode", "40000" },
		{ "user_id", "0" },
		{ "group_id", "0" },
		{ "allow_other", NULL },
		{ "default_permissions", NULL },
		{ read_only ? "ro" : "rw", NULL },
		{ NULL, NULL },
		{ NULL, NULL },
	};

	/*
	 * A container that may mknod(2) could put the host's disk under a harmless name; its own
	 * device cgroup keeps it from opening that, a tool's would not.
	 */
	uint64_t attributes =
		kind == WIRE_VIEW_CONTAINER ? MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID : 0;

	snprintf(number, sizeof(number), "%d", device_fd);
	if (read_only) {
		attributes |= MOUNT_ATTR_RDONLY;
	}
	return mounts_new_labelled("fuse", options, attributes,
		kind == WIRE_VIEW_HOST ? LSM_HOST_VIEW : LSM_CONTAINER_VIEW, err);
}

static void copy_ranges(struct wire_id_range *out, uint32_t *n, const struct id_map *map)
{
	*n = 0;
	for (size_t i = 0; i < map->count && i < WIRE_ID_RANGES_MAX; i++) {
		out[i].inside = map->ranges[i].inside;
		out[i].outside = map->ranges[i].outside;
		out[i].count = map->ranges[i].count;
		(*n)++;
	}
}

/* Who ran sudo: what root makes in a directory of his shall be his. */
static uint32_t sudo_id(const char *variable)
{
	const char *value = getenv(variable);
	uint64_t id;

	return value != NULL && str_to_u64(value, UINT32_MAX - 1, &id) == 0 ? (uint32_t)id
									    : UINT32_MAX;
}

static int describe(struct wire_fs_start *start, enum wire_view kind, bool read_only,
	const struct profile *profile, struct error *err)
{
	int r = callers_describe(&start->callers, &profile->namespaces, err);

	if (r < 0) {
		return r;
	}
	start->view = kind;
	start->read_only = read_only;
	start->owner_uid = kind == WIRE_VIEW_HOST ? sudo_id("SUDO_UID") : UINT32_MAX;
	start->owner_gid = kind == WIRE_VIEW_HOST ? sudo_id("SUDO_GID") : UINT32_MAX;
	if (kind == WIRE_VIEW_CONTAINER) {
		copy_ranges(start->uid_ranges, &start->n_uid_ranges, &profile->namespaces.uid_map);
		copy_ranges(start->gid_ranges, &start->n_gid_ranges, &profile->namespaces.gid_map);
	}
	return 0;
}

int view_start(struct view *view, enum wire_view kind, int root_fd, bool read_only, int tools_fd,
	const struct profile *profile, struct error *err)
{
	static struct wire_fs_start start;
	_cleanup_close_ int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	struct stat st;

	*view = (struct view){ .mount_fd = -1 };
	if (device < 0) {
		return error_set_hint(err, errno,
			errno == EPERM || errno == EACCES
				? "a device cgroup or security module forbids it to this shell"
				: "load the module: modprobe fuse",
			"open /dev/fuse");
	}
	if (fstat(device, &st) < 0 || st.st_rdev != makedev(10, 229)) {
		return error_set_hint(err, ENODEV,
			"make it anew: rm /dev/fuse; mknod /dev/fuse c 10 229",
			"/dev/fuse is not the FUSE device");
	}
	memset(&start, 0, sizeof(start));
	int r = describe(&start, kind, read_only, profile, err);
	if (r < 0) {
		return r;
	}
	view->mount_fd = mount_fuse(device, kind, read_only, err);
	if (view->mount_fd < 0) {
		return view->mount_fd;
	}
	r = helper_start(&view->helper, "sallyport-fs", err);
	if (r < 0) {
		return r;
	}
	int fds[] = { device, root_fd, tools_fd };
	return helper_tell(&view->helper, WIRE_FS_START, &start, sizeof(start), fds,
		kind == WIRE_VIEW_HOST ? 3 : 2, err);
}

int view_start_native(struct view *view, int root_fd, struct error *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW };

	*view = (struct view){ .helper.pidfd = -1, .mount_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0) };
	if (view->mount_fd < 0) {
		return error_set(err, errno, "dup");
	}
	/*
	 * A copy of a mount (unshare -m, a bind mount) keeps these, where a fanotify mark would be
	 * lost: no tool ever runs the container's file itself.
	 */
	if (mount_setattr(view->mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) <
		0) {
		return error_set_hint(err, errno, "needs Linux 5.14; use --container-view fuse",
			"make the container's files harmless to the host");
	}
	return 0;
}

int view_ready(struct view *view, struct error *err)
{
	return view->helper.pid != 0 ? helper_ready(&view->helper, err) : 0;
}

static void unmount(struct view *view)
{
	cleanup_close(&view->mount_fd);
	view->mount_fd = -1;
}

void view_stop(struct view *view)
{
	helper_stop(&view->helper);
	unmount(view);
}

void view_leave(struct view *view)
{
	helper_leave(&view->helper);
	unmount(view);
}
