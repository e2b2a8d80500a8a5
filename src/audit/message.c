/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/message.h"

#include <libaudit.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/event.h"
#include "base/cleanup.h"
#include "base/str.h"

/* Which record of the kernel's an event becomes, and what it is called there. */
static const struct {
	const char *event;
	int type;
	const char *op; /* NULL: the session's command, "attach" or "exec" */
} types[] = {
	{ EVENT_BEGIN, AUDIT_VIRT_CONTROL, NULL },
	{ EVENT_REFUSED, AUDIT_VIRT_CONTROL, "refuse" },
	{ EVENT_DEGRADED, AUDIT_VIRT_CONTROL, "degrade" },
	{ EVENT_ATTEMPT, AUDIT_USER_CMD, "transition" },
	{ EVENT_OUTCOME, AUDIT_VIRT_CONTROL, "transition" },
	{ EVENT_EXIT, AUDIT_VIRT_CONTROL, "exit" },
	{ EVENT_TOOL, AUDIT_USER_CMD, "tool" },
	{ EVENT_NOTE, AUDIT_VIRT_CONTROL, "note" },
	{ EVENT_END, AUDIT_VIRT_CONTROL, "detach" },
};

enum kind {
	NUMBER,
	WORD,	/* of letters, digits and "-_.:,": as it is, else "?" */
	STRING, /* encoded where it needs to be */
	COMMAND /* argv: joined with blanks, then as STRING */
};

/*
 * In this order: ausearch searches the text for "vm=" and "uuid=" and takes the first it finds.
 * LIMIT is of the encoded value.
 */
static const struct {
	const char *key;
	const char *field;
	enum kind kind;
	size_t limit;
} fields[] = {
	{ "container", "vm", STRING, 600 },
	{ "container_id", "uuid", WORD, 256 },
	{ "container_pid", "vm-pid", NUMBER, 0 },
	{ "engine", "virt", WORD, 32 },
	{ "session", "sid", WORD, 64 },
	{ "transition", "transition", NUMBER, 0 },
	{ "pid", "opid", NUMBER, 0 },
	{ "run_uid", "id", NUMBER, 0 },
	{ "label", "vm-ctx", WORD, 512 },
	{ "profile", "profile", STRING, 512 },
	{ "errno", "errno", NUMBER, 0 },
	{ "status", "status", NUMBER, 0 },
	{ "signal", "sig", NUMBER, 0 },
	{ "path", "path", STRING, 600 },
	{ "cwd", "cwd", STRING, 600 },
	{ "argv", "cmd", COMMAND, 2600 },
	{ "container_view", "view", WORD, 16 },
	{ "host_view", "host-view", WORD, 16 },
	{ "missing", "missing", STRING, 300 },
	{ "error", "info", STRING, 500 },
	{ "reason", "reason", STRING, 500 },
	{ "recording_sha256", "recording-sha256", WORD, 64 },
};

