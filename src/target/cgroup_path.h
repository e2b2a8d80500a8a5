/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which container a cgroup belongs to, by the names that engines give cgroups.
 */
#ifndef TARGET_CGROUP_PATH_H
#define TARGET_CGROUP_PATH_H

#include <stdbool.h>

#define CGROUP_ID_MAX 256

struct cgroup_container {
	const char *engine;	/* static; "cgroup" where only an id is known */
	char id[CGROUP_ID_MAX]; /* or the name, for engines whose ids are names */
};

/*
 * Recognises the innermost container in PATH, the third field of a line of /proc/PID/cgroup.
 * Returns false where it names none, or names an engine's own helper process.
 */
bool cgroup_path_parse(const char *path, struct cgroup_container *out);

/* The same for the whole text of /proc/PID/cgroup: the first line that names a container. */
bool cgroup_text_parse(const char *text, struct cgroup_container *out);

#endif
