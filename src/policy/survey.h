/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a chain of seccomp filters answers to each system call of each architecture that this
 * machine can run, found by running the filters.
 */
#ifndef POLICY_SURVEY_H
#define POLICY_SURVEY_H

#include "policy/bpf.h"
#include "policy/profile.h"

struct survey_syscall {
	int nr;
	char *name; /* owned; "#451" where libseccomp has no name for it */
	struct bpf_answers answers;
};

struct survey {
	const char *arch; /* "x86_64"; static */
	uint32_t audit_arch;
	uint32_t default_answer; /* the most frequent one to numbers that mean nothing */
	/* All that have a name, and those without one that are answered otherwise than by default;
	 * owned */
	struct survey_syscall *syscalls;
	size_t count;
	bool uniform; /* each number, named or not, gets the default answer */
};

/* How many architectures there are to look at; the first is the machine's own. */
size_t survey_architectures(void);

/* Surveys architecture number INDEX. OUT is for survey_finish(). Returns 0 or a negative errno. */
int survey_take(
	struct survey *out, const struct seccomp_chain *chain, size_t index, struct error *err);
void survey_finish(struct survey *survey);

/* ANSWER in words: "allow", "errno EPERM", "kill_process", ... Returns OUT. */
const char *survey_answer(char *out, size_t size, uint32_t answer);

#endif
