/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records as JSON objects. The first keys are always "time", "event", "session" and, where it is
 * about one, "transition", in this order: journal_parse() relies on it. Strings that are no UTF-8
 * are objects {"hex": "..."}: nothing is lost and nothing needs guessing.
 */
#ifndef AUDIT_EVENT_H
#define AUDIT_EVENT_H

#include <json-c/json.h>

#include "audit/audit.h"

#define EVENT_BEGIN "begin"
#define EVENT_GATE "gate"
#define EVENT_REFUSED "refused"
#define EVENT_DEGRADED "degraded"
#define EVENT_ATTEMPT "attempt"
#define EVENT_OUTCOME "outcome"
#define EVENT_EXIT "exit"
#define EVENT_TOOL "tool"
#define EVENT_NOTE "note"
#define EVENT_END "end"
#define EVENT_REPAIRED "repaired"

struct redactor;

/*
 * A new record of EVENT in SESSION, with who and where; TRANSITION 0: about none. The caller adds
 * to it and gives it to json_object_put(). json-c aborts nothing: where memory ran out NULL, or a
 * record without some of its keys, comes out.
 */
struct json_object *event_new(
	const struct audit_session *session, const char *event, uint64_t transition);

/* Adds SIZE bytes as a string, or as {"hex": ...}. NULL bytes are left out. */
void event_add_bytes(struct json_object *record, const char *key, const char *bytes, size_t size);
void event_add_string(struct json_object *record, const char *key, const char *string);
void event_add_number(struct json_object *record, const char *key, int64_t number);

/* Adds "argv" (redacted), "path", "cwd", "pid" and "run_uid" of COMMAND. 0 or -ENOMEM. */
int event_add_command(struct json_object *record, const struct audit_command *command,
	const struct redactor *redactor);

/* Adds "status" and, where it ended by one, "signal" of a wait status; -1: neither. */
void event_add_status(struct json_object *record, int status);

/*
 * What a value written by event_add_bytes() stands for, in a new string with a NUL behind it, which
 * the caller frees. NULL where VALUE is neither form, or memory ran out.
 */
char *event_bytes(struct json_object *value, size_t *size);

/* What stands for the end of a dead session, and for the outcome of one of its attempts. */
struct json_object *event_recovered_outcome(struct json_object *begin, struct json_object *attempt);
struct json_object *event_recovered_end(struct json_object *begin);

#endif
