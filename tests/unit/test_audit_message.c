/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes to the kernel's audit: that whoever reads it the way ausearch does gets the exact
 * bytes, and that no name can pass for a field.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libaudit.h>

#include "audit/conf.h"
#include "audit/event.h"
#include "audit/message.h"
#include "audit/redact.h"
#include "base/cleanup.h"
#include "base/str.h"

static struct conf conf;
static struct redactor *redactor;
static struct audit_session session;
static const struct journal_place place = { .seq = 7, .hash = "0123456789abcdef" };

static int setup(void **state)
{
	char text[] = "journal = /nonexistent/none/journal.jsonl\n";

	if (conf_parse(&conf, text, "test", NULL) < 0 ||
		audit_session_describe(&session, "attach", NULL) < 0) {
		return -1;
	}
	strcpy(session.engine, "docker");
	strcpy(session.container, "web");
	strcpy(session.container_id, "abc123");
	session.container_pid = 42;
	redactor = redact_new(&conf, NULL);
	return redactor != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	redact_free(redactor);
	conf_finish(&conf);
	return 0;
}

/* The value of FIELD as ausearch takes it: the first "FIELD=", quoted or hex. The caller frees. */
static char *value(const char *text, const char *field)
{
	_cleanup_free_ char *key = str_format("%s=", field);
	const char *p = strstr(text, key);

	assert_non_null(p);
	p += strlen(key);
	if (*p == '"') {
		return strndup(p + 1, strcspn(p + 1, "\""));
	}
	size_t n = strcspn(p, " ");
	char *bytes = calloc(1, n / 2 + 1);
	for (size_t i = 0; i + 1 < n; i += 2) {
		unsigned int byte;

		assert_int_equal(sscanf(p + i, "%2x", &byte), 1);
		bytes[i / 2] = (char)byte;
	}
	return bytes;
}

static void make(struct message *message, const char *path, const char *args, size_t size)
{
	struct audit_command command = {
		.args = args, .args_size = size, .path = path, .cwd = "/srv", .pid = 99, .uid = 1000
	};
	struct json_object *record = event_new(&session, EVENT_ATTEMPT, 3);

	assert_int_equal(event_add_command(record, &command, redactor), 0);
	assert_true(message_make(message, record, &place));
	json_object_put(record);
}

static void fields(void **state)
{
	struct message message;

	make(&message, "/bin/ls", "ls\0-l", 6);
	assert_int_equal(message.type, AUDIT_USER_CMD);
	assert_true(message.success);
	assert_true(str_starts_with(
		message.text, "op=transition vm=\"web\" uuid=abc123 vm-pid=42 virt=docker sid="));
	assert_non_null(strstr(message.text, " transition=3 opid=99 id=1000 "));
	assert_non_null(strstr(message.text, " path=\"/bin/ls\" cwd=\"/srv\" cmd=6C73202D6C "));
	assert_non_null(strstr(message.text, " jseq=7 jhash=0123456789abcdef"));
}

static void hostile_names(void **state)
{
	static const char *const names[] = {
		"/bin/a\nb",
		"/bin/a\" res=success",
		"/bin/res=success",
		"/bin/vm=\"evil\"",
		"/bin/'",
		"/bin/' type=USER_CMD msg=audit(1.1:1): pid=1",
		"/bin/gr\xc3\xbc\xc3\x9f",
		"/bin/\xff\xfe\x80",
		"/bin/\x1b[2Jx\x7f",
		"/bin/ ",
		"/bin/plain",
		"/bin/uid=0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct message message;

		make(&message, names[i], names[i], strlen(names[i]) + 1);
		_cleanup_free_ char *path = value(message.text, " path");
		_cleanup_free_ char *cmd = value(message.text, " cmd");
		_cleanup_free_ char *vm = value(message.text, "vm");
		assert_string_equal(path, names[i]);
		assert_string_equal(cmd, names[i]);
		assert_string_equal(vm, "web");
		assert_null(strstr(message.text, "res="));
		assert_null(strchr(message.text, '\''));
		assert_null(strchr(message.text, '\n'));
		for (const char *c = message.text; *c != '\0'; c++) {
			assert_in_range(*c, 0x20, 0x7e);
		}
	}
}

static void long_ones_are_cut_and_say_so(void **state)
{
	struct message message;
	static char args[200000];
	static char name[4096];
	char want[DIGEST_HEX_SIZE];

	memset(args, 'a', sizeof(args));
	args[sizeof(args) - 1] = '\0';
	memset(name, '/', sizeof(name));
	name[4000] = '\0';
	/* The worst of all: everything is long, and is written in hex. */
	memset(session.container, '\n', 255);
	memset(session.reason, '\n', sizeof(session.reason) - 1);
	for (int hex = 0; hex < 2; hex++) {
		name[1] = args[0] = hex ? '\n' : 'b';
		make(&message, name, args, sizeof(args));
		digest_sha256(args, sizeof(args) - 1, want);
		assert_true(strlen(message.text) < MESSAGE_MAX - 1);
		_cleanup_free_ char *size = str_format(" cmd-size=199999 cmd-sha256=%s ", want);
		assert_non_null(strstr(message.text, size));
		assert_non_null(strstr(message.text, " path-size=4000 "));
		assert_non_null(strstr(message.text, " jseq=7 jhash="));
	}
	strcpy(session.container, "web");
	session.reason[0] = '\0';
}

static void bytes_come_back(void **state)
{
	unsigned int seed = 2;

	for (int round = 0; round < 5000; round++) {
		char bytes[64];
		size_t size = (size_t)rand_r(&seed) % sizeof(bytes);
		size_t got;
		struct json_object *record = json_object_new_object();
		struct json_object *back;

		for (size_t i = 0; i < size; i++) {
			/* Much that looks like UTF-8. */
			static const char pieces[] =
				"\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\x80\xc0\x80"
				"a\"\\\n\x7f\xff\x01";
			bytes[i] = pieces[(size_t)rand_r(&seed) % (sizeof(pieces) - 1)];
		}
		event_add_bytes(record, "x", bytes, size);
		struct json_object *parsed = json_tokener_parse(json_object_to_json_string_ext(
			record, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		assert_non_null(parsed);
		assert_true(json_object_object_get_ex(parsed, "x", &back));
		_cleanup_free_ char *again = event_bytes(back, &got);
		assert_int_equal(got, size);
		assert_memory_equal(again, bytes, size);
		json_object_put(parsed);
		json_object_put(record);
	}
}

static void what_is_no_word_is_not_told(void **state)
{
	struct message message;

	strcpy(session.container_id, "abc res=success");
	make(&message, "/bin/ls", "ls", 3);
	assert_non_null(strstr(message.text, " uuid=? "));
	strcpy(session.container_id, "abc123");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(long_ones_are_cut_and_say_so),
		cmocka_unit_test(bytes_come_back),
		cmocka_unit_test(what_is_no_word_is_not_told),
	};

	return cmocka_run_group_tests_name("audit: messages", tests, setup, teardown);
}
