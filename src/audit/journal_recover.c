/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds what dead sessions have left open. All is read under the lock, so that of two sessions
 * which start together one recovers and the other finds nothing left. What is still open then is
 * kept in a file beside the journal, as the lines themselves: the next scan starts with those, and
 * where this one ended, however long ago the oldest session began. The file is a hint; where it
 * doesn't fit everything is read.
 */
#include "audit/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/digest.h"
#include "audit/event.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/str.h"

/* The hint: a hash of all that follows it; where the scan ended, as the file's inode and the number
 * of its first line, and the offset there; then the lines. */
#define HINT_START "open "
#define HINT_FORMAT "%llu %llu %llu\n"
#define HINT_MAX (16 << 20)
#define FIRST_LINE_ROOM 256 /* the first keys of a line: journal_parse() */

/* Lists are oldest first; lines, without their newlines, are owned. */
struct attempt {
	struct attempt *next;
	uint64_t number;
	char *line;
};

struct open_session {
	struct open_session *next;
	char id[SESSION_ID_SIZE];
	char *begin;
	char *gate; /* NULL: not told yet */
	struct attempt *attempts;
};

struct scan {
	const char *only;
	struct open_session *sessions;
};

static void attempts_free(struct attempt *a)
{
	while (a != NULL) {
		struct attempt *next = a->next;

		free(a->line);
		free(a);
		a = next;
	}
}

static void session_free(struct open_session *session)
{
	attempts_free(session->attempts);
	free(session->begin);
	free(session->gate);
	free(session);
}

static void scan_finish(struct scan *scan)
{
	while (scan->sessions != NULL) {
		struct open_session *next = scan->sessions->next;

		session_free(scan->sessions);
		scan->sessions = next;
	}
}

static void cleanup_json(struct json_object **object)
{
	json_object_put(*object);
}

/* LINE as JSON, which the caller puts; NULL where it is none. */
static struct json_object *parse(const char *line)
{
	return line != NULL ? json_tokener_parse(line) : NULL;
}

static uint64_t number_of(struct json_object *record, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(record, key, &value)
		       ? (uint64_t)json_object_get_int64(value)
		       : 0;
}

static const char *string_of(struct json_object *record, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(record, key, &value) ? json_object_get_string(value) : "";
}

/* True where LINE ("begin", "gate"; NULL: none) names a process that still lives. */
static bool process_lives(const char *line, const struct audit_session *self)
{
	_cleanup_(cleanup_json) struct json_object *record = parse(line);
	uint64_t start_time;

	if (record == NULL || strcmp(string_of(record, "boot"), self->boot_id) != 0) {
		return false;
	}
	/* Of another pid namespace nothing can be told: its own sessions will. */
	if (number_of(record, "pid_ns") != self->pid_ns) {
		return true;
	}
	_cleanup_close_ int proc_fd = procfs_open((pid_t)number_of(record, "pid"), NULL);
	if (proc_fd < 0 || procfs_start_time(proc_fd, &start_time, NULL) < 0 ||
		start_time != number_of(record, "start_time")) {
		return false;
	}
	/* On its way out it writes nothing more, and a gate takes a while to close its watch. */
	return !procfs_is_exiting(proc_fd);
}

static struct open_session **find(struct scan *scan, const char *id)
{
	struct open_session **s = &scan->sessions;

	while (*s != NULL && strcmp((*s)->id, id) != 0) {
		s = &(*s)->next;
	}
	return s;
}

static int add_session(struct open_session **end, const char *id, const char *line, size_t size)
{
	struct open_session *session = calloc(1, sizeof(*session));

	if (session == NULL || (session->begin = strndup(line, size)) == NULL) {
		free(session);
		return -ENOMEM;
	}
	strcpy(session->id, id);
	*end = session;
	return 0;
}

static int add_attempt(struct open_session *session, uint64_t number, const char *line, size_t size)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));
	struct attempt **end = &session->attempts;

	if (attempt == NULL || (attempt->line = strndup(line, size)) == NULL) {
		free(attempt);
		return -ENOMEM;
	}
	attempt->number = number;
	while (*end != NULL) {
		end = &(*end)->next;
	}
	*end = attempt;
	return 0;
}

static int set_gate(struct open_session *session, const char *line, size_t size)
{
	free(session->gate);
	session->gate = strndup(line, size);
	return session->gate != NULL ? 0 : -ENOMEM;
}

static void close_attempt(struct open_session *session, uint64_t number)
{
	for (struct attempt **a = &session->attempts; *a != NULL; a = &(*a)->next) {
		if ((*a)->number == number) {
			struct attempt *gone = *a;

			*a = gone->next;
			gone->next = NULL;
			attempts_free(gone);
			return;
		}
	}
}

