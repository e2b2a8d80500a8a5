/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An error that carries its errno and a sentence for the operator. Filled once, where the cause is
 * known; callers add context with error_wrap(). No allocation, so the launcher can use it too.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define ERROR_MESSAGE_MAX 1024

struct error {
	int code; /* positive errno; 0: no error was set */
	char message[ERROR_MESSAGE_MAX];
};

/*
 * Sets ERR to "FORMAT...: strerror(CODE)". CODE is a positive errno; where it is 0 no ": strerror"
 * is added and the error's code becomes EINVAL (for causes that no system call reported). ERR may
 * be NULL. Returns -CODE (or -EINVAL), so that a function can end with `return error_set(err,
 * errno, "open %s", path);`.
 * Where all of it is too long, FORMAT... is cut ("...") rather than the reason behind it.
 */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Like error_set(), with HINT in parentheses at the end: what the operator can do about it, or what
 * is needed.
 */
int error_set_hint(struct error *err, int code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Puts "FORMAT...: " before the message that ERR holds. The code stays. Returns -code. ERR may be
 * NULL, then -EINVAL is returned.
 */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets what ERR holds. NULL is accepted. */
void error_clear(struct error *err);

#endif
