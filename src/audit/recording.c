/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#define FLUSH_SIZE 65536
#define BUFFER_SIZE (FLUSH_SIZE + CAST_EVENT_MAX(RECORDING_CHUNK_MAX + CAST_PENDING_MAX))

struct recording {
	int fd;
	char *path;
	bool input;
	bool hidden; /* the last event stands for the beginning of a line that is not recorded */
	int64_t began_ns; /* clock_ns() */
	struct cast_stream output_stream;
	struct cast_stream input_stream;
	struct digest *digest; /* of what is in the file */
	off_t written;	       /* bytes there, whole lines */
	int error;	       /* negative errno of the write that failed; 0 */
	size_t used;
	char buffer[BUFFER_SIZE];
};

static double seconds_since(const struct recording *recording)
{
	return (double)(clock_ns() - recording->began_ns) / 1e9;
}

/* Makes DIRECTORY and what is missing above it, each for root alone. */
static int make_directories(const char *directory, struct error *err)
{
	_cleanup_free_ char *path = strdup(directory);

	if (path == NULL) {
		return error_set(err, ENOMEM, "make %s", directory);
	}
	for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash != NULL) {
			*slash = '\0';
		}
		if (mkdir(path, 0700) < 0 && errno != EEXIST) {
			return error_set(err, errno, "make the directory %s", path);
		}
		if (slash == NULL) {
			return 0;
		}
		*slash = '/';
	}
}

static int open_directory(const char *directory, struct error *err)
{
	struct stat st;
	int r = make_directories(directory, err);

	if (r < 0) {
		return r;
	}
	_cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		return error_set(err, errno, "open the directory %s", directory);
	}
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return error_set_hint(err, EACCES, "chown root: and chmod go-w: it",
			"%s is not root's alone", directory);
	}
	return steal_fd(&fd);
}

static int create(
	struct recording *recording, const struct recording_options *options, struct error *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int dir_fd = -1;

	if (options->file != NULL) {
		recording->fd = open(options->file, flags, 0600);
	} else {
		_cleanup_free_ char *name = str_format("%s.cast", options->header.session);

		dir_fd = open_directory(options->directory, err);
		if (dir_fd < 0) {
			return dir_fd;
		}
		recording->fd = name != NULL ? openat(dir_fd, name, flags, 0600) : -1;
	}
	if (recording->fd < 0) {
		return error_set(err, errno, "make the recording %s",
			options->file != NULL ? options->file : options->directory);
	}
	recording->path = fd_path(recording->fd);
	return recording->path == NULL ? error_set(err, errno, "read the recording's path") : 0;
}

static int write_header(
	struct recording *recording, const struct recording_options *options, struct error *err)
{
	struct cast_header header = options->header;

	header.timestamp = time(NULL);
	_cleanup_free_ char *line = cast_header(&header);
	if (line == NULL || strlen(line) > FLUSH_SIZE) {
		return error_set(err, line == NULL ? ENOMEM : E2BIG, "begin the recording");
	}
	recording->used = strlen(line);
	memcpy(recording->buffer, line, recording->used);
	int r = recording_flush(recording);
	return r < 0 ? error_set(err, -r, "write the recording %s", recording->path) : 0;
}

int recording_open(
	struct recording **out, const struct recording_options *options, struct error *err)
{
	struct recording *recording = malloc(sizeof(*recording));

	*out = NULL;
	if (recording == NULL) {
		return error_set(err, ENOMEM, "begin the recording");
	}
	/* Not the buffer: its pages are touched as they are needed. */
	memset(recording, 0, offsetof(struct recording, buffer));
	recording->fd = -1;
	recording->input = options->input;
	recording->began_ns = clock_ns();
	recording->digest = digest_new();
	int r = recording->digest == NULL ? error_set(err, ENOMEM, "begin the recording")
					  : create(recording, options, err);
	if (r == 0) {
		r = write_header(recording, options, err);
	}
	if (r < 0) {
		if (recording->path != NULL) {
			unlink(recording->path);
		}
		recording_close(recording);
		return r;
	}
	*out = recording;
	return 0;
}

const char *recording_path(const struct recording *recording)
{
	return recording->path;
}

int recording_flush(struct recording *recording)
{
	if (recording->error != 0 || recording->used == 0) {
		return recording->error;
	}
	recording->error = fd_write_all(recording->fd, recording->buffer, recording->used);
	if (recording->error < 0) {
		/* Half a line is none: what the file has is to be read, and to have its hash. */
		if (ftruncate(recording->fd, recording->written) < 0) {
			recording->error = -errno;
		}
		return recording->error;
	}
	digest_update(recording->digest, recording->buffer, recording->used);
	recording->written += (off_t)recording->used;
	recording->used = 0;
	return 0;
}

bool recording_is_pending(const struct recording *recording)
{
	return recording->used > 0;
}

static int add(struct recording *recording, enum cast_code code, struct cast_stream *stream,
	const char *data, size_t size)
{
	int r = recording->error;

	while (r == 0 && size > 0) {
		size_t n = size < RECORDING_CHUNK_MAX ? size : RECORDING_CHUNK_MAX;

		recording->used += cast_event(recording->buffer + recording->used,
			seconds_since(recording), code, stream, data, n);
		data += n;
		size -= n;
		if (recording->used >= FLUSH_SIZE) {
			r = recording_flush(recording);
		}
	}
	return r;
}

int recording_output(struct recording *recording, const char *data, size_t size)
{
	return add(recording, CAST_OUTPUT, &recording->output_stream, data, size);
}

int recording_input(struct recording *recording, const char *data, size_t size)
{
	recording->hidden = false;
	return recording->input ? add(recording, CAST_INPUT, &recording->input_stream, data, size)
				: recording->error;
}

int recording_hidden_input(struct recording *recording, const char *data, size_t size)
{
	bool told = recording->hidden;
	int r = told ? recording->error
		     : recording_input(recording, RECORDING_REDACTED, strlen(RECORDING_REDACTED));

	recording->hidden = data[size - 1] != '\r' && data[size - 1] != '\n';
	return r;
}

int recording_resize(struct recording *recording, unsigned int columns, unsigned int rows)
{
	char size[32];

	return add(recording, CAST_RESIZE, NULL, size,
		(size_t)snprintf(size, sizeof(size), "%ux%u", columns, rows));
}

int recording_marker(struct recording *recording, const char *text)
{
	return add(recording, CAST_MARKER, NULL, text, strlen(text));
}

int recording_finish(struct recording *recording, char sha256[DIGEST_HEX_SIZE], struct error *err)
{
	double seconds = seconds_since(recording);

	if (recording->error == 0) {
		recording->used += cast_end(recording->buffer + recording->used, seconds,
			CAST_OUTPUT, &recording->output_stream);
		recording->used += cast_end(recording->buffer + recording->used, seconds,
			CAST_INPUT, &recording->input_stream);
	}
	int r = recording_flush(recording);
	if (r == 0 && fsync(recording->fd) < 0) {
		r = -errno;
	}
	digest_finish(recording->digest, sha256);
	recording->digest = NULL;
	return r < 0 ? error_set(err, -r, "write the recording %s", recording->path) : 0;
}

void recording_close(struct recording *recording)
{
	char unused[DIGEST_HEX_SIZE];

	if (recording == NULL) {
		return;
	}
	cleanup_close(&recording->fd);
	digest_finish(recording->digest, unused);
	free(recording->path);
	free(recording);
}
