/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No secret stays in what is written, and what is none stays as it is.
 */
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/conf.h"
#include "audit/redact.h"
#include "audit/redact_rules.h"
#include "base/cleanup.h"
#include "base/str.h"

#define S "hunter2hunter2"

static char directory[] = "/tmp/sp-redact.XXXXXX";
static struct conf conf;
static struct redactor *redactor;

static int setup(void **state)
{
	char text[512];

	if (mkdtemp(directory) == NULL) {
		return -1;
	}
	snprintf(text, sizeof(text),
		"journal = %s/j/journal.jsonl\nredact = ticket-([0-9]+)\nredact-option = "
		"--my-own\n",
		directory);
	if (conf_parse(&conf, text, "test", NULL) < 0) {
		return -1;
	}
	redactor = redact_new(&conf, NULL);
	return redactor != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	char path[128];

	redact_free(redactor);
	conf_finish(&conf);
	snprintf(path, sizeof(path), "%s/j/redaction.key", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/j", directory);
	rmdir(path);
	return rmdir(directory);
}

/* Words joined by '|' as a block of arguments, redacted, joined again. The caller frees. */
static char *redacted(const char *joined, size_t *count)
{
	char block[1024];
	size_t size = strlen(joined) + 1;
	size_t out_size;

	memcpy(block, joined, size);
	for (size_t i = 0; i < size; i++) {
		if (block[i] == '|') {
			block[i] = '\0';
		}
	}
	char *out = redact_args(redactor, block, size, &out_size, count);
	assert_non_null(out);
	for (size_t i = 0; i + 1 < out_size; i++) {
		if (out[i] == '\0') {
			out[i] = '|';
		}
	}
	return out;
}

static void secrets_go(void **state)
{
	static const char *const lines[] = {
		"mysql|-p" S,
		"mysql|-u|root|-p" S "|db",
		"/usr/bin/mysqldump|-p" S,
		"env|mysql|-p" S,
		"tool|--password=" S,
		"tool|--password|" S,
		"tool|--password|-" S,
		"tool|-password|" S,
		"tool|--db-password=" S " with more",
		"tool|--DbPassword=" S,
		"tool|--auth-token|" S,
		"tool|--api_key=" S,
		"tool|--client-secret=" S,
		"env|PASSWORD=" S,
		"env|MYSQL_PWD=" S "|mysql",
		"env|DB_PASS=" S,
		"env|PGPASSWORD=" S,
		"env|AWS_SECRET_ACCESS_KEY=" S,
		"env|GITHUB_TOKEN=" S,
		"docker|run|-e|PASSWORD=" S,
		"docker|run|--env=DB_PASSWORD=" S,
		"java|-Ddb.password=" S,
		"curl|-H|Authorization: Bearer " S,
		"curl|-H|authorization: Basic " S,
		"curl|-H|X-Api-Key: " S,
		"curl|-u|user:" S,
		"curl|-uuser:" S,
		"curl|--user|user:" S,
		"curl|https://user:" S "@host/path",
		"psql|postgresql://user:" S "@host:5432/db",
		"curl|-d|{\"user\": \"a\", \"password\": \"" S "\"}",
		"sh|-c|mysql -p" S " -e 'select 1'",
		"sh|-c|cd /x && PASSWORD='" S " more' run",
		"sh|-c|export TOKEN=" S "; run",
		"sh|-c|echo --password " S " >/dev/null",
		"sshpass|-p|" S "|ssh|host",
		"sshpass|-p" S "|ssh|host",
		"redis-cli|-a|" S "|ping",
		"ldapsearch|-x|-w|" S,
		"openssl|enc|-k|" S,
		"openssl|pkcs12|-passin|pass:" S,
		"docker|login|-u|a|-p|" S,
		"tool|--my-own|" S,
		"tool|--my-own=" S,
		"wget|--http-password=" S,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		size_t count;
		_cleanup_free_ char *out = redacted(lines[i], &count);

		if (strstr(out, S) != NULL || strstr(out, "[redacted:") == NULL || count != 1) {
			fail_msg("%s became %s (%zu)", lines[i], out, count);
		}
	}
}

static void tokens_go(void **state)
{
	static const char *const tokens[] = {
		"AKIAIOSFODNN7EXAMPLE",
		"ghp_abcdefghijklmnopqrstuvwxyz0123456789",
		"glpat-abcdefghij0123456789",
		"xoxb-1234567890-abcdefghij",
		"sk-abcdefghijklmnopqrstuvwxyz",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r",
		"hvs.abcdefghijklmnopqrstuv",
	};

	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
		_cleanup_free_ char *line =
			str_format("tool|before %s after|%s", tokens[i], tokens[i]);
		size_t count;
		_cleanup_free_ char *out = redacted(line, &count);

		if (strstr(out, tokens[i]) != NULL || strstr(out, "before ") == NULL ||
			strstr(out, " after") == NULL || count != 2) {
			fail_msg("%s became %s", line, out);
		}
	}
}

