/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the gate's files share: the session it guards and the transitions under way.
 */
#ifndef GATE_STATE_H
#define GATE_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "audit/conf.h"
#include "base/wire.h"
#include "gate/gate.h"

enum transition_state {
	TRANSITION_SEIZED,     /* its execve is denied; it has not stopped yet */
	TRANSITION_REDIRECTED, /* on its way into the launcher */
	TRANSITION_LAUNCHING   /* it is the launcher */
};

struct transition {
	struct transition *next;
	pid_t tid; /* the thread that called execve; its process, once that is the launcher */
	pid_t tgid;
	enum transition_state state;
	int64_t began_ns; /* clock_ns() */
	uint64_t last_nr; /* of the system call that it was last seen to enter */
	struct stat file_stat;
	char *file;	      /* the file as the event had it; owned */
	struct error refusal; /* code != 0: the launcher is told this instead of a plan */
	int sock;	      /* the launcher's, where it says why it failed; -1: none yet */
	uint64_t number;      /* in the session's records; 0: none was made */
	bool attempted;	      /* the journal has that */
	bool told;	      /* its outcome */
	char *args;	      /* as the launcher has them; owned */
	size_t args_size;
	char missed[256]; /* of the profile, for want of a capability */
	struct wire_plan plan;
};

/* A process of the container's. Its pid is sure while its descriptor says that it lives. */
struct program {
	struct program *next;
	struct program **link; /* what points to it */
	pid_t pid;
	int pidfd;
	uint64_t number; /* of its transition, where its end is to be recorded; else 0 */
};

struct entering {
	struct transition *transition; /* whose sock ends with the launcher; owned */
	struct program *program;
	int proc_fd;
};
#define ENTERING_MAX 32

struct gate {
	struct wire_gate_start start;
	int front_fd;  /* socket to the front */
	int watch_fd;  /* fanotify group */
	int listen_fd; /* launchers connect here */
	int view_fd;
	int plan_fds[PLAN_FDS_MAX];
	size_t n_plan_fds;
	bool no_new_privs;	  /* the target has it */
	struct ns_id session_mnt; /* zero until the front has told */
	struct transition *transitions;
	struct program *programs;
	int ends_fd;				/* epoll of their descriptors */
	uint32_t notices_lost;			/* which the front was too slow to take */
	struct entering entering[ENTERING_MAX]; /* the first n_entering */
	size_t n_entering;

	struct conf conf;
	struct trail *trail; /* NULL: nothing is recorded */
	uint64_t n_transitions;
	int tools_fd; /* struct wire_tool or fanotify's events come from there; -1: tools are not
			 recorded */
	struct tool *tools; /* that have just been started */
	/* Not to be woken by each message: while tools are started we look now and then. */
	bool tools_busy;
};

/* watch.c: fanotify */

/* Marks the container view for FAN_OPEN_EXEC_PERM. */
int watch_start(struct gate *gate, struct error *err);
/* Takes one event from the group: begins a transition or denies. Returns 0, or a negative errno at
 * the end. */
int watch_event(struct gate *gate, struct error *err);

/* caller.c: who may */

/* Reads what it needs of the plan. */
int caller_start(struct gate *gate, struct error *err);
/*
 * -EACCES where thread PID is of no host tool of this session (a container's process, say); -EPERM
 * where it is one that can't become a process of the container: it lacks a capability, or is under
 * a restriction that would stay. *TGID is its process.
 */
int caller_check(const struct gate *gate, pid_t pid, pid_t *tgid, struct error *err);

/* programs.c: what runs */

int programs_start(struct gate *gate, struct error *err);
/* PID, which stands still, becomes a program of the container. NULL: no memory, no descriptor. */
struct program *programs_add(struct gate *gate, pid_t pid, struct error *err);
/* Records the end of PROGRAM, where it has a number, and frees it then. */
void programs_watch(struct gate *gate, struct program *program);
/* The wait status of PROGRAM, which has ended; false where the kernel doesn't tell. */
bool programs_status(const struct program *program, int *status);
/* Some that are watched have ended. */
void programs_event(struct gate *gate);
/* Kills those that still run, with all that they have started and that is still below them. */
void programs_end(struct gate *gate);

/* steps.c: the transitions by ptrace */

/* Begins one for thread TID of process TGID, which is blocked in the exec of FILE. Returns 0 or a
 * negative errno. */
int steps_begin(struct gate *gate, pid_t tid, pid_t tgid, const struct stat *file_stat,
	const char *file, struct error *err);
/* A traced thread has changed state. */
void steps_stopped(struct gate *gate, pid_t tid, int status);
struct transition *steps_find(struct gate *gate, pid_t tgid);
/* NULL is accepted. */
void transition_free(struct transition *t);

/* record.c: what is told of transitions */

/* Opens the trail, where the front wants one. Returns 0 or a negative errno. */
int record_start(struct gate *gate, struct error *err);
/*
 * T's process is the launcher: reads its arguments and records the attempt. Where that can't be
 * recorded and has to be, T's refusal is set.
 */
void record_attempt(struct gate *gate, struct transition *t);
/*
 * T's process has become the container's. Returns 0, or a negative errno where that can't be
 * recorded and has to be: then it must not run.
 */
int record_done(struct gate *gate, struct transition *t, struct error *err);
/* It has not, and ended with the wait status STATUS (-1: it goes on as it was). CAUSE may be NULL.
 */
void record_failed(struct gate *gate, struct transition *t, int status, const struct error *cause);
/* Nobody saw whether it has, and it ended with STATUS. */
void record_unknown(struct gate *gate, struct transition *t, int status);
/* FILE is not executed for process PID, and never began to be. */
void record_refused(struct gate *gate, pid_t pid, const char *file, const struct error *cause);

/* tools.c: host tools that are started */

void tools_start(struct gate *gate);
/* Takes what has come, tells of the tools that are executed by now, and sets tools_busy. */
void tools_event(struct gate *gate);
/* The session ends: tells of all. */
void tools_end(struct gate *gate);

/* notice.c: what the front is told while the session runs */

/*
 * Tells the front how the transition of process PID to PATH went: CODE is 0 or a positive errno.
 * Never waits for the front: what it is too slow to take is counted.
 */
void notice_transition(struct gate *gate, pid_t pid, const char *path, int code);

/* serve.c: launchers that ask */

/* A launcher has connected. A negative errno where none can be served any more. */
int serve_connection(struct gate *gate, struct error *err);

/* enter.c: those of /.sallyport/enter */

/* Follows T's process, which gets its plan now. Takes T where it returns 0; else a negative errno.
 */
int enter_begin(struct gate *gate, struct transition *t, struct error *err);
/* The socket of entering[INDEX] has come to its end; kills the process where its label is wrong. */
void enter_finished(struct gate *gate, size_t index);

#endif
