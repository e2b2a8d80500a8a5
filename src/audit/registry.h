/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sessions that run: a file for each in REGISTRY_DIRECTORY, by its id, with a JSON object of
 * what is known of it. Its front holds a lock on it (fcntl(2), F_SETLK) as long as it lives: a file
 * without a lock is that of a dead one, and the kernel itself says who holds the lock.
 */
#ifndef AUDIT_REGISTRY_H
#define AUDIT_REGISTRY_H

#include <sys/types.h>

#include <json-c/json.h>

#include "audit/audit.h"
#include "base/error.h"

#define REGISTRY_DIRECTORY "/run/sallyport/sessions"

struct registry {
	int fd; /* of the file, locked; -1: none */
	char id[SESSION_ID_SIZE];
};

/*
 * Writes RECORD for the session ID, and removes what dead sessions have left. No other descriptor
 * of the file may be closed in this process while it is there: that would give the lock away.
 * Returns 0 or a negative errno; REGISTRY is for registry_leave() either way.
 */
int registry_enter(
	struct registry *registry, const char *id, struct json_object *record, struct error *err);
void registry_leave(struct registry *registry);

/* Removes what a front that was killed has left of the session ID: for others of its processes, at
 * their end. One that still holds its lock is left alone. */
void registry_forget_dead(const char *id);

/*
 * Gives each session that runs to VISIT with the pid of its front and its RECORD, until it returns
 * other than 0, which is returned then. What dead ones have left is removed. Returns 0 or a
 * negative errno.
 */
typedef int registry_visit(pid_t front, struct json_object *record, void *data);
int registry_each(registry_visit *visit, void *data, struct error *err);

/*
 * A pidfd of the front of the session ID, which the caller closes, *FRONT its pid. It was checked
 * after it was opened to be the one that holds the lock. -ESRCH where no such session runs.
 */
int registry_open_front(const char *id, pid_t *front, struct error *err);

#endif
