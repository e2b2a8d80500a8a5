/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate's half of a transition that it holds by ptrace, from the moment a thread's execve was
 * denied to the moment the container's program runs; and the tracing that `sallyport exec` shares.
 */
#ifndef GATE_TRANSITION_H
#define GATE_TRANSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "policy/profile.h"

/*
 * PTRACE_SEIZEs TID with what a transition needs: exec events, seccomp filters held back
 * (PTRACE_O_SUSPEND_SECCOMP), and its death should we die. -EPERM where another traces it: the
 * message then names the tracer and the way out.
 */
int transition_seize(pid_t tid, struct error *err);

/*
 * Moves PID into the CGROUP_FDS and gives it LIMITS: what is done from outside to the launcher,
 * while it is stopped. What could not be given for want of a capability is named in MISSED.
 */
int transition_apply(pid_t pid, const int *cgroup_fds, size_t n_cgroups,
	const struct limits *limits, char *missed, size_t missed_size, struct error *err);

enum transition_stop {
	TRANSITION_GONE,    /* it has ended */
	TRANSITION_EXEC,    /* an execve has succeeded */
	TRANSITION_SYSCALL, /* entry to or return from a system call */
	TRANSITION_OTHER    /* a signal, job control, our own interrupt */
};

/* What STATUS, as waitpid(2) gave it, tells of a thread that transition_seize() took. */
enum transition_stop transition_classify(int status);

/*
 * Lets TID go on after the stop STATUS with REQUEST (PTRACE_CONT or PTRACE_SYSCALL): a signal is
 * delivered, a stop by job control lasts.
 */
void transition_resume(pid_t tid, int status, int request);

/* Lets TID go for good; a signal that STATUS was about is delivered. */
void transition_release(pid_t tid, int status);

#endif
