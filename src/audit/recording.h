/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The recording of a session's terminal, in asciicast v2 (asciicast.h): what was printed and when,
 * the transitions as markers, resizes, and what was typed where that is asked for. Written by the
 * front, which relays the terminal; the SHA-256 of the whole is known as soon as it is finished.
 */
#ifndef AUDIT_RECORDING_H
#define AUDIT_RECORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/asciicast.h"
#include "audit/digest.h"
#include "base/error.h"

#define RECORDING_CHUNK_MAX 16384 /* bytes that one call takes */

struct recording;

struct recording_options {
	const char *directory;	   /* made (0700) where it doesn't exist */
	const char *file;	   /* NULL: the session's id + ".cast", in DIRECTORY */
	struct cast_header header; /* its timestamp is set here */
	bool input;
};

/*
 * Makes the file (0600; one that exists is never touched) and writes its first line. DIRECTORY must
 * be root's and writable by nobody else. *RECORDING is the caller's, for recording_close(). Returns
 * 0 or a negative errno.
 */
int recording_open(
	struct recording **recording, const struct recording_options *options, struct error *err);

/* The file's absolute path; the recording's. */
const char *recording_path(const struct recording *recording);

/*
 * Add an event. Data is gathered and written by the 64 KiB, or by recording_flush(). Return 0, or a
 * negative errno from the first write that failed on: then the file ends with the last whole line
 * that was written, and takes no more.
 */
int recording_output(struct recording *recording, const char *data, size_t size);
int recording_input(struct recording *recording, const char *data, size_t size);
/* What was typed and must not be known: for each line of it RECORDING_REDACTED alone is recorded,
 * at its first key, neither its length nor when the other keys were hit. */
#define RECORDING_REDACTED "[redacted]"
int recording_hidden_input(struct recording *recording, const char *data, size_t size);
int recording_resize(struct recording *recording, unsigned int columns, unsigned int rows);
int recording_marker(struct recording *recording, const char *text);
int recording_flush(struct recording *recording);

/* True where something waits for recording_flush(). */
bool recording_is_pending(const struct recording *recording);

/*
 * Writes what is left, to the disk itself, and gives the SHA-256 of the file. Returns 0 or the
 * negative errno that stopped it, then the hash is of what is in the file.
 */
int recording_finish(struct recording *recording, char sha256[DIGEST_HEX_SIZE], struct error *err);

/* NULL is accepted. */
void recording_close(struct recording *recording);

#endif
