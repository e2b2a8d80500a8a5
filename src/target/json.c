/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define DEPTH_MAX 64
#define KEY_MAX 128

struct json_object *json_parse(const char *data, size_t size, const char *name, struct error *err)
{
	struct json_tokener *tokener;
	struct json_object *object;

	if (size > INT_MAX) {
		error_set(err, EFBIG, "%s", name);
		return NULL;
	}
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (tokener == NULL) {
		error_set(err, ENOMEM, "parse %s", name);
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	object = json_tokener_parse_ex(tokener, data, (int)size);
	enum json_tokener_error code = json_tokener_get_error(tokener);
	size_t end = json_tokener_get_parse_end(tokener);
	/* A number at the very end could go on: json-c waits for more. Engines write objects. */
	if (code == json_tokener_success) {
		end += strspn(data + end, " \t\r\n");
	}
	json_tokener_free(tokener);
	if (code != json_tokener_success || end != size) {
		json_object_put(object);
		error_set(err, 0, "%s is not valid JSON: %s", name,
			code == json_tokener_success ? "something follows the value"
						     : json_tokener_error_desc(code));
		return NULL;
	}
	return object;
}

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (object == NULL || !json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, key, &value)) {
		return NULL;
	}
	return value;
}

struct json_object *json_at(struct json_object *object, const char *path, enum json_type type)
{
	char key[KEY_MAX];

	while (object != NULL && *path != '\0') {
		size_t length = strcspn(path, "/");

		if (length >= sizeof(key)) {
			return NULL;
		}
		memcpy(key, path, length);
		key[length] = '\0';
		object = member(object, key);
		path += length;
		if (*path == '/') {
			path++;
		}
	}
	return object != NULL && json_object_is_type(object, type) ? object : NULL;
}

static const char *string_of(struct json_object *value)
{
	const char *s;

	if (value == NULL || !json_object_is_type(value, json_type_string)) {
		return NULL;
	}
	s = json_object_get_string(value);
	return s != NULL && *s != '\0' && strlen(s) == (size_t)json_object_get_string_len(value)
		       ? s
		       : NULL;
}

const char *json_member_string(struct json_object *object, const char *key)
{
	return string_of(member(object, key));
}

const char *json_string_at(struct json_object *object, const char *path)
{
	return string_of(json_at(object, path, json_type_string));
}

int json_u64_at(struct json_object *object, const char *path, uint64_t max, uint64_t *out)
{
	struct json_object *value = json_at(object, path, json_type_int);

	/* json-c clamps what doesn't fit; a negative number has no unsigned value. */
	if (value == NULL || json_object_get_int64(value) < 0) {
		return -ENOENT;
	}
	uint64_t number = json_object_get_uint64(value);
	if (number > max) {
		return -ENOENT;
	}
	*out = number;
	return 0;
}

pid_t json_pid_at(struct json_object *object, const char *path)
{
	uint64_t pid = 0;

	return json_u64_at(object, path, INT32_MAX, &pid) == 0 ? (pid_t)pid : 0;
}

bool json_true_at(struct json_object *object, const char *path)
{
	struct json_object *value = json_at(object, path, json_type_boolean);

	return value != NULL && json_object_get_boolean(value);
}
