/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal: JSON lines, sallyport-journal(5). A file that all sessions of the host append to,
 * one write(2) for each record, under a lock; each line carries a number and the hash of the line
 * before it, so that one which is cut out or changed shows.
 */
#ifndef AUDIT_JOURNAL_H
#define AUDIT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "audit/digest.h"
#include "base/error.h"

struct conf;
struct journal;

/* Where a record came to stand; the kernel's record repeats it. */
struct journal_place {
	uint64_t seq;
	char hash[DIGEST_HEX_SIZE]; /* of the line, without its newline */
};

/*
 * Opens the journal of CONF, made with its directory (0700) where it doesn't exist. *JOURNAL is the
 * caller's. Fails where others than root may write to either.
 */
int journal_open(struct journal **journal, const struct conf *conf, struct error *err);

/* NULL is accepted. */
void journal_close(struct journal *journal);

/*
 * Appends RECORD as one line, "seq" and "prev" before its own keys. SYNC: it is on disk when this
 * returns 0. What could not be written whole is taken back. PLACE may be NULL. RECORD stays the
 * caller's. -ETIMEDOUT where another process holds the lock for 5 seconds.
 */
int journal_append(struct journal *journal, struct json_object *record, bool sync,
	struct journal_place *place, struct error *err);

struct journal_line {
	const char *path; /* of its file */
	uint64_t number;  /* in the file, from 1 */
	const char *text; /* without its newline, with a NUL */
	size_t size;
	bool whole;		    /* false: the file ends within it */
	struct json_object *record; /* NULL: it is no JSON object */
};

/*
 * Gives each line to VISIT, oldest file first, until it returns other than 0, which is returned
 * then. The line is the callee's for the call alone. An absent journal has no lines.
 */
typedef int journal_visit(const struct journal_line *line, void *data);
int journal_each(const struct conf *conf, journal_visit *visit, void *data, struct error *err);

#define JOURNAL_TIME_SIZE 40

/* What journal_verify() saw of one file. */
struct journal_seen {
	const char *path;
	uint64_t lines; /* whole ones */
	uint64_t first; /* number of the first record; 0: it has none */
	uint64_t last;
	char from[JOURNAL_TIME_SIZE]; /* their times */
	char until[JOURNAL_TIME_SIZE];
	uint64_t repairs;  /* records of crashes that have cut a line */
	size_t unfinished; /* bytes that a crash has left, and no append has repaired yet */
};

/* The first line that is wrong. */
struct journal_fault {
	char path[4096];
	uint64_t line;
	char what[160];
};

/*
 * Whether each line follows the one before it: its number is the next, its "prev" that line's hash.
 * The first one is taken as it is where older files have gone by rotation, which is known by the
 * last file that it keeps being there; else it must be number 1. Each file is told to SAW, oldest
 * first. Returns 0; 1 where a line doesn't follow, which FAULT tells; or a negative errno, -ENOENT
 * where there is no journal. Whole lines that were cut off at the end are not missed, and who may
 * write to the journal could have computed all hashes anew: the kernel's audit has them too
 * ("jseq", "jhash").
 */
typedef void journal_saw(const struct journal_seen *seen, void *data);
int journal_verify(const struct conf *conf, journal_saw *saw, void *data,
	struct journal_fault *fault, struct error *err);

/*
 * Closes what dead sessions have left open: attempts without an outcome get one, "unknown", and
 * sessions without an end an end. Where ONLY is not NULL, that session is taken for dead (its other
 * processes have ended), no other is looked at, and its end is left to the caller. Each record that
 * is made is given to MADE too, after it was written. Returns how many, or a negative errno.
 */
typedef void journal_made(
	struct json_object *record, const struct journal_place *place, void *data);
int journal_recover(struct journal *journal, const char *only, journal_made *made, void *data,
	struct error *err);

#endif
