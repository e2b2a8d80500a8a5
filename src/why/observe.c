/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program is followed from system call to system call, with all that it starts: ptrace(2),
 * PTRACE_GET_SYSCALL_INFO. Its filters are in force meanwhile: what held them back for the
 * transition is taken off before its first instruction.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ptrace.h>
#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/str.h"
#include "gate/arch.h"
#include "gate/transition.h"
#include "why/observe.h"

#define SETTLE_MOMENTS 500 /* milliseconds */
#define SYS_SECCOMP_CODE 1 /* si_code of a SIGSYS by seccomp: SYS_SECCOMP, sigaction(2) */

#define TID_GONE (-1) /* a place that was in use: others may lie behind it */

static struct thread *thread_of(struct observation *o, pid_t tid)
{
	struct thread *free_one = NULL;

	for (size_t i = 0; i < THREADS_MAX; i++) {
		struct thread *t = &o->threads[((size_t)tid + i) % THREADS_MAX];

		if (t->tid == tid) {
			return t;
		}
		if (t->tid <= 0 && free_one == NULL) {
			free_one = t;
		}
		if (t->tid == 0) {
			break;
		}
	}
	if (free_one != NULL) {
		*free_one = (struct thread){ .tid = tid };
	}
	return free_one;
}

/* An exec ends all other threads, and a thread that is not the first takes the first one's id. */
static void executed(struct observation *o, pid_t tid)
{
	unsigned long former;

	if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &former) == 0 && (pid_t)former != tid) {
		struct thread *t = thread_of(o, (pid_t)former);

		if (t != NULL) {
			t->tid = TID_GONE;
		}
	}
}

/* Who the thread is that was refused. */
static void describe_caller(struct refusal *refusal, pid_t tid)
{
	_cleanup_close_ int proc_fd = procfs_open(tid, NULL);
	_cleanup_free_ char *status = NULL;
	_cleanup_free_ char *comm = NULL;
	uint64_t filters = 0;

	refusal->pid = tid;
	if (proc_fd < 0 || procfs_status(proc_fd, &status, NULL) < 0) {
		return;
	}
	/* Real, effective, saved, file system: proc(5) */
	sscanf(procfs_field(status, "Uid"), "%*u %*u %*u %u", &refusal->uid);
	sscanf(procfs_field(status, "Gid"), "%*u %*u %*u %u", &refusal->gid);
	procfs_field_u64(status, "CapEff", 16, &refusal->effective);
	procfs_field_u64(status, "Seccomp_filters", 10, &filters);
	refusal->filters = (uint32_t)filters;
	if (fd_read_file(proc_fd, "comm", 64, &comm, NULL, NULL) == 0) {
		comm[strcspn(comm, "\n")] = '\0';
		snprintf(refusal->comm, sizeof(refusal->comm), "%.15s", comm);
	}
}

static void add(struct observation *o, struct call *call, pid_t tid, int error)
{
	struct run *run = o->run;

	for (uint32_t i = 0; i < run->n_refusals; i++) {
		struct refusal *known = &run->refusals[i];

		if (known->error == error && known->call.nr == call->nr &&
			str_equal(known->call.text, call->text)) {
			known->times++;
			known->last = ++o->clock;
			return;
		}
	}
	if (run->n_refusals == REFUSALS_MAX) {
		run->dropped++;
		return;
	}
	struct refusal *refusal = &run->refusals[run->n_refusals++];
	*refusal =
		(struct refusal){ .call = *call, .error = error, .times = 1, .last = ++o->clock };
	refusal->landlocked = run->landlocked;
	describe_caller(refusal, tid);
}

/* Of calls that may be made again: another time they may end otherwise. */
static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == EINPROGRESS || error >= 512;
}

static void returned(struct observation *o, struct thread *t, int error)
{
	bool refused = error != 0 && (call_is_refused(&t->call, error) ||
					     t->answer == (SECCOMP_RET_ERRNO | (uint32_t)error));

	o->run->calls++;
	o->run->landlocked |= error == 0 && guard_is_landlock(&t->call);
	if (refused) {
		guard_describe(t);
		add(o, &t->call, t->tid, error);
	}
	if (o->again == NULL && t->described && !guard_kills(t->answer)) {
		guard_remember(o->run, &t->call, !refused && is_passing(error) ? 0 : error);
	}
	if (t->tid == o->alone) {
		o->run->made++;
		o->run->result = error;
		o->alone = 0;
		/* That is all that was to be seen; what it goes on to do it may not. */
		guard_end(o);
	}
}

static void entered(struct observation *o, struct thread *t)
{
	t->inside = true;
	t->described = false;
	t->replaced = false;
	t->answer = o->chain->count > 0
			    ? seccomp_evaluate(o->chain, t->call.arch, t->call.nr, t->call.args)
			    : SECCOMP_RET_ALLOW;
	if (o->again != NULL) {
		guard_entry(o, t);
		return;
	}
	/* An exec leaves nothing to read its strings from, nor does a filter that kills. */
	if (guard_is_of_interest(t) || !guard_allows(t->answer)) {
		guard_describe(t);
	}
}

