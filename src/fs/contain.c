/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/contain.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/wire.h"

/* The component that begins at or after *AT; *AT is moved behind it. Its length; 0 at the end. */
static size_t next_component(const char **at, const char **component)
{
	while (**at == '/') {
		(*at)++;
	}
	*component = *at;
	*at += strcspn(*at, "/");
	return (size_t)(*at - *component);
}

static bool is_dotdot(const char *component, size_t length)
{
	return length == 2 && component[0] == '.' && component[1] == '.';
}

/* Where TARGET goes on after its last ".."; NULL where it has none. */
static const char *after_dotdot(const char *target)
{
	const char *at = target;
	const char *component;
	const char *after = NULL;
	size_t length;

	while ((length = next_component(&at, &component)) > 0) {
		if (is_dotdot(component, length)) {
			after = at;
		}
	}
	return after;
}

/* True where PATH is canonical text: "" or "/a/b", nothing empty, no dots. */
static bool is_canonical(const char *path)
{
	const char *at = path;

	while (*at != '\0') {
		if (*at++ != '/') {
			return false;
		}
		size_t length = strcspn(at, "/");

		if (length == 0 || is_dotdot(at, length) || (length == 1 && *at == '.')) {
			return false;
		}
		at += length;
	}
	return true;
}

/* Applies the components of PATH to the canonical path in OUT, ".." as text. */
static int apply_text(const char *path, char *out, size_t size)
{
	const char *at = path;
	const char *component;
	size_t used = strlen(out);
	size_t length;

	while ((length = next_component(&at, &component)) > 0) {
		if (length == 1 && component[0] == '.') {
			continue;
		}
		if (is_dotdot(component, length)) {
			const char *slash = strrchr(out, '/');

			used = slash != NULL ? (size_t)(slash - out) : 0;
			out[used] = '\0';
			continue;
		}
		if (used + 1 + length >= size) {
			return -ENAMETOOLONG;
		}
		out[used++] = '/';
		memcpy(out + used, component, length);
		used += length;
		out[used] = '\0';
	}
	return 0;
}

static int format(char *out, size_t size, const char *a, const char *b, const char *c)
{
	int n = snprintf(out, size, "%s%s%s", a, b, c);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Where TARGET's part up to REST, which ends with "..", leads, from the root. */
static int resolve_head(const char *dir, const char *target, const char *rest,
	contain_resolve *resolve, void *data, char *head)
{
	char path[2 * PATH_MAX];
	const char *from = target[0] == '/' ? "" : dir;
	int n = snprintf(path, sizeof(path), "%s/%.*s", from, (int)(rest - target), target);

	if (n < 0 || (size_t)n >= sizeof(path)) {
		return -ENAMETOOLONG;
	}
	if (resolve(data, path, head, PATH_MAX) == 0 && is_canonical(head)) {
		return 0;
	}
	head[0] = '\0';
	return apply_text(path, head, PATH_MAX);
}

int contain_target(const char *dir, const char *target, contain_resolve *resolve, void *data,
	char *out, size_t size)
{
	char head[PATH_MAX];
	const char *rest = after_dotdot(target);

	if (rest == NULL && target[0] != '/') {
		return format(out, size, target, "", "");
	}
	if (rest == NULL) {
		return format(out, size, WIRE_CONTAINER_PATH, target, "");
	}
	int r = resolve_head(dir, target, rest, resolve, data, head);

	return r < 0 ? r : format(out, size, WIRE_CONTAINER_PATH, head, rest);
}

/* True where PATH, followed without links, is the file that FD is. */
static bool leads_to(int root_fd, const char *path, int fd)
{
	struct statx a, b;
	_cleanup_close_ int again = fd_openat2(
		root_fd, path, O_PATH | O_NOFOLLOW, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	unsigned mask = STATX_INO | STATX_MNT_ID;

	if (again < 0 || statx(again, "", AT_EMPTY_PATH, mask, &a) != 0 ||
		statx(fd, "", AT_EMPTY_PATH, mask, &b) != 0) {
		return false;
	}
	return a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major &&
	       a.stx_dev_minor == b.stx_dev_minor && a.stx_mnt_id == b.stx_mnt_id;
}

int contain_resolve_in_root(void *data, const char *path, char *out, size_t size)
{
	const struct contain_root *root = data;
	char name[16];
	_cleanup_close_ int fd =
		fd_openat2(root->root_fd, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	char top[PATH_MAX];

	if (fd < 0) {
		return fd;
	}
	/* The kernel names both from the same place, whatever that is: a detached tree's root, or
	 * the server's own. The rest is what's between them. */
	snprintf(name, sizeof(name), "%d", root->root_fd);
	ssize_t n_top = readlinkat(root->self_fd, name, top, sizeof(top));

	snprintf(name, sizeof(name), "%d", fd);
	ssize_t n = readlinkat(root->self_fd, name, out, size);

	if (n < 0 || n_top < 0) {
		return -errno;
	}
	if ((size_t)n >= size || (size_t)n_top >= sizeof(top)) {
		return -ENAMETOOLONG;
	}
	out[n] = '\0';
	top[n_top] = '\0';
	if (n_top == 1) {
		n_top = 0; /* "/" */
	}
	if (n < n_top || memcmp(out, top, (size_t)n_top) != 0) {
		return -ENOENT;
	}
	memmove(out, out + n_top, (size_t)(n - n_top) + 1);
	if (strcmp(out, "/") == 0) {
		out[0] = '\0';
	}
	/* The text could be of something removed since, or moved. */
	return leads_to(root->root_fd, out[0] != '\0' ? out : "/", fd) ? 0 : -ENOENT;
}
