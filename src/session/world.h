/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file systems that a host tool sees: the views, the launcher's directory, /proc, /sys, /dev.
 * Prepared by the front as detached mounts, put together in the session's own mount namespace by
 * the process that becomes the first tool.
 */
#ifndef SESSION_WORLD_H
#define SESSION_WORLD_H

#include <limits.h>
#include <stddef.h>

#include "base/error.h"
#include "session/session.h"
#include "session/terminal.h"
#include "session/tree.h"

#define WORLD_MOUNTS_MAX 512

struct world_mount {
	int fd;
	char *path; /* where it goes, absolute in the session; owned */
};

struct world {
	int host_fd;   /* the host view's mount; borrowed */
	int listen_fd; /* the gate's socket, bound in the launcher's directory */
	int ask_fd;    /* that of ask.h, beside it */
	struct world_mount mounts[WORLD_MOUNTS_MAX]; /* in the order in which they are attached */
	size_t count;
};

/*
 * Makes the launcher's directory with its sockets, and copies what the session takes over
 * from the host: /dev, what is mounted below /sys, the --share directories; and from TREE the
 * container's pts, shm and mqueue. HOST_FD and CONTAINER_FD are the views' mounts.
 */
int world_prepare(struct world *world, int host_fd, int container_fd, const struct tree *tree,
	const struct terminal *terminal, const struct session_options *options, struct error *err);

/*
 * In the child, which must be in the container's pid and net namespaces: a new mount namespace, the
 * host view for its root, everything else attached.
 */
int world_enter(const struct world *world, struct error *err);

/* Takes the mount FD over, to be attached at PATH. Returns 0 or a negative errno. */
int world_add(struct world *world, int fd, const char *path, struct error *err);

void world_finish(struct world *world);

#endif
