/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All sessions that this host knows of: the running ones by the registry, ended and refused ones by
 * the journal.
 */
#ifndef CLI_PAST_H
#define CLI_PAST_H

#include <json-c/json.h>

#include "audit/rules.h"
#include "base/error.h"

/*
 * An object with a member for each session, by its id, in the order in which they began; each is an
 * object as `sallyport sessions --json` prints it: sallyport-journal(5). The caller gives it to
 * json_object_put(). NULL on failure.
 */
struct json_object *past_sessions(struct error *err);

/* The string, or number, that the session has under KEY; NULL, or -1, where it has none. */
const char *past_string(struct json_object *session, const char *key);
int64_t past_number(struct json_object *session, const char *key);

/* What rules can know of the session's container. *LABELS is the caller's to free (the strings are
 * the session's), also on NULL. */
void past_container(struct rules_container *container, struct json_object *session, char ***labels);

#endif