static void append(struct message *message, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void append(struct message *message, const char *format, ...)
{
	size_t n = strlen(message->text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(message->text + n, sizeof(message->text) - n, format, ap);
	va_end(ap);
}

static const char *space(const struct message *message)
{
	return message->text[0] != '\0' ? " " : "";
}

static bool is_word(const char *s, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		bool letter = (s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z';

		if (!letter && (s[i] < '0' || s[i] > '9') && strchr("-_.:,", s[i]) == NULL) {
			return false;
		}
	}
	return size > 0;
}

/* What is more than LIMIT goes, with its length and hash in its place: nothing is cut in silence.
 */
static void add_string(
	struct message *message, const char *field, const char *bytes, size_t size, size_t limit)
{
	char encoded[MESSAGE_MAX];
	char hash[DIGEST_HEX_SIZE];
	bool hex = audit_value_needs_encoding(bytes, (unsigned int)size) != 0 ||
		   memchr(bytes, '=', size) != NULL || memchr(bytes, '\'', size) != NULL;
	size_t room = hex ? limit / 2 : limit;
	size_t shown = size < room ? size : room;

	if (hex) {
		audit_encode_value(encoded, bytes, (unsigned int)shown);
		append(message, "%s%s=%s", space(message), field, encoded);
	} else {
		append(message, "%s%s=\"%.*s\"", space(message), field, (int)shown, bytes);
	}
	if (shown < size) {
		digest_sha256(bytes, size, hash);
		append(message, " %s-size=%zu %s-sha256=%s", field, size, field, hash);
	}
}

static char *join(struct json_object *argv, size_t *size)
{
	size_t n = json_object_array_length(argv);
	char *all = NULL;
	FILE *out = open_memstream(&all, size);

	for (size_t i = 0; out != NULL && i < n; i++) {
		size_t length;
		_cleanup_free_ char *arg = event_bytes(json_object_array_get_idx(argv, i), &length);

		if (arg != NULL) {
			fprintf(out, "%s", i > 0 ? " " : "");
			fwrite(arg, 1, length, out);
		}
	}
	if (out == NULL || fclose(out) != 0) {
		return NULL;
	}
	return all;
}

static void add_field(struct message *message, size_t i, struct json_object *value)
{
	size_t size = 0;
	_cleanup_free_ char *bytes = fields[i].kind == COMMAND	? join(value, &size)
				     : fields[i].kind != NUMBER ? event_bytes(value, &size)
								: NULL;

	if (fields[i].kind == NUMBER) {
		append(message, "%s%s=%lld", space(message), fields[i].field,
			(long long)json_object_get_int64(value));
	} else if (bytes == NULL ||
		   (fields[i].kind == WORD && (size > fields[i].limit || !is_word(bytes, size)))) {
		append(message, "%s%s=?", space(message), fields[i].field);
	} else if (fields[i].kind == WORD) {
		append(message, "%s%s=%s", space(message), fields[i].field, bytes);
	} else {
		add_string(message, fields[i].field, bytes, size, fields[i].limit);
	}
}

static const char *string_of(struct json_object *record, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(record, key, &value) ? json_object_get_string(value) : "";
}

bool message_make(
	struct message *message, struct json_object *record, const struct journal_place *place)
{
	const char *event = string_of(record, "event");
	struct json_object *value;
	size_t t = 0;

	while (t < ARRAY_SIZE(types) && strcmp(event, types[t].event) != 0) {
		t++;
	}
	if (t == ARRAY_SIZE(types)) {
		return false;
	}
	message->type = types[t].type;
	message->text[0] = '\0';
	append(message, "op=%s", types[t].op != NULL ? types[t].op : string_of(record, "command"));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (json_object_object_get_ex(record, fields[i].key, &value)) {
			add_field(message, i, value);
		} else if (i < 2) {
			append(message, " %s=?", fields[i].field);
		}
	}
	append(message, " jseq=%llu jhash=%.16s", (unsigned long long)place->seq, place->hash);
	const char *result = string_of(record, "result");
	message->success = result[0] == '\0' || strcmp(result, "success") == 0;
	return true;
}

bool message_make_binding(struct message *message, struct json_object *record)
{
	static const char *const bound[] = { "vm", "uuid", "virt", "sid", "vm-ctx", "profile" };
	struct json_object *value;

	if (strcmp(string_of(record, "event"), EVENT_BEGIN) != 0 ||
		(string_of(record, "label")[0] == '\0' &&
			string_of(record, "profile")[0] == '\0')) {
		return false;
	}
	message->type = AUDIT_VIRT_MACHINE_ID;
	message->success = true;
	message->text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		for (size_t b = 0; b < ARRAY_SIZE(bound); b++) {
			if (strcmp(fields[i].field, bound[b]) == 0 &&
				json_object_object_get_ex(record, fields[i].key, &value)) {
				add_field(message, i, value);
			}
		}
	}
	return true;
}
