/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Detached mounts by the new mount API (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2)):
 * each is a descriptor, and gone with it until it is moved to its place.
 */
#ifndef SESSION_MOUNTS_H
#define SESSION_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "lsm/lsm.h"

struct mount_option {
	const char *key;
	const char *value; /* NULL: a flag */
};

/*
 * A new file system TYPE with OPTIONS (ended by a NULL key), mounted nowhere, with the MOUNT_ATTR_*
 * ATTRIBUTES. Returns its descriptor (O_PATH), which the caller closes, or a negative errno.
 */
int mounts_new(const char *type, const struct mount_option *options, unsigned int attributes,
	struct error *err);

/*
 * The same with the label that our policy has for LABELLED; without any where the policy that is
 * loaded is not ours. OPTIONS has room for one more before its end.
 */
int mounts_new_labelled(const char *type, struct mount_option *options, unsigned int attributes,
	enum lsm_mount labelled, struct error *err);

/*
 * A private copy of the mount at PATH below DIR_FD ("" for DIR_FD itself), with all below it where
 * RECURSIVE, and ATTRIBUTES added. Must run in the mount namespace that it is in. Returns its
 * descriptor or a negative errno.
 */
int mounts_clone(
	int dir_fd, const char *path, bool recursive, uint64_t attributes, struct error *err);

/* True where PATH is TOP or below it. */
bool mounts_is_below(const char *path, const char *top);

/*
 * Gives VISIT the place of each mount of our own mount namespace, in the order of
 * /proc/self/mountinfo (proc(5)), until it returns other than 0, which is returned then. Returns 0
 * or a negative errno.
 */
int mounts_each(int (*visit)(const char *path, void *data, struct error *err), void *data,
	struct error *err);

/* Moves the mount MOUNT_FD to PATH, in our own mount namespace. */
int mounts_attach(int mount_fd, const char *path, struct error *err);

#endif
