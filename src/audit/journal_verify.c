/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the journal is what was written. A line that doesn't follow the one before it shows that
 * one of the two is wrong, or that something is missing between them: which, later lines tell.
 */
#include "audit/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/conf.h"
#include "audit/event.h"
#include "base/cleanup.h"
#include "base/str.h"

enum state {
	SOUND,
	CHANGED, /* a line or the one before it: the next one tells */
	MISSING, /* or they come later */
	BROKEN	 /* the fault is known */
};

/* Where a line stands. */
struct spot {
	const char *path; /* NULL: there was no line yet */
	uint64_t line;
};

struct check {
	enum state state;
	bool older;  /* there were files before the first: rotation has removed them */
	bool newest; /* the file is the current one */
	struct journal_seen seen;
	struct spot before;
	struct journal_place last; /* of the line before; its number that of the last with one */
	uint64_t missing;	   /* the first number that is */
	uint64_t found;		   /* the number that stands in its place */
	struct journal_fault *fault;
};

/* SPOT may be NULL: it is known already. */
static void blame(struct check *check, enum state state, const struct spot *spot,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

static void blame(
	struct check *check, enum state state, const struct spot *spot, const char *format, ...)
{
	struct journal_fault *fault = check->fault;
	va_list ap;

	check->state = state;
	if (spot != NULL) {
		snprintf(fault->path, sizeof(fault->path), "%s", spot->path);
		fault->line = spot->line;
	}
	va_start(ap, format);
	vsnprintf(fault->what, sizeof(fault->what), format, ap);
	va_end(ap);
}

/* The first line that doesn't follow. */
static void judge(struct check *check, const struct spot *here, uint64_t seq, bool has_hash)
{
	unsigned long long number = seq;
	unsigned long long last = check->last.seq;

	if (has_hash) {
		blame(check, BROKEN, here, "record %llu was changed, its number was %llu", number,
			last + 1);
	} else if (seq > last + 1) {
		check->missing = last + 1;
		check->found = seq;
		blame(check, MISSING, here, "before record %llu, %llu to %llu are missing", number,
			last + 1, number - 1);
	} else if (seq <= last) {
		blame(check, BROKEN, here, "record %llu stands after record %llu", number, last);
	} else if (check->before.path == NULL) {
		blame(check, BROKEN, here, "record %llu was changed, none came before it", number);
	} else {
		blame(check, CHANGED, &check->before,
			"record %llu was changed, or %llu, the last one", last, number);
	}
}

static void check_record(
	struct check *check, const struct spot *here, uint64_t seq, const char *prev)
{
	bool has_hash = str_equal(prev, check->last.hash);

	switch (check->state) {
	case SOUND:
		if ((!has_hash || seq != check->last.seq + 1) &&
			!(check->older && check->before.path == NULL)) {
			judge(check, here, seq, has_hash);
		}
		break;
	case CHANGED:
		/* The line before this one was found not to follow. Is it itself as it was? */
		blame(check, BROKEN, has_hash ? NULL : &check->before,
			"record %llu was changed, its hash is not right",
			(unsigned long long)(has_hash ? check->last.seq - 1 : check->last.seq));
		break;
	case MISSING:
		if (seq == check->missing) {
			blame(check, BROKEN, NULL, "record %llu stands before record %llu",
				(unsigned long long)check->found, (unsigned long long)seq);
		}
		break;
	default:
		break;
	}
}

/* What a write that was cut short leaves is how the next line begins. */
static void check_piece(
	struct check *check, const struct spot *here, const struct journal_line *line)
{
	char start[128];
	size_t size = (size_t)snprintf(start, sizeof(start), JOURNAL_LINE_START,
		(unsigned long long)check->last.seq + 1, check->last.hash);

	size = size < line->size ? size : line->size;
	if (check->newest && memcmp(start, line->text, size) == 0) {
		check->seen.unfinished = line->size;
	} else if (check->state == SOUND) {
		blame(check, BROKEN, here,
			check->newest
				? "the file ends with %zu bytes that are not how a record begins"
				: "the file ends within a record, after %zu bytes",
			line->size);
	}
}

static void see(
	struct journal_seen *seen, struct json_object *record, const char *event, uint64_t seq)
{
	struct json_object *time = NULL;

	json_object_object_get_ex(record, "time", &time);
	str_escape(seen->until, sizeof(seen->until),
		time != NULL ? json_object_get_string(time) : "?");
	if (seen->first == 0) {
		seen->first = seq;
		memcpy(seen->from, seen->until, sizeof(seen->from));
	}
	seen->last = seq;
	seen->repairs += strcmp(event, EVENT_REPAIRED) == 0;
}

static int check_line(const struct journal_line *line, void *data)
{
	struct check *check = data;
	struct spot here = { line->path, line->number };
	char event[JOURNAL_EVENT_MAX];
	char session[SESSION_ID_SIZE];
	struct json_object *prev = NULL;
	uint64_t transition;
	uint64_t seq = check->last.seq;

	if (!line->whole) {
		check_piece(check, &here, line);
		return 0;
	}
	check->seen.lines++;
	if (line->record == NULL ||
		!journal_parse(line->text, line->size, &seq, event, session, &transition) ||
		!json_object_object_get_ex(line->record, "prev", &prev)) {
		if (check->state == SOUND) {
			blame(check, BROKEN, &here, "this is no record");
		}
		seq = check->last.seq;
	} else {
		check_record(check, &here, seq, json_object_get_string(prev));
		see(&check->seen, line->record, event, seq);
	}
	check->before = here;
	check->last.seq = seq;
	digest_sha256(line->text, line->size, check->last.hash);
	return 0;
}

/* Under the lock nobody is in the middle of a line. A copy of a journal has no lock. */
static int open_sources(struct journal_sources *sources, const struct conf *conf, struct error *err)
{
	_cleanup_free_ char *name = str_format("%s.lock", conf->journal);
	struct journal lock = { .path = conf->journal };
	int r = 0;

	*sources = (struct journal_sources){ 0 };
	if (name == NULL) {
		return error_set(err, ENOMEM, "open the journal");
	}
	_cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT) {
		return error_set(err, errno, "open %s", name);
	}
	lock.lock_fd = fd;
	if (fd >= 0) {
		r = journal_lock(&lock, err);
	}
	return r == 0 ? journal_sources_open(sources, conf->journal, conf->journal_count, err) : r;
}

int journal_verify(const struct conf *conf, journal_saw *saw, void *data,
	struct journal_fault *fault, struct error *err)
{
	struct journal_sources sources;
	struct check check = { .fault = fault };
	int r = open_sources(&sources, conf, err);

	if (r == 0 && sources.count == 0) {
		r = error_set(err, ENOENT, "open the journal %s", conf->journal);
	}
	check.older = sources.full;
	for (size_t i = sources.count; r == 0 && i-- > 0;) {
		check.newest = i == 0;
		check.seen = (struct journal_seen){ .path = sources.list[i].path };
		r = journal_source_each(&sources.list[i], check_line, &check, err);
		if (r == 0) {
			saw(&check.seen, data);
		}
	}
	journal_sources_finish(&sources);
	return r < 0 ? r : check.state != SOUND;
}
