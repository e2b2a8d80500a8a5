/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/conf.h"
#include "audit/event.h"
#include "audit/journal.h"
#include "audit/kernel.h"
#include "audit/redact.h"
#include "base/cleanup.h"

struct trail {
	struct audit_session *session;
	struct journal *journal; /* NULL: it could not be opened, in journal mode */
	struct redactor *redactor;
	int kernel_fd;
	bool tools;
	bool written; /* the last record came into the journal */
};

bool trail_required(const struct trail *trail)
{
	return trail != NULL && trail->session->mode == TRAIL_REQUIRED;
}

static void send_recovered(
	struct json_object *record, const struct journal_place *place, void *data)
{
	struct trail *trail = data;

	/* The journal has it for certain; the kernel's audit may have lost more than that. */
	if (trail->kernel_fd >= 0) {
		kernel_audit_send(trail->kernel_fd, record, place, "", false, NULL);
	}
}

/* The site demands the kernel's audit, and it isn't enabled: why, as far as that can be told. */
static int refuse_without_kernel(struct error *err)
{
	_cleanup_close_ int fd = kernel_audit_open(err);

	if (fd >= 0) {
		error_set(err, ENOTCONN, "the kernel's audit is disabled or not to be reached");
	}
	return error_wrap(err, "audit-kernel is yes in " CONF_PATH);
}

static int open_sinks(struct trail *trail, const struct conf *conf, struct error *err)
{
	const struct audit_session *session = trail->session;
	int r = 0;

	if (session->kernel != 0) {
		trail->kernel_fd = kernel_audit_open(err);
		r = trail->kernel_fd < 0 ? trail->kernel_fd : 0;
	} else if (trail_required(trail) && conf->audit_kernel) {
		r = refuse_without_kernel(err);
	}
	return r == 0 ? journal_open(&trail->journal, conf, err) : r;
}

int trail_open(struct trail **out, struct audit_session *session, const struct conf *conf,
	bool first, char *warning, size_t size, struct error *err)
{
	struct trail *trail = calloc(1, sizeof(*trail));

	*warning = '\0';
	*out = NULL;
	if (trail == NULL) {
		return error_set(err, ENOMEM, "open the audit trail");
	}
	trail->session = session;
	trail->kernel_fd = -1;
	trail->tools = conf->audit_tools;
	trail->redactor = redact_new(conf, err);
	int r = trail->redactor == NULL ? -ENOMEM : open_sinks(trail, conf, err);
	if (r == 0 && first) {
		r = journal_recover(trail->journal, NULL, send_recovered, trail, err);
	}
	if (r < 0 && (trail_required(trail) || trail->redactor == NULL)) {
		trail_close(trail);
		return error_wrap(err, "audit");
	}
	if (r < 0) {
		snprintf(warning, size, "audit: %s", err->message);
		error_clear(err);
	}
	*out = trail;
	return 0;
}

void trail_close(struct trail *trail)
{
	if (trail != NULL) {
		journal_close(trail->journal);
		redact_free(trail->redactor);
		cleanup_close(&trail->kernel_fd);
		free(trail);
	}
}

/* Writes RECORD, which is freed, to both sinks: the journal first, whose place the kernel repeats.
 */
static int emit(struct trail *trail, struct json_object *record, bool sync, struct error *err)
{
	struct journal_place place = { 0 };
	int r = record != NULL ? 0 : error_set(err, ENOMEM, "make a record");

	trail->written = false;
	if (r == 0 && trail->journal != NULL) {
		r = journal_append(trail->journal, record, sync, &place, err);
		trail->written = r == 0;
	}
	if (r == 0 && trail->kernel_fd >= 0) {
		r = kernel_audit_send(trail->kernel_fd, record, &place, trail->session->terminal,
			trail_required(trail), err);
	}
	json_object_put(record);
	return r < 0 ? error_wrap(err, "audit") : 0;
}

/* SELinux's has at least three colons; what is none is AppArmor's. */
static void add_label(struct json_object *record, const char *label)
{
	int colons = 0;

	for (const char *c = label; c != NULL && *c != '\0'; c++) {
		colons += *c == ':';
	}
	if (label != NULL && *label != '\0') {
		event_add_string(record, colons >= 3 ? "label" : "profile", label);
	}
}

static void add_error(struct json_object *record, int code, const char *words)
{
	if (code > 0) {
		event_add_number(record, "errno", code);
	}
	if (words != NULL && *words != '\0') {
		event_add_string(record, "error", words);
	}
}

static int emit_command(struct trail *trail, struct json_object *record,
	const struct audit_command *command, bool sync, struct error *err)
{
	if (record != NULL && event_add_command(record, command, trail->redactor) < 0) {
		json_object_put(record);
		record = NULL;
	}
	return emit(trail, record, sync, err);
}

static void add_process(struct json_object *record, const struct audit_session *session, pid_t pid,
	uint64_t start_time)
{
	event_add_number(record, "pid", pid);
	event_add_number(record, "start_time", (int64_t)start_time);
	event_add_number(record, "pid_ns", (int64_t)session->pid_ns);
	event_add_string(record, "boot", session->boot_id);
}

