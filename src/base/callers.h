/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom a session's helpers serve.
 */
#ifndef BASE_CALLERS_H
#define BASE_CALLERS_H

#include "base/wire.h"

/*
 * Whether process PID, whose /proc directory is PROC_FD, lives where CALLERS' tools do. Returns 0,
 * or a negative errno: -EACCES where it does not.
 */
int callers_check(const struct wire_callers *callers, int proc_fd, pid_t pid, struct error *err);

#endif
