/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The passwd and group files of a container: written by whoever owns its root, so bounded, read
 * through a descriptor of the root and never through the C library's own databases.
 */
#ifndef POLICY_PASSWD_H
#define POLICY_PASSWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PASSWD_FILE_MAX (16u << 20)

/* One line, cut in place. What a short line lacks is "". */
struct passwd_entry {
	const char *name;
	uint32_t uid;
	uint32_t gid;
	const char *home;
};

struct group_entry {
	const char *name;
	uint32_t gid;
	char *members; /* comma-separated */
};

/*
 * The text of the regular file PATH below ROOT_FD in *TEXT, which the caller frees. A file that is
 * not there is an empty one. Returns 0 or a negative errno.
 */
int passwd_read(int root_fd, const char *path, char **text, struct error *err);

/*
 * The next well-formed entry at *CURSOR, which starts as the text and is moved on; the text is cut
 * to pieces. Lines that are no entries are passed over. False at the end.
 */
bool passwd_next(char **cursor, struct passwd_entry *entry);
bool group_next(char **cursor, struct group_entry *entry);

/* True where NAME is one of the comma-separated MEMBERS. */
bool group_has_member(const struct group_entry *entry, const char *name);

#endif
