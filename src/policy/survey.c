/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/survey.h"

#include <errno.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

/* Numbers looked at: past the last that any kernel has given out, with those in between. */
#define NUMBERS 1024
#define X32_BIT 0x40000000

static const struct architecture {
	const char *name;
	uint32_t audit_arch;
	uint32_t libseccomp;
	int first; /* added to every number */
} architectures[] = {
#if defined(__x86_64__)
	{ "x86_64", AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, 0 },
	{ "i386", AUDIT_ARCH_I386, SCMP_ARCH_X86, 0 },
	{ "x32", AUDIT_ARCH_X86_64, SCMP_ARCH_X32, X32_BIT },
#elif defined(__aarch64__)
	{ "aarch64", AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, 0 },
	{ "arm", AUDIT_ARCH_ARM, SCMP_ARCH_ARM, 0 },
#else
#error "name this architecture's system call tables here"
#endif
};

size_t survey_architectures(void)
{
	return ARRAY_SIZE(architectures);
}

static char *name_syscall(const struct architecture *arch, int nr)
{
	char *name = seccomp_syscall_resolve_num_arch(arch->libseccomp, nr);

	return name != NULL ? name : str_format("#%d", nr - arch->first);
}

static bool is_single(const struct bpf_answers *answers, uint32_t value)
{
	return answers->count == 1 && !answers->truncated && answers->values[0] == value;
}

/* The answer that most of the unnamed numbers get. */
static uint32_t find_default(const struct survey_syscall *all, size_t count)
{
	struct bpf_answers seen = { 0 };
	size_t votes[BPF_ANSWERS_MAX] = { 0 };
	size_t best = 0;

	for (size_t i = 0; i < count; i++) {
		if (all[i].name[0] != '#' || all[i].answers.count != 1) {
			continue;
		}
		bpf_answers_add(&seen, all[i].answers.values[0]);
		for (size_t k = 0; k < seen.count; k++) {
			votes[k] += seen.values[k] == all[i].answers.values[0];
		}
	}
	for (size_t k = 1; k < seen.count; k++) {
		best = votes[k] > votes[best] ? k : best;
	}
	return seen.count > 0 ? seen.values[best] : all[0].answers.values[0];
}

/* Keeps what is worth telling of the survey's syscalls. */
static void condense(struct survey *survey)
{
	size_t kept = 0;

	survey->uniform = true;
	for (size_t i = 0; i < survey->count; i++) {
		struct survey_syscall *s = &survey->syscalls[i];
		bool usual = is_single(&s->answers, survey->default_answer);

		survey->uniform = survey->uniform && usual;
		if (s->name[0] == '#' && usual) {
			free(s->name);
			continue;
		}
		survey->syscalls[kept++] = *s;
	}
	survey->count = kept;
}

int survey_take(
	struct survey *out, const struct seccomp_chain *chain, size_t index, struct error *err)
{
	const struct architecture *arch = &architectures[index];

	*out = (struct survey){ .arch = arch->name, .audit_arch = arch->audit_arch };
	out->syscalls = calloc(NUMBERS, sizeof(*out->syscalls));
	if (out->syscalls == NULL) {
		return error_set(err, ENOMEM, "survey the seccomp filters");
	}
	for (int i = 0; i < NUMBERS; i++) {
		struct survey_syscall *s = &out->syscalls[out->count];

		s->nr = arch->first + i;
		s->name = name_syscall(arch, s->nr);
		if (s->name == NULL) {
			return error_set(err, ENOMEM, "survey the seccomp filters");
		}
		out->count++;
		int r = seccomp_explore(chain, arch->audit_arch, s->nr, &s->answers);
		if (r < 0) {
			return error_set(err, -r, "run the seccomp filters");
		}
	}
	out->default_answer = find_default(out->syscalls, out->count);
	condense(out);
	return 0;
}

void survey_finish(struct survey *survey)
{
	if (survey == NULL) {
		return;
	}
	for (size_t i = 0; i < survey->count; i++) {
		free(survey->syscalls[i].name);
	}
	free(survey->syscalls);
	*survey = (struct survey){ 0 };
}

static const char *errno_answer(char *out, size_t size, uint32_t number)
{
	const uint32_t most = 4095; /* MAX_ERRNO: the kernel cuts it there */
	uint32_t code = number > most ? most : number;
	const char *name = strerrorname_np((int)code);

	if (code == 0) {
		snprintf(out, size, "errno 0 (does nothing, succeeds)");
	} else if (name != NULL) {
		snprintf(out, size, "errno %s", name);
	} else {
		snprintf(out, size, "errno %u", code);
	}
	return out;
}

const char *survey_answer(char *out, size_t size, uint32_t answer)
{
	static const struct {
		uint32_t action;
		const char *name;
	} actions[] = {
		{ SECCOMP_RET_KILL_PROCESS, "kill_process" },
		{ SECCOMP_RET_KILL_THREAD, "kill_thread" },
		{ SECCOMP_RET_TRAP, "trap" },
		{ SECCOMP_RET_USER_NOTIF, "user_notif" },
		{ SECCOMP_RET_TRACE, "trace" },
		{ SECCOMP_RET_LOG, "log" },
		{ SECCOMP_RET_ALLOW, "allow" },
	};
	uint32_t action = answer & SECCOMP_RET_ACTION_FULL;

	if (action == SECCOMP_RET_ERRNO) {
		return errno_answer(out, size, answer & SECCOMP_RET_DATA);
	}
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (actions[i].action == action) {
			snprintf(out, size, "%s", actions[i].name);
			return out;
		}
	}
	snprintf(out, size, "unknown %#x (kills)", answer);
	return out;
}
