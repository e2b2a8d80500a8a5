/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport attach, sallyport exec
 */
#include <stdbool.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/plan.h"
#include "cli/record.h"
#include "cli/trail.h"
#include "session/child.h"

static int plan(struct options *options)
{
	struct target target = { 0 };
	struct profile profile = { .pidfd = -1, .proc_fd = -1 };
	struct error err = { 0 };
	int status = options_capture(options, &target, &profile, &err);

	if (status == 0) {
		struct profile lifted =
			options->without != NULL ? lift(&profile, &options->lifted) : profile;

		status = plan_print(&lifted, &options->session);
	} else {
		log_error("%s", err.message);
		status = EXIT_OURS;
	}
	options_finish(options);
	profile_finish(&profile);
	log_set_subject(NULL);
	target_finish(&target);
	return status;
}

static int command(int argc, char **argv, bool views,
	int (*run)(const struct profile *, const struct session_options *, struct error *))
{
	static char shell[] = "/bin/sh";
	static char *default_command[] = { shell, NULL };
	struct options options;
	struct target target = { 0 };
	struct profile profile = { .pidfd = -1, .proc_fd = -1 };
	struct record record = { .registry = { .fd = -1 } };
	struct cli_trail trail = { 0 };
	struct error err = { 0 };
	struct error cause = { 0 };
	bool begun = false;
	int status = options_parse(&options, argc, argv, views);

	if (status >= 0) {
		return status;
	}
	if (!views && options.session.argv == NULL) {
		options.session.argv = default_command;
	}
	if (options.plan) {
		return plan(&options);
	}
	child_catch_signals();
	options.trail = &trail;
	/* Who can't be recorded for want of rights can't do anything either. */
	status = session_check_host(&err);
	if (status == 0 && views) {
		session_start_early(&options.session);
	}
	if (status == 0) {
		status = cli_trail_open(&trail, &options, views ? "attach" : "exec", &err);
	}
	if (status == 0) {
		status = options_capture(&options, &target, &profile, &err);
	}
	if (status == 0) {
		status = record_begin(&record, &options, &target, &trail.conf, &err);
	}
	if (status == 0) {
		/* Before the one transition of an exec its attempt is synced, and this with it. */
		status = cli_trail_begin(&trail, &options, views, &err);
		begun = status == 0;
	}
	if (status == 0) {
		struct profile lifted;
		bool lifts = options.without != NULL;

		if (lifts) {
			lifted = lift(&profile, &options.lifted);
			lifted.throw_away = false;
		}
		status = run(lifts ? &lifted : &profile, &options.session, &err);
	}
	/* What is not whole of a recording is worth a word, not the program's status. */
	if (record_end(&record, &cause) < 0 && status >= 0) {
		log_error("%s", cause.message);
	}
	cli_trail_end(&trail, begun, status, &err, record_path(&record), record.sha256);
	session_finish();
	if (status < 0) {
		log_error("%s", err.message);
		status = EXIT_OURS;
	}
	record_finish(&record);
	cli_trail_close(&trail);
	options_finish(&options);
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