/* In a stop at the entry to a system call or at its return. */
static void syscall_stop(struct observation *o, pid_t tid)
{
	struct ptrace_syscall_info info;
	struct thread *t = thread_of(o, tid);

	if (t == NULL || ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0) {
		/* Who is not followed is not let go on with more than the container has. */
		if (o->again != NULL) {
			guard_forbid(o, "since it has more threads than are followed");
		}
		return;
	}
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		t->call.arch = info.arch;
		t->call.nr = (int32_t)info.entry.nr;
		memcpy(t->call.args, info.entry.args, sizeof(t->call.args));
		entered(o, t);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->inside) {
		t->inside = false;
		if (t->replaced) {
			arch_set_result(tid, -t->result);
			return;
		}
		returned(o, t, info.exit.is_error ? (int)-info.exit.rval : 0);
	}
}

/* SIGSYS ended or will end the call that TID is in. */
static void killed_by_filter(struct observation *o, struct thread *t)
{
	guard_describe(t);
	if (o->again != NULL && str_equal(t->call.text, o->run->watched)) {
		o->run->made++;
		o->run->result = ENOSYS;
	}
	add(o, &t->call, t->tid, 0);
	t->answer = SECCOMP_RET_ALLOW; /* once */
}

static void ended(struct observation *o, pid_t tid, int status);

/* It stays in its stop: what call it would begin it does not begin. */
static void hold(struct observation *o, pid_t tid, int status)
{
	struct thread *t = thread_of(o, tid);

	if (!WIFSTOPPED(status)) {
		ended(o, tid, status);
		if (tid == o->program) {
			o->program_ended = true;
			o->program_status = status;
		}
	} else if (t != NULL && transition_classify(status) == TRANSITION_SYSCALL) {
		t->inside = false;
	}
}

/* Before the call that is watched: the others come to rest, of which none begins another one. */
static void settle(struct observation *o)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	int status;
	pid_t tid;

	for (int i = 0; i < SETTLE_MOMENTS; i++) {
		while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
			hold(o, tid, status);
		}
		if (o->alone == 0 || guard_others_wait(o, o->alone)) {
			o->settled = true;
			return;
		}
		nanosleep(&moment, NULL);
	}
	guard_forbid(o, "since another of its threads was long inside of a call");
}

static void stopped(struct observation *o, pid_t tid, int status)
{
	siginfo_t info;
	struct thread *t;

	if (!o->over && transition_classify(status) == TRANSITION_SYSCALL) {
		syscall_stop(o, tid);
	} else if (transition_classify(status) == TRANSITION_EXEC) {
		executed(o, tid);
	} else if (WSTOPSIG(status) == SIGSYS && status >> 16 == 0 &&
		   ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) == 0 &&
		   info.si_code == SYS_SECCOMP_CODE && (t = thread_of(o, tid)) != NULL) {
		killed_by_filter(o, t);
	}
	if (o->alone == tid && !o->settled && !o->over) {
		settle(o);
	}
	if (o->over) {
		kill(tid, SIGKILL);
	}
	transition_resume(tid, status, PTRACE_SYSCALL);
}

static void ended(struct observation *o, pid_t tid, int status)
{
	struct thread *t = thread_of(o, tid);

	if (t == NULL) {
		return;
	}
	/* SECCOMP_RET_KILL: there is no stop for the signal; its call may seem to have returned. */
	if (t->call.arch != 0 && guard_kills(t->answer) && WIFSIGNALED(status) &&
		WTERMSIG(status) == SIGSYS) {
		killed_by_filter(o, t);
	}
	t->tid = TID_GONE;
	if (tid == o->alone) {
		o->alone = 0;
	}
}

/*
 * The next stop or end. While the call that is watched is made, with what was lifted, no other
 * thread begins one: what it brings about is for nobody to use.
 */
static pid_t next(struct observation *o, int *stop)
{
	siginfo_t info = { 0 };
	pid_t tid;

	if (o->alone == 0) {
		return waitpid(-1, stop, __WALL | WNOHANG);
	}
	tid = waitpid(o->alone, stop, __WALL | WNOHANG);
	/* The ends of others: a program's first thread ends for us when all others have. */
	if (tid == 0 && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 &&
		info.si_pid > 0) {
		tid = waitpid(info.si_pid, stop, __WALL | WNOHANG);
	}
	return tid;
}

bool observe_take(struct session_observer *observer, pid_t pid, int *status)
{
	struct observation *o = (struct observation *)observer;
	bool end = false;
	int stop;
	pid_t tid;

	while ((tid = next(o, &stop)) > 0) {
		if (WIFSTOPPED(stop)) {
			stopped(o, tid, stop);
			continue;
		}
		ended(o, tid, stop);
		if (tid == pid) {
			*status = stop;
			end = true;
		}
	}
	if (o->program_ended) {
		*status = o->program_status;
		end = true;
	}
	return end;
}

int observe_begin(struct session_observer *observer, pid_t pid, struct error *err)
{
	struct observation *o = (struct observation *)observer;
	long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC |
		       PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;

	o->program = pid;
	/* Without PTRACE_O_SUSPEND_SECCOMP the filters are in force. */
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, options) < 0 ||
		ptrace(PTRACE_SYSCALL, pid, NULL, 0) < 0) {
		return error_set(err, errno, "follow process %d", (int)pid);
	}
	o->run->began = true;
	return 0;
}
