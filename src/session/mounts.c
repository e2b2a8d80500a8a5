/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#define MOUNTINFO_MAX (16 << 20)

int mounts_new(const char *type, const struct mount_option *options, unsigned int attributes,
	struct error *err)
{
	_cleanup_close_ int fs = fsopen(type, FSOPEN_CLOEXEC);

	if (fs < 0) {
		return error_set_hint(err, errno, "needs CAP_SYS_ADMIN and Linux 5.2",
			"make a file system of type %s", type);
	}
	for (const struct mount_option *o = options; o->key != NULL; o++) {
		unsigned int command = o->value != NULL ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

		if (fsconfig(fs, command, o->key, o->value, 0) < 0) {
			return error_set(
				err, errno, "set the option %s of a %s file system", o->key, type);
		}
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
		return error_set(err, errno, "create a %s file system", type);
	}
	int fd = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	return fd < 0 ? error_set(err, errno, "mount a %s file system", type) : fd;
}

int mounts_new_labelled(const char *type, struct mount_option *options, unsigned int attributes,
	enum lsm_mount labelled, struct error *err)
{
	char context[LSM_LABEL_MAX];
	int r = lsm_mount_context(labelled, context, sizeof(context));
	size_t n = 0;

	if (r < 0) {
		log_info("the %s of the session has no SELinux label of its own: sallyport's "
			 "policy module is not loaded",
			type);
	}
	while (options[n].key != NULL) {
		n++;
	}
	if (r > 0) {
		options[n] = (struct mount_option){ "context", context };
		options[n + 1] = (struct mount_option){ NULL, NULL };
	}
	return mounts_new(type, options, attributes, err);
}

int mounts_clone(
	int dir_fd, const char *path, bool recursive, uint64_t attributes, struct error *err)
{
	struct mount_attr attr = { .attr_set = attributes, .propagation = MS_PRIVATE };
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	unsigned int set_flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
	_cleanup_close_ int fd = open_tree(dir_fd, path, flags | (recursive ? AT_RECURSIVE : 0));

	if (fd < 0) {
		return error_set_hint(err, errno, "needs CAP_SYS_ADMIN and Linux 5.2",
			"clone the mount at %s", path[0] != '\0' ? path : "the container's root");
	}
	/* A copy of a shared mount is its peer: what is mounted on one would show on the other. */
	if (mount_setattr(fd, "", set_flags, &attr, sizeof(attr)) < 0) {
		return error_set_hint(err, errno, "needs Linux 5.12",
			"make the clone of %s private",
			path[0] != '\0' ? path : "the container's root");
	}
	return steal_fd(&fd);
}

bool mounts_is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

int mounts_each(int (*visit)(const char *path, void *data, struct error *err), void *data,
	struct error *err)
{
	_cleanup_free_ char *mountinfo = NULL;
	char *save = NULL;
	int r = fd_read_file(
		AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &mountinfo, NULL, err);

	for (char *line = r == 0 ? strtok_r(mountinfo, "\n", &save) : NULL; r == 0 && line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		char path[PATH_MAX];

		if (sscanf(line, "%*d %*d %*s %*s %4095s", path) == 1) {
			str_unescape_octal(path);
			r = visit(path, data, err);
		}
	}
	return r;
}

int mounts_attach(int mount_fd, const char *path, struct error *err)
{
	if (move_mount(mount_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0) {
		return error_set(err, errno, "mount on %s of the session", path);
	}
	return 0;
}
