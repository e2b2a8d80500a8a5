/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `sallyport exec` tells of its one transition; of those in a session the gate tells.
 */
#ifndef SESSION_RECORD_H
#define SESSION_RECORD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "session/session.h"

struct exec_record {
	const struct session_options *options;
	const struct profile *profile;
	pid_t pid;
	int sock;	  /* to the launcher, which says on it why it failed */
	char missed[256]; /* of the profile, for want of a capability */
	bool open;	  /* attempted, and no outcome yet */
};

/* The process is the launcher and stands still. Negative errno where it must not go on. */
int exec_record_attempt(struct exec_record *record, struct error *err);

/*
 * It has become the container's program (DONE), or not, with the wait status STATUS (-1: none) and,
 * where its code is set, the reason in ERR. Nothing where nothing was attempted. A negative errno
 * where the program must not run.
 */
int exec_record_outcome(struct exec_record *record, bool done, int status, struct error *err);

/* The program has ended, with this exit status; negative: not known. */
void exec_record_exit(const struct exec_record *record, int status);

#endif
