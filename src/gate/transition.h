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
#include "lsm/lsm.h"

/*
 * PTRACE_SEIZEs TID with what a transition needs: exec events, seccomp filters held back
 * (PTRACE_O_SUSPEND_SECCOMP), and its death should we die. -EPERM where another traces it: the
 * message then names the tracer and the way out.
 */
int transition_seize(pid_t tid, struct error *err);

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

/*
 * Whether TID, in its stop after the exec of the container's program, has exactly LABELS. Where
 * not, it is killed before its first instruction and the error says what it had. Where it may not
 * use the descriptors that it was given, a warning says so. Returns 0 or a negative errno.
 */
int transition_verify(pid_t tid, const struct lsm_labels *labels, struct error *err);

/* Fills WHY with what the launcher at the other end of SOCK said of its failure, if it did. */
void transition_hear(int sock, struct error *why);

/* Lets TID go for good; a signal that STATUS was about is delivered. */
void transition_release(pid_t tid, int status);

#endif
