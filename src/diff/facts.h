/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of a process: keys and values, each key once. Where they come from:
 *
 *	outside.c   /proc/PID and system calls about another process ("status.Uid", "ns.net")
 *	inside.c    the probe's own words ("can.mount", "syscall.165", "access./etc")
 *	predict.c   what the target's filters say to the probe's system calls
 */
#ifndef DIFF_FACTS_H
#define DIFF_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "policy/profile.h"

#define FACTS_MAX 16384

struct fact {
	char *key;   /* owned */
	char *value; /* owned */
};

struct facts {
	struct fact *list; /* sorted by key after facts_sort(); owned */
	size_t count;
	size_t room;
	bool incomplete; /* memory or FACTS_MAX ran out */
};

/* Adds KEY: FORMAT... Failures mark FACTS incomplete, which facts_sort() reports. */
void facts_add(struct facts *facts, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Sorts and drops all but the first of equal keys. 0, or -E2BIG or -ENOMEM where some are missing.
 */
int facts_sort(struct facts *facts, struct error *err);

/* The value of KEY, NULL where there is none. FACTS must be sorted. */
const char *facts_get(const struct facts *facts, const char *key);

void facts_finish(struct facts *facts);

/*
 * All that can be seen of the process PID from outside and is a property, not a counter: proc(5),
 * sched_getattr(2), ioprio_get(2), PR_SCHED_CORE_GET. A part that can't be read has its error as
 * its value. Its seccomp filters are added by facts_of_filters(). Returns 0 or a negative errno.
 */
int facts_of_process(struct facts *facts, pid_t pid, struct error *err);

/* The filters of CHAIN, byte for byte. */
void facts_of_filters(struct facts *facts, const struct seccomp_chain *chain);

/*
 * What CHAIN does to the probe's calls, "syscall.N": the errno's name or the signal, "allowed"
 * where it leaves them to the kernel.
 */
void facts_predict(struct facts *facts, const struct seccomp_chain *chain);

#endif
