/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program may do while something is lifted for it: why.h, run_program().
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/str.h"
#include "gate/arch.h"
#include "why/observe.h"

/* The place of HASH in the table of RUN, or the free one where it would be: half of them are. */
static size_t find_seen(const struct run *run, uint64_t hash)
{
	size_t at = hash % SEEN_MAX;

	while (run->seen[at].hash != hash && run->seen[at].hash != 0) {
		at = (at + 1) % SEEN_MAX;
	}
	return at;
}

void guard_remember(struct run *run, const struct call *call, int error)
{
	uint64_t hash = call_hash(call, run->seed);
	struct seen *at = &run->seen[find_seen(run, hash)];

	if (call->cut || (at->hash == 0 && run->n_seen >= SEEN_MAX / 2)) {
		return;
	}
	if (at->hash == 0) {
		*at = (struct seen){ hash, error };
		run->n_seen++;
	} else if (error == 0) {
		at->error = 0;
	}
}

void guard_describe(struct thread *t)
{
	if (!t->described) {
		call_describe(&t->call, t->tid);
		t->described = true;
	}
}

/* What the call could use. */
static uint64_t capabilities_of(const struct call *call, const char *name)
{
	/* A foreign architecture's calls, and those without a name, could be anything. */
	return call->arch != AUDIT_ARCH_X86_64 || name[0] == '#' ? UINT64_MAX
								 : call_capabilities(name);
}

static bool is_open_for_writing(const struct call *call, const char *name)
{
	int at = str_equal(name, "open") ? 1 : str_equal(name, "openat") ? 2 : -1;

	return at >= 0 && (call->args[at] & O_ACCMODE) != O_RDONLY;
}

/* Text into a pipe of the program's own or into nothing: nobody else sees it. */
static bool is_own_output(const struct thread *t, const char *name)
{
	char link[32];

	if (!str_equal(name, "write") && !str_equal(name, "writev")) {
		return false;
	}
	snprintf(link, sizeof(link), "fd/%d", (int)t->call.args[0]);
	_cleanup_close_ int proc_fd = procfs_open(t->tid, NULL);
	_cleanup_free_ char *target = proc_fd >= 0 ? fd_readlink(proc_fd, link) : NULL;
	return target != NULL &&
	       (str_equal(target, "/dev/null") || str_starts_with(target, "pipe:["));
}

/* A signal among the threads of one program: runtimes send them all the time. */
static bool is_own_signal(const struct thread *t, const char *name)
{
	_cleanup_close_ int proc_fd = -1;
	_cleanup_free_ char *status = NULL;

	if (!str_equal(name, "tgkill") || (proc_fd = procfs_open(t->tid, NULL)) < 0 ||
		procfs_status(proc_fd, &status, NULL) < 0) {
		return false;
	}
	const char *ids = procfs_field(status, "NStgid");
	size_t end = strcspn(ids, "\n");
	while (end > 0 && ids[end - 1] != '\t' && ids[end - 1] != ' ') {
		end--;
	}
	return strtoull(ids + end, NULL, 10) == t->call.args[0];
}

static bool is_one_of(const char *names, const char *name)
{
	char word[80];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(names, word) != NULL;
}

/* May the program, with LIFTS, do more by this call than it may in the container? */
static bool matters(const struct thread *t, const char *name, const struct lifts *lifts)
{
	static const char itself[] = " fcntl prctl capset mmap ";
	static const char looks[] = " access faccessat faccessat2 stat lstat newfstatat statx "
				    "statfs readlink readlinkat getdents64 ";
	const uint64_t new_namespaces = 0x7e020000; /* CLONE_NEWNS to CLONE_NEWNET */
	uint64_t used = capabilities_of(&t->call, name);
	bool file = lifts->layers[LAYER_NO_NEW_PRIVS];
	bool other = lifts->layers[LAYER_LSM] || lifts->layers[LAYER_CGROUP] ||
		     lifts->layers[LAYER_LANDLOCK];

	if (!file && !other && lifts->capabilities == 0) {
		return false; /* The filters are in force for all but the call that is watched. */
	}
	if (t->call.arch != AUDIT_ARCH_X86_64 || used == UINT64_MAX) {
		return true;
	}
	if ((str_equal(name, "clone") && (t->call.args[0] & new_namespaces) == 0) ||
		is_one_of(itself, name) || is_one_of(looks, name) || is_own_output(t, name) ||
		is_own_signal(t, name)) {
		return false;
	}
	if (call_lasts(&t->call, name) || is_open_for_writing(&t->call, name)) {
		return true;
	}
	/* What is privileged by its file reads what is for that: the image made it so. */
	bool reads = is_one_of(" open openat execve chdir ", name);
	return (used & lifts->capabilities) != 0 || (other && used != 0) ||
	       (file && !reads && used != 0);
}

