/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a session: whoever still lives in its namespace.
 */
#ifndef BASE_REAP_H
#define BASE_REAP_H

#include "base/procfs.h"

/* How long what is left of a session is tried to be ended, in milliseconds. */
#define REAP_TIMEOUT_MS 2000

/*
 * Sends SIG to every process whose namespace KIND ("mnt") is NS, again and again until none is
 * left, for TIMEOUT_MS milliseconds at most (it looks once in any case). Each is signalled by a
 * pidfd that was checked after it was opened. Returns how many were still there at the end.
 */
int reap_namespace(const char *kind, const struct ns_id *ns, int sig, int timeout_ms);

/*
 * Kills process PID, whose PIDFD the caller has, and all that is below it: each is stopped before
 * its children are looked for, so that it can't make more of them.
 */
void reap_tree(pid_t pid, int pidfd);

#endif
