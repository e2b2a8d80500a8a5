/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void append(struct error *err, const char *format, ...)
{
	size_t used = strlen(err->message);
	va_list ap;

	va_start(ap, format);
	vsnprintf(err->message + used, sizeof(err->message) - used, format, ap);
	va_end(ap);
}

static int set(struct error *err, int code, const char *hint, const char *format, va_list ap)
{
	int known = code != 0 ? code : EINVAL;

	if (err == NULL) {
		return -known;
	}
	err->code = known;
	vsnprintf(err->message, sizeof(err->message), format, ap);
	if (code != 0) {
		append(err, ": %s", strerror(code));
	}
	if (hint != NULL) {
		append(err, " (%s)", hint);
	}
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
	char inner[ERROR_MESSAGE_MAX];
	va_list ap;

	if (err == NULL) {
		return -EINVAL;
	}
	memcpy(inner, err->message, sizeof(inner));
	va_start(ap, format);
	vsnprintf(err->message, sizeof(err->message), format, ap);
	va_end(ap);
	append(err, ": %s", inner);
	return -err->code;
}

void error_clear(struct error *err)
{
	if (err != NULL) {
		err->code = 0;
		err->message[0] = '\0';
	}
}
