/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/hierarchy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

/* One line of mountinfo, cut in place. */
struct mount {
	dev_t dev;
	char *root; /* of the hierarchy, as our cgroup namespace has it */
	char *point;
	char *type;
	char *options; /* of the super block */
};

/* Parses LINE, which is cut to pieces. */
static bool parse_mount(char *line, struct mount *mount)
{
	enum { ID, PARENT, DEV, ROOT, POINT, FLAGS, FIELDS };
	char *field[FIELDS];
	unsigned int major, minor;
	char *separator = strstr(line, " - ");
	char *saved = NULL;

	if (separator == NULL) {
		return false;
	}
	*separator = '\0';
	for (int i = 0; i < FIELDS; i++) {
		field[i] = strtok_r(i == 0 ? line : NULL, " ", &saved);
		if (field[i] == NULL) {
			return false;
		}
	}
	mount->type = strtok_r(separator + 3, " ", &saved);
	strtok_r(NULL, " ", &saved); /* the source */
	mount->options = strtok_r(NULL, " ", &saved);
	if (mount->type == NULL || mount->options == NULL ||
		sscanf(field[DEV], "%u:%u", &major, &minor) != 2) {
		return false;
	}
	mount->dev = makedev(major, minor);
	mount->root = field[ROOT];
	mount->point = field[POINT];
	str_unescape_octal(mount->root);
	str_unescape_octal(mount->point);
	return true;
}

static bool has_option(const char *options, const char *name, size_t length)
{
	for (const char *p = options; *p != '\0';) {
		size_t n = strcspn(p, ",");

		if (n == length && memcmp(p, name, n) == 0) {
			return true;
		}
		p += n + (p[n] == ',');
	}
	return false;
}

/* A controller is in one hierarchy only, but all are looked at: a name may equal an option's. */
static bool is_hierarchy(const struct mount *mount, const char *controllers)
{
	if (controllers[0] == '\0') {
		return str_equal(mount->type, "cgroup2");
	}
	if (!str_equal(mount->type, "cgroup")) {
		return false;
	}
	for (const char *p = controllers; *p != '\0';) {
		size_t n = strcspn(p, ",");

		if (!has_option(mount->options, p, n)) {
			return false;
		}
		p += n + (p[n] == ',');
	}
	return true;
}

/* PATH from the mount's root on; NULL where it lies outside. */
static const char *below(const char *root, const char *path)
{
	size_t length = str_equal(root, "/") ? 0 : strlen(root);

	if (strncmp(path, root, length) != 0 || (path[length] != '/' && path[length] != '\0')) {
		return NULL;
	}
	path += length;
	path += strspn(path, "/");
	return path[0] == '\0' ? "." : path;
}

/* Opens the cgroup REST below the mount; what lies over the mount point is not it. */
static int open_below(const struct mount *mount, const char *rest)
{
	_cleanup_close_ int top = open(mount->point, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	struct stat st;

	if (top < 0 || fstat(top, &st) < 0 || fstatfs(top, &fs) < 0) {
		return -errno;
	}
	if (st.st_dev != mount->dev ||
		(fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC)) {
		return -ENOENT;
	}
	return fd_openat2(top, rest, O_PATH | O_DIRECTORY,
		RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
}

static int explain(int code, const char *name, const char *path, struct error *err)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(path);

	if (str_starts_with(path, "/..")) {
		return error_set_hint(err, ENOENT,
			"it lies outside of our cgroup namespace; run in the host's",
			"reach the target's %s cgroup %s", name, path);
	}
	if (code == ENOENT && length > strlen(deleted) &&
		str_equal(path + length - strlen(deleted), deleted)) {
		return error_set_hint(err, code, "it was removed, nothing can join it",
			"open the target's %s cgroup %s", name, path);
	}
	return error_set(err, code, "open the target's %s cgroup %s", name, path);
}

int hierarchy_open(
	const char *mountinfo, const char *controllers, const char *path, struct error *err)
{
	_cleanup_free_ char *text = strdup(mountinfo);
	int code = 0;

	if (text == NULL) {
		return error_set(err, ENOMEM, "find the target's cgroup");
	}
	char *next;
	for (char *line = text; *line != '\0'; line = next) {
		struct mount mount;

		next = strchrnul(line, '\n');
		if (*next != '\0') {
			*next++ = '\0';
		}
		if (!parse_mount(line, &mount) || !is_hierarchy(&mount, controllers)) {
			continue;
		}
		const char *rest = below(mount.root, path);
		int fd = rest == NULL ? -ENOENT : open_below(&mount, rest);
		if (fd >= 0) {
			return fd;
		}
		code = -fd;
	}
	if (code == 0) {
		return -ENXIO;
	}
	return explain(code, controllers[0] == '\0' ? "v2" : controllers, path, err);
}
