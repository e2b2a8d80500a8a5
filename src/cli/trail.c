/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/trail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit/kernel.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/options.h"
#include "lsm/lsm.h"

int cli_trail_open(
	struct cli_trail *t, struct options *options, const char *command, struct error *err)
{
	char warning[1024];
	int r = conf_load(&t->conf, err);

	if (r == 0) {
		r = audit_session_describe(&t->session, command, err);
	}
	if (r < 0) {
		return r;
	}
	bool kernel = kernel_audit_enabled();
	int mode = conf_mode(&t->conf, options->audit, kernel, err);
	if (mode < 0) {
		return mode;
	}
	t->session.mode = (uint32_t)mode;
	t->session.kernel = mode == TRAIL_REQUIRED && kernel;
	t->session.native = options->session.native_view;
	t->session.native_host = options->session.native_host;
	snprintf(t->session.container, sizeof(t->session.container), "%s", options->container);
	if (options->session.reason != NULL) {
		snprintf(t->session.reason, sizeof(t->session.reason), "%s",
			options->session.reason);
	}
	options->session.audit = &t->session;
	if (mode == TRAIL_OFF) {
		return 0;
	}
	r = trail_open(&t->trail, &t->session, &t->conf, true, warning, sizeof(warning), err);
	if (r == 0 && warning[0] != '\0') {
		log_warning("%s", warning);
	}
	options->session.trail = t->trail;
	return r;
}

void cli_trail_describe(struct cli_trail *t, const struct target *target)
{
	struct audit_session *session = &t->session;

	snprintf(session->engine, sizeof(session->engine), "%s",
		target->engine != NULL ? target->engine : "");
	if (target->name != NULL) {
		snprintf(session->container, sizeof(session->container), "%s", target->name);
	}
	snprintf(session->container_id, sizeof(session->container_id), "%s",
		target->id != NULL ? target->id : "");
	session->container_pid = target->pid;
	session->container_start_time = target->start_time;
}

void cli_trail_label(struct cli_trail *t, const struct profile *profile)
{
	/* One of them as the kernel's records want it; the rest is `sallyport inspect`'s to tell.
	 */
	for (int i = 0; i < LSM_KINDS; i++) {
		const char *text = profile->labels.of[i].text;

		if (text[0] != '\0' && t->session.label[0] == '\0') {
			snprintf(t->session.label, sizeof(t->session.label), "%s", text);
		}
	}
}

int cli_trail_begin(
	struct cli_trail *t, const struct options *options, bool sync, struct error *err)
{
	struct audit_command command = { .uid = UINT32_MAX };
	_cleanup_free_ char *args = str_block(options->session.argv, &command.args_size);

	command.args = command.args_size > 0 ? args : NULL;
	int r = audit_begin(t->trail, &command, sync, err);
	if (r < 0 && !trail_required(t->trail)) {
		log_warning("%s", err->message);
		error_clear(err);
		return 0;
	}
	return r;
}

void cli_trail_end(struct cli_trail *t, bool begun, int result, const struct error *cause,
	const char *recording, const char *sha256)
{
	const struct audit_end end = {
		.status = result,
		.cause = result < 0 ? cause->message : NULL,
		.recording = recording,
		.recording_sha256 = recording != NULL && sha256[0] != '\0' ? sha256 : NULL,
	};
	struct error err = { 0 };
	int r = begun	     ? audit_end(t->trail, &end, &err)
		: result < 0 ? audit_refused(t->trail, NULL, cause, &err)
			     : 0;

	if (r < 0) {
		log_warning("%s", err.message);
	}
}

void cli_trail_close(struct cli_trail *t)
{
	trail_close(t->trail);
	conf_finish(&t->conf);
}
