/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A transition, step by step. The thread is seized while it is blocked inside execve, denied,
 * caught before it returns to user space, and sent into the same system call again with the
 * launcher's path. From the launcher's exec to the container's it is held by exec events alone.
 */
#include "gate/state.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/procfs.h"
#include "gate/arch.h"
#include "gate/resolve.h"
#include "gate/transition.h"

void transition_free(struct transition *t)
{
	if (t != NULL) {
		cleanup_close(&t->sock);
		free(t->file);
		free(t->args);
		free(t);
	}
}

static void forget(struct gate *gate, struct transition *gone)
{
	for (struct transition **t = &gate->transitions; *t != NULL; t = &(*t)->next) {
		if (*t == gone) {
			*t = gone->next;
			transition_free(gone);
			return;
		}
	}
}

struct transition *steps_find(struct gate *gate, pid_t tgid)
{
	for (struct transition *t = gate->transitions; t != NULL; t = t->next) {
		if (t->tgid == tgid && t->state == TRANSITION_LAUNCHING) {
			return t;
		}
	}
	return NULL;
}

/* A thread by its own id; after its exec from a thread it has its process's: ptrace(2), execve. */
static struct transition *find_stopped(struct gate *gate, pid_t tid, int status)
{
	unsigned long former = 0;

	for (struct transition *t = gate->transitions; t != NULL; t = t->next) {
		if (t->tid == tid) {
			return t;
		}
	}
	if (transition_classify(status) == TRANSITION_EXEC &&
		ptrace(PTRACE_GETEVENTMSG, tid, NULL, &former) == 0) {
		for (struct transition *t = gate->transitions; t != NULL; t = t->next) {
			if (t->tid == (pid_t)former) {
				return t;
			}
		}
	}
	return NULL;
}

int steps_begin(struct gate *gate, pid_t tid, pid_t tgid, const struct stat *file_stat,
	const char *file, struct error *err)
{
	struct transition *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->file = strdup(file)) == NULL) {
		free(t);
		return error_set(err, ENOMEM, "begin a transition");
	}
	t->tid = tid;
	t->tgid = tgid;
	t->sock = -1;
	t->state = TRANSITION_SEIZED;
	t->began_ns = clock_ns();
	t->file_stat = *file_stat;
	int r = transition_seize(tid, err);
	if (r < 0) {
		transition_free(t);
		return r;
	}
	t->next = gate->transitions;
	gate->transitions = t;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0) {
		/* Gone already; its end is reported like any other. */
		return errno == ESRCH ? 0 : error_set(err, errno, "interrupt thread %d", tid);
	}
	return 0;
}

/* The thread has stopped behind its denied execve: sends it into the launcher. */
static void redirect(struct gate *gate, struct transition *t, int status)
{
	struct exec_call call;
	struct error err = { 0 };
	int r = arch_read_exec(t->tid, &call, &err);

	if (r == 0) {
		r = resolve_exec(t->tid, &call, &t->file_stat, t->file, &t->plan, &err);
	} else if (r == -ENOENT) {
		error_set(&err, 0, "thread %d has left its execve", t->tid);
	}
	if (r == 0) {
		r = arch_redirect_exec(t->tid, &call, WIRE_LAUNCH_PATH, &err);
	}
	if (r < 0) {
		log_error("cannot run %s: %s", t->file, err.message);
		record_refused(gate, t->tgid, t->file, &err);
		transition_release(t->tid, status);
		forget(gate, t);
		return;
	}
	t->state = TRANSITION_REDIRECTED;
	transition_resume(t->tid, status, PTRACE_SYSCALL);
}

/* The execve of the launcher itself has failed (no memory, say): the tool sees that error. */
static bool redirect_failed(struct transition *t)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) < 0) {
		return false;
	}
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		t->last_nr = info.entry.nr;
	}
	return info.op == PTRACE_SYSCALL_INFO_EXIT && info.exit.is_error &&
	       arch_is_redirected_exec(t->last_nr);
}

/* The thread is the launcher now, alone in its process: our half of the profile. */
static void launched(struct gate *gate, struct transition *t, pid_t tgid, int status)
{
	t->tid = tgid;
	t->tgid = tgid;
	t->state = TRANSITION_LAUNCHING;
	record_attempt(gate, t);
	if (t->refusal.code == 0) {
		limits_apply(&gate->start.limits, tgid, t->missed, sizeof(t->missed), &t->refusal);
	}
	if (t->missed[0] != '\0') {
		log_info("%s: not given: %s", t->file, t->missed);
	}
	transition_resume(tgid, status, PTRACE_CONT);
}

/* The thread is the container's program. */
static void follow(struct gate *gate, const struct transition *t)
{
	struct error err = { 0 };
	struct program *program = programs_add(gate, t->tgid, &err);

	if (program == NULL) {
		log_warning("%s: its end will not be recorded: %s", t->file, err.message);
		return;
	}
	program->number = t->number;
	programs_watch(gate, program);
}

void steps_stopped(struct gate *gate, pid_t tid, int status)
{
	struct transition *t = find_stopped(gate, tid, status);
	struct error err = { 0 };

	if (t == NULL) {
		/* The last stop of a thread that we let go meanwhile. */
		if (WIFSTOPPED(status)) {
			transition_release(tid, status);
		}
		return;
	}
	switch (transition_classify(status)) {
	case TRANSITION_GONE:
		record_failed(gate, t, status, NULL);
		forget(gate, t);
		break;
	case TRANSITION_EXEC:
		if (t->state == TRANSITION_REDIRECTED) {
			launched(gate, t, tid, status);
			break;
		}
		if (transition_verify(tid, &gate->start.labels, &err) < 0) {
			log_error("%s: %s", t->file, err.message);
			record_failed(gate, t, -1, &err);
			transition_resume(tid, status, PTRACE_CONT);
			break;
		}
		if (record_done(gate, t, &err) < 0) {
			kill(tid, SIGKILL);
			log_error("%s was killed before it began: %s", t->file, err.message);
			transition_resume(tid, status, PTRACE_CONT);
			break;
		}
		log_info("%s: process %d has become the container's after %.2f ms", t->file, tid,
			(double)(clock_ns() - t->began_ns) / 1e6);
		follow(gate, t);
		transition_release(tid, status);
		forget(gate, t);
		break;
	case TRANSITION_SYSCALL:
		if (t->state == TRANSITION_REDIRECTED && redirect_failed(t)) {
			error_set(&err, 0, "the launcher could not be executed");
			record_refused(gate, tid, t->file, &err);
			transition_release(tid, status);
			forget(gate, t);
			break;
		}
		transition_resume(tid, status, PTRACE_SYSCALL);
		break;
	case TRANSITION_OTHER:
		if (t->state == TRANSITION_SEIZED) {
			redirect(gate, t, status);
			break;
		}
		transition_resume(tid, status,
			t->state == TRANSITION_REDIRECTED ? PTRACE_SYSCALL : PTRACE_CONT);
		break;
	}
}
