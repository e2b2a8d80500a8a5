/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/text.h"

#include <string.h>

#include "base/str.h"

/* One line, without blanks at both ends. */
struct line {
	const char *start;
	size_t length;
};

static bool next_line(const char **text, struct line *line)
{
	if (**text == '\0') {
		return false;
	}
	line->start = *text;
	line->length = strcspn(*text, "\n");
	*text += line->length + ((*text)[line->length] == '\n');
	while (line->length > 0 && strchr(" \t\r", line->start[line->length - 1]) != NULL) {
		line->length--;
	}
	while (line->length > 0 && strchr(" \t", *line->start) != NULL) {
		line->start++;
		line->length--;
	}
	return true;
}

/* Makes LINE the value where it is KEY = VALUE. */
static bool take_value(struct line *line, const char *key)
{
	size_t skip = strlen(key);

	if (line->length < skip || strncmp(line->start, key, skip) != 0) {
		return false;
	}
	while (skip < line->length && strchr(" \t", line->start[skip]) != NULL) {
		skip++;
	}
	if (skip == line->length || line->start[skip] != '=') {
		return false;
	}
	skip++;
	while (skip < line->length && strchr(" \t", line->start[skip]) != NULL) {
		skip++;
	}
	line->start += skip;
	line->length -= skip;
	return true;
}

static bool copy(const struct line *line, char *out, size_t size)
{
	if (line->length >= size) {
		return false;
	}
	memcpy(out, line->start, line->length);
	out[line->length] = '\0';
	return true;
}

bool text_toml(const char *text, const char *section, const char *key, char *out, size_t size)
{
	bool here = *section == '\0';
	struct line line;

	while (next_line(&text, &line)) {
		if (line.length > 0 && *line.start == '[') {
			here = line.length == strlen(section) + 2 &&
			       strncmp(line.start + 1, section, strlen(section)) == 0 &&
			       line.start[line.length - 1] == ']';
			continue;
		}
		if (!here || !take_value(&line, key) || line.length < 2 ||
			strchr("\"'", *line.start) == NULL) {
			continue;
		}
		/* A comment may follow the closing quote. */
		const char *end = memchr(line.start + 1, *line.start, line.length - 1);
		if (end == NULL || memchr(line.start, '\\', line.length) != NULL) {
			return false;
		}
		line.start++;
		line.length = (size_t)(end - line.start);
		return copy(&line, out, size);
	}
	return false;
}

bool text_value(const char *text, const char *key, char *out, size_t size)
{
	struct line line;
	bool found = false;

	while (next_line(&text, &line)) {
		if (take_value(&line, key)) {
			found = copy(&line, out, size);
		}
	}
	return found;
}
