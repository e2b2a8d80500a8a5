/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front's child in the container's pid namespace, and waiting for it.
 */
#ifndef SESSION_CHILD_H
#define SESSION_CHILD_H

#include <signal.h>
#include <sys/types.h>

#include "base/error.h"
#include "policy/profile.h"

/* What there is to say where the container's init went while a child was made. */
#define CHILD_ENDED "the container has ended before the session began"

/*
 * fork(2) into the target's pid namespace. Returns the child's pid in ours, 0 in the child, or a
 * negative errno. The child leads a session of its own: it has no way to the operator's terminal.
 */
pid_t child_fork(const struct namespaces *ns, struct error *err);

/*
 * A child like that of child_fork(), which shares our memory until it executes a program, where
 * fork(2) would have the kernel copy each page that either of us touches next. It runs BODY, which
 * makes it the leader of a session, at the same time as we go on: it changes nothing that is ours
 * and allocates nothing, and DATA lives until it has executed or ended. One at a time. We are not
 * dumpable any more (PR_SET_DUMPABLE). Returns its pid in our namespace, or a negative errno.
 */
pid_t child_share(
	const struct namespaces *ns, int (*body)(void *data), void *data, struct error *err);

/*
 * Kills the child PID and waits for it, for TIMEOUT_MS milliseconds at most. As long as it has not
 * been waited for, the init of its pid namespace is not seen to end: it waits for all others
 * (pid_namespaces(7)).
 */
void child_end(pid_t pid, int timeout_ms);

/* The exit status for the wait status STATUS, as shells have it: the code, or 128 + the signal. */
int child_exit_status(int status);

/*
 * From here until relay_run() takes them: SIGINT, SIGTERM, SIGHUP and SIGQUIT end this process at
 * once, at whatever it waits for, with a word of why. Nothing has to be undone: all that the set-up
 * makes ends with us. Those that our caller ignores stay ignored, and SIGPIPE is.
 */
void child_catch_signals(void);

/* Blocks the signals that relay_run() takes from a descriptor. */
void child_block_signals(void);

#endif
