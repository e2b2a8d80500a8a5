/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is mounted on the host while a view of it is open changes what its names lead to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "fs/fs.h"
#include "fs/watch_table.h"

#define MOUNTINFO_MAX (64 << 20)

/* One line of mountinfo, proc(5): its hash, and the last component of where it is. */
struct mount_line {
	uint64_t hash;
	char name[NAME_MAX + 1];
};

static int compare(const void *a, const void *b)
{
	const struct mount_line *x = a;
	const struct mount_line *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void parse(struct mount_line *out, const char *line)
{
	char path[PATH_MAX];

	memset(out, 0, sizeof(*out));
	out->hash = 0xcbf29ce484222325u;
	for (const char *at = line; *at != '\0'; at++) {
		out->hash = (out->hash ^ (unsigned char)*at) * 0x100000001b3u;
	}
	if (sscanf(line, "%*d %*d %*s %*s %4095s", path) == 1) {
		const char *slash = strrchr(path, '/');

		snprintf(out->name, sizeof(out->name), "%.255s", slash != NULL ? slash + 1 : path);
		str_unescape_octal(out->name);
	}
}

static struct mount_line *read_lines(size_t *n)
{
	_cleanup_free_ char *text = NULL;
	struct mount_line *lines = NULL;
	size_t room = 0;
	char *save = NULL;

	*n = 0;
	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, NULL) < 0) {
		return NULL;
	}
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		if (*n == room) {
			room = room != 0 ? room * 2 : 64;
			struct mount_line *more = reallocarray(lines, room, sizeof(*lines));

			if (more == NULL) {
				abort(); /* as with what is to be told to the kernel */
			}
			lines = more;
		}
		parse(&lines[(*n)++], line);
	}
	qsort(lines, *n, sizeof(*lines), compare);
	return lines;
}

void watch_mounts_changed(struct fs *fs)
{
	struct watcher *watcher = &fs->watch;
	size_t n, i = 0, j = 0;
	struct mount_line *now = read_lines(&n);

	while (i < watcher->n_mounts || j < n) {
		const struct mount_line *old = i < watcher->n_mounts ? &watcher->mounts[i] : NULL;
		const struct mount_line *new = j < n ? &now[j] : NULL;
		int order = old == NULL ? 1 : new == NULL ? -1 : compare(old, new);

		if (order != 0) {
			watch_name_anywhere(fs, order < 0 ? old->name : new->name);
		}
		i += order <= 0;
		j += order >= 0;
	}
	free(watcher->mounts);
	watcher->mounts = now;
	watcher->n_mounts = n;
}
