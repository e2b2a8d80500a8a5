/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of recordings, read back by json-c: text that is cut anywhere, bytes that are no text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "audit/asciicast.h"
#include "base/str.h"

#define R "\xef\xbf\xbd" /* U+FFFD */

/* The data of the event in LINE of SIZE bytes, added to OUT; nothing where SIZE is 0. */
static void add_data(char *out, const char *line, size_t size, const char *code)
{
	if (size == 0) {
		return;
	}
	assert_int_equal(line[size - 1], '\n');
	char *text = strndup(line, size);
	struct json_object *event = json_tokener_parse(text);
	assert_non_null(event);
	assert_true(json_object_is_type(event, json_type_array));
	assert_int_equal(json_object_array_length(event), 3);
	assert_true(json_object_is_type(json_object_array_get_idx(event, 0), json_type_double));
	assert_string_equal(json_object_get_string(json_object_array_get_idx(event, 1)), code);
	strcat(out, json_object_get_string(json_object_array_get_idx(event, 2)));
	json_object_put(event);
	free(text);
}

/* What comes of TEXT, given in two pieces that are cut at CUT. */
static void encode(char *out, const char *text, size_t size, size_t cut)
{
	struct cast_stream stream = { 0 };
	char *line = malloc(CAST_EVENT_MAX(size + CAST_PENDING_MAX));

	*out = '\0';
	assert_non_null(line);
	add_data(out, line, cast_event(line, 0.5, CAST_OUTPUT, &stream, text, cut), "o");
	add_data(out, line, cast_event(line, 1.25, CAST_OUTPUT, &stream, text + cut, size - cut),
		"o");
	add_data(out, line, cast_end(line, 2, CAST_OUTPUT, &stream), "o");
	free(line);
}

static void test_text(void **state)
{
	static const struct {
		const char *text;
		const char *recorded;
	} cases[] = {
		{ "plain text, longer than eight bytes", "plain text, longer than eight bytes" },
		{ "1234567\"", "1234567\"" },
		{ "12345678\\9\"", "12345678\\9\"" },
		{ "\x01\x1b[31mred\x1b[0m\r\n\t\b\f\x7f", "\x01\x1b[31mred\x1b[0m\r\n\t\b\f\x7f" },
		{ "h\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x99\x82",
			"h\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x99\x82" },
		{ "\xff", R },
		{ "a\x80z", "a" R "z" },
		{ "\xc0\xaf", R R },			    /* overlong */
		{ "\xe0\x80\xaf", R R R },		    /* overlong */
		{ "\xed\xa0\x80", R R R },		    /* a surrogate */
		{ "\xf4\x90\x80\x80", R R R R },	    /* above U+10FFFF */
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" }, /* U+10FFFF */
		{ "\xf0\x9f\x99", R },			    /* cut for good: one for its part */
		{ "\xf0\x9f\x99z", R "z" },
		{ "\xe6\x97\xe6\x97\xa5", R "\xe6\x97\xa5" },
		{ "\xc3\xc3\xa9", R "\xc3\xa9" },
		{ "\xf5\x80", R R },
	};
	char out[512];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t cut = 0; cut <= strlen(cases[i].text); cut++) {
			encode(out, cases[i].text, strlen(cases[i].text), cut);
			if (strcmp(out, cases[i].recorded) != 0) {
				fail_msg("case %zu, cut at %zu: %s", i, cut, out);
			}
		}
	}
}

/* One byte at a time, each of them an event of its own or none. */
static void test_bytes(void **state)
{
	static const char text[] = "\xf0\x9f\x99\x82\xe2\x82\xac\xc3\xa9x\xe2\x82";
	struct cast_stream stream = { 0 };
	char line[CAST_EVENT_MAX(1 + CAST_PENDING_MAX)];
	char out[64] = "";

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		add_data(out, line, cast_event(line, 1, CAST_INPUT, &stream, text + i, 1), "i");
	}
	add_data(out, line, cast_end(line, 1, CAST_INPUT, &stream), "i");
	assert_string_equal(out, "\xf0\x9f\x99\x82\xe2\x82\xac\xc3\xa9x" R);
}

/* The worst that can come fits the room that is promised. */
static void test_room(void **state)
{
	char text[16384];
	struct cast_stream stream = { 0 };
	char *line = malloc(CAST_EVENT_MAX(sizeof(text) + CAST_PENDING_MAX));

	for (int c = 0; c < 256; c++) {
		memset(text, c, sizeof(text));
		assert_in_range(
			cast_event(line, 123456.789, CAST_OUTPUT, &stream, text, sizeof(text)), 0,
			CAST_EVENT_MAX(sizeof(text) + CAST_PENDING_MAX));
	}
	free(line);
}

static void test_header(void **state)
{
	const struct cast_header header = {
		.columns = 132,
		.rows = 33,
		.timestamp = 1700000000,
		.command = "sh -c \"\xff\n\"",
		.title = "sallyport attach w\xc3\xa9"
			 "b",
		.session = "0123",
	};
	char *line = cast_header(&header);
	struct json_object *value;

	assert_non_null(line);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	struct json_object *object = json_tokener_parse(line);
	assert_true(json_object_object_get_ex(object, "version", &value));
	assert_int_equal(json_object_get_int(value), 2);
	assert_true(json_object_object_get_ex(object, "width", &value));
	assert_int_equal(json_object_get_int(value), 132);
	assert_true(json_object_object_get_ex(object, "command", &value));
	assert_string_equal(json_object_get_string(value), "sh -c \"" R "\n\"");
	assert_true(json_object_object_get_ex(object, "env", &value));
	assert_true(json_object_object_get_ex(value, "SALLYPORT_SESSION", &value));
	assert_string_equal(json_object_get_string(value), "0123");
	json_object_put(object);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
