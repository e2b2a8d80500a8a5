/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "audit/digest.h"
#include "audit/redact.h"
#include "base/cleanup.h"
#include "base/str.h"

/* RFC 3339, UTC, microseconds. */
static void now(char out[64])
{
	struct timespec t;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, 64 - n, ".%06ldZ", t.tv_nsec / 1000);
}

/* True where BYTES are UTF-8 without NUL: what a JSON string can say. */
static bool is_utf8(const char *bytes, size_t size)
{
	const unsigned char *s = (const unsigned char *)bytes;
	const unsigned char *end = s + size;

	while (s < end) {
		size_t more = *s < 0x80	  ? 0
			      : *s < 0xc2 ? 4
			      : *s < 0xe0 ? 1
			      : *s < 0xf0 ? 2
			      : *s < 0xf5 ? 3
					  : 4;

		if (*s == '\0' || more == 4 || (size_t)(end - s) <= more) {
			return false;
		}
		/* The second byte excludes long forms, surrogates and what is beyond U+10FFFF. */
		unsigned char low = *s == 0xe0 ? 0xa0 : *s == 0xf0 ? 0x90 : 0x80;
		unsigned char high = *s == 0xed ? 0x9f : *s == 0xf4 ? 0x8f : 0xbf;
		for (size_t i = 1; i <= more; i++) {
			if (s[i] < (i == 1 ? low : 0x80) || s[i] > (i == 1 ? high : 0xbf)) {
				return false;
			}
		}
		s += more + 1;
	}
	return true;
}

static struct json_object *value_of(const char *bytes, size_t size)
{
	if (is_utf8(bytes, size)) {
		return json_object_new_string_len(bytes, (int)size);
	}
	_cleanup_free_ char *hex = malloc(2 * size + 1);
	if (hex == NULL) {
		return NULL;
	}
	digest_hex(bytes, size, hex);
	struct json_object *value = json_object_new_object();
	json_object_object_add(value, "hex", json_object_new_string(hex));
	return value;
}

void event_add_bytes(struct json_object *record, const char *key, const char *bytes, size_t size)
{
	if (bytes != NULL) {
		json_object_object_add(record, key, value_of(bytes, size));
	}
}

void event_add_string(struct json_object *record, const char *key, const char *string)
{
	if (string != NULL) {
		event_add_bytes(record, key, string, strlen(string));
	}
}

void event_add_number(struct json_object *record, const char *key, int64_t number)
{
	json_object_object_add(record, key, json_object_new_int64(number));
}

/* Lower case, as digest_hex() writes it; anything else counts as 0. */
static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

char *event_bytes(struct json_object *value, size_t *size)
{
	struct json_object *hex;

	if (json_object_is_type(value, json_type_string)) {
		*size = (size_t)json_object_get_string_len(value);
		char *copy = malloc(*size + 1);

		return copy != NULL ? memcpy(copy, json_object_get_string(value), *size + 1) : NULL;
	}
	if (!json_object_object_get_ex(value, "hex", &hex)) {
		return NULL;
	}
	const char *digits = json_object_get_string(hex);
	*size = strlen(digits) / 2;
	char *bytes = malloc(*size + 1);
	for (size_t i = 0; bytes != NULL && i < *size; i++) {
		bytes[i] = (char)(digit(digits[2 * i]) * 16 + digit(digits[2 * i + 1]));
	}
	if (bytes != NULL) {
		bytes[*size] = '\0';
	}
	return bytes;
}

/* An unset loginuid is null, not a number that looks like one. */
static void add_id(struct json_object *record, const char *key, uint32_t id)
{
	json_object_object_add(
		record, key, id == UINT32_MAX ? NULL : json_object_new_int64((int64_t)id));
}

static void add_known(struct json_object *record, const char *key, const char *string)
{
	if (string[0] != '\0') {
		event_add_string(record, key, string);
	}
}

