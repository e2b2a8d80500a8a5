/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec --plan.
 */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "policy/profile.h"
#include "session/session.h"

/*
 * Prints the steps by which a program of OPTIONS would get the PROFILE, with those marked that this
 * host will refuse. Returns the exit status: 0, or EXIT_OURS where one is.
 */
int plan_print(const struct profile *profile, const struct session_options *options);

#endif
