/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front's child in the container's pid namespace, and waiting for it.
 */
#ifndef SESSION_CHILD_H
#define SESSION_CHILD_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "policy/profile.h"

/* What there is to say where the container's init went while a child was made. */
#define CHILD_ENDED "the container has ended before the session began"

/*
 * A child in the target's pid namespace, whose status is what BODY returns. It shares our memory
 * until it executes a program, where fork(2) would have the kernel copy each page that either of us
 * touches next: as long, DATA lives, and where BODY changes what is ours or allocates, we do
 * nothing but wait for it. COPY: it is forked all the same, for who joins namespaces that the
 * kernel has for a process of its own memory alone (setns(2), CLONE_NEWTIME). BODY makes it the
 * leader of a session: it has no way to the operator's terminal. One at a time. We are not dumpable
 * any more (PR_SET_DUMPABLE). Returns its pid in our namespace, or a negative errno.
 */
pid_t child_start(const struct namespaces *ns, bool copy, int (*body)(void *data), void *data,
	struct error *err);

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

/* poll(2) without a limit, during which those of child_catch_signals() end us as before. */
void child_poll(struct pollfd *fds, size_t n);

#endif
