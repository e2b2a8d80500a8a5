/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /.sallyport/why: a tool of the session asks for a run of `sallyport why` outside, where it has
 * what that takes.
 */
#ifndef SESSION_ASK_H
#define SESSION_ASK_H

#include "base/wire.h"
#include "session/helper.h"
#include "session/session.h"

/*
 * Starts a process as HELPER that serves LISTEN_FD, where the launchers of the session ask, until
 * helper_stop(). Each request becomes a `sallyport why` of its own, with OPTIONS' why and the
 * asking tool's standard input and output; it is ended with who asked for it. Only root's tools
 * among CALLERS are served. Returns 0 or a negative errno.
 */
int ask_start(struct helper *helper, int listen_fd, const struct wire_callers *callers,
	const struct session_options *options, struct error *err);

#endif
