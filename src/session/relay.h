/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front while a session runs: terminal, signals, and a watch over all that it needs.
 */
#ifndef SESSION_RELAY_H
#define SESSION_RELAY_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "session/terminal.h"

#define RELAY_WATCHED_MAX 4

struct relay {
	pid_t child;
	struct terminal *terminal; /* NULL: the child has our own 0, 1, 2 */
	struct {
		int fd;		  /* readable at its end: a pidfd */
		const char *what; /* "sallyport-gate": it "has ended unexpectedly" */
	} watched[RELAY_WATCHED_MAX];
	size_t n_watched;
};

/*
 * Relays until the child ends, something that is watched ends, or our own terminal hangs up; the
 * child is killed in the latter cases. Signals must be blocked by child_block_signals(). Returns
 * the child's exit status, or a negative errno with the cause.
 */
int relay_run(struct relay *relay, struct error *err);

#endif
