/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "session/callers.h"
#include "session/mounts.h"

static int mount_fuse(int device_fd, bool read_only, struct error *err)
{
	char number[16];
	const struct mount_option options[] = {
		{ "source", "sallyport" },
		{ "subtype", "sallyport" },
		{ "fd", number },
		{ "rootmode", "40000" },
		{ "user_id", "0" },
		{ "group_id", "0" },
		{ "allow_other", NULL },
		{ "default_permissions", NULL },
		{ read_only ? "ro" : NULL, NULL },
		{ NULL, NULL },
	};

	snprintf(number, sizeof(number), "%d", device_fd);
	return mounts_new("fuse", options, read_only ? MOUNT_ATTR_RDONLY : 0, err);
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

int view_start(struct view *view, enum wire_view kind, int root_fd, bool read_only,
	const struct profile *profile, struct error *err)
{
	static struct wire_fs_start start;
	_cleanup_close_ int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	*view = (struct view){ .mount_fd = -1 };
	if (device < 0) {
		return error_set_hint(
			err, errno, "load the module: modprobe fuse", "open /dev/fuse");
	}
	memset(&start, 0, sizeof(start));
	int r = describe(&start, kind, read_only, profile, err);
	if (r < 0) {
		return r;
	}
	view->mount_fd = mount_fuse(device, read_only, err);
	if (view->mount_fd < 0) {
		return view->mount_fd;
	}
	r = helper_start(&view->helper, "sallyport-fs", err);
	if (r < 0) {
		return r;
	}
	int fds[] = { device, root_fd };
	r = wire_send(
		view->helper.sock, WIRE_FS_START, &start, sizeof(start), fds, ARRAY_SIZE(fds));
	return r < 0 ? error_set(err, -r, "start sallyport-fs") : 0;
}

int view_ready(struct view *view, struct error *err)
{
	return view->helper.pid != 0 ? helper_ready(&view->helper, err) : 0;
}

void view_stop(struct view *view)
{
	if (view != NULL) {
		helper_stop(&view->helper);
		cleanup_close(&view->mount_fd);
		view->mount_fd = -1;
	}
}
