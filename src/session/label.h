/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container's label, before a session begins.
 */
#ifndef SESSION_LABEL_H
#define SESSION_LABEL_H

#include <stdbool.h>

#include "audit/audit.h"
#include "base/error.h"
#include "policy/profile.h"

/*
 * Whether this host's security modules will let the launcher take the labels of PROFILE, in a
 * session (IN_SESSION) or by `exec`: lsm_check(). Where only fidelity is lost, a warning and a
 * record in TRAIL say so. Returns 0 or a negative errno that names the rule which is missing.
 */
int label_check(
	const struct profile *profile, bool in_session, struct trail *trail, struct error *err);

#endif
