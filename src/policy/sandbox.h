/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How our own long-lived processes give up what they don't need once they are set up: capabilities
 * (libcap-ng), new privileges by exec, system calls (libseccomp). What each keeps, and what for,
 * stands in the tables of sandbox.c and sandbox_filters.c.
 *
 * Not Landlock: who is in a domain may not look at /proc/PID/ns of processes outside of it
 * (security/landlock/task.c, hook_ptrace_access_check), which is how each program knows whom it
 * serves. What Landlock would take from sallyport-fs, exec, sockets and signals, its filter takes.
 */
#ifndef POLICY_SANDBOX_H
#define POLICY_SANDBOX_H

#include "base/error.h"

enum sandbox_program {
	SANDBOX_FRONT,	/* while it relays */
	SANDBOX_TRACER, /* the front that follows its program by ptrace(2) */
	SANDBOX_GATE,
	SANDBOX_FS,
};

/*
 * Takes from the calling thread, and from all that it will create, what PROGRAM doesn't need; for
 * good. To be called before there are other threads. A capability that the process lacks already
 * stays lacking. Returns 0 or a negative errno; then only a part may be gone, and the process
 * should end.
 *
 * sallyport-gate gets no filter of system calls: the kernel refuses PTRACE_O_SUSPEND_SECCOMP, which
 * a transition rests on, to a tracer that is filtered itself (kernel/ptrace.c, ptrace_setoptions).
 */
int sandbox_enter(enum sandbox_program program, struct error *err);

#endif