static int take_line(struct scan *scan, const char *line, size_t size)
{
	char event[JOURNAL_EVENT_MAX];
	char id[SESSION_ID_SIZE];
	uint64_t seq;
	uint64_t number;

	if (!journal_parse(line, size, &seq, event, id, &number) || id[0] == '\0' ||
		(scan->only != NULL && strcmp(id, scan->only) != 0)) {
		return 0;
	}
	struct open_session **s = find(scan, id);
	if (strcmp(event, EVENT_BEGIN) == 0) {
		return *s == NULL ? add_session(s, id, line, size) : 0;
	}
	if (*s == NULL) {
		return 0;
	}
	if (strcmp(event, EVENT_END) == 0) {
		struct open_session *gone = *s;

		*s = gone->next;
		session_free(gone);
	} else if (strcmp(event, EVENT_GATE) == 0) {
		return set_gate(*s, line, size);
	} else if (strcmp(event, EVENT_ATTEMPT) == 0) {
		return add_attempt(*s, number, line, size);
	} else if (strcmp(event, EVENT_OUTCOME) == 0) {
		close_attempt(*s, number);
	}
	return 0;
}

/* Takes the whole lines of the SIZE bytes at DATA. Returns 0 or a negative errno. */
static int take_lines(struct scan *scan, const char *data, size_t size)
{
	const char *end = data + size;
	int r = 0;

	for (const char *line = data; r == 0 && line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		if (newline == NULL) {
			break;
		}
		r = take_line(scan, line, (size_t)(newline - line));
		line = newline + 1;
	}
	return r;
}

/* Reads the lines of FD from OFFSET on. */
static int scan_file(struct scan *scan, int fd, uint64_t offset)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if ((uint64_t)st.st_size <= offset) {
		return 0;
	}
	const char *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED) {
		return -errno;
	}
	int r = take_lines(scan, data + offset, (size_t)st.st_size - offset);
	munmap((void *)(uintptr_t)data, (size_t)st.st_size);
	return r;
}

