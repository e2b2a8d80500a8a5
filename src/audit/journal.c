/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "audit/conf.h"
#include "audit/event.h"
#include "audit/journal_file.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define LOCK_TIMEOUT_S 10
#define LOCK_REPEAT_US 10000
#define PREFIX_MAX 128

/* Who may write there could take records out. */
static int check_owner(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return error_set(err, errno, "stat %s", path);
	}
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return error_set_hint(err, EPERM, "chown root, chmod go-w",
			"%s may be written by others than root", path);
	}
	return S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)
		       ? 0
		       : error_set(err, 0, "%s is no regular file", path);
}

static int open_directory(struct journal *journal, struct error *err)
{
	_cleanup_free_ char *directory =
		strndup(journal->path, (size_t)(journal->name - 1 - journal->path));

	if (directory == NULL) {
		return error_set(err, ENOMEM, "open the journal");
	}
	if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
		return error_set(err, errno, "make the journal's directory %s", directory);
	}
	journal->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (journal->dir_fd < 0) {
		return error_set(err, errno, "open the journal's directory %s", directory);
	}
	return check_owner(journal->dir_fd, directory, err);
}

/* Opens the current file, new after a rotation. */
static int open_file(struct journal *journal, struct error *err)
{
	int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	_cleanup_close_ int fd = openat(journal->dir_fd, journal->name, flags, 0600);

	if (fd < 0) {
		return error_set(err, errno, "open %s", journal->path);
	}
	int r = check_owner(fd, journal->path, err);
	if (r < 0) {
		return r;
	}
	struct stat st;

	/* A new name has to last as well: who wrote the first record has seen to that before. */
	if (fstat(fd, &st) < 0 ||
		(st.st_size == 0 && fsync(journal->dir_fd) < 0 && errno != EINVAL)) {
		return error_set(err, errno, "sync the directory of %s", journal->path);
	}
	cleanup_close(&journal->fd);
	journal->fd = steal_fd(&fd);
	journal->end = UINT64_MAX;
	return 0;
}

