/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/usage.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"

#define NAMES_SIZE 512

/* The long options that begin as GIVEN ("--ho=x") does, in NAMES. Returns their number. */
static int find_long(char names[NAMES_SIZE], const char *given, const struct option *options)
{
	const char *name = given + strlen("--");
	size_t length = strcspn(name, "=");
	size_t used = 0;
	int n = 0;

	names[0] = '\0';
	for (const struct option *o = options; o->name != NULL; o++) {
		if (strncmp(o->name, name, length) == 0 && used < NAMES_SIZE) {
			used += (size_t)snprintf(names + used, NAMES_SIZE - used, "%s--%s",
				n > 0 ? ", " : "", o->name);
			n++;
		}
	}
	return n;
}

int usage_wrong_option(int result, char **argv, const struct option *options)
{
	const char *command = argv[0];
	const char *given = argv[optind - 1];
	char names[NAMES_SIZE];
	char letter[] = { '-', (char)optopt, '\0' };
	/* A short option is known by its letter alone; those without one begin above. */
	bool is_short = optopt > 0 && optopt <= UCHAR_MAX && !str_starts_with(given, "--");
	const char *name = is_short ? letter : given;

	if (result == ':') {
		log_error("%s: option %s takes a value (see sallyport %s --help)", command, name,
			command);
	} else if (is_short || !str_starts_with(given, "--")) {
		log_error("%s has no option %s (see sallyport %s --help)", command, name, command);
	} else if (optopt != 0) {
		log_error("%s: option %.*s takes no value (see sallyport %s --help)", command,
			(int)strcspn(given, "="), given, command);
	} else if (find_long(names, given, options) > 1) {
		log_error("%s: option %.*s could be any of %s", command, (int)strcspn(given, "="),
			given, names);
	} else {
		log_error("%s has no option %.*s (see sallyport %s --help)", command,
			(int)strcspn(given, "="), given, command);
	}
	return EXIT_OURS;
}
