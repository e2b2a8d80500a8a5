/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON that others wrote: json-c with bounds, and getters that check the type of what they give.
 */
#ifndef TARGET_JSON_H
#define TARGET_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

/*
 * Parses SIZE bytes at DATA, which must be one JSON value and nothing else, with at most 64 levels.
 * NAME is what messages call it; they never quote the data. The caller gives the result to
 * json_object_put(). NULL on failure.
 */
struct json_object *json_parse(const char *data, size_t size, const char *name, struct error *err);

/*
 * The value at PATH ("State/Pid": member Pid of member State) below OBJECT, where it has TYPE; else
 * NULL. OBJECT may be NULL or of any type. What is returned belongs to OBJECT.
 */
struct json_object *json_at(struct json_object *object, const char *path, enum json_type type);

/* The string member KEY, which may hold slashes, of the object OBJECT. NULL as below. */
const char *json_member_string(struct json_object *object, const char *key);

/* The string at PATH; NULL where it is none, is empty or holds a NUL. */
const char *json_string_at(struct json_object *object, const char *path);

/* The integer at PATH, from 0 to MAX. Returns 0 or -ENOENT. */
int json_u64_at(struct json_object *object, const char *path, uint64_t max, uint64_t *out);

/* The pid at PATH, 0 where there is none. */
pid_t json_pid_at(struct json_object *object, const char *path);

/* True where the value at PATH is true. */
bool json_true_at(struct json_object *object, const char *path);

static inline void cleanup_json(struct json_object **object)
{
	json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

#endif
