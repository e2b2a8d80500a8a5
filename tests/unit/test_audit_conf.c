/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport.conf: what it says, and what it says of what is wrong in it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "audit/conf.h"
#include "base/cleanup.h"
#include "base/str.h"

static int parse(struct conf *conf, const char *text, struct error *err)
{
	_cleanup_free_ char *copy = strdup(text);

	return conf_parse(conf, copy, "f", err);
}

static void defaults(void **state)
{
	struct conf conf;
	struct error err;

	assert_int_equal(parse(&conf, "\n# nothing\n  \t\n", &err), 0);
	assert_int_equal(conf.audit, -1);
	assert_string_equal(conf.journal, "/var/log/sallyport/journal.jsonl");
	assert_true(conf.redact_defaults);
	assert_true(conf.audit_tools);
	conf_finish(&conf);
}

static void all_keys(void **state)
{
	struct conf conf;
	struct error err;

	assert_int_equal(parse(&conf,
				 "audit = required\naudit-minimum=journal\n audit-kernel = yes \n"
				 "audit-tools = no\njournal = /a/b\r\njournal-size = 2M\n"
				 "journal-count = 3\nredact = a=(b)\nredact = c\n"
				 "redact-option = --x\nredact-defaults = no\nrecord = on\n"
				 "record-input = yes\nrecord-dir = /c",
				 &err),
		0);
	assert_int_equal(conf.audit, TRAIL_REQUIRED);
	assert_int_equal(conf.audit_minimum, TRAIL_JOURNAL);
	assert_true(conf.audit_kernel);
	assert_false(conf.audit_tools);
	assert_string_equal(conf.journal, "/a/b");
	assert_int_equal(conf.journal_size, 2 << 20);
	assert_int_equal(conf.journal_count, 3);
	assert_int_equal(conf.redact.count, 2);
	assert_string_equal(conf.redact.items[0], "a=(b)");
	assert_int_equal(conf.redact_options.count, 1);
	assert_false(conf.redact_defaults);
	assert_int_equal(conf.record, CONF_RECORD_ON);
	assert_true(conf.record_input);
	assert_string_equal(conf.record_dir, "/c");
	conf_finish(&conf);
}

static void errors_name_the_line(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} wrong[] = {
		{ "\n\nfoo = 1\n", "f:3: unknown key \"foo\"" },
		{ "audit\n", "f:1: not of the form key = value" },
		{ "audit =\n", "f:1: audit has no value" },
		{ "audit = maybe\n", "f:1: audit must be required, journal, off or auto" },
		{ "audit-minimum = auto", "f:1: audit-minimum must be required, journal or off" },
		{ "audit = off\naudit = off\n", "f:2: audit stands there already" },
		{ "journal = relative\n", "f:1: journal must be an absolute path" },
		{ "journal = /dir/\n", "f:1: journal must be an absolute path" },
		{ "journal-size = 12\n", "f:1: journal-size is less than 64k" },
		{ "journal-size = 12x\n", "f:1: journal-size must be a number of bytes" },
		{ "journal-size = 99999999999G\n", "f:1: journal-size is too large" },
		{ "journal-size = -1\n", "f:1: journal-size must be a number of bytes" },
		{ "journal-count = 0\n", "f:1: journal-count must be" },
		{ "redact = (\n", "f:1: redact is no extended regular expression" },
		{ "redact-option = x\n", "f:1: redact-option must be an option" },
		{ "record = yes\n", "f:1: record must be off, on or required" },
		{ "audit-kernel = 1\n", "f:1: audit-kernel must be yes or no" },
		{ "= x\n", "f:1: unknown key" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct conf conf;
		struct error err = { 0 };

		assert_true(parse(&conf, wrong[i].text, &err) < 0);
		if (!str_starts_with(err.message, wrong[i].message)) {
			fail_msg("%s: %s", wrong[i].text, err.message);
		}
		conf_finish(&conf);
	}
}

static void modes(void **state)
{
	struct conf conf;
	struct error err;

	assert_int_equal(parse(&conf, "audit-minimum = journal", &err), 0);
	assert_int_equal(conf_mode(&conf, NULL, true, &err), TRAIL_REQUIRED);
	assert_int_equal(conf_mode(&conf, NULL, false, &err), TRAIL_JOURNAL);
	assert_int_equal(conf_mode(&conf, "required", false, &err), TRAIL_REQUIRED);
	assert_int_equal(conf_mode(&conf, "journal", true, &err), TRAIL_JOURNAL);
	assert_int_equal(conf_mode(&conf, "off", true, &err), -EPERM);
	assert_int_equal(conf_mode(&conf, "some", true, &err), -EINVAL);
	conf_finish(&conf);
	assert_int_equal(parse(&conf, "audit = off\naudit-minimum = required", &err), 0);
	assert_int_equal(conf_mode(&conf, NULL, false, &err), TRAIL_REQUIRED);
	conf_finish(&conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(all_keys),
		cmocka_unit_test(errors_name_the_line),
		cmocka_unit_test(modes),
	};

	return cmocka_run_group_tests_name("audit: sallyport.conf", tests, NULL, NULL);
}
