/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A name becomes a process: which container is meant, and what is its init. One file per engine,
 * each a row of the table in target.c. Engines are read through their state files and sockets; all
 * that comes from there is checked against /proc before it is used.
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct target {
	const char *engine; /* "docker", "podman", ...; static */
	char *name;	    /* what the operator calls it; owned, never NULL */
	char *id;	    /* the engine's id; owned, NULL where the engine has none */
	char *image;	    /* image, or root filesystem's path; owned, NULL where unknown */
	char **labels;	    /* "KEY=VALUE" each, NULL at the end; owned. Docker's labels, of podman,
			       containerd and CRI the annotations; NULL: the engine has none, or they
			       could not be read (target_tells_labels()) */
	pid_t pid;	    /* the container's init in our pid namespace; 0: it is not running */
	uint64_t start_time; /* of pid, clock ticks since boot: procfs_start_time() */
	bool paused;
	uid_t owner; /* the user whose engine it is, who could have made up all of the above except
			pid and start_time; 0: the system's */
};

struct target_list {
	struct target *targets; /* owned */
	size_t count;
};

/*
 * Every container of every engine (of ENGINE alone where that is not NULL) on this host, each once,
 * running ones and, where the engine keeps track of them, stopped ones. An engine that is absent is
 * no error; one whose state can't be read is a line in WARNINGS (a new string or NULL, the
 * caller's). Returns 0 or a negative errno.
 */
int target_list(struct target_list *list, const char *engine, char **warnings, struct error *err);

/*
 * The one container that NAME means: its exact name, its exact id, a unique prefix (4 characters or
 * more) of its id, or a pid. ENGINE narrows to one engine where not NULL. Ambiguous and unknown
 * names are errors that list the candidates, one that is not running says so. On success OUT is
 * the caller's, to be given to target_finish().
 */
int target_resolve(struct target *out, const char *name, const char *engine, struct error *err);

/*
 * The pid in our namespace of the process LIKE, a number as the host has it or, where no such
 * process of the container is found, as the container's own pid namespace has it. It must live in
 * the pid namespace of TARGET's init (or one below). *START_TIME may be NULL.
 */
int target_like(const struct target *target, const char *like, pid_t *pid, uint64_t *start_time,
	struct error *err);

/* True where ENGINE's containers have labels, so that a target without any could not be read. */
bool target_tells_labels(const char *engine);

/*
 * Replaces TARGET by the container that it is, or is a process of, as the first engine that knows
 * it tells: a name given for another engine, or a pid, does not hide whose it is. One that no
 * engine tells of stays as it is. Returns 0 or a negative errno.
 */
int target_canonical(struct target *target, struct error *err);

/* Comma-separated names of the engines that -t takes. Static. */
const char *target_engines(void);

void target_finish(struct target *target);
void target_list_finish(struct target_list *list);

#endif
