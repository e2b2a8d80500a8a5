/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The roll: where the engines write down what they found. Each entry is checked against /proc as it
 * is added; at the end each container stands there once.
 */
#ifndef TARGET_ROLL_H
#define TARGET_ROLL_H

#include "base/error.h"
#include "target/json.h"
#include "target/process.h"
#include "target/target.h"

#define ROLL_MAX 16384	    /* entries; more than that is no host but an attack */
#define ROLL_USERS_MAX 2048 /* of them, those of users: they can't crowd out the system's */

struct roll {
	/* A name or the beginning of an id: what can't be meant by it may be left out where looking
	 * at it costs. NULL: all containers are. */
	const char *wanted;
	pid_t wanted_pid; /* the init of the one that is meant, most likely; 0: not known */
	struct target_list list;
	size_t room;
	size_t of_users; /* entries */
	char *warnings;	 /* lines, or NULL */
	struct process_names processes;
};

/* What an engine knows of one container; all strings stay the engine's. */
struct found {
	const char *engine; /* static */
	const char *name;
	const char *id;		    /* may be NULL */
	const char *image;	    /* may be NULL */
	struct json_object *labels; /* an object of strings; NULL: not known */
	pid_t pid;		    /* 0: the engine says that it is not running */
	uint64_t start_time;	    /* as the engine recorded it; 0: it did not */
	bool paused;
	uid_t owner; /* who could have written the state; 0: only the system */
};

/*
 * Adds FOUND. Where its pid is gone, is a zombie, began at another time than the engine recorded or
 * does not belong to the owner, it is added as not running. Users' entries above ROLL_USERS_MAX are
 * left out, with a warning. Returns 0 or a negative errno (no
 * memory, or ROLL_MAX).
 */
int roll_add(struct roll *roll, const struct found *found);

/* True where a running entry has this pid. */
bool roll_has_pid(const struct roll *roll, pid_t pid);

/* Adds a line to the warnings; where memory runs out it is lost. */
void roll_warn(struct roll *roll, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Leaves each container once, by its first entry, the system's before those of users: two entries
 * are the same container where they run as the same pid, or have the same id and owner. Returns 0
 * or -ENOMEM.
 */
int roll_merge(struct roll *roll);

void roll_finish(struct roll *roll);

#endif
