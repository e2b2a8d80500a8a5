/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command lines of attach and exec: whatever is asked for, it is refused with our exit status
 * or taken as it was written.
 */
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit.h"
#include "base/log.h"
#include "cli/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGS_MAX 256

static bool is_one_of(const char *word, char **argv, int argc)
{
	for (int i = 0; i < argc; i++) {
		/* Itself, or what comes behind an option in the same word. */
		if (word >= argv[i] && word <= argv[i] + strlen(argv[i])) {
			return true;
		}
	}
	return word == NULL;
}

static void check(const struct options *options, char **argv, int argc)
{
	const struct session_options *session = &options->session;
	const char *const words[] = { options->container, options->engine, options->user,
		options->like, options->audit, options->without, session->cwd, session->reason,
		session->record.file };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!is_one_of(words[i], argv, argc)) {
			abort();
		}
	}
	if (options->container == NULL || options->n_env > OPTIONS_LIST_MAX ||
		options->env[options->n_env] != NULL || options->n_shares > OPTIONS_LIST_MAX ||
		options->shares[options->n_shares] != NULL || session->n_keep > WIRE_KEEP_FDS_MAX) {
		abort();
	}
	/* All that follows the container is the command. */
	for (char **arg = session->argv; arg != NULL && *arg != NULL; arg++) {
		if (!is_one_of(*arg, argv, argc)) {
			abort();
		}
	}
}

/* One byte for the command, then its arguments, each with its NUL. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char command[] = "attach";
	char *argv[ARGS_MAX + 1];
	struct options options;
	int argc = 0;

	if (size == 0) {
		return 0;
	}
	char *text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	argv[argc++] = command;
	for (char *at = text; at < text + size && argc < ARGS_MAX; at += strlen(at) + 1) {
		argv[argc++] = at;
	}
	argv[argc] = NULL;
	/* getopt(3): zero begins anew. */
	optind = 0;
	opterr = 0;
	int status = options_parse(&options, argc, argv, (data[0] & 1) != 0);
	if (status == -1) {
		check(&options, argv, argc);
	} else if (status != 0 && status != EXIT_OURS) {
		abort();
	}
	options_finish(&options);
	log_set_level(LOG_NORMAL);
	free(text);
	return 0;
}
