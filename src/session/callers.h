/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom a session's helpers serve.
 */
#ifndef SESSION_CALLERS_H
#define SESSION_CALLERS_H

#include "base/wire.h"
#include "policy/profile.h"

/* Fills CALLERS for sessions in the container of NS. Returns 0 or a negative errno. */
int callers_describe(struct wire_callers *callers, const struct namespaces *ns, struct error *err);

#endif
