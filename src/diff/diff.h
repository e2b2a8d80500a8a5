/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sallyport diff`: a probe is started through the same path as any program of the container, and
 * compared with the target, and with what the container's own engine starts.
 */
#ifndef DIFF_DIFF_H
#define DIFF_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "diff/facts.h"
#include "session/session.h"

/* run.c */

/* A probe that runs: what it said, and what is seen of it. */
struct diff_probe {
	pid_t runner; /* our child, which started it; 0: none */
	int stdin_fd; /* it ends when this is closed */
	pid_t pid;    /* in our pid namespace */
	pid_t inner_pid;
	struct facts facts;
};

/* The probe's program in a sealed memfd, which the caller closes, or a negative errno. */
int diff_program(struct error *err);

/*
 * Runs START(ARG) in a child of ours, whose standard input and output are the probe's; waits for
 * all that the probe says, finds it, and looks at it. PID_NS is the inode of the namespace in which
 * its pid counts, unless it knows better. PROBE is for diff_stop() either way.
 */
int diff_start(struct diff_probe *probe, int (*start)(const void *arg), const void *arg,
	uint64_t pid_ns, struct error *err);

/* Lets the probe end and waits for its runner. NULL and one that never ran are accepted. */
void diff_stop(struct diff_probe *probe);

/* inside.c */

/*
 * Reads what a probe says from FD until its end, at most TIMEOUT_MS. Its words may be anybody's:
 * the container's processes can disturb it. Returns 0 or a negative errno.
 */
int inside_read(struct facts *facts, int fd, int timeout_ms, struct error *err);

/*
 * The pid in our namespace of the process that is number PID in the pid namespace whose inode is
 * PID_NS. Returns it or -ESRCH.
 */
pid_t inside_find(pid_t pid, uint64_t pid_ns, struct error *err);

/* engine.c */

/*
 * Starts PROBE, a path as the container has it, by the exec of ENGINE ("docker"), in the container
 * ID; or by COMMAND, words for /bin/sh to which the path is added, where that is not NULL. Never
 * returns. To be called in diff_start()'s child.
 */
__attribute__((noreturn)) void engine_exec(
	const char *engine, const char *id, const char *command, const char *probe);

/* True where engine_exec() knows how ENGINE does it. */
bool engine_known(const char *engine);

/* compare.c */

enum verdict {
	VERDICT_SAME,
	VERDICT_EXPECTED, /* differs, and BECAUSE says why it must */
	VERDICT_DIFFERS,
	VERDICT_UNCOMPARED, /* nothing to compare it with: BECAUSE says what is missing */
	VERDICTS
};

/* What a row compares the probe with. */
enum basis {
	BASIS_TARGET, /* the target's own property */
	BASIS_FILTER, /* what the target's filters say to the call */
	BASIS_ENGINE, /* the process that the engine started */
	BASIS_NONE
};

/* The strings belong to the facts, or are static. NULL: that process has no such field. */
struct row {
	const char *key;
	const char *target;
	const char *ours;
	const char *engine;
	enum basis basis;
	enum verdict verdict;
	const char *because;
};

struct comparison {
	const struct facts *target;
	const struct facts *ours;
	const struct facts *engine; /* NULL: none was started */
	bool resource_capability;   /* our caller has CAP_SYS_RESOURCE */
	struct row *rows;	    /* owned; sorted by key */
	size_t count;
	size_t verdicts[VERDICTS];
};

/* Fills ROWS from the facts, which must be sorted and outlive them. */
int compare_facts(struct comparison *comparison, struct error *err);
void compare_finish(struct comparison *comparison);

/* expected.c */

/* Why ROW has to differ, where it has to: a static string, or NULL. */
const char *expected_difference(const struct comparison *comparison, const struct row *row);

#endif
