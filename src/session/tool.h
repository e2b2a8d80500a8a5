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
	int exec_fd;	/* fanotify group that is to watch the session's mounts; -1: none */
	int sock;	/* to the front */
	int front_sock; /* its other end */
};

/* The environment of tools, which is the front's own: HOME and SHELL are those of the person who
 * ran sudo, since the files there become his. */
void tool_set_environment(const struct session_options *options);

/* Whether the container has a namespace that who shares the front's memory can't join. */
bool tool_needs_copy(const struct namespaces *ns);

/*
 * DATA is a struct tool. In a child of the front (child_start()): builds the world, tells the front
 * by WIRE_READY (or WIRE_FAILED), waits for its WIRE_READY and becomes the tool. Ends with exit.h's
 * status where that can't be executed.
 */
__attribute__((noreturn)) int tool_become(void *data);

#endif
