/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lsm/apparmor_label.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

static int copy(char *out, size_t size, const char *from, size_t length)
{
	if (length >= size) {
		return -EINVAL;
	}
	memcpy(out, from, length);
	out[length] = '\0';
	return 0;
}

/* Where the mode " (enforce)" begins that ends TEXT, LENGTH bytes; LENGTH where there is none. */
static size_t find_mode(const char *text, size_t length)
{
	if (length < 4 || text[length - 1] != ')') {
		return length;
	}
	for (size_t i = length - 2; i > 0; i--) {
		if (text[i] == '(' && text[i - 1] == ' ') {
			return i < length - 2 ? i - 1 : length;
		}
		/* A mode is one word: a name may end with a parenthesis too. */
		if (text[i] == ' ' || text[i] == '(' || text[i] == ')') {
			return length;
		}
	}
	return length;
}

int apparmor_label_parse(struct lsm_label *label, const char *text)
{
	size_t length = strcspn(text, "\n");
	size_t name = find_mode(text, length);

	*label = (struct lsm_label){ 0 };
	if (name == 0 || copy(label->text, sizeof(label->text), text, name) < 0) {
		return -EINVAL;
	}
	if (name == length) {
		return 0;
	}
	/* Between " (" and ")". */
	return copy(label->mode, sizeof(label->mode), text + name + 2, length - name - 3);
}

int apparmor_label_next(struct apparmor_component *component, const char **text)
{
	const char *start = *text;
	const char *end = strstr(start, "//&");
	const char *next = end != NULL ? end + strlen("//&") : NULL;
	size_t length = end != NULL ? (size_t)(end - start) : strlen(start);

	component->space[0] = '\0';
	if (length > 0 && start[0] == ':') {
		const char *colon = memchr(start + 1, ':', length - 1);
		size_t space;

		if (colon == NULL) {
			return -EINVAL;
		}
		space = (size_t)(colon - start) - 1;
		if (space == 0 ||
			copy(component->space, sizeof(component->space), start + 1, space) < 0) {
			return -EINVAL;
		}
		length -= space + 2;
		start = colon + 1;
		if (length >= 2 && start[0] == '/' && start[1] == '/') {
			length -= 2;
			start += 2;
		}
	}
	*text = next;
	return length == 0 ? -EINVAL
			   : copy(component->name, sizeof(component->name), start, length);
}

bool apparmor_label_loaded(const struct apparmor_component *component, const char *profiles)
{
	for (const char *line = profiles; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		struct lsm_label entry;
		struct apparmor_component listed;
		const char *text = entry.text;

		if (apparmor_label_parse(&entry, line) == 0 &&
			apparmor_label_next(&listed, &text) == 0 &&
			str_equal(listed.space, component->space) &&
			str_equal(listed.name, component->name)) {
			return true;
		}
		line += length + (line[length] == '\n');
	}
	return false;
}
