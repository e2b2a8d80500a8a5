/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One view: a mount of ours and the sallyport-fs that serves it, if any.
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
 * The container's ids are those of PROFILE. TOOLS_FD: where the server of the host view tells what
 * is executed. Returns 0 or a negative errno; VIEW is for view_stop() either way.
 */
int view_start(struct view *view, enum wire_view kind, int root_fd, bool read_only, int tools_fd,
	const struct profile *profile, struct error *err);
/*
 * The container's files as they are, without a server: ROOT_FD, a detached clone of its mounts, on
 * which no symlink is followed, nothing is executed, and neither devices nor set-user-id bits are
 * of effect: mount_setattr(2). Returns 0 or a negative errno.
 */
int view_start_native(struct view *view, int root_fd, struct error *err);
int view_ready(struct view *view, struct error *err);
void view_stop(struct view *view);
void view_leave(struct view *view); /* as helper_leave() */

#endif