int journal_open(struct journal **out, const struct conf *conf, struct error *err)
{
	char lock_name[NAME_MAX + 1];
	struct journal *journal = calloc(1, sizeof(*journal));
	int r = 0;

	if (journal == NULL || (journal->path = strdup(conf->journal)) == NULL) {
		free(journal);
		return error_set(err, ENOMEM, "open the journal");
	}
	journal->name = strrchr(journal->path, '/') + 1;
	journal->dir_fd = journal->lock_fd = journal->fd = -1;
	journal->size_limit = conf->journal_size;
	journal->count = conf->journal_count;
	r = open_directory(journal, err);
	if (r == 0 && snprintf(lock_name, sizeof(lock_name), "%s.lock", journal->name) >=
			      (int)sizeof(lock_name)) {
		r = error_set(err, ENAMETOOLONG, "%s", journal->path);
	}
	if (r == 0) {
		journal->lock_fd = openat(journal->dir_fd, lock_name,
			O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		r = journal->lock_fd < 0 ? error_set(err, errno, "open %s.lock", journal->path) : 0;
	}
	if (r == 0) {
		r = open_file(journal, err);
	}
	if (r < 0) {
		journal_close(journal);
		return r;
	}
	*out = journal;
	return 0;
}

void journal_close(struct journal *journal)
{
	if (journal != NULL) {
		cleanup_close(&journal->fd);
		cleanup_close(&journal->lock_fd);
		cleanup_close(&journal->dir_fd);
		free(journal->path);
		free(journal);
	}
}

void journal_name(const struct journal *journal, uint64_t n, char *out)
{
	if (n == 0) {
		snprintf(out, PATH_MAX, "%s", journal->name);
	} else {
		snprintf(out, PATH_MAX, "%s.%llu", journal->name, (unsigned long long)n);
	}
}

static void wake_up(int signal)
{
	(void)signal;
}

/*
 * Asleep in flock(2): the kernel serves who waits in turn (fs/locks.c), where asking again and
 * again would let those starve who ask less often. Not for ever: who holds it may have been stopped
 * by a signal. The alarm repeats, as the first may come before the call does.
 */
static int wait_for_lock(int lock_fd)
{
	const struct itimerval limit = { .it_value.tv_sec = LOCK_TIMEOUT_S,
		.it_interval.tv_usec = LOCK_REPEAT_US };
	const struct itimerval none = { 0 };
	const struct sigaction wake = { .sa_handler = wake_up };
	struct itimerval left;
	struct sigaction action;
	sigset_t alarm_only;
	sigset_t mask;
	int r;

	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	if (sigaction(SIGALRM, &wake, &action) < 0) {
		return -errno;
	}
	sigprocmask(SIG_UNBLOCK, &alarm_only, &mask);
	setitimer(ITIMER_REAL, &limit, NULL);
	do {
		r = flock(lock_fd, LOCK_EX) < 0 ? -errno : 0;
		/* What is left of the first time is none once the alarm repeats. */
	} while (r == -EINTR && getitimer(ITIMER_REAL, &left) == 0 &&
		 (left.it_value.tv_sec > 0 || left.it_value.tv_usec > LOCK_REPEAT_US));
	setitimer(ITIMER_REAL, &none, NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGALRM, &action, NULL);
	return r == -EINTR ? -ETIMEDOUT : r;
}

int journal_lock(struct journal *journal, struct error *err)
{
	if (flock(journal->lock_fd, LOCK_EX | LOCK_NB) == 0) {
		return 0;
	}
	int r = errno == EWOULDBLOCK || errno == EINTR ? wait_for_lock(journal->lock_fd) : -errno;
	return r == 0 ? 0
		      : error_set(err, -r, "lock %s%s", journal->path,
				r == -ETIMEDOUT ? ", which another process holds" : "");
}

void journal_unlock(struct journal *journal)
{
	while (flock(journal->lock_fd, LOCK_UN) < 0 && errno == EINTR) {
	}
}

/* Another session may have rotated the file away. */
static int follow_rotation(struct journal *journal, struct error *err)
{
	struct stat ours;
	struct stat named;

	if (fstat(journal->fd, &ours) == 0 &&
		fstatat(journal->dir_fd, journal->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		fd_stat_same(&ours, &named)) {
		return 0;
	}
	return open_file(journal, err);
}

/* The current file becomes number 1, 1 becomes 2, and so on; the last goes. */
static int rotate(struct journal *journal, struct error *err)
{
	char from[PATH_MAX];
	char to[PATH_MAX];

	for (uint64_t n = journal->count; n > 0; n--) {
		journal_name(journal, n - 1, from);
		journal_name(journal, n, to);
		if (renameat(journal->dir_fd, from, journal->dir_fd, to) < 0 && errno != ENOENT) {
			return error_set(err, errno, "rotate %s", journal->path);
		}
	}
	struct journal_place last = journal->last;
	int r = open_file(journal, err);
	if (r == 0) {
		journal->end = 0;
		journal->last = last;
		journal->torn = false;
	}
	return r;
}

/* One line at the end of the file, or nothing. */
static int write_line(struct journal *journal, const char *line, size_t size, struct error *err)
{
	ssize_t n = write(journal->fd, line, size);

	if (n == (ssize_t)size) {
		return 0;
	}
	int code = n < 0 ? errno : ENOSPC;
	/* Where that fails too the piece is found, and told, by the next append. */
	if (n > 0 && ftruncate(journal->fd, (off_t)journal->end) < 0) {
		journal->end = UINT64_MAX;
	}
	return error_set(err, code, "write to the journal %s", journal->path);
}

static int append(struct journal *journal, struct json_object *record, struct journal_place *place,
	struct error *err)
{
	size_t size;
	const char *json = json_object_to_json_string_length(
		record, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
	_cleanup_free_ char *line = json != NULL ? malloc(PREFIX_MAX + size + 1) : NULL;

	if (line == NULL) {
		return error_set(err, ENOMEM, "write to the journal");
	}
	uint64_t seq = journal->last.seq + 1;
	int n = snprintf(
		line, PREFIX_MAX, JOURNAL_LINE_START, (unsigned long long)seq, journal->last.hash);
	memcpy(line + n, json + 1, size - 1);
	size += (size_t)n - 1;
	line[size] = '\n';
	int r = write_line(journal, line, size + 1, err);
	if (r < 0) {
		return r;
	}
	journal->last.seq = seq;
	digest_sha256(line, size, journal->last.hash);
	journal->end += size + 1;
	if (place != NULL) {
		*place = journal->last;
	}
	return 0;
}

/* A process died, or the machine, while it wrote: the piece goes, and a record says so. */
static int repair(struct journal *journal, struct error *err)
{
	struct stat st;
	char now[64];
	struct timespec t;
	struct tm tm;

	if (fstat(journal->fd, &st) < 0 || ftruncate(journal->fd, (off_t)journal->end) < 0) {
		return error_set(err, errno, "repair %s", journal->path);
	}
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &tm);
	struct json_object *record = json_object_new_object();
	json_object_object_add(record, "time", json_object_new_string(now));
	json_object_object_add(record, "event", json_object_new_string(EVENT_REPAIRED));
	json_object_object_add(record, "bytes",
		json_object_new_int64((int64_t)st.st_size - (int64_t)journal->end));
	journal->torn = false;
	int r = append(journal, record, NULL, err);
	json_object_put(record);
	return r;
}

int journal_append_locked(struct journal *journal, struct json_object *record,
	struct journal_place *place, struct error *err)
{
	int r = follow_rotation(journal, err);

	if (r == 0) {
		r = journal_tail(journal, err);
	}
	if (r == 0 && journal->torn) {
		r = repair(journal, err);
	}
	if (r == 0 && journal->end >= journal->size_limit) {
		r = rotate(journal, err);
	}
	return r == 0 ? append(journal, record, place, err) : r;
}

int journal_append(struct journal *journal, struct json_object *record, bool sync,
	struct journal_place *place, struct error *err)
{
	int r = journal_lock(journal, err);

	if (r < 0) {
		return r;
	}
	r = journal_append_locked(journal, record, place, err);
	/* Outside of the lock, so that one sync serves many who wait. */
	journal_unlock(journal);
	if (r == 0 && sync && fdatasync(journal->fd) < 0) {
		r = error_set(err, errno, "sync the journal %s", journal->path);
	}
	return r;
}
