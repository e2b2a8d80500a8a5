/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "session/mounts.h"

/* The session has its own there: world_enter(). */
static const char *const own[] = { WIRE_CONTAINER_PATH, WIRE_DIRECTORY, WIRE_OWN_MOUNTS };

int host_start(struct view *view, struct error *err)
{
	const struct mount_option options[] = {
		{ "source", "sallyport" },
		{ "mode", "0755" },
		{ NULL, NULL },
	};

	char context[LSM_LABEL_MAX];

	*view = (struct view){ .helper.pidfd = -1, .mount_fd = -1 };
	/* Its domains may execute what has the host view's own label, and nothing else of the host.
	 */
	if (lsm_mount_context(LSM_HOST_VIEW, context, sizeof(context)) == 1) {
		return error_set_hint(err, EOPNOTSUPP, "use --host-view rw or ro",
			"sallyport's SELinux policy has no rules for a native host view");
	}
	view->mount_fd = mounts_new(
		"tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
	return view->mount_fd < 0 ? view->mount_fd : 0;
}

static bool is_own(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (strcmp(path, own[i]) == 0) {
			return true;
		}
	}
	return false;
}

static int add_link(int root_fd, int dir_fd, const char *name, struct error *err)
{
	_cleanup_free_ char *target = fd_readlink(dir_fd, name);

	if (target == NULL || symlinkat(target, root_fd, name) < 0) {
		return error_set(err, errno, "copy the link /%s into the session", name);
	}
	return 0;
}

/* A place for a mount: whatever is no directory can go on any file. */
static int make_place(int root_fd, const char *name, bool directory, struct error *err)
{
	int r = directory ? mkdirat(root_fd, name, 0755)
			  : mknodat(root_fd, name, S_IFREG | 0444, 0);

	return r < 0 ? error_set(err, errno, "make /%s in the session", name) : 0;
}

/* Adds NAME of the host's root, which DIR_FD is. */
static int add_name(
	struct world *world, int dir_fd, const char *name, uint64_t attributes, struct error *err)
{
	char path[1 + NAME_MAX + 1];
	struct stat st;

	snprintf(path, sizeof(path), "/%s", name);
	if (is_own(path) || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return 0; /* or it is gone */
	}
	if (S_ISLNK(st.st_mode)) {
		return add_link(world->host_fd, dir_fd, name, err);
	}
	int r = make_place(world->host_fd, name, S_ISDIR(st.st_mode), err);
	int fd = r < 0 ? r : mounts_clone(dir_fd, name, S_ISDIR(st.st_mode), attributes, err);
	return fd < 0 ? fd : world_add(world, fd, path, err);
}

int host_add(struct world *world, bool read_only, struct error *err)
{
	const uint64_t attributes = read_only ? MOUNT_ATTR_RDONLY : 0;
	struct mount_attr closed = { .attr_set = MOUNT_ATTR_RDONLY };
	_cleanup_closedir_ DIR *dir = opendir("/");
	struct dirent *entry;
	int r = dir == NULL ? error_set(err, errno, "read the host's root") : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(own); i++) {
		r = make_place(world->host_fd, own[i] + 1, true, err);
	}
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			r = add_name(world, dirfd(dir), entry->d_name, attributes, err);
		}
	}
	/* What a tool wrote there would be lost with the session. */
	if (r == 0 &&
		mount_setattr(world->host_fd, "", AT_EMPTY_PATH, &closed, sizeof(closed)) < 0) {
		r = error_set(err, errno, "make the session's root read-only");
	}
	return r;
}

int host_watch(struct error *err)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE,
		O_RDONLY | O_LARGEFILE | O_CLOEXEC);

	if (fd < 0) {
		return error_set_hint(err, errno,
			errno == EMFILE ? "raise fs.fanotify.max_user_groups: sysctl(8)"
					: "needs CAP_SYS_ADMIN and Linux 5.0 with CONFIG_FANOTIFY",
			"start fanotify for the tools of a native host view");
	}
	return fd;
}

static int watch_mount(const char *path, void *data, struct error *err)
{
	const int *group = data;

	if (mounts_is_below(path, WIRE_CONTAINER_PATH) || mounts_is_below(path, WIRE_DIRECTORY)) {
		return 0;
	}
	/* One that another mount hides can't be executed from either. */
	if (fanotify_mark(*group, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_EXEC, AT_FDCWD, path) <
			0 &&
		errno != ENOENT && errno != ENOTDIR) {
		return error_set(err, errno, "watch the host's mount %s for FAN_OPEN_EXEC", path);
	}
	return 0;
}

int host_watch_mounts(int group, struct error *err)
{
	return mounts_each(watch_mount, &group, err);
}
