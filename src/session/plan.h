/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a captured profile to the launcher's plan.
 */
#ifndef SESSION_PLAN_H
#define SESSION_PLAN_H

#include "base/plan.h"
#include "policy/profile.h"

/*
 * Writes the plan of PROFILE to a sealed memfd, which the caller closes. CWD is what the operator
 * asked for, or NULL. Returns the descriptor or a negative errno.
 */
int plan_create(const struct profile *profile, const char *cwd, struct error *err);

/*
 * The descriptors that go with it in the order of enum plan_fd, PLAN_FD the first. They stay their
 * owners'. Returns how many.
 */
size_t plan_descriptors(const struct profile *profile, int plan_fd, int fds[PLAN_FDS_MAX]);

#endif
