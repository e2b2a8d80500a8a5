/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds what dead sessions have left open. All is read under the lock, so that of two sessions
 * which start together one recovers and the other finds nothing left. Where the oldest open session
 * begins is kept in a file beside the journal: the next scan starts there. It is a hint; where it
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
#include "audit/event.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/str.h"

struct place {
	uint64_t inode;
	uint64_t offset;
};

struct attempt {
	struct attempt *next;
	uint64_t number;
	struct json_object *record; /* owned; NULL where the line was no JSON */
};

struct open_session {
	struct open_session *next;
	char id[SESSION_ID_SIZE];
	struct json_object *begin; /* owned; NULL: it was in a file that is gone */
	struct json_object *gate;  /* owned; NULL: not told yet */
	struct place place;
	struct attempt *attempts;
};

struct scan {
	const char *only;
	struct open_session *sessions; /* newest first */
	struct error *err;
};

static void attempts_free(struct attempt *a)
{
	while (a != NULL) {
		struct attempt *next = a->next;

		json_object_put(a->record);
		free(a);
		a = next;
	}
}

static void session_free(struct open_session *session)
{
	attempts_free(session->attempts);
	json_object_put(session->begin);
	json_object_put(session->gate);
	free(session);
}

static struct json_object *parse(const char *line, size_t size)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *record = tokener != NULL && size < INT32_MAX
					     ? json_tokener_parse_ex(tokener, line, (int)size)
					     : NULL;

	json_tokener_free(tokener);
	return record;
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

/* True where RECORD ("begin", "gate"; NULL: none) names a process that still lives. */
static bool process_lives(struct json_object *record, const struct audit_session *self)
{
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

static int add_session(struct scan *scan, const char *id, const struct place *place)
{
	struct open_session *session = calloc(1, sizeof(*session));

	if (session == NULL) {
		return -ENOMEM;
	}
	strcpy(session->id, id);
	session->place = *place;
	session->next = scan->sessions;
	scan->sessions = session;
	return 0;
}

static int add_attempt(struct open_session *session, uint64_t number, const char *line, size_t size)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	if (attempt == NULL) {
		return -ENOMEM;
	}
	attempt->number = number;
	attempt->record = parse(line, size);
	attempt->next = session->attempts;
	session->attempts = attempt;
	return 0;
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

static int take_line(struct scan *scan, const char *line, size_t size, const struct place *place)
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
		int r = *s == NULL ? add_session(scan, id, place) : 0;

		if (r == 0 && (*find(scan, id))->begin == NULL) {
			(*find(scan, id))->begin = parse(line, size);
		}
		return r;
	}
	if (*s == NULL) {
		return 0;
	}
	if (strcmp(event, EVENT_END) == 0) {
		struct open_session *gone = *s;

		*s = gone->next;
		session_free(gone);
	} else if (strcmp(event, EVENT_GATE) == 0) {
		json_object_put((*s)->gate);
		(*s)->gate = parse(line, size);
	} else if (strcmp(event, EVENT_ATTEMPT) == 0) {
		return add_attempt(*s, number, line, size);
	} else if (strcmp(event, EVENT_OUTCOME) == 0) {
		close_attempt(*s, number);
	}
	return 0;
}

/* Reads the lines of FD from OFFSET on. */
static int scan_file(struct scan *scan, int fd, uint64_t offset)
{
	struct stat st;
	int r = 0;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (st.st_size == 0) {
		return 0;
	}
	const char *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED) {
		return -errno;
	}
	const char *end = data + st.st_size;
	for (const char *line = data + offset; r == 0 && line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		struct place place = { st.st_ino, (uint64_t)(line - data) };

		if (newline == NULL) {
			break;
		}
		r = take_line(scan, line, (size_t)(newline - line), &place);
		line = newline + 1;
	}
	munmap((void *)(uintptr_t)data, (size_t)st.st_size);
	return r;
}

static int open_numbered(const struct journal *journal, uint64_t n)
{
	char name[PATH_MAX];

	journal_name(journal, n, name);
	return openat(journal->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* Where to begin, as the last recovery left it: file number and offset. */
static uint64_t read_hint(const struct journal *journal, uint64_t *offset)
{
	_cleanup_free_ char *text = NULL;
	char name[PATH_MAX];
	unsigned long long inode;
	unsigned long long at;
	char before = '\n';
	struct stat st;

	snprintf(name, sizeof(name), "%s.open", journal->name);
	*offset = 0;
	if (fd_read_file(journal->dir_fd, name, 256, &text, NULL, NULL) < 0 ||
		sscanf(text, "%llu %llu", &inode, &at) != 2) {
		return journal->count;
	}
	for (uint64_t n = 0; n <= journal->count; n++) {
		_cleanup_close_ int fd = open_numbered(journal, n);

		if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != inode) {
			continue;
		}
		if (at <= (uint64_t)st.st_size &&
			(at == 0 || pread(fd, &before, 1, (off_t)at - 1) == 1) && before == '\n') {
			*offset = at;
			return n;
		}
		break;
	}
	return journal->count;
}

static void write_hint(const struct journal *journal, const struct place *place)
{
	char name[PATH_MAX];
	char text[64];
	int n = snprintf(text, sizeof(text), "%llu %llu\n", (unsigned long long)place->inode,
		(unsigned long long)place->offset);

	snprintf(name, sizeof(name), "%s.open", journal->name);
	_cleanup_close_ int fd = openat(
		journal->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && write(fd, text, (size_t)n) != n) {
		unlinkat(journal->dir_fd, name, 0);
	}
}

static int scan_all(struct scan *scan, const struct journal *journal)
{
	uint64_t offset;
	uint64_t first = read_hint(journal, &offset);
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
	int count = 0;
	int r = 0;

	for (struct attempt *a = session->attempts; r == 0 && a != NULL; a = a->next) {
		r = write_made(journal, event_recovered_outcome(session->begin, a->record), made,
			data, err);
		count++;
	}
	if (r == 0 && end) {
		r = write_made(journal, event_recovered_end(session->begin), made, data, err);
		count++;
	}
	return r < 0 ? r : count;
}

int journal_recover(struct journal *journal, const char *only, journal_made *made, void *data,
	struct error *err)
{
	struct scan scan = { .only = only };
	struct audit_session self;
	struct place oldest = { 0 };
	struct stat st;
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
	for (struct open_session *s = scan.sessions; r >= 0 && s != NULL; s = s->next) {
		/* Whether it lives is asked of those alone that no record has ended. */
		if (only != NULL ||
			!(process_lives(s->begin, &self) || process_lives(s->gate, &self))) {
			r = close_session(journal, s, only == NULL, made, data, err);
			count += r;
		} else {
			oldest = s->place; /* the list's last is the oldest */
		}
	}
	if (r >= 0 && only == NULL) {
		if (oldest.inode == 0 && fstat(journal->fd, &st) == 0) {
			oldest = (struct place){ st.st_ino, (uint64_t)st.st_size };
		}
		write_hint(journal, &oldest);
	}
	journal_unlock(journal);
	while (scan.sessions != NULL) {
		struct open_session *next = scan.sessions->next;

		session_free(scan.sessions);
		scan.sessions = next;
	}
	if (r >= 0 && count > 0 && fdatasync(journal->fd) < 0) {
		r = error_set(err, errno, "sync the journal %s", journal->path);
	}
	return r < 0 ? r : count;
}
