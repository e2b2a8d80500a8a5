/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/passwd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

enum { PASSWD_FIELDS = 7, GROUP_FIELDS = 4 };

int passwd_read(int root_fd, const char *path, char **text, struct error *err)
{
	_cleanup_close_ int fd = fd_open_in_root(root_fd, path);

	if (fd == -ENOENT || fd == -ENOTDIR) {
		*text = strdup("");
		return *text != NULL ? 0 : error_set(err, ENOMEM, "read the container's %s", path);
	}
	if (fd == -EINVAL) {
		return error_set(err, 0, "the container's %s is no regular file", path);
	}
	if (fd < 0) {
		return error_set(err, -fd, "open the container's %s", path);
	}
	return fd_read_all(fd, path, PASSWD_FILE_MAX, text, NULL, err);
}

/* Cuts the next line out of *CURSOR and into at most MAX FIELDS at its colons; the last field keeps
 * the rest. Returns how many there are, -1 at the end of the text. */
static int next_line(char **cursor, char **fields, int max)
{
	char *line = *cursor;
	int n = 0;

	if (*line == '\0') {
		return -1;
	}
	char *end = strchrnul(line, '\n');
	*cursor = *end == '\n' ? end + 1 : end;
	*end = '\0';
	while (n < max) {
		fields[n++] = line;
		char *colon = n < max ? strchr(line, ':') : NULL;
		if (colon == NULL) {
			break;
		}
		*colon = '\0';
		line = colon + 1;
	}
	return n;
}

/* (uid_t)-1 means "no change" to the kernel: it is no id. */
static bool parse_id(const char *s, uint32_t *out)
{
	uint64_t value;

	if (str_to_u64(s, UINT32_MAX - 1, &value) < 0) {
		return false;
	}
	*out = (uint32_t)value;
	return true;
}

bool passwd_next(char **cursor, struct passwd_entry *entry)
{
	char *fields[PASSWD_FIELDS];
	int n;

	while ((n = next_line(cursor, fields, PASSWD_FIELDS)) >= 0) {
		if (n < 4 || fields[0][0] == '\0' || fields[0][0] == '#' ||
			!parse_id(fields[2], &entry->uid) || !parse_id(fields[3], &entry->gid)) {
			continue;
		}
		entry->name = fields[0];
		entry->home = n > 5 ? fields[5] : "";
		return true;
	}
	return false;
}

bool group_next(char **cursor, struct group_entry *entry)
{
	static char none[1];
	char *fields[GROUP_FIELDS];
	int n;

	while ((n = next_line(cursor, fields, GROUP_FIELDS)) >= 0) {
		if (n < 3 || fields[0][0] == '\0' || fields[0][0] == '#' ||
			!parse_id(fields[2], &entry->gid)) {
			continue;
		}
		entry->name = fields[0];
		entry->members = n > 3 ? fields[3] : none;
		return true;
	}
	return false;
}

bool group_has_member(const struct group_entry *entry, const char *name)
{
	size_t length = strlen(name);

	for (const char *p = entry->members; *p != '\0';) {
		size_t n = strcspn(p, ",");

		if (n == length && length > 0 && memcmp(p, name, n) == 0) {
			return true;
		}
		p += n + (p[n] == ',');
	}
	return false;
}
