/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names in the host view's root on which each session mounts something of its own. */
#ifndef FS_ROOT_H
#define FS_ROOT_H

#include <stdbool.h>

struct fs;
struct inode;

/* The synthetic directory that NAME in PARENT is, or NULL. */
struct inode *root_synthetic(struct fs *fs, const struct inode *parent, const char *name);

/*
 * Is NAME in PARENT a directory of the host's that a mount of the session's hides: /proc, say?
 * Nobody sees what is there then, but each path that leads through it leads through its name.
 */
bool root_is_hidden(const struct fs *fs, const struct inode *parent, const char *name);

#endif
