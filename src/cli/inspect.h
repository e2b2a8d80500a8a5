/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sallyport inspect`: a profile becomes one JSON object (inspect_json.c); the page for people is
 * printed from that same object (inspect_page.c), so that both always say the same.
 */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include <json-c/json.h>
#include <stdio.h>

#include "policy/profile.h"
#include "target/target.h"

/*
 * All that is known of TARGET and PROFILE, as a new object, to be given to json_object_put(). NULL
 * with ERR filled on failure.
 */
struct json_object *inspect_describe(
	const struct target *target, const struct profile *profile, struct error *err);

/* The "seccomp" part of it. */
struct json_object *inspect_seccomp(const struct seccomp_chain *chain, struct error *err);

/* STRING as a JSON value; bytes that are no UTF-8 are written \xNN. NULL becomes null. */
struct json_object *inspect_string(const char *string);

/* Prints REPORT for people to read. */
void inspect_print(FILE *out, struct json_object *report);

#endif
