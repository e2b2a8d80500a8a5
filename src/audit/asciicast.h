/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asciicast v2, the format of asciinema: a line with a JSON object, then a line with a JSON array
 * [SECONDS, CODE, DATA] for each event. https://docs.asciinema.org/manual/asciicast/v2/
 */
#ifndef AUDIT_ASCIICAST_H
#define AUDIT_ASCIICAST_H

#include <stddef.h>
#include <stdint.h>

/* The most that an event with SIZE bytes of data takes: each may become \u00NN or U+FFFD. */
#define CAST_EVENT_MAX(size) (6 * (size) + 64)
#define CAST_PENDING_MAX 3

enum cast_code {
	CAST_OUTPUT = 'o',
	CAST_INPUT = 'i',
	CAST_RESIZE = 'r', /* data: COLUMNSxROWS */
	CAST_MARKER = 'm'
};

/* One stream of text, which may be cut anywhere: the beginning of a character waits for its rest.
 */
struct cast_stream {
	unsigned char pending[CAST_PENDING_MAX];
	size_t n_pending;
};

/*
 * Writes the event CODE with the SIZE bytes at DATA, SECONDS after the start, to OUT, which has
 * room for CAST_EVENT_MAX(SIZE + CAST_PENDING_MAX). JSON is UTF-8: what isn't becomes U+FFFD, one
 * for each maximal part of a character. What of a character is there at the end stays in STREAM
 * (may be NULL: it is replaced too). Returns the bytes written; 0 where no whole character was
 * there.
 */
size_t cast_event(char *out, double seconds, enum cast_code code, struct cast_stream *stream,
	const char *data, size_t size);

/* The end of STREAM: an event with U+FFFD for a character that never came, or nothing. */
size_t cast_end(char *out, double seconds, enum cast_code code, struct cast_stream *stream);

struct cast_header {
	unsigned int columns;
	unsigned int rows;
	int64_t timestamp;
	const char *command; /* NULL: none, as the others */
	const char *title;
	const char *term;
	const char *shell;
	const char *session; /* env.SALLYPORT_SESSION */
};

/* The first line, with its newline, in a new string, which the caller frees. NULL: out of memory.
 */
char *cast_header(const struct cast_header *header);

#endif
