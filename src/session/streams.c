/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static int open_one(struct streams *streams, int number, uid_t uid, struct error *err)
{
	bool input = number == STDIN_FILENO;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		return error_set(err, errno, "pipe");
	}
	streams->own_fds[number] = ends[input ? 1 : 0];
	streams->child_fds[number] = ends[input ? 0 : 1];
	/* Neither what it never reads nor what it has not written yet is waited for. */
	if (fcntl(streams->own_fds[number], F_SETFL, O_NONBLOCK) < 0) {
		return error_set(err, errno, "fcntl");
	}
	if (fchown(streams->child_fds[number], uid, (gid_t)-1) < 0) {
		return error_set(err, errno, "give the pipe to uid %u", uid);
	}
	return 0;
}

/* "2>&1": what is written to both has one order. */
static bool is_one_output(void)
{
	struct stat output;
	struct stat errors;

	return fstat(STDOUT_FILENO, &output) == 0 && fstat(STDERR_FILENO, &errors) == 0 &&
	       output.st_dev == errors.st_dev && output.st_ino == errors.st_ino;
}

int streams_open(struct streams *streams, const struct lsm_labels *labels, bool recorded, uid_t uid,
	struct error *err)
{
	*streams = STREAMS_NONE;
	for (int i = 0; i < STREAMS; i++) {
		bool output = i != STDIN_FILENO;

		if (!(recorded && output) && lsm_may_inherit(labels, i)) {
			continue;
		}
		if (i == STDERR_FILENO && !recorded && streams->child_fds[STDOUT_FILENO] >= 0 &&
			is_one_output()) {
			streams->child_fds[i] =
				fcntl(streams->child_fds[STDOUT_FILENO], F_DUPFD_CLOEXEC, 0);
			if (streams->child_fds[i] < 0) {
				return error_set(err, errno, "dup");
			}
			continue;
		}
		int r = open_one(streams, i, uid, err);
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

int streams_become(const struct streams *streams, struct error *err)
{
	for (int i = 0; i < STREAMS; i++) {
		if (streams->child_fds[i] >= 0 && dup2(streams->child_fds[i], i) < 0) {
			return error_set(err, errno, "dup2");
		}
	}
	return 0;
}

void streams_started(struct streams *streams)
{
	for (int i = 0; i < STREAMS; i++) {
		cleanup_close(&streams->child_fds[i]);
		streams->child_fds[i] = -1;
	}
}

void streams_end(struct streams *streams, int number)
{
	cleanup_close(&streams->own_fds[number]);
	streams->own_fds[number] = -1;
}

void streams_finish(struct streams *streams)
{
	if (streams == NULL) {
		return;
	}
	streams_started(streams);
	for (int i = 0; i < STREAMS; i++) {
		streams_end(streams, i);
	}
}