/* The others are ended in their next stop, before a call, or when we end: PTRACE_O_EXITKILL. */
void guard_end(struct observation *o)
{
	o->over = true;
	o->alone = 0;
	kill(o->program, SIGKILL);
}

void guard_forbid(struct observation *o, const char *words)
{
	snprintf(o->run->forbidden, sizeof(o->run->forbidden), "%s", words);
	guard_end(o);
}

static void forbid_call(struct observation *o, const struct thread *t)
{
	char words[CALL_TEXT_MAX + 64];

	snprintf(words, sizeof(words), "before %.400s, which the first run did not make",
		t->call.text);
	guard_forbid(o, words);
}

bool guard_allows(uint32_t answer)
{
	uint32_t action = answer & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

bool guard_kills(uint32_t answer)
{
	uint32_t action = answer & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_KILL_PROCESS || action == SECCOMP_RET_KILL_THREAD ||
	       action == SECCOMP_RET_TRAP;
}

bool guard_is_landlock(const struct call *call)
{
	return call->arch == AUDIT_ARCH_X86_64 && call->nr == SYS_landlock_restrict_self;
}

/* T sees ERROR (0: that it succeeded), and its call is not made. */
static void answer(struct observation *o, struct thread *t, int error)
{
	static const uint64_t nothing[6];
	int harmless = -1;

	/* The filters are asked about what it is replaced by: one could kill it for no call. */
	if (t->call.arch == AUDIT_ARCH_X86_64 &&
		!guard_kills(seccomp_evaluate(o->chain, t->call.arch, SYS_gettid, nothing))) {
		harmless = SYS_gettid;
	}
	if (arch_replace_call(t->tid, harmless) < 0) {
		forbid_call(o, t);
		return;
	}
	t->replaced = true;
	t->result = error;
}

/* What makes calls that are not seen here. */
static bool evades(const struct call *call, const char *name)
{
	const uint64_t untraced = 0x00800000; /* CLONE_UNTRACED */

	return str_starts_with(name, "io_uring_") || str_equal(name, "clone3") ||
	       (str_equal(name, "clone") && (call->args[0] & untraced) != 0);
}

bool guard_others_wait(const struct observation *o, pid_t tid)
{
	static const char waits[] =
		" wait4 waitid waitpid futex nanosleep clock_nanosleep poll ppoll select pselect6 "
		"epoll_wait epoll_pwait rt_sigsuspend rt_sigtimedwait pause read vfork clone "
		"clone3 restart_syscall accept accept4 recvfrom recvmsg exit exit_group ";
	char name[64];

	for (size_t i = 0; i < THREADS_MAX; i++) {
		const struct thread *other = &o->threads[i];

		if (other->tid <= 0 || other->tid == tid || !other->inside) {
			continue;
		}
		if (!is_one_of(waits,
			    call_name(name, sizeof(name), other->call.arch, other->call.nr))) {
			return false;
		}
	}
	return true;
}

/* In a repetition, at the entry to a call: why.h says what may pass. */
void guard_entry(struct observation *o, struct thread *t)
{
	const struct lifts *lifts = o->again->lifts;
	bool filtered = lifts->layers[LAYER_SECCOMP] && !guard_allows(t->answer);
	char name[64];

	call_name(name, sizeof(name), t->call.arch, t->call.nr);
	bool evading = evades(&t->call, name);
	bool mattering = matters(t, name, lifts);
	guard_describe(t);
	if (str_equal(t->call.text, o->run->watched) && !t->call.cut) {
		if (call_lasts(&t->call, name)) {
			forbid_call(o, t);
		} else {
			o->alone = t->tid;
		}
		return;
	}
	if (filtered) {
		if ((t->answer & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO) {
			answer(o, t, (int)(t->answer & SECCOMP_RET_DATA));
		} else {
			forbid_call(o, t);
		}
		return;
	}
	if (evading) {
		answer(o, t, ENOSYS);
		return;
	}
	if (lifts->layers[LAYER_LANDLOCK] && guard_is_landlock(&t->call)) {
		answer(o, t, 0);
		return;
	}
	if (!mattering) {
		return;
	}
	const struct run *first = o->again->first;
	const struct seen *at = &first->seen[find_seen(first, call_hash(&t->call, first->seed))];
	if (t->call.cut || at->hash == 0) {
		forbid_call(o, t);
	} else if (at->error != 0) {
		answer(o, t, at->error);
	}
}

bool guard_is_of_interest(const struct thread *t)
{
	char name[64];

	call_name(name, sizeof(name), t->call.arch, t->call.nr);
	return capabilities_of(&t->call, name) != 0 || call_lasts(&t->call, name);
}
