/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the gate tells of a transition. The attempt is recorded when the process is the launcher
 * already and stands still at its first instruction: its arguments are its own by then, so no
 * thread of the tool can change them any more, and nothing of the profile is applied yet.
 */
#include "gate/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/procfs.h"
#include "gate/transition.h"
#include "policy/profile.h"

int record_start(struct gate *gate, struct error *err)
{
	char warning[1024];
	int r = 0;

	if (gate->start.audit.mode != TRAIL_OFF) {
		r = conf_load(&gate->conf, err);
		if (r == 0) {
			r = trail_open(&gate->trail, &gate->start.audit, &gate->conf, false,
				warning, sizeof(warning), err);
		}
		if (r == 0) {
			r = audit_gate(gate->trail, err);
		}
	}
	tools_start(gate);
	/* The front has given the same warning already. */
	return r < 0 && gate->start.audit.mode == TRAIL_REQUIRED ? r : 0;
}

static void describe(
	const struct gate *gate, const struct transition *t, struct audit_command *command)
{
	/* Of /.sallyport/enter FILE the first is the launcher's own name. */
	size_t skip = t->plan.skip_args > 0 && t->args != NULL ? strlen(t->args) + 1 : 0;

	if (skip > t->args_size) {
		skip = t->args_size;
	}
	*command = (struct audit_command){
		.args = t->args != NULL ? t->args + skip : NULL,
		.args_size = t->args_size - skip,
		.path = t->plan.path,
		.file = t->file,
		.cwd = t->plan.cwd[0] != '\0' ? t->plan.cwd : NULL,
		.pid = t->tgid,
		.uid = gate->start.run_uid,
	};
}

void record_attempt(struct gate *gate, struct transition *t)
{
	struct audit_command command;
	struct error err = { 0 };

	if (gate->trail == NULL) {
		return;
	}
	t->number = ++gate->n_transitions;
	_cleanup_close_ int proc_fd = procfs_open(t->tgid, &err);
	int r = proc_fd < 0 ? proc_fd : procfs_args(proc_fd, &t->args, &t->args_size, &err);
	if (r == 0) {
		describe(gate, t, &command);
		r = audit_attempt(gate->trail, t->number, &command, &t->attempted, &err);
	}
	if (r < 0 && trail_required(gate->trail)) {
		error_wrap(&err, "%s is not executed", t->plan.path);
		t->refusal = err;
	} else if (r < 0) {
		log_warning("%s: %s", t->plan.path, err.message);
	}
}

int record_done(struct gate *gate, struct transition *t, struct error *err)
{
	const struct audit_outcome outcome = {
		.done = true,
		.status = -1,
		.label = gate->start.audit.label,
		.missed = t->missed,
		.ms = (double)(clock_ns() - t->began_ns) / 1e6,
	};
	struct audit_command command;

	int r = 0;

	if (t->number != 0) {
		describe(gate, t, &command);
		r = audit_outcome(gate->trail, t->number, &command, &outcome, err);
	}
	if (r < 0 && trail_required(gate->trail)) {
		t->refusal = *err;
		return r;
	}
	if (r < 0) {
		log_warning("%s: %s", t->plan.path, err->message);
	}
	t->told = true;
	notice_transition(gate, t->tgid, t->plan.path, 0);
	return 0;
}

void record_failed(struct gate *gate, struct transition *t, int status, const struct error *cause)
{
	struct error why = cause != NULL ? *cause : t->refusal;
	struct error err = { 0 };
	struct audit_command command;

	if (t->told) {
		return;
	}
	t->told = true;
	if (why.code == 0) {
		transition_hear(t->sock, &why);
	}
	/* Without a code the launcher has said why to its user. */
	notice_transition(gate, t->tgid, t->file, why.code != 0 ? why.code : ECHILD);
	if (t->number == 0) {
		return;
	}
	if (why.code == 0 && status != -1 && WIFSIGNALED(status)) {
		snprintf(why.message, sizeof(why.message), "it was killed before it began");
	}
	const struct audit_outcome outcome = {
		.code = why.code,
		.reason = why.message,
		.status = status,
		.missed = t->missed,
		.ms = (double)(clock_ns() - t->began_ns) / 1e6,
	};
	describe(gate, t, &command);
	int r = t->attempted ? audit_outcome(gate->trail, t->number, &command, &outcome, &err)
			     : audit_refused(gate->trail, &command, &why, &err);
	if (r < 0) {
		log_warning("%s: %s", t->plan.path, err.message);
	}
}

void record_unknown(struct gate *gate, struct transition *t, int status)
{
	const struct audit_outcome outcome = {
		.unknown = true,
		.reason = "a signal ended it, before or after the program began",
		.status = status,
	};
	struct audit_command command;
	struct error err = { 0 };

	describe(gate, t, &command);
	if (t->number != 0 && audit_outcome(gate->trail, t->number, &command, &outcome, &err) < 0) {
		log_warning("%s: %s", t->plan.path, err.message);
	}
}

void record_refused(struct gate *gate, pid_t pid, const char *file, const struct error *cause)
{
	const struct audit_command command = {
		.path = file,
		.pid = pid,
		.uid = UINT32_MAX,
	};
	struct error err = { 0 };

	notice_transition(gate, pid, file, cause->code);
	if (audit_refused(gate->trail, &command, cause, &err) < 0) {
		log_warning("%s: %s", file, err.message);
	}
}
