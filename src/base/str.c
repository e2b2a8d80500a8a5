/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool str_equal(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

bool str_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

int str_to_u64(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (*s == '\0') {
		return -EINVAL;
	}
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9') {
			return -EINVAL;
		}
		uint64_t digit = (uint64_t)(*s - '0');
		if (value > (UINT64_MAX - digit) / 10) {
			return -ERANGE;
		}
		value = value * 10 + digit;
	}
	if (value > max) {
		return -ERANGE;
	}
	*out = value;
	return 0;
}

/* Length of the valid, shortest-form UTF-8 sequence at S that is no C1 control character; 0 where
 * there is none. */
static size_t utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		size_t length;
		uint32_t least;
	} forms[] = { { 0xe0, 0xc0, 2, 0xa0 }, { 0xf0, 0xe0, 3, 0x800 },
		{ 0xf8, 0xf0, 4, 0x10000 } };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if ((s[0] & forms[i].mask) != forms[i].lead) {
			continue;
		}
		uint32_t code = s[0] & (unsigned char)~forms[i].mask;
		for (size_t k = 1; k < forms[i].length; k++) {
			if ((s[k] & 0xc0) != 0x80) {
				return 0;
			}
			code = (code << 6) | (s[k] & 0x3f);
		}
		bool surrogate = code >= 0xd800 && code <= 0xdfff;
		/* Bidirectional controls reorder what the operator reads. */
		bool bidi =
			(code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
		return code < forms[i].least || code > 0x10ffff || surrogate || bidi
			       ? 0
			       : forms[i].length;
	}
	return 0;
}

size_t str_escape(char *out, size_t size, const char *source)
{
	size_t n = 0;

	if (size == 0) {
		return 0;
	}
	for (const unsigned char *s = (const unsigned char *)source; *s != '\0';) {
		size_t length = *s >= 0x20 && *s < 0x7f ? 1 : utf8_length(s);
		size_t need = length != 0 ? length : 4;

		if (n + need >= size) {
			break;
		}
		if (length == 0) {
			snprintf(out + n, size - n, "\\x%02x", *s);
			s++;
		} else {
			memcpy(out + n, s, length);
			s += length;
		}
		n += need;
	}
	out[n] = '\0';
	return n;
}

char *str_format(const char *format, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, format);
	int n = vasprintf(&s, format, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

char *str_block(char *const *list, size_t *size)
{
	*size = 0;
	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		*size += strlen(list[i]) + 1;
	}
	char *block = malloc(*size + 1);
	char *end = block;
	for (size_t i = 0; block != NULL && list != NULL && list[i] != NULL; i++) {
		end = stpcpy(end, list[i]) + 1;
	}
	return block;
}

void str_unescape_octal(char *s)
{
	char *out = s;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
			s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}
