/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/str.h"

static enum log_level current_level = LOG_NORMAL;
static const char *subject;

void log_set_level(enum log_level level)
{
	current_level = level;
}

enum log_level log_get_level(void)
{
	return current_level;
}

void log_set_subject(const char *name)
{
	subject = name;
}

/* A terminal in raw mode does no output processing: there a line has to end in CR LF. */
static bool stderr_is_raw(void)
{
	struct termios t;

	return tcgetattr(STDERR_FILENO, &t) == 0 && (t.c_oflag & OPOST) == 0;
}

static void print_line(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));
static void print_line(const char *format, va_list ap)
{
	char plain[2048];
	char line[4 * sizeof(plain) + 4];
	int saved = errno;
	int prefix = subject != NULL ? snprintf(plain, sizeof(plain), "sallyport: %s: ", subject)
				     : snprintf(plain, sizeof(plain), "sallyport: ");

	if (prefix < 0 || (size_t)prefix >= sizeof(plain)) {
		prefix = 0;
	}
	vsnprintf(plain + prefix, sizeof(plain) - (size_t)prefix, format, ap);
	size_t n = str_escape(line, sizeof(line) - 3, plain);
	if (stderr_is_raw()) {
		line[n++] = '\r';
	}
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0) {
		/* Nobody is left to be told. */
	}
	errno = saved;
}

void log_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print_line(format, ap);
	va_end(ap);
}

void log_warning(const char *format, ...)
{
	va_list ap;

	if (current_level < LOG_NORMAL) {
		return;
	}
	va_start(ap, format);
	print_line(format, ap);
	va_end(ap);
}

void log_info(const char *format, ...)
{
	va_list ap;

	if (current_level < LOG_VERBOSE) {
		return;
	}
	va_start(ap, format);
	print_line(format, ap);
	va_end(ap);
}
