/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the container's symbolic links say in a session, where the container's root is at /c and
 * the kernel follows them from there: something that can't lead out of /c.
 */
#ifndef FS_CONTAIN_H
#define FS_CONTAIN_H

#include <stddef.h>

/*
 * Resolves PATH, absolute, in the container's root and writes the canonical path ("" for the root)
 * into OUT. Returns 0 or a negative errno.
 */
typedef int contain_resolve(void *data, const char *path, char *out, size_t size);

/*
 * Writes what the link in the directory DIR ("" for the root, else "/a/b"), whose text is TARGET,
 * says in the session. The answer has no ".." component, and if it's absolute it begins with /c.
 * RESOLVE, with DATA, answers what a path with ".." in it leads to now; where it leads nowhere the
 * ".." are taken away as text. Returns 0 or -ENAMETOOLONG.
 */
int contain_target(const char *dir, const char *target, contain_resolve *resolve, void *data,
	char *out, size_t size);

/* A contain_resolve that asks the kernel. */
struct contain_root {
	int root_fd;
	int self_fd; /* /proc/self/fd */
};
int contain_resolve_in_root(void *data, const char *path, char *out, size_t size);

#endif
