/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --host-view native: the host's own files at /, without a server between. The root is a small
 * file system with a copy of the host's mounts on each name of the host's root, since / must have
 * /c too.
 */
#ifndef SESSION_HOST_H
#define SESSION_HOST_H

#include "session/view.h"
#include "session/world.h"

/* Makes the root, still empty, as VIEW's mount. Returns 0 or a negative errno. */
int host_start(struct view *view, struct error *err);

/* Adds the host's files to WORLD, whose root host_start() has made, with READ_ONLY such that they
 * can't be changed. Returns 0 or a negative errno. */
int host_add(struct world *world, bool read_only, struct error *err);

/*
 * A fanotify group (fanotify_init(2)) for what is executed from there. Returns its descriptor,
 * which the caller closes, or a negative errno.
 */
int host_watch(struct error *err);

/* In the session: has GROUP told of each file that is executed from one of its mounts, but for the
 * container's. Returns 0 or a negative errno. */
int host_watch_mounts(int group, struct error *err);

#endif
