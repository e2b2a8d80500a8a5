/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session's terminal: a pty of the container's devpts where it has one, and the relay between
 * it and the operator's own terminal, which nothing in the session ever holds.
 */
#ifndef SESSION_TERMINAL_H
#define SESSION_TERMINAL_H

#include <stdbool.h>
#include <termios.h>
#include <sys/types.h>

#include "base/error.h"

struct terminal {
	int master_fd;
	int slave_fd;  /* the session's 0, 1 and 2; closed by terminal_started() */
	int devpts_fd; /* a devpts of our own, to be mounted; -1 where the container's is used */
	bool raw;
	struct termios saved; /* of our own standard input */
};

/* True where standard input and output are both terminals: only then a session gets a pty. */
bool terminal_wanted(void);

/*
 * Opens a pty in the devpts PTS_FD (an O_PATH directory; -1: a new devpts is made) of the size that
 * our own terminal has, owned by UID. Returns 0 or a negative errno.
 */
int terminal_open(struct terminal *terminal, int pts_fd, uid_t uid, struct error *err);

/* In the child: the slave becomes 0, 1, 2 and the controlling terminal of a new session. */
int terminal_become(const struct terminal *terminal, struct error *err);

/* In the front, once the child has the slave: our own terminal goes raw. */
void terminal_started(struct terminal *terminal);

/* Gives the pty our own terminal's size. */
void terminal_resize(const struct terminal *terminal);

/*
 * True where the session's programs do not want it seen what is typed now: the terminal does not
 * echo it, nor do they, as line editors and full-screen programs do.
 */
bool terminal_hides_input(const struct terminal *terminal);

/* Puts our own terminal back as it was, closes the pty. NULL is accepted. */
void terminal_finish(struct terminal *terminal);

#endif
