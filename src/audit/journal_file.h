/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the journal's files share: journal.c appends, journal_tail.c finds the last line,
 * journal_recover.c reads what is open, journal_read.c all, which journal_verify.c checks.
 */
#ifndef AUDIT_JOURNAL_FILE_H
#define AUDIT_JOURNAL_FILE_H

#include <stdio.h>
#include <sys/types.h>

#include "audit/journal.h"

/* How each line begins: its number, the hash of the one before it. */
#define JOURNAL_LINE_START "{\"seq\":%llu,\"prev\":\"%s\","
#define JOURNAL_EVENT_MAX 16

struct journal {
	char *path;
	const char *name; /* the last part of path */
	int dir_fd;
	int lock_fd;
	int fd;
	uint64_t size_limit;
	uint64_t count;
	/* The last line, as far as we know: true while the file ends at END. */
	uint64_t end;
	struct journal_place last;
	bool torn; /* a piece of a line follows END */
};

int journal_lock(struct journal *journal, struct error *err);
void journal_unlock(struct journal *journal);

/* As journal_append(), without the lock, which the caller holds, and without the sync. */
int journal_append_locked(struct journal *journal, struct json_object *record,
	struct journal_place *place, struct error *err);

/* Fills END, LAST and TORN from the file, where its size is not END. */
int journal_tail(struct journal *journal, struct error *err);

/* A file of the journal as it was when it was opened. */
struct journal_source {
	char *path;
	FILE *file;
	uint64_t size;
	ino_t inode;
};

struct journal_sources {
	struct journal_source *list; /* newest first */
	size_t count;
	bool full; /* the last one that rotation keeps is there */
};

/*
 * Opens the files of JOURNAL, a path, of which so many are kept ROTATED. Files move up only, and
 * the newest is opened first: a rotation meanwhile hides none. Returns 0 or a negative errno;
 * SOURCES is for journal_sources_finish() either way.
 */
int journal_sources_open(
	struct journal_sources *sources, const char *journal, uint64_t rotated, struct error *err);
void journal_sources_finish(struct journal_sources *sources);

/* As journal_each(), for one file, which can be read once. */
int journal_source_each(
	const struct journal_source *source, journal_visit *visit, void *data, struct error *err);

/* The name of the rotated file N (0: the current one) in OUT, PATH_MAX bytes. */
void journal_name(const struct journal *journal, uint64_t n, char *out);

/*
 * The first keys of LINE, which are always in the same places: its number, its event (in EVENT,
 * JOURNAL_EVENT_MAX bytes), its session (SESSION_ID_SIZE bytes) and, 0 where it has none, its
 * transition. Any of the latter three may be NULL. False where it is no line of ours.
 */
bool journal_parse(const char *line, size_t size, uint64_t *seq, char *event, char *session,
	uint64_t *transition);

#endif
