/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container's symbolic links, rewritten for a session: whatever they say and wherever they
 * lie, none leads out of /c.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/contain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the kernel could answer, by the first byte of its DATA: nothing, the root, a path. */
static int resolve(void *data, const char *path, char *out, size_t size)
{
	switch (*(const uint8_t *)data % 4) {
	case 0:
		return -ENOENT;
	case 1:
		out[0] = '\0';
		return 0;
	case 2:
		snprintf(out, size, "/a/b");
		return 0;
	default:
		return -ELOOP;
	}
}

static bool has_dots(const char *path)
{
	for (const char *at = path; *at != '\0';) {
		size_t n = strcspn(at, "/");

		if (n == 2 && at[0] == '.' && at[1] == '.') {
			return true;
		}
		at += n + (at[n] == '/');
	}
	return false;
}

/* A byte for resolve(), the directory, a NUL, the link's text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[PATH_MAX];
	uint8_t how;

	if (size < 2) {
		return 0;
	}
	how = data[0];
	char *copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	copy[size - 1] = '\0';
	const char *dir = copy;
	const char *target =
		memchr(copy, '\0', size) == copy + size - 1 ? "" : copy + strlen(copy) + 1;

	/* A directory's path is canonical, a link's text is never empty: symlink(2). */
	if ((dir[0] != '\0' && dir[0] != '/') || has_dots(dir) || strstr(dir, "//") != NULL ||
		(dir[0] != '\0' && dir[strlen(dir) - 1] == '/') || target[0] == '\0') {
		free(copy);
		return 0;
	}
	int r = contain_target(dir, target, resolve, &how, out, sizeof(out));
	if (r == 0 && (has_dots(out) || (out[0] == '/' && strcmp(out, "/c") != 0 &&
						strncmp(out, "/c/", 3) != 0))) {
		abort();
	}
	if (r != 0 && r != -ENAMETOOLONG) {
		abort();
	}
	free(copy);
	return 0;
}
