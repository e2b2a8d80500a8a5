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

/* Options of the session, those of a request, the container, the arguments. */
#define ASK_ARGV_MAX (SESSION_WHY_MAX + 8 + WIRE_WHY_ARGS_MAX)

/*
 * The command line that REQUEST, as a tool has sent it, comes to: pointers into REQUEST and
 * OPTIONS, and a NULL, in ARGV, which has room for ASK_ARGV_MAX + 1. Returns 0 or -EPROTO.
 */
int ask_command(const struct session_options *options, struct wire_why *request, char **argv,
	struct error *err);

#endif
