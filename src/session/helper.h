/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs that the front starts beside itself.
 */
#ifndef SESSION_HELPER_H
#define SESSION_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/wire.h"

struct helper {
	const char *name;
	pid_t pid; /* 0: not started */
	int pidfd;
	int sock; /* SOCK_SEQPACKET, to its WIRE_SOCKET_FD */
};

/*
 * Where the program NAME is: beside our own executable (the build tree), else in the installation's
 * libexec directory. OUT has PATH_MAX bytes.
 */
int helper_path(const char *name, char *out, struct error *err);

/*
 * Starts NAME in a session of its own, standard input and output on /dev/null; or takes one that
 * helper_start_early() has started.
 */
int helper_start(struct helper *helper, const char *name, struct error *err);

/*
 * Starts NAME for a helper_start() that follows: it loads meanwhile, and waits for its first
 * message. Where that fails the latter says so. TWIN: for two of them; the program is started once
 * and makes the second process itself, which spares that the start (WIRE_TWIN).
 */
void helper_start_early(const char *name, bool twin);

/* Sends it the MESSAGE of its start. Where it has ended, ERR has its own words. */
int helper_tell(struct helper *helper, enum wire_type type, void *message, size_t size,
	const int *fds, size_t n_fds, struct error *err);

/* Waits for its WIRE_READY. */
int helper_ready(struct helper *helper, struct error *err);

/* Tells it to end: for several, before each is waited for by helper_stop(). */
void helper_end(struct helper *helper);

/*
 * Tells it to end, waits for that at most 1 second, then kills it. NULL
 * and one that was not started are accepted.
 */
void helper_stop(struct helper *helper);

/* Tells it to end; helper_finish_all() will wait for that. As helper_stop() else. */
void helper_leave(struct helper *helper);

/* Ends those that were started early and not taken, and waits for those that were left. */
void helper_finish_all(void);

#endif
