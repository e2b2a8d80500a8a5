/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small, bounded helpers for strings.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* True where A and B are equal; NULL is no string and equals nothing. */
bool str_equal(const char *a, const char *b);

/* True where S begins with PREFIX. */
bool str_starts_with(const char *s, const char *prefix);

/*
 * Parses the whole of S as an unsigned decimal number not above MAX. Signs, blanks and an empty
 * string are refused. Returns 0, -EINVAL (not a number) or -ERANGE.
 */
int str_to_u64(const char *s, uint64_t max, uint64_t *out);

/*
 * Copies SOURCE into OUT (SIZE bytes, always terminated), with control characters and bytes that
 * are not valid UTF-8 written as \xNN, so that what a container chose can't move the operator's
 * cursor. Returns the length.
 */
size_t str_escape(char *out, size_t size, const char *source);

/* Undoes the \040 of blanks and the like, as mountinfo has them (proc(5)), in place. */
void str_unescape_octal(char *s);

/* Formats into a new string, which the caller frees. NULL where memory ran out. */
char *str_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * The strings of LIST, which NULL ends, one after the other, each with its NUL: *SIZE bytes. LIST
 * may be NULL. The caller frees; NULL where memory is out.
 */
char *str_block(char *const *list, size_t *size);

#endif
