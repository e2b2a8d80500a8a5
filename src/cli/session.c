/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/session.h"

#include <errno.h>
#include <signal.h>

#include "base/exit.h"
#include "base/log.h"
#include "cli/trail.h"
#include "session/session.h"

int cli_session(struct options *options, const char *command, const struct cli_action *action)
{
	struct target target = { 0 };
	struct profile profile = { .pidfd = -1, .proc_fd = -1 };
	struct cli_trail trail = { 0 };
	struct error err = { 0 };
	bool begun = false;

	options->trail = &trail;
	int r = session_check_host(&err);
	if (r == 0) {
		r = cli_trail_open(&trail, options, command, &err);
	}
	if (r == 0) {
		r = options_capture(options, &target, &profile, &err);
	}
	if (r == 0 && action->check != NULL) {
		r = action->check(action->data, &target, &err);
	}
	if (r == 0) {
		r = cli_trail_begin(&trail, options, true, &err);
		begun = r == 0;
	}
	if (r == 0) {
		r = action->run(action->data, &target, &profile, &err);
	}
	cli_trail_end(&trail, begun, r, &err, NULL, NULL);
	if (r < 0) {
		log_error("%s", err.message);
	}
	cli_trail_close(&trail);
	options_finish(options);
	profile_finish(&profile);
	log_set_subject(NULL);
	target_finish(&target);
	/* As shells have it for ^C. */
	return r == -EINTR ? 128 + SIGINT : r < 0 ? EXIT_OURS : r;
}