struct json_object *event_new(
	const struct audit_session *session, const char *event, uint64_t transition)
{
	struct json_object *record = json_object_new_object();
	char time[64];

	now(time);
	event_add_string(record, "time", time);
	event_add_string(record, "event", event);
	event_add_string(record, "session", session->id);
	if (transition != 0) {
		event_add_number(record, "transition", (int64_t)transition);
	}
	add_id(record, "auid", session->auid);
	add_id(record, "ses", session->ses);
	add_known(record, "engine", session->engine);
	add_known(record, "container", session->container);
	add_known(record, "container_id", session->container_id);
	if (session->container_pid != 0) {
		event_add_number(record, "container_pid", session->container_pid);
	}
	add_known(record, "reason", session->reason);
	return record;
}

static struct json_object *array_of(const char *block, size_t size)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array != NULL && i < size;) {
		size_t n = strnlen(block + i, size - i);

		json_object_array_add(array, value_of(block + i, n));
		i += n + 1;
	}
	return array;
}

int event_add_command(struct json_object *record, const struct audit_command *command,
	const struct redactor *redactor)
{
	size_t size;
	size_t redacted = 0;

	if (command->pid != 0) {
		event_add_number(record, "pid", command->pid);
	}
	event_add_string(record, "path", command->path);
	event_add_string(record, "file", command->file);
	event_add_string(record, "cwd", command->cwd);
	if (command->uid != UINT32_MAX) {
		event_add_number(record, "run_uid", command->uid);
	}
	if (command->args == NULL) {
		return 0;
	}
	_cleanup_free_ char *args =
		redact_args(redactor, command->args, command->args_size, &size, &redacted);
	if (args == NULL) {
		return -ENOMEM;
	}
	json_object_object_add(record, "argv", array_of(args, size));
	if (redacted > 0) {
		event_add_number(record, "redacted", (int64_t)redacted);
	}
	return 0;
}

void event_add_status(struct json_object *record, int status)
{
	if (status != -1 && WIFSIGNALED(status)) {
		event_add_number(record, "status", 128 + WTERMSIG(status));
		event_add_number(record, "signal", WTERMSIG(status));
	} else if (status != -1) {
		event_add_number(record, "status", WEXITSTATUS(status));
	}
}

static void copy_keys(
	struct json_object *to, struct json_object *from, const char *const *keys, size_t n)
{
	struct json_object *value;

	for (size_t i = 0; from != NULL && i < n; i++) {
		if (json_object_object_get_ex(from, keys[i], &value)) {
			json_object_object_add(to, keys[i], json_object_get(value));
		}
	}
}

static struct json_object *recovered(
	struct json_object *begin, struct json_object *attempt, const char *event)
{
	static const char *const who[] = { "auid", "ses", "engine", "container", "container_id",
		"container_pid", "reason" };
	static const char *const session[] = { "session" };
	static const char *const transition[] = { "transition" };
	static const char *const what[] = { "pid", "path", "argv" };
	struct json_object *record = json_object_new_object();
	char time[64];

	now(time);
	event_add_string(record, "time", time);
	event_add_string(record, "event", event);
	copy_keys(record, begin, session, ARRAY_SIZE(session));
	copy_keys(record, attempt, transition, ARRAY_SIZE(transition));
	copy_keys(record, begin, who, ARRAY_SIZE(who));
	copy_keys(record, attempt, what, ARRAY_SIZE(what));
	event_add_string(record, "result", "unknown");
	json_object_object_add(record, "recovered", json_object_new_boolean(true));
	return record;
}

struct json_object *event_recovered_outcome(struct json_object *begin, struct json_object *attempt)
{
	struct json_object *record = recovered(begin, attempt, EVENT_OUTCOME);

	event_add_string(
		record, "error", "outcome unknown: sallyport ended before it was recorded");
	return record;
}

struct json_object *event_recovered_end(struct json_object *begin)
{
	struct json_object *record = recovered(begin, NULL, EVENT_END);

	event_add_string(record, "error", "end unknown: sallyport ended before it was recorded");
	return record;
}
