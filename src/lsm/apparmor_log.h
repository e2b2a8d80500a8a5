/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AppArmor's records of what it has denied: the library can be asked about files alone.
 */
#ifndef LSM_APPARMOR_LOG_H
#define LSM_APPARMOR_LOG_H

#include <stdbool.h>

#include "lsm/lsm.h"

/*
 * Where LINE, of auditd's log or of the kernel's own, is AppArmor's record of what WANTED says,
 * fills DENIAL in with it, its own words among it, and with the rule that is missing, and returns
 * true. The fields are those of security/apparmor/audit.c, audit_pre(), and of the audit functions
 * of its kinds.
 */
bool apparmor_log_parse(
	const char *line, const struct lsm_refusal *wanted, struct lsm_denial *denial);

/* Such records in auditd's log, or else in the kernel's: lsm_logged_denial(). */
bool apparmor_log_find(const struct lsm_refusal *wanted, struct lsm_denial *denial);

#endif
