/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines and text whose secrets are taken out: whatever they are, what is left has the same
 * number of strings, and a secret that stands behind a known name is gone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audit/conf.h"
#include "audit/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret[] = "--password=hunter2-of-the-fuzzer";

static size_t strings(const char *block, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		n += block[i] == '\0';
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct redactor *redactor;
	static struct conf conf;
	size_t out_size, n;

	if (redactor == NULL) {
		static char nothing[] = "journal = /nonexistent/journal.jsonl\n";

		conf_parse(&conf, nothing, "fuzz", NULL);
		redactor = redact_new(&conf, NULL);
		if (redactor == NULL) {
			abort();
		}
	}
	/* The input's strings, and one with a secret behind them. */
	size_t whole = size + 1 + sizeof(secret);
	char *args = malloc(whole);
	memcpy(args, data, size);
	args[size] = '\0';
	memcpy(args + size + 1, secret, sizeof(secret));
	char *out = redact_args(redactor, args, whole, &out_size, &n);
	if (out == NULL || out_size == 0 || strings(out, out_size) != strings(args, whole)) {
		abort();
	}
	const char *before = memrchr(out, '\0', out_size - 1);
	/* Or all of it, as the value of an option before it. */
	if (before == NULL || strstr(before + 1, "hunter2") != NULL ||
		strstr(before + 1, "[redacted:") == NULL) {
		abort();
	}
	free(out);
	out = redact_text(redactor, args, size, &out_size, &n);
	if (out == NULL || out[out_size] != '\0') {
		abort();
	}
	free(out);
	free(args);
	return 0;
}
