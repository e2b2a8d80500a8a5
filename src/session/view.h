/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One FUSE view: a mount of ours and the sallyport-fs that serves it.
 */
#ifndef SESSION_VIEW_H
#define SESSION_VIEW_H

#include <stdbool.h>

#include "base/wire.h"
#include "policy/profile.h"
#include "session/helper.h"

struct view {
	struct helper helper;
	int mount_fd; /* detached until the session attaches it; -1: none */
};

/*
 * Mounts the view KIND of the directory ROOT_FD and starts its server; view_ready() waits for it.
 * The container's ids are those of PROFILE. Returns 0 or a negative errno; VIEW is for view_stop()
 * either way.
 */
int view_start(struct view *view, enum wire_view kind, int root_fd, bool read_only,
	const struct profile *profile, struct error *err);
int view_ready(struct view *view, struct error *err);
void view_stop(struct view *view);

#endif
