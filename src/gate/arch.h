/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one place that knows registers: a thread that stands, traced, behind an execve which has
 * just failed, and how to make it call execve again with another file.
 */
#ifndef GATE_ARCH_H
#define GATE_ARCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct exec_call {
	int dirfd;     /* AT_FDCWD for execve */
	int flags;     /* AT_EMPTY_PATH, ...: execveat(2) */
	uint64_t path; /* addresses in the thread's memory */
	uint64_t argv;
	uint64_t envp;
	int pointer_size; /* of what argv and envp point to: 4 or 8 */
	bool foreign;	  /* 64-bit code that called the 32-bit entry: int 0x80 */
};

/*
 * Reads the call that the stopped thread TID has just returned from. Returns 0; -ENOENT where that
 * was no failed exec.
 */
int arch_read_exec(pid_t tid, struct exec_call *call, struct error *err);

/*
 * Sets the registers of TID so that it makes CALL again as an execve of the file at PATH, which is
 * written below its stack pointer. Arguments and environment stay the caller's.
 */
int arch_redirect_exec(
	pid_t tid, const struct exec_call *call, const char *path, struct error *err);

/* True where NR, as PTRACE_GET_SYSCALL_INFO tells it, is what arch_redirect_exec() makes it call.
 */
bool arch_is_redirected_exec(uint64_t nr);

/*
 * In its stop at the entry to a system call: TID makes number NR of its own architecture instead,
 * -1 for none. Returns 0 or a negative errno.
 */
int arch_replace_call(pid_t tid, int nr);

/* In its stop at the return from a system call: TID sees RESULT. Returns 0 or a negative errno. */
int arch_set_result(pid_t tid, long result);

#endif
