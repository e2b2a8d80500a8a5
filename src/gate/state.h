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
	uint64_t began_ns; /* CLOCK_MONOTONIC */
	uint64_t last_nr;  /* of the system call that it was last seen to enter */
	struct stat file_stat;
	char *file;	      /* the file as the event had it; owned */
	struct error refusal; /* code != 0: the launcher is told this instead of a plan */
	struct wire_plan plan;
};

struct gate {
	struct wire_gate_start start;
	int front_fd;  /* socket to the front */
	int watch_fd;  /* fanotify group */
	int listen_fd; /* launchers connect here */
	int view_fd;
	int plan_fds[2 + PLAN_NAMESPACES]; /* as struct wire_plan wants them */
	int cgroup_fds[CGROUPS_MAX];
	struct ns_id session_mnt; /* zero until the front has told */
	struct transition *transitions;
};

/* watch.c: fanotify */

/* Marks the container view for FAN_OPEN_EXEC_PERM. */
int watch_start(struct gate *gate, struct error *err);
/* Takes one event from the group: begins a transition or denies. Returns 0, or a negative errno at
 * the end. */
int watch_event(struct gate *gate, struct error *err);
/* -EACCES where process PID is no host tool of this session (a container's process, say). */
int watch_check_caller(const struct gate *gate, pid_t pid, struct error *err);

/* steps.c: the transitions by ptrace */

/* Begins one for thread TID, which is blocked in the exec of FILE. Returns 0 or a negative errno.
 */
int steps_begin(struct gate *gate, pid_t tid, const struct stat *file_stat, const char *file,
	struct error *err);
/* A traced thread has changed state. */
void steps_stopped(struct gate *gate, pid_t tid, int status);
struct transition *steps_find(struct gate *gate, pid_t tgid);

/* serve.c: launchers that ask */

/* A launcher has connected. */
void serve_connection(struct gate *gate);

#endif
