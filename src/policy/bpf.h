/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Classic BPF as seccomp(2) admits it, run by ourselves: what does this filter answer, and does the
 * answer depend on the arguments? A program comes from a container and may be anything.
 */
#ifndef POLICY_BPF_H
#define POLICY_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Runs PROGRAM over DATA as the kernel does. Returns 0 with the program's answer in *VALUE, or
 * -EINVAL where the kernel would not have loaded such a program.
 */
int bpf_run(const struct sock_filter *program, size_t count, const struct seccomp_data *data,
	uint32_t *value);

#define BPF_ANSWERS_MAX 16

struct bpf_answers {
	uint32_t values[BPF_ANSWERS_MAX]; /* each once, in the order in which they were found */
	size_t count;
	bool truncated; /* there may be more */
};

/*
 * All that PROGRAM may answer to DATA's nr and arch, whatever the arguments and the instruction
 * pointer are: each jump that depends on them is followed both ways. Some of the answers may be
 * impossible in truth; none is left out unless *ANSWERS is marked truncated. Returns 0 or -EINVAL
 * as bpf_run() does.
 */
int bpf_explore(const struct sock_filter *program, size_t count, const struct seccomp_data *data,
	struct bpf_answers *answers);

/* Adds VALUE unless it is there. */
void bpf_answers_add(struct bpf_answers *answers, uint32_t value);

/*
 * True where some instruction of PROGRAM that can be reached returns ACTION (a SECCOMP_RET_ value
 * without data), or a computed value, which may be anything.
 */
bool bpf_may_return(const struct sock_filter *program, size_t count, uint32_t action);

#endif
