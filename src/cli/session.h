/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command that captures a container's profile and does something with it, under the site's rules
 * and with its records: diff, why.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/options.h"

struct cli_action {
	/* Whether DATA's request fits TARGET, before the session is recorded as begun; NULL: it
	 * does. 0 or a negative errno. */
	int (*check)(void *data, const struct target *target, struct error *err);
	/* Returns the exit status or a negative errno. */
	int (*run)(void *data, const struct target *target, const struct profile *profile,
		struct error *err);
	void *data;
};

/*
 * Does ACTION with the container of OPTIONS, which are finished then, in the name of COMMAND.
 * Errors are printed. Returns the exit status.
 */
int cli_session(struct options *options, const char *command, const struct cli_action *action);

#endif
