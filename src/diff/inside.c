/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/procfs.h"
#include "base/str.h"
#include "diff/diff.h"

#define SAID_MAX (2 << 20)

/* Takes the line apart. True at the end of what the probe has to say. */
static bool take_line(struct facts *facts, char *line)
{
	char *tab = strchr(line, '\t');

	if (tab == NULL) {
		return false;
	}
	*tab = '\0';
	if (str_equal(line, "end")) {
		return true;
	}
	facts_add(facts, line, "%s", tab + 1);
	return false;
}

/* Takes the whole lines of TEXT, moves what is left to its beginning. True at the end. */
static bool take_lines(struct facts *facts, char *text, size_t *used)
{
	char *line = text;
	char *newline;

	text[*used] = '\0';
	while ((newline = memchr(line, '\n', *used - (size_t)(line - text))) != NULL) {
		*newline = '\0';
		if (take_line(facts, line)) {
			return true;
		}
		line = newline + 1;
	}
	*used -= (size_t)(line - text);
	memmove(text, line, *used);
	return false;
}

int inside_read(struct facts *facts, int fd, int timeout_ms, struct error *err)
{
	_cleanup_free_ char *text = malloc(SAID_MAX + 1);
	int64_t deadline = clock_ms() + timeout_ms;
	size_t total = 0;
	size_t used = 0;

	if (text == NULL) {
		return error_set(err, ENOMEM, "listen to the probe");
	}
	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - clock_ms();

		if (left <= 0 || poll(&ready, 1, (int)left) == 0) {
			return error_set(err, ETIMEDOUT, "the probe has said %zu of its findings",
				facts->count);
		}
		ssize_t n = read(fd, text + used, SAID_MAX - used);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return error_set(err, n < 0 ? errno : EPIPE,
				"the probe has ended after %zu of its findings", facts->count);
		}
		used += (size_t)n;
		total += (size_t)n;
		if (take_lines(facts, text, &used)) {
			return 0;
		}
		if (total > SAID_MAX || used == SAID_MAX) {
			return error_set(err, EFBIG, "the probe doesn't come to an end");
		}
	}
}

static bool is_process(pid_t candidate, pid_t pid, uint64_t pid_ns)
{
	_cleanup_close_ int proc_fd = procfs_open(candidate, NULL);
	_cleanup_free_ char *status = NULL;
	struct ns_id ns;
	pid_t inner;

	return proc_fd >= 0 && procfs_ns_id(proc_fd, "pid", &ns, NULL) == 0 && ns.ino == pid_ns &&
	       procfs_status(proc_fd, &status, NULL) == 0 &&
	       procfs_inner_pid(status, &inner) == 0 && inner == pid;
}

pid_t inside_find(pid_t pid, uint64_t pid_ns, struct error *err)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (proc == NULL) {
		return error_set(err, errno, "open /proc");
	}
	while ((entry = readdir(proc)) != NULL) {
		pid_t candidate = atoi(entry->d_name);

		if (isdigit((unsigned char)entry->d_name[0]) &&
			is_process(candidate, pid, pid_ns)) {
			return candidate;
		}
	}
	return error_set(err, ESRCH, "find process %d of pid namespace %ju from outside", (int)pid,
		(uintmax_t)pid_ns);
}
