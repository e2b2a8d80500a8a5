/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/str.h"

#define BLOCK 4096 /* most records are far shorter, and each page more has first to be made */

/* Takes WORD away from the front of what CURSOR points to. */
static bool skip(const char **cursor, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(end - *cursor) < n || memcmp(*cursor, word, n) != 0) {
		return false;
	}
	*cursor += n;
	return true;
}

static bool take_number(const char **cursor, const char *end, uint64_t *out)
{
	char digits[21];
	size_t n = 0;

	while (*cursor < end && **cursor >= '0' && **cursor <= '9' && n < sizeof(digits) - 1) {
		digits[n++] = *(*cursor)++;
	}
	digits[n] = '\0';
	return str_to_u64(digits, UINT64_MAX, out) == 0;
}

/* The rest of a string of SIZE - 1 bytes at most, without escapes, and its closing quote. */
static bool take_string(const char **cursor, const char *end, char *out, size_t size)
{
	size_t n = 0;

	for (; *cursor < end && **cursor != '"' && n < size - 1; (*cursor)++) {
		out[n++] = **cursor;
	}
	out[n] = '\0';
	return skip(cursor, end, "\"");
}

bool journal_parse(const char *line, size_t size, uint64_t *seq, char *event, char *session,
	uint64_t *transition)
{
	const char *p = line;
	const char *end = line + size;
	char skipped[DIGEST_HEX_SIZE];

	if (!skip(&p, end, "{\"seq\":") || !take_number(&p, end, seq) ||
		!skip(&p, end, ",\"prev\":\"") || !take_string(&p, end, skipped, sizeof(skipped)) ||
		!skip(&p, end, ",\"time\":\"") || !take_string(&p, end, skipped, sizeof(skipped))) {
		return false;
	}
	if (event == NULL) {
		return true;
	}
	*session = '\0';
	*transition = 0;
	if (!skip(&p, end, ",\"event\":\"") || !take_string(&p, end, event, JOURNAL_EVENT_MAX)) {
		return false;
	}
	if (!skip(&p, end, ",\"session\":\"")) {
		return true;
	}
	if (!take_string(&p, end, session, SESSION_ID_SIZE)) {
		return false;
	}
	return !skip(&p, end, ",\"transition\":") || take_number(&p, end, transition);
}

/* Where the last newline before END stands; -1: there is none. -2: reading failed. */
static off_t last_newline(int fd, off_t end)
{
	char block[BLOCK];

	while (end > 0) {
		off_t from = end > BLOCK ? end - BLOCK : 0;
		ssize_t n = pread(fd, block, (size_t)(end - from), from);

		if (n != (ssize_t)(end - from)) {
			return -2;
		}
		const char *newline = memrchr(block, '\n', (size_t)n);
		if (newline != NULL) {
			return from + (newline - block);
		}
		end = from;
	}
	return -1;
}

/*
 * The last line of FD, and where the whole lines end. A line that is not ours (edited by hand)
 * still counts for the hash; the number is then that of the last line that has one.
 */
static int read_last(int fd, struct journal_place *last, uint64_t *end, uint64_t *size)
{
	struct stat st;

	*last = (struct journal_place){ 0 };
	*end = *size = 0;
	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	*size = (uint64_t)st.st_size;
	off_t newline = last_newline(fd, st.st_size);
	*end = (uint64_t)(newline + 1);
	while (newline >= 0) {
		off_t before = last_newline(fd, newline);
		size_t length = (size_t)(newline - (before + 1));
		_cleanup_free_ char *line = malloc(length + 1);

		if (before == -2 || line == NULL ||
			pread(fd, line, length, before + 1) != (ssize_t)length) {
			return line == NULL ? -ENOMEM : -EIO;
		}
		if (last->hash[0] == '\0') {
			digest_sha256(line, length, last->hash);
		}
		uint64_t seq;
		if (journal_parse(line, length, &seq, NULL, NULL, NULL)) {
			last->seq = seq;
			return 0;
		}
		newline = before;
	}
	return newline == -2 ? -EIO : 0;
}

int journal_tail(struct journal *journal, struct error *err)
{
	char name[PATH_MAX];
	uint64_t end;
	uint64_t size;
	struct stat st;

	if (fstat(journal->fd, &st) < 0) {
		return error_set(err, errno, "stat %s", journal->path);
	}
	if ((uint64_t)st.st_size == journal->end) {
		return 0;
	}
	int r = read_last(journal->fd, &journal->last, &journal->end, &size);
	journal->torn = size > journal->end;
	if (r == 0 && journal->last.hash[0] == '\0') {
		/* Nothing in it yet: the chain goes on from the file before. */
		journal_name(journal, 1, name);
		_cleanup_close_ int fd =
			openat(journal->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		r = fd >= 0 ? read_last(fd, &journal->last, &end, &size) : 0;
	}
	if (r < 0) {
		journal->end = UINT64_MAX;
		return error_set(err, -r, "read the end of %s", journal->path);
	}
	return 0;
}
