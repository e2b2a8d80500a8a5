/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "audit/conf.h"
#include "audit/event.h"
#include "audit/redact.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "session/terminal.h"

#define DEFAULT_COLUMNS 80
#define DEFAULT_ROWS 24

static void cleanup_redactor(struct redactor **redactor)
{
	redact_free(*redactor);
}

/* The command line of the recording's header, without its secrets. NULL: none, the shell. */
static char *command_line(const struct session_options *session, const struct redactor *redactor)
{
	_cleanup_free_ char *block = NULL;
	size_t size;
	size_t redacted;

	if (session->argv == NULL) {
		return NULL;
	}
	block = str_block(session->argv, &size);
	char *line = block != NULL ? redact_args(redactor, block, size, &size, &redacted) : NULL;
	for (size_t i = 0; line != NULL && i + 1 < size; i++) {
		line[i] = line[i] == '\0' ? ' ' : line[i];
	}
	return line;
}

/* What CONF and the rules make of the operator's wish. */
static int settle(struct session_options *session, const struct conf *conf, struct error *err)
{
	struct session_record *record = &session->record;

	record->wanted = record->wanted || conf->record != CONF_RECORD_OFF;
	record->required = record->required || conf->record == CONF_RECORD_REQUIRED ||
			   (record->wanted && session->audit->mode == TRAIL_REQUIRED);
	record->input = record->wanted && (record->input || conf->record_input);
	if (record->input && !terminal_wanted()) {
		/* Standard input goes to the program by itself: nobody reads along. */
		if (record->input_required) {
			return error_set_hint(err, ENOTTY, "run it on a terminal",
				"the rules want the input recorded, and there is no terminal");
		}
		log_warning("without a terminal the input is not recorded");
	}
	if (record->file != NULL && (record->ruled || conf->record == CONF_RECORD_REQUIRED)) {
		return error_set_hint(err, EPERM, "--record without a file",
			"a recording that the site demands goes to %s", conf->record_dir);
	}
	return 0;
}

static int open_recording(struct record *record, struct session_options *session,
	const char *command, const char *line, const struct conf *conf, struct error *err)
{
	const char *shell = getenv("SHELL");
	_cleanup_free_ char *title = str_format("sallyport %s %s", command, session->subject);
	struct winsize size = { 0 };
	struct recording_options options = {
		.directory = conf->record_dir,
		.file = session->record.file,
		.input = session->record.input,
		.header = {
			.columns = DEFAULT_COLUMNS,
			.rows = DEFAULT_ROWS,
			.command = line != NULL ? line : shell,
			.title = title,
			.term = getenv("TERM"),
			.shell = shell,
			.session = session->audit->id,
		},
	};

	if (terminal_wanted() && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
		size.ws_row > 0) {
		options.header.columns = size.ws_col;
		options.header.rows = size.ws_row;
	}
	int r = recording_open(&record->recording, &options, err);
	session->recording = record->recording;
	return r;
}

static struct json_object *strings(char *const *list)
{
	struct json_object *array = json_object_new_array();

	for (; list != NULL && *list != NULL; list++) {
		json_object_array_add(array, json_object_new_string(*list));
	}
	return array;
}

/* The entry among the running sessions: the same keys as in the journal, and what rules ask for. */
static int enter(struct record *record, const struct options *options, const struct target *target,
	const char *line, struct error *err)
{
	const struct session_options *session = &options->session;
	struct json_object *entry = event_new(session->audit, "running", 0);

	if (entry == NULL) {
		return error_set(err, ENOMEM, "note the session");
	}
	event_add_string(entry, "command", rules_command_names[options->command]);
	event_add_string(entry, "command_line", line);
	event_add_string(entry, "terminal", session->audit->terminal);
	event_add_string(entry, "engine", target->engine);
	event_add_string(entry, "container", target->name);
	event_add_string(entry, "container_id", target->id);
	event_add_string(entry, "image", target->image);
	event_add_number(entry, "owner", target->owner);
	if (target->labels != NULL) {
		json_object_object_add(entry, "labels", strings(target->labels));
	}
	event_add_string(entry, "recording", record_path(record));
	int r = registry_enter(&record->registry, session->audit->id, entry, err);
	json_object_put(entry);
	return r;
}

int record_begin(struct record *record, struct options *options, const struct target *target,
	const struct conf *conf, struct error *err)
{
	struct session_options *session = &options->session;

	*record = (struct record){ .registry = { .fd = -1 } };
	_cleanup_(cleanup_redactor) struct redactor *redactor = redact_new(conf, err);
	_cleanup_free_ char *line = redactor != NULL ? command_line(session, redactor) : NULL;
	struct error cause = { 0 };

	if (redactor == NULL) {
		return -err->code;
	}
	int r = settle(session, conf, err);
	if (r == 0 && session->record.wanted) {
		r = open_recording(
			record, session, rules_command_names[options->command], line, conf, err);
		if (r < 0 && !session->record.required && !session->record.asked) {
			log_warning("the session is not recorded: %s", err->message);
			error_clear(err);
			r = 0;
		}
	}
	if (r == 0 && enter(record, options, target, line, &cause) < 0) {
		log_warning("sallyport sessions will not show this one: %s", cause.message);
	}
	return r;
}

const char *record_path(const struct record *record)
{
	return record->recording != NULL ? recording_path(record->recording) : NULL;
}

int record_end(struct record *record, struct error *err)
{
	int r = record->recording != NULL ? recording_finish(record->recording, record->sha256, err)
					  : 0;

	registry_leave(&record->registry);
	return r;
}

void record_finish(struct record *record)
{
	if (record != NULL) {
		registry_leave(&record->registry);
		recording_close(record->recording);
	}
}
