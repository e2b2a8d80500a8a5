/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a session takes from the container's mount namespace: copies of its mounts.
 */
#ifndef SESSION_TREE_H
#define SESSION_TREE_H

#include "base/error.h"
#include "policy/profile.h"

struct tree {
	int root_fd; /* the target's root with all that is mounted below; -1 where not asked for */
	int pts_fd;  /* its devpts; -1 where /dev/pts is none */
	int shm_fd;  /* /dev/shm; -1 where it is no mount */
	int mqueue_fd; /* /dev/mqueue; likewise */
};

/*
 * Enters the target's mount namespace for a moment, copies, and returns to ours. The copies are
 * private and belong to no namespace. WHOLE: take the root too. Returns 0 or a negative errno.
 */
int tree_capture(struct tree *tree, const struct namespaces *ns, bool whole, struct error *err);
void tree_finish(struct tree *tree);

#endif
