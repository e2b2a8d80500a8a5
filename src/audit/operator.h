/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is at work: the person who logged in, as the kernel knows him. pam_loginuid(8) writes
 * /proc/self/loginuid once at the login; sudo and su leave it alone, so it names the person behind
 * root. Nothing of the environment (SUDO_USER, LOGNAME, ...) is asked, nor the process's own
 * credentials, which sudo changes.
 */
#ifndef AUDIT_OPERATOR_H
#define AUDIT_OPERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define OPERATOR_UNSET UINT32_MAX /* loginuid and session id of who never logged in */

struct operator_group {
	gid_t gid;
	char *name; /* owned; NULL where the system knows none */
};

struct operator
{
	uid_t uid;	  /* loginuid; OPERATOR_UNSET where nobody logged in */
	uint32_t session; /* the kernel's session id ("ses"); OPERATOR_UNSET likewise */
	char *name;	  /* owned; NULL where unset or the system knows no such user */
	struct operator_group *groups; /* of the user by passwd(5) and group(5); owned */
	size_t n_groups;
};

/* True where the kernel knows of no login: a service, a cron job, a login without pam_loginuid. */
static inline bool operator_is_unset(const struct operator* operator)
{
	return operator->uid == OPERATOR_UNSET;
}

/* The numbers alone: loginuid and session id of this process. Both are set, failure or not. */
int operator_ids(uint32_t *uid, uint32_t *session, struct error *err);

/*
 * Fills OPERATOR for this process. Where loginuid can't be read the kernel has no audit and
 * OPERATOR is unset. Returns 0 or a negative errno; OPERATOR is for operator_finish() either way.
 */
int operator_self(struct operator* operator, struct error * err);

/*
 * The same for USER as rules and command lines write it: a name, a uid, or "unset". -ENOENT where
 * the system knows no such user.
 */
int operator_named(struct operator* operator, const char * user, struct error *err);

/* NULL is accepted. */
void operator_finish(struct operator* operator);

#endif
