/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/record.h"

#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/procfs.h"
#include "gate/transition.h"

/* The number of its transition. */
static uint64_t number(const struct exec_record *record)
{
	return record->options->n_before + 1;
}

static void describe(const struct exec_record *record, struct audit_command *command)
{
	*command = (struct audit_command){
		.path = record->options->argv[0],
		.cwd = record->options->cwd,
		.pid = record->pid,
		.uid = record->profile->credentials.euid,
	};
}

int exec_record_attempt(struct exec_record *record, struct error *err)
{
	_cleanup_free_ char *args = NULL;
	struct audit_command command;

	if (record->options->trail == NULL) {
		return 0;
	}
	describe(record, &command);
	_cleanup_close_ int proc_fd = procfs_open(record->pid, err);
	int r = proc_fd < 0 ? proc_fd : procfs_args(proc_fd, &args, &command.args_size, err);
	if (r == 0) {
		command.args = args;
		r = audit_attempt(
			record->options->trail, number(record), &command, &record->open, err);
	}
	if (r < 0 && trail_required(record->options->trail)) {
		return error_wrap(err, "%s is not executed", command.path);
	}
	if (r < 0) {
		log_warning("%s", err->message);
		error_clear(err);
	}
	return 0;
}

int exec_record_outcome(struct exec_record *record, bool done, int status, struct error *err)
{
	struct error why = *err;
	struct error failed = { 0 };
	struct audit_command command;

	if (!record->open) {
		return 0;
	}
	if (!done && why.code == 0) {
		transition_hear(record->sock, &why);
	}
	const struct audit_outcome outcome = {
		.done = done,
		.code = done ? 0 : why.code,
		.reason = done ? NULL : why.message,
		.status = status,
		.label = done ? record->options->audit->label : NULL,
		.missed = record->missed,
	};
	describe(record, &command);
	int r = audit_outcome(record->options->trail, number(record), &command, &outcome, &failed);
	if (r < 0 && done && trail_required(record->options->trail)) {
		*err = failed;
		return error_wrap(err, "%s was killed before it began", command.path);
	}
	record->open = false;
	if (r < 0) {
		log_warning("%s", failed.message);
	}
	return 0;
}

void exec_record_exit(const struct exec_record *record, int status)
{
	struct error err = { 0 };

	if (audit_exit(record->options->trail, number(record), record->pid,
		    status < 0 ? -1 : W_EXITCODE(status, 0), &err) < 0) {
		log_warning("%s", err.message);
	}
}
