/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filters as a container brings them, run and explored: what a run answers, the exploration must
 * have foreseen.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/bpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool foreseen(const struct bpf_answers *answers, uint32_t value)
{
	for (size_t i = 0; i < answers->count; i++) {
		if (answers->values[i] == value) {
			return true;
		}
	}
	return answers->truncated;
}

/* The call first, then the instructions. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sock_filter program[1024];
	struct seccomp_data call;
	struct bpf_answers answers = { .count = 0 };
	uint32_t value;

	if (size < sizeof(call)) {
		return 0;
	}
	memcpy(&call, data, sizeof(call));
	size_t count = (size - sizeof(call)) / sizeof(program[0]);
	if (count > sizeof(program) / sizeof(program[0])) {
		return 0;
	}
	memcpy(program, data + sizeof(call), count * sizeof(program[0]));
	int ran = bpf_run(program, count, &call, &value);
	int explored = bpf_explore(program, count, &call, &answers);
	if (ran == 0 && explored == 0 && !foreseen(&answers, value)) {
		abort();
	}
	if (ran == 0 && !bpf_may_return(program, count, value & SECCOMP_RET_ACTION_FULL)) {
		abort();
	}
	return 0;
}
