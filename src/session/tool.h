/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first tool of a session: the operator's shell, or his command.
 */
#ifndef SESSION_TOOL_H
#define SESSION_TOOL_H

#include "policy/profile.h"
#include "session/session.h"
#include "session/streams.h"
#include "session/terminal.h"
#include "session/world.h"

/* What it is made from. */
struct tool {
	const struct profile *profile;
	const struct session_options *options;
	const struct world *world;
	const struct terminal *terminal; /* NULL: it has STREAMS */
	const struct streams *streams;
	int exec_fd; /* fanotify group that is to watch the session's mounts; -1: none */
};

/*
 * In a child of the front that was born in the container's pid namespace: builds the world, tells
 * the front on SOCK by WIRE_READY (or WIRE_FAILED), waits for its WIRE_READY and becomes the tool.
 * Ends with exit.h's status where that can't be executed.
 */
__attribute__((noreturn)) void tool_become(const struct tool *tool, int sock);

#endif
