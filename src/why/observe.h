/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What observe.c, guard.c and run.c share: one run while it is followed.
 */
#ifndef WHY_OBSERVE_H
#define WHY_OBSERVE_H

#include "why/why.h"

#define THREADS_MAX 4096

/* A thread in a system call. */
struct thread {
	pid_t tid; /* 0: free */
	bool inside;
	bool described;	 /* the text of call is filled in */
	bool replaced;	 /* it is made to see result */
	int result;	 /* positive errno */
	uint32_t answer; /* of the container's filters */
	struct call call;
};

struct observation {
	struct session_observer observer;
	struct run *run;
	const struct repetition *again; /* NULL: this is the first */
	const struct seccomp_chain *chain;
	struct thread *threads; /* by their tid's remainder, open addressing */
	uint32_t clock;
	pid_t program;
	pid_t alone;  /* the thread that makes the call that is watched; the others wait for it */
	bool over;    /* all of them end */
	bool settled; /* they do */
	bool program_ended;
	int program_status;
};

/* observe.c */

/* Begins to follow the program; struct session_observer. */
int observe_begin(struct session_observer *observer, pid_t pid, struct error *err);
/* Takes all stops that there are; struct session_observer. */
bool observe_take(struct session_observer *observer, pid_t pid, int *status);

/* guard.c */

/* Fills in the text of T's call, once. */
void guard_describe(struct thread *t);
/* Notes in the first RUN that CALL ended with ERROR (0: it succeeded). */
void guard_remember(struct run *run, const struct call *call, int error);
/* Might a repetition have to know how T's call ended? */
bool guard_is_of_interest(const struct thread *t);
/* Does CALL put Landlock rules on its thread? */
bool guard_is_landlock(const struct call *call);
/* In a repetition, at the entry to T's call: lets it pass, answers it, or ends the program. */
void guard_entry(struct observation *o, struct thread *t);
/* Ends the program; WORDS go on from "it was ended". */
void guard_forbid(struct observation *o, const char *words);
/* Are all threads but TID out of system calls, or in one that only waits? */
bool guard_others_wait(const struct observation *o, pid_t tid);
/* Ends the program and all that it has started. */
void guard_end(struct observation *o);
/* Does ANSWER, of seccomp filters, let the call pass? Does it end the thread, or signal it? */
bool guard_allows(uint32_t answer);
bool guard_kills(uint32_t answer);

#endif
