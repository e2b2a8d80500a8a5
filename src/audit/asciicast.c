/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/asciicast.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/str.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Well-formed UTF-8: The Unicode Standard, table 3-7. Later bytes are 80..BF, the second one is
 * narrower. */
static const struct {
	unsigned char length;
	unsigned char second_first, second_last;
} forms[] = {
	{ 2, 0x80, 0xbf }, /* C2..DF */
	{ 3, 0xa0, 0xbf }, /* E0 */
	{ 3, 0x80, 0xbf }, /* E1..EC */
	{ 3, 0x80, 0x9f }, /* ED */
	{ 3, 0x80, 0xbf }, /* EE..EF */
	{ 4, 0x90, 0xbf }, /* F0 */
	{ 4, 0x80, 0xbf }, /* F1..F3 */
	{ 4, 0x80, 0x8f }, /* F4 */
};

enum piece { WHOLE, CUT, BROKEN };

/* The row of forms for a first byte; -1: no character begins with it. */
static int form_of(unsigned char first)
{
	static const signed char of_three[16] = { 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4, 4 };
	static const signed char of_four[16] = { 5, 6, 6, 6, 7, -1, -1, -1, -1, -1, -1, -1, -1, -1,
		-1, -1 };

	switch (first >> 4) {
	case 0xc:
		return first >= 0xc2 ? 0 : -1;
	case 0xd:
		return 0;
	case 0xe:
		return of_three[first & 0xf];
	case 0xf:
		return of_four[first & 0xf];
	default:
		return -1;
	}
}

/* What the character at S is, of which at most N bytes are there; *LENGTH says how many of them are
 * its (or are broken together). */
static enum piece look_at(const unsigned char *s, size_t n, size_t *length)
{
	int form = form_of(s[0]);
	size_t i = 1;

	*length = 1;
	if (form < 0) {
		return BROKEN;
	}
	if (n > 1 && (s[1] < forms[form].second_first || s[1] > forms[form].second_last)) {
		return BROKEN;
	}
	while (i < forms[form].length && i < n && (s[i] & 0xc0) == 0x80) {
		i++;
	}
	*length = i;
	if (i == forms[form].length) {
		return WHOLE;
	}
	return i == n ? CUT : BROKEN;
}

/* Sixteen bytes at once, with whatever instructions the machine has for that. */
typedef unsigned char block __attribute__((vector_size(16)));

/*
 * Copies what of the N bytes at S stands for itself in a JSON string, up to the first byte that
 * doesn't. Returns how many. A block at a time: of megabytes of plain text a recording is made. OUT
 * has room for a block more than that.
 */
static size_t put_plain(char *out, const unsigned char *s, size_t n)
{
	size_t i = 0;

	for (; i + sizeof(block) <= n; i += sizeof(block)) {
		block x;
		uint64_t special[2];

		memcpy(&x, s + i, sizeof(x));
		memcpy(out + i, &x, sizeof(x));
		/* Each byte of the result is 0 or 255. */
		block found = (block)(x - 0x20 >= 0x60) | (block)(x == '"') | (block)(x == '\\');
		memcpy(special, &found, sizeof(special));
		if ((special[0] | special[1]) != 0) {
			size_t half = special[0] == 0;

			return i + 8 * half + (size_t)__builtin_ctzll(le64toh(special[half])) / 8;
		}
	}
	for (; i < n && s[i] >= 0x20 && s[i] < 0x80 && s[i] != '"' && s[i] != '\\'; i++) {
		out[i] = (char)s[i];
	}
	return i;
}

static char *put(char *out, const void *data, size_t size)
{
	memcpy(out, data, size);
	return out + size;
}

/* Like "%.6f", in a tenth of its time. */
static char *put_seconds(char *out, double seconds)
{
	uint64_t us = (uint64_t)(seconds * 1e6 + 0.5);
	char digits[24];
	size_t n = 0;

	for (; us > 0 || n < 8; us /= 10) {
		digits[n++] = (char)('0' + us % 10);
		if (n == 6) {
			digits[n++] = '.';
		}
	}
	while (n > 0) {
		*out++ = digits[--n];
	}
	return out;
}

/* What stands for a byte that can't stand for itself in a JSON string: RFC 8259, section 7. */
static const char escapes[][8] = {
	"\\u0000",
	"\\u0001",
	"\\u0002",
	"\\u0003",
	"\\u0004",
	"\\u0005",
	"\\u0006",
	"\\u0007",
	"\\b",
	"\\t",
	"\\n",
	"\\u000b",
	"\\f",
	"\\r",
	"\\u000e",
	"\\u000f",
	"\\u0010",
	"\\u0011",
	"\\u0012",
	"\\u0013",
	"\\u0014",
	"\\u0015",
	"\\u0016",
	"\\u0017",
	"\\u0018",
	"\\u0019",
	"\\u001a",
	"\\u001b",
	"\\u001c",
	"\\u001d",
	"\\u001e",
	"\\u001f",
	['"'] = "\\\"",
	['\\'] = "\\\\",
};