static int open_numbered(const struct journal *journal, uint64_t n)
{
	char name[PATH_MAX];

	journal_name(journal, n, name);
	return openat(journal->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* The number of the first line of FD, which with the inode names the file; 0 where there is none.
 */
static uint64_t first_seq(int fd)
{
	char line[FIRST_LINE_ROOM];
	uint64_t seq;
	ssize_t n = pread(fd, line, sizeof(line), 0);

	return n > 0 && journal_parse(line, (size_t)n, &seq, NULL, NULL, NULL) ? seq : 0;
}

/* True where FD is the file that the hint is of, and OFFSET the beginning of a line. */
static bool fits(int fd, uint64_t inode, uint64_t first, uint64_t offset)
{
	struct stat st;
	char before;

	return fstat(fd, &st) == 0 && st.st_ino == inode && offset > 0 &&
	       offset <= (uint64_t)st.st_size && first != 0 && first_seq(fd) == first &&
	       pread(fd, &before, 1, (off_t)offset - 1) == 1 && before == '\n';
}

static void hint_name(const struct journal *journal, char name[PATH_MAX])
{
	snprintf(name, PATH_MAX, "%s.open", journal->name);
}

/*
 * Takes what was open when the last recovery ended. Returns the number of the file to read on in,
 * from *OFFSET; without a hint that fits the oldest one, from its beginning.
 */
static uint64_t read_hint(struct scan *scan, const struct journal *journal, uint64_t *offset)
{
	const size_t start = strlen(HINT_START) + DIGEST_HEX_SIZE; /* a blank for the NUL */
	_cleanup_free_ char *text = NULL;
	char name[PATH_MAX];
	char hash[DIGEST_HEX_SIZE];
	unsigned long long inode;
	unsigned long long first;
	unsigned long long at;
	size_t size;

	hint_name(journal, name);
	*offset = 0;
	if (fd_read_file(journal->dir_fd, name, HINT_MAX, &text, &size, NULL) < 0 || size < start) {
		return journal->count;
	}
	digest_sha256(text + start, size - start, hash);
	const char *lines = strchr(text + start, '\n');
	if (lines++ == NULL || strncmp(text, HINT_START, strlen(HINT_START)) != 0 ||
		strncmp(text + strlen(HINT_START), hash, strlen(hash)) != 0 ||
		sscanf(text + start, HINT_FORMAT, &inode, &first, &at) != 3) {
		return journal->count;
	}
	for (uint64_t n = 0; n <= journal->count; n++) {
		_cleanup_close_ int fd = open_numbered(journal, n);

		if (fd < 0 || !fits(fd, inode, first, at)) {
			continue;
		}
		if (take_lines(scan, lines, size - (size_t)(lines - text)) < 0) {
			scan_finish(scan);
			break;
		}
		*offset = at;
		return n;
	}
	return journal->count;
}

static void print_lines(const struct scan *scan, FILE *out)
{
	for (const struct open_session *s = scan->sessions; s != NULL; s = s->next) {
		fprintf(out, "%s\n", s->begin);
		if (s->gate != NULL) {
			fprintf(out, "%s\n", s->gate);
		}
		for (const struct attempt *a = s->attempts; a != NULL; a = a->next) {
			fprintf(out, "%s\n", a->line);
		}
	}
}

/* Takes away what FD has behind its offset. */
static int cut_here(int fd)
{
	off_t end = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (end < 0 || fstat(fd, &st) < 0) {
		return -1;
	}
	return st.st_size > end ? ftruncate(fd, end) : 0;
}

/* Where that fails there is no hint. */
static void write_hint(const struct scan *scan, const struct journal *journal)
{
	const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	_cleanup_free_ char *text = NULL;
	char name[PATH_MAX];
	char hash[DIGEST_HEX_SIZE];
	struct stat st;
	size_t size = 0;
	FILE *out = fstat(journal->fd, &st) == 0 ? open_memstream(&text, &size) : NULL;

	hint_name(journal, name);
	if (out != NULL) {
		fprintf(out, HINT_FORMAT, (unsigned long long)st.st_ino,
			(unsigned long long)first_seq(journal->fd), (unsigned long long)st.st_size);
		print_lines(scan, out);
	}
	bool whole = out != NULL && fclose(out) == 0 && size < HINT_MAX / 2;
	_cleanup_close_ int fd = whole ? openat(journal->dir_fd, name, flags, 0600) : -1;
	if (fd >= 0) {
		digest_sha256(text, size, hash);
	}
	/* Over what is there: to empty a file costs ext4 more than all the rest. */
	if (fd < 0 || dprintf(fd, HINT_START "%s ", hash) < 0 || fd_write_all(fd, text, size) < 0 ||
		cut_here(fd) < 0) {
		unlinkat(journal->dir_fd, name, 0);
	}
}

static int scan_all(struct scan *scan, const struct journal *journal)
{
	uint64_t offset;
	uint64_t first = read_hint(scan, journal, &offset);
	int r = 0;

	for (uint64_t n = first + 1; r == 0 && n > 0; n--) {
		_cleanup_close_ int fd = open_numbered(journal, n - 1);

		if (fd >= 0) {
			r = scan_file(scan, fd, n - 1 == first ? offset : 0);
		} else if (errno != ENOENT) {
			r = -errno;
		}
	}
	return r;
}

/* Writes RECORD, which is freed. */
static int write_made(struct journal *journal, struct json_object *record, journal_made *made,
	void *data, struct error *err)
{
	struct journal_place place;
	int r = record != NULL ? journal_append_locked(journal, record, &place, err)
			       : error_set(err, ENOMEM, "write to the journal");

	if (r == 0 && made != NULL) {
		made(record, &place, data);
	}
	json_object_put(record);
	return r;
}

static int close_session(struct journal *journal, struct open_session *session, bool end,
	journal_made *made, void *data, struct error *err)
{
	_cleanup_(cleanup_json) struct json_object *begin = parse(session->begin);
	int count = 0;
	int r = 0;

	for (struct attempt *a = session->attempts; r == 0 && a != NULL; a = a->next) {
		_cleanup_(cleanup_json) struct json_object *attempt = parse(a->line);

		r = write_made(journal, event_recovered_outcome(begin, attempt), made, data, err);
		count++;
	}
	if (r == 0 && end) {
		r = write_made(journal, event_recovered_end(begin), made, data, err);
		count++;
	}
	return r < 0 ? r : count;
}

int journal_recover(struct journal *journal, const char *only, journal_made *made, void *data,
	struct error *err)
{
	struct scan scan = { .only = only };
	struct audit_session self;
	int count = 0;
	int r = audit_session_describe(&self, "", err);

	if (r == 0) {
		r = journal_lock(journal, err);
	}
	if (r < 0) {
		return r;
	}
	r = scan_all(&scan, journal);
	if (r < 0) {
		error_set(err, -r, "read %s", journal->path);
	}
	for (struct open_session **s = &scan.sessions; r >= 0 && *s != NULL;) {
		struct open_session *session = *s;

		/* Whether it lives is asked of those alone that no record has ended. */
		if (only == NULL && (process_lives(session->begin, &self) ||
					    process_lives(session->gate, &self))) {
			s = &session->next;
			continue;
		}
		r = close_session(journal, session, only == NULL, made, data, err);
		count += r;
		*s = session->next;
		session_free(session);
	}
	if (r >= 0 && only == NULL) {
		write_hint(&scan, journal);
	}
	journal_unlock(journal);
	scan_finish(&scan);
	if (r >= 0 && count > 0 && fdatasync(journal->fd) < 0) {
		r = error_set(err, errno, "sync the journal %s", journal->path);
	}
	return r < 0 ? r : count;
}