static void the_rest_stays(void **state)
{
	static const char *const lines[] = {
		"ls|-l|/etc/passwd",
		"grep|-p|word|password.txt",
		"mkdir|-p|/a/b",
		"cp|-p|a|b",
		"ssh|-p|22|host",
		"tool|--password-file=/run/secrets/db",
		"tool|--password-stdin|registry",
		"tool|--tokenizer-path|x",
		"mysql|-u|root|db",
		"curl|https://host/path?x=1",
		"env|PATH=/bin|HOME=/root",
		"tool|--bypass=yes|--compass=north",
		"sh|-c|while true; do sleep 1; done",
		"",
		"||",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		size_t count;
		_cleanup_free_ char *out = redacted(lines[i], &count);

		assert_string_equal(out, lines[i]);
		assert_int_equal(count, 0);
	}
}

static void one_secret_one_mark(void **state)
{
	size_t count;
	_cleanup_free_ char *a = redacted("tool|--password=" S, &count);
	_cleanup_free_ char *b = redacted("other|--token|" S, &count);
	_cleanup_free_ char *c = redacted("tool|--password=another", &count);

	assert_string_equal(strstr(a, "[redacted:"), strstr(b, "[redacted:"));
	assert_string_not_equal(strstr(a, "[redacted:"), strstr(c, "[redacted:"));
}

static void the_sites_own_patterns(void **state)
{
	size_t count;
	_cleanup_free_ char *out = redacted("tool|about ticket-12345 and ticket-6", &count);

	assert_int_equal(count, 2);
	assert_null(strstr(out, "12345"));
	assert_non_null(strstr(out, "about ticket-[redacted:"));
}

static void the_key_lasts(void **state)
{
	struct stat st;
	char path[128];
	size_t count;
	size_t size;
	struct redactor *second = redact_new(&conf, NULL);
	_cleanup_free_ char *a = redact_text(redactor, "PASSWORD=" S, 9 + strlen(S), &size, &count);
	_cleanup_free_ char *b = redact_text(second, "PASSWORD=" S, 9 + strlen(S), &size, &count);

	redact_free(second);
	assert_string_equal(a, b);
	snprintf(path, sizeof(path), "%s/j/redaction.key", directory);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	assert_int_equal(st.st_size, 32);
}

/* They are compiled only when a text has their needle. */
static void each_pattern_compiles(void **state)
{
	for (size_t i = 0; i < redact_n_patterns; i++) {
		const struct redact_pattern *pattern = &redact_patterns[i];
		regex_t regex;

		assert_non_null(pattern->needle);
		assert_int_equal(regcomp(&regex, pattern->regex,
					 REG_EXTENDED | (pattern->icase ? REG_ICASE : 0)),
			0);
		assert_in_range(pattern->group, 1, regex.re_nsub);
		regfree(&regex);
	}
}

static void any_bytes(void **state)
{
	/* Whatever comes in, its parts come out: no crash, no growth beyond the marks. */
	unsigned int seed = 1;

	for (int round = 0; round < 2000; round++) {
		static const char alphabet[] = "pas=-\"' :/@\0\n\xff\x80PWDtoken";
		char block[200];
		size_t size = (size_t)rand_r(&seed) % sizeof(block);
		size_t out_size;
		size_t count;

		for (size_t i = 0; i < size; i++) {
			block[i] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
		}
		_cleanup_free_ char *args = redact_args(redactor, block, size, &out_size, &count);
		assert_non_null(args);
		assert_true(out_size <= size + 28 * count);
		_cleanup_free_ char *text = redact_text(redactor, block, size, &out_size, &count);
		assert_non_null(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_go),
		cmocka_unit_test(tokens_go),
		cmocka_unit_test(the_rest_stays),
		cmocka_unit_test(one_secret_one_mark),
		cmocka_unit_test(the_sites_own_patterns),
		cmocka_unit_test(the_key_lasts),
		cmocka_unit_test(each_pattern_compiles),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests_name("audit: redaction", tests, setup, teardown);
}
