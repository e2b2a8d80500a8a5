/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front while a session runs: terminal, recording, signals, and a watch over all that it needs.
 */
#ifndef SESSION_RELAY_H
#define SESSION_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "audit/recording.h"
#include "base/error.h"
#include "session/session.h"
#include "session/streams.h"
#include "session/terminal.h"

#define RELAY_WATCHED_MAX 4

struct relay {
	pid_t child;
	struct session_observer *observer; /* NULL: the child is not traced */
	struct terminal *terminal;	   /* NULL: the child has our own 0, 1, 2, or STREAMS' */
	struct streams *streams;	   /* NULL: none */
	struct recording *recording;	   /* NULL: none; of the terminal, or of STREAMS */
	bool record_required;		   /* the session ends where it can't go on */
	int record_error; /* negative errno: it could not go on; set by relay_run() */
	int notice_fd;	  /* readable: the gate has something to tell; -1: no gate */
	/* Takes it. Returns 0 or the negative errno of a recording that can't go on. */
	int (*notice)(struct relay *relay);
	struct {
		int fd;		  /* readable at its end: a pidfd */
		const char *what; /* "sallyport-gate": it "has ended unexpectedly" */
	} watched[RELAY_WATCHED_MAX];
	size_t n_watched;
	/* What was typed and the pty or pipe has not taken yet; relay_run()'s own. */
	char typed[RECORDING_CHUNK_MAX];
	size_t n_typed;
};

/*
 * Gives up what the front needs no more, for good: sandbox.h. Then relays until the child ends,
 * something that is watched ends, our own terminal hangs up, or a recording that is required can't
 * go on; the child is killed in the latter cases. Signals must be blocked by child_block_signals().
 * Returns the child's exit status, or a negative errno with the cause.
 */
int relay_run(struct relay *relay, struct error *err);

/* Relays what is there of the session's output, without waiting for more: relay_run() does it
 * at its end. */
void relay_drain(struct relay *relay);

#endif