int audit_begin(
	struct trail *trail, const struct audit_command *command, bool sync, struct error *err)
{
	if (trail == NULL) {
		return 0;
	}
	const struct audit_session *session = trail->session;
	struct json_object *record = event_new(session, EVENT_BEGIN, 0);
	event_add_string(record, "command", session->command);
	add_process(record, session, session->pid, session->start_time);
	event_add_number(record, "uid", session->uid);
	event_add_string(record, "terminal", session->terminal);
	event_add_string(record, "audit", trail_mode_name((enum trail_mode)session->mode));
	if (session->native_host != 0) {
		event_add_string(record, "host_view", "native");
	}
	if (session->native != 0) {
		event_add_string(record, "container_view", "native");
	}
	add_label(record, session->label);
	return emit_command(trail, record, command, sync, err);
}

int audit_gate(struct trail *trail, struct error *err)
{
	struct audit_session self;
	int r = trail != NULL ? audit_session_describe(&self, "", err) : 0;

	if (trail == NULL || r < 0) {
		return r;
	}
	struct json_object *record = event_new(trail->session, EVENT_GATE, 0);
	add_process(record, &self, self.pid, self.start_time);
	return emit(trail, record, false, err);
}

int audit_refused(struct trail *trail, const struct audit_command *command,
	const struct error *cause, struct error *err)
{
	const struct audit_command none = { .uid = UINT32_MAX };

	if (trail == NULL) {
		return 0;
	}
	struct json_object *record = event_new(trail->session, EVENT_REFUSED, 0);
	event_add_string(record, "command", trail->session->command);
	event_add_string(record, "result", "failed");
	add_error(record, cause->code, cause->message);
	return emit_command(trail, record, command != NULL ? command : &none, true, err);
}

static int emit_words(struct trail *trail, const char *event, const char *words, struct error *err)
{
	if (trail == NULL) {
		return 0;
	}
	struct json_object *record = event_new(trail->session, event, 0);
	add_error(record, 0, words);
	return emit(trail, record, true, err);
}

int audit_degraded(struct trail *trail, const char *what, struct error *err)
{
	return emit_words(trail, EVENT_DEGRADED, what, err);
}

int audit_note(struct trail *trail, const char *what, struct error *err)
{
	return emit_words(trail, EVENT_NOTE, what, err);
}

int audit_attempt(struct trail *trail, uint64_t number, const struct audit_command *command,
	bool *written, struct error *err)
{
	*written = false;
	if (trail == NULL) {
		return 0;
	}
	int r = emit_command(
		trail, event_new(trail->session, EVENT_ATTEMPT, number), command, true, err);
	*written = trail->written;
	return r;
}

int audit_outcome(struct trail *trail, uint64_t number, const struct audit_command *command,
	const struct audit_outcome *outcome, struct error *err)
{
	if (trail == NULL) {
		return 0;
	}
	struct json_object *record = event_new(trail->session, EVENT_OUTCOME, number);
	event_add_string(record, "result",
		outcome->unknown ? "unknown"
		: outcome->done	 ? "success"
				 : "failed");
	add_error(record, outcome->code, outcome->reason);
	event_add_status(record, outcome->status);
	add_label(record, outcome->label);
	if (outcome->missed != NULL && *outcome->missed != '\0') {
		event_add_string(record, "missing", outcome->missed);
	}
	if (outcome->ms > 0) {
		char ms[32];

		snprintf(ms, sizeof(ms), "%.2f", outcome->ms);
		json_object_object_add(record, "ms", json_object_new_double_s(outcome->ms, ms));
	}
	return emit_command(trail, record, command, false, err);
}

int audit_exit(struct trail *trail, uint64_t number, pid_t pid, int status, struct error *err)
{
	if (trail == NULL) {
		return 0;
	}
	struct json_object *record = event_new(trail->session, EVENT_EXIT, number);
	event_add_number(record, "pid", pid);
	event_add_status(record, status);
	return emit(trail, record, false, err);
}

int audit_tool(struct trail *trail, const struct audit_command *command, struct error *err)
{
	return trail == NULL || !trail->tools
		       ? 0
		       : emit_command(trail, event_new(trail->session, EVENT_TOOL, 0), command,
				 false, err);
}

int audit_end(struct trail *trail, const struct audit_end *end, struct error *err)
{
	if (trail == NULL) {
		return 0;
	}
	/*
	 * Our own processes have ended: what they left open is closed now. Where it can't be, the
	 * session stays open too: a later one closes both.
	 */
	int r = trail->journal != NULL ? journal_recover(trail->journal, trail->session->id,
						 send_recovered, trail, err)
				       : 0;
	if (r < 0) {
		return r;
	}
	struct json_object *record = event_new(trail->session, EVENT_END, 0);
	event_add_string(record, "result", end->cause == NULL ? "success" : "failed");
	if (end->status >= 0) {
		event_add_number(record, "status", end->status);
	}
	add_error(record, 0, end->cause);
	event_add_string(record, "recording", end->recording);
	event_add_string(record, "recording_sha256", end->recording_sha256);
	return emit(trail, record, true, err);
}
