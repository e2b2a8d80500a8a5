/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state files of engines. A place is a directory below which an engine keeps them, with the one
 * who can write there: for the system's (owner 0) paths are absolute; a user's place is hostile and
 * is never left: no link, mount or special file that the user put there leads out of it or blocks.
 */
#ifndef TARGET_STATE_H
#define TARGET_STATE_H

#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "target/json.h"

struct place {
	int fd; /* AT_FDCWD for the system's */
	uid_t owner;
};

#define PLACE_SYSTEM ((struct place){ .fd = AT_FDCWD, .owner = 0 })
#define STATE_MAX (8u << 20) /* bytes of a file */

/*
 * Opens PATH below PLACE, which must be of TYPE (S_IFREG, S_IFDIR; S_IFSOCK as O_PATH) and, in a
 * user's place, belong to that user. Returns the descriptor, which the caller closes, or a negative
 * errno.
 */
int state_open(const struct place *place, const char *path, mode_t type, struct error *err);

/* The whole of the regular file PATH, at most STATE_MAX bytes, with a NUL after it; the caller
 * frees *DATA. Returns 0 or a negative errno. */
int state_read(
	const struct place *place, const char *path, char **data, size_t *size, struct error *err);

/* The JSON file PATH; the caller gives it to json_object_put(). NULL on failure, ERR's code says
 * why. */
struct json_object *state_json(const struct place *place, const char *path, struct error *err);

/*
 * Calls VISIT with the name of each entry of the directory PATH, at most 16384, those that begin
 * with a dot left out. Returns 0, the first value of VISIT other than 0, or a negative errno.
 */
int state_each(const struct place *place, const char *path,
	int (*visit)(const char *name, void *data), void *data, struct error *err);

/* True for the errors of a file that is not there: an engine that is not installed. */
bool state_is_absent(int error);

struct user_place {
	uid_t uid;
	struct place runtime; /* /run/user/UID */
	struct place home;    /* fd is -1 where the user has none that is safe to look into */
	const char *runtime_path;
	const char *home_path;
};

/*
 * Calls VISIT for every user who has a /run/user/UID (root's left out). Returns 0 or the first
 * value of VISIT other than 0.
 */
int state_each_user(int (*visit)(const struct user_place *user, void *data), void *data);

#endif