/* OUT has room for the 8 bytes of a row. */
static char *put_escaped(char *out, unsigned char c)
{
	memcpy(out, escapes[c], sizeof(escapes[c]));
	return out + (out[1] == 'u' ? 6 : 2);
}

/* The N bytes at S as the inside of a JSON string. Returns how many were taken: all but a CUT
 * character at the end, which is replaced unless KEEP_CUT. */
static size_t put_text(char **out, const unsigned char *s, size_t n, bool keep_cut)
{
	size_t i = 0;

	while (i < n) {
		size_t length = put_plain(*out, s + i, n - i);

		*out += length;
		i += length;
		for (; i < n && s[i] >= 0x80; i += length) {
			enum piece piece = look_at(s + i, n - i, &length);

			if (piece == CUT && keep_cut) {
				return i;
			}
			if (piece != WHOLE) {
				*out = put(*out, REPLACEMENT, strlen(REPLACEMENT));
				continue;
			}
			for (size_t k = 0; k < length; k++) {
				*(*out)++ = (char)s[i + k];
			}
		}
		for (; i < n && (s[i] < 0x20 || s[i] == '"' || s[i] == '\\'); i++) {
			*out = put_escaped(*out, s[i]);
		}
	}
	return i;
}

/* The character that STREAM holds the beginning of, with what DATA has of its rest. Returns how
 * many bytes of DATA were taken. */
static size_t put_pending(
	char **out, struct cast_stream *stream, const unsigned char *data, size_t size)
{
	unsigned char joined[CAST_PENDING_MAX + 4];
	size_t had = stream->n_pending;
	size_t more = size < 4 ? size : 4;
	size_t length;

	memcpy(joined, stream->pending, had);
	memcpy(joined + had, data, more);
	enum piece piece = look_at(joined, had + more, &length);
	if (piece == CUT) {
		/* Everything there was is the beginning of it still. */
		memcpy(stream->pending, joined, had + more);
		stream->n_pending = had + more;
		return more;
	}
	stream->n_pending = 0;
	*out = piece == WHOLE ? put(*out, joined, length)
			      : put(*out, REPLACEMENT, strlen(REPLACEMENT));
	return length > had ? length - had : 0;
}

size_t cast_event(char *out, double seconds, enum cast_code code, struct cast_stream *stream,
	const char *data, size_t size)
{
	const unsigned char *s = (const unsigned char *)data;
	char *at = put_seconds(put(out, "[", 1), seconds);
	const char begin[] = { ',', ' ', '"', (char)code, '"', ',', ' ', '"' };

	at = put(at, begin, sizeof(begin));
	const char *text = at;

	if (stream != NULL && stream->n_pending > 0 && size > 0) {
		size_t taken = put_pending(&at, stream, s, size);

		s += taken;
		size -= taken;
	}
	size_t taken = put_text(&at, s, size, stream != NULL);
	if (taken < size) {
		stream->n_pending = size - taken;
		memcpy(stream->pending, s + taken, stream->n_pending);
	}
	if (at == text) {
		return 0;
	}
	return (size_t)(put(at, "\"]\n", 3) - out);
}

size_t cast_end(char *out, double seconds, enum cast_code code, struct cast_stream *stream)
{
	if (stream->n_pending == 0) {
		return 0;
	}
	stream->n_pending = 0;
	return (size_t)sprintf(out, "[%.6f, \"%c\", \"" REPLACEMENT "\"]\n", seconds, (char)code);
}

/* A string that comes from outside may be no UTF-8; then it isn't JSON either. */
static void add_string(struct json_object *object, const char *key, const char *value)
{
	if (value == NULL) {
		return;
	}
	size_t size = strlen(value);
	char *clean = malloc(3 * size + 1);
	char *at = clean;
	if (clean == NULL) {
		return;
	}
	for (size_t i = 0, length; i < size; i += length) {
		const unsigned char *s = (const unsigned char *)value + i;
		bool whole = *s < 0x80;

		length = 1;
		whole = whole || look_at(s, size - i, &length) == WHOLE;
		at = whole ? put(at, s, length) : put(at, REPLACEMENT, strlen(REPLACEMENT));
	}
	json_object_object_add(object, key, json_object_new_string_len(clean, (int)(at - clean)));
	free(clean);
}

char *cast_header(const struct cast_header *header)
{
	struct json_object *object = json_object_new_object();
	struct json_object *env = json_object_new_object();

	json_object_object_add(object, "version", json_object_new_int(2));
	json_object_object_add(object, "width", json_object_new_int((int)header->columns));
	json_object_object_add(object, "height", json_object_new_int((int)header->rows));
	json_object_object_add(object, "timestamp", json_object_new_int64(header->timestamp));
	add_string(object, "command", header->command);
	add_string(object, "title", header->title);
	add_string(env, "TERM", header->term);
	add_string(env, "SHELL", header->shell);
	add_string(env, "SALLYPORT_SESSION", header->session);
	json_object_object_add(object, "env", env);
	char *line = str_format(
		"%s\n", json_object_to_json_string_ext(
				object, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return line;
}
