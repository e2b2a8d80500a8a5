/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport attach, sallyport exec
 */
#include <stdbool.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/options.h"

static int command(int argc, char **argv, bool views,
	int (*run)(const struct profile *, const struct session_options *, struct error *))
{
	static char shell[] = "/bin/sh";
	static char *default_command[] = { shell, NULL };
	struct options options;
	struct target target = { 0 };
	struct profile profile = { .pidfd = -1, .proc_fd = -1 };
	struct error err = { 0 };
	int status = options_parse(&options, argc, argv, views);

	if (status >= 0) {
		return status;
	}
	if (!views && options.session.argv == NULL) {
		options.session.argv = default_command;
	}
	status = options_capture(&options, &target, &profile, &err);
	if (status == 0) {
		status = run(&profile, &options.session, &err);
	}
	if (status < 0) {
		log_error("%s", err.message);
		status = EXIT_OURS;
	}
	profile_finish(&profile);
	log_set_subject(NULL);
	target_finish(&target);
	return status;
}

int command_attach(int argc, char **argv)
{
	return command(argc, argv, true, session_attach);
}

int command_exec(int argc, char **argv)
{
	return command(argc, argv, false, session_exec);
}
