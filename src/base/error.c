/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What is kept free for the context that callers add. */
#define RESERVE 160

/*
 * The message becomes FORMAT... and TAIL. A name in FORMAT may be of any length, but the tail says
 * why: so that is what is kept.
 */
static void compose(struct error *err, const char *tail, size_t reserve, const char *format,
	va_list ap) __attribute__((format(printf, 4, 0)));

static void compose(
	struct error *err, const char *tail, size_t reserve, const char *format, va_list ap)
{
	static const char dots[] = "...";
	size_t least = sizeof(dots) + 64;
	size_t needed = strlen(tail) + reserve + 1;
	size_t room = needed + least < sizeof(err->message) ? sizeof(err->message) - needed : least;
	int n = vsnprintf(err->message, room, format, ap);
	size_t used = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;

	if (used < (size_t)n) {
		memcpy(err->message + used - strlen(dots), dots, strlen(dots));
	}
	snprintf(err->message + used, sizeof(err->message) - used, "%s", tail);
}

static int set(struct error *err, int code, const char *hint, const char *format, va_list ap)
	__attribute__((format(printf, 4, 0)));
static int set(struct error *err, int code, const char *hint, const char *format, va_list ap)
{
	int known = code != 0 ? code : EINVAL;
	char tail[512];

	if (err == NULL) {
		return -known;
	}
	err->code = known;
	snprintf(tail, sizeof(tail), "%s%s%s%s%s", code != 0 ? ": " : "",
		code != 0 ? strerror(code) : "", hint != NULL ? " (" : "", hint != NULL ? hint : "",
		hint != NULL ? ")" : "");
	compose(err, tail, RESERVE, format, ap);
	return -known;
}

int error_set(struct error *err, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int r = set(err, code, NULL, format, ap);
	va_end(ap);
	return r;
}

int error_set_hint(struct error *err, int code, const char *hint, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int r = set(err, code, hint, format, ap);
	va_end(ap);
	return r;
}

int error_wrap(struct error *err, const char *format, ...)
{
	char tail[ERROR_MESSAGE_MAX + 2];
	va_list ap;

	if (err == NULL) {
		return -EINVAL;
	}
	snprintf(tail, sizeof(tail), ": %s", err->message);
	va_start(ap, format);
	compose(err, tail, 0, format, ap);
	va_end(ap);
	return -err->code;
}

void error_clear(struct error *err)
{
	if (err != NULL) {
		err->code = 0;
		err->message[0] = '\0';
	}
}
