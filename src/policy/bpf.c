/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/bpf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Steps that one exploration may take: a hostile program could otherwise double its paths at each
 * of 4096 jumps. */
#define EXPLORE_STEPS_MAX 200000
#define EXPLORE_PATHS_MAX 1024

/* A value, and whether the arguments had a hand in it. */
struct cell {
	uint32_t value;
	bool unknown;
};

struct machine {
	size_t pc;
	struct cell a;
	struct cell x;
	struct cell memory[BPF_MEMWORDS];
};

enum step { STEP_ON, STEP_RETURN, STEP_FORK, STEP_INVALID };

/* What a step needs and leaves besides the machine's own state. */
struct step_context {
	const struct sock_filter *program;
	size_t count;
	const struct seccomp_data *data;
	bool abstract;	     /* the arguments are not known */
	struct cell result;  /* of STEP_RETURN */
	size_t other_target; /* of STEP_FORK */
};

/* The word at OFFSET of struct seccomp_data; all after nr and arch is the caller's choice. */
static bool load_word(const struct step_context *context, uint32_t offset, struct cell *out)
{
	if (offset % 4 != 0 || offset >= sizeof(*context->data)) {
		return false;
	}
	memcpy(&out->value, (const char *)context->data + offset, sizeof(out->value));
	out->unknown =
		context->abstract && offset >= offsetof(struct seccomp_data, instruction_pointer);
	return true;
}

/* One arithmetic operation. False where it is none that seccomp admits; *ABORT where the kernel
 * ends the program with the answer 0. */
static bool compute(uint16_t op, uint32_t *a, uint32_t b, bool *abort)
{
	switch (op) {
	case BPF_ADD:
		*a += b;
		return true;
	case BPF_SUB:
		*a -= b;
		return true;
	case BPF_MUL:
		*a *= b;
		return true;
	case BPF_DIV:
		*abort = b == 0;
		*a = b == 0 ? 0 : *a / b;
		return true;
	case BPF_AND:
		*a &= b;
		return true;
	case BPF_OR:
		*a |= b;
		return true;
	case BPF_XOR:
		*a ^= b;
		return true;
	case BPF_LSH:
		*a <<= b & 31;
		return true;
	case BPF_RSH:
		*a >>= b & 31;
		return true;
	default:
		return false;
	}
}

static enum step step_alu(
	struct machine *m, const struct sock_filter *in, struct step_context *context)
{
	bool by_x = BPF_SRC(in->code) == BPF_X;
	struct cell b = by_x ? m->x : (struct cell){ .value = in->k };
	uint16_t op = BPF_OP(in->code);
	bool abort = false;

	if (op == BPF_NEG) {
		m->a.value = -m->a.value;
		return by_x ? STEP_INVALID : STEP_ON;
	}
	/* The kernel's loader refuses these constants. */
	if (!by_x && ((op == BPF_DIV && b.value == 0) ||
			     ((op == BPF_LSH || op == BPF_RSH) && b.value > 31))) {
		return STEP_INVALID;
	}
	if (!compute(op, &m->a.value, b.value, &abort)) {
		return STEP_INVALID;
	}
	m->a.unknown = m->a.unknown || b.unknown;
	if (abort && !b.unknown) {
		context->result = (struct cell){ 0 };
		return STEP_RETURN;
	}
	if (op == BPF_DIV && b.unknown) {
		/* Some divisor is 0, which answers 0: more than can be told from here. */
		context->result = (struct cell){ .unknown = true };
		return STEP_RETURN;
	}
	return STEP_ON;
}

static enum step step_jump(
	struct machine *m, const struct sock_filter *in, struct step_context *context)
{
	struct cell b = BPF_SRC(in->code) == BPF_X ? m->x : (struct cell){ .value = in->k };
	bool taken;

	switch (BPF_OP(in->code)) {
	case BPF_JA:
		if (in->code != (BPF_JMP | BPF_JA) || in->k >= context->count - m->pc) {
			return STEP_INVALID;
		}
		m->pc += in->k;
		return STEP_ON;
	case BPF_JEQ:
		taken = m->a.value == b.value;
		break;
	case BPF_JGT:
		taken = m->a.value > b.value;
		break;
	case BPF_JGE:
		taken = m->a.value >= b.value;
		break;
	case BPF_JSET:
		taken = (m->a.value & b.value) != 0;
		break;
	default:
		return STEP_INVALID;
	}
	size_t yes = m->pc + in->jt;
	size_t no = m->pc + in->jf;
	m->pc = taken ? yes : no;
	if ((m->a.unknown || b.unknown) && yes != no) {
		context->other_target = taken ? no : yes;
		return STEP_FORK;
	}
	return STEP_ON;
}

static enum step step_load(
	struct machine *m, const struct sock_filter *in, const struct step_context *context)
{
	bool to_x = BPF_CLASS(in->code) == BPF_LDX;
	struct cell *out = to_x ? &m->x : &m->a;

	if (BPF_SIZE(in->code) != BPF_W) {
		return STEP_INVALID;
	}
	switch (BPF_MODE(in->code)) {
	case BPF_ABS:
		return !to_x && load_word(context, in->k, out) ? STEP_ON : STEP_INVALID;
	case BPF_LEN:
		*out = (struct cell){ .value = sizeof(struct seccomp_data) };
		return STEP_ON;
	case BPF_IMM:
		*out = (struct cell){ .value = in->k };
		return STEP_ON;
	case BPF_MEM:
		if (in->k >= BPF_MEMWORDS) {
			return STEP_INVALID;
		}
		*out = m->memory[in->k];
		return STEP_ON;
	default:
		return STEP_INVALID;
	}
}

static enum step step_return(
	struct machine *m, const struct sock_filter *in, struct step_context *context)
{
	if (in->code == (BPF_RET | BPF_K)) {
		context->result = (struct cell){ .value = in->k };
	} else if (in->code == (BPF_RET | BPF_A)) {
		context->result = m->a;
	} else {
		return STEP_INVALID;
	}
	return STEP_RETURN;
}

/* Runs the instruction at PC. Jumps only go forward, so every program ends. */
static enum step step(struct machine *m, struct step_context *context)
{
	if (m->pc >= context->count) {
		return STEP_INVALID;
	}
	const struct sock_filter *in = &context->program[m->pc++];

	if (in->code > UINT8_MAX) {
		return STEP_INVALID;
	}
	switch (BPF_CLASS(in->code)) {
	case BPF_LD:
	case BPF_LDX:
		return step_load(m, in, context);
	case BPF_ST:
	case BPF_STX:
		if (in->code != BPF_CLASS(in->code) || in->k >= BPF_MEMWORDS) {
			return STEP_INVALID;
		}
		m->memory[in->k] = BPF_CLASS(in->code) == BPF_ST ? m->a : m->x;
		return STEP_ON;
	case BPF_ALU:
		return step_alu(m, in, context);
	case BPF_JMP:
		return step_jump(m, in, context);
	case BPF_RET:
		return step_return(m, in, context);
	default: /* BPF_MISC */
		if (in->code == (BPF_MISC | BPF_TAX)) {
			m->x = m->a;
		} else if (in->code == (BPF_MISC | BPF_TXA)) {
			m->a = m->x;
		} else {
			return STEP_INVALID;
		}
		return STEP_ON;
	}
}

int bpf_run(const struct sock_filter *program, size_t count, const struct seccomp_data *data,
	uint32_t *value)
{
	struct machine m = { 0 };
	struct step_context context = { .program = program, .count = count, .data = data };

	if (count > BPF_MAXINSNS) {
		return -EINVAL;
	}
	for (;;) {
		enum step s = step(&m, &context);

		if (s == STEP_INVALID) {
			return -EINVAL;
		}
		if (s == STEP_RETURN) {
			*value = context.result.value;
			return 0;
		}
	}
}

void bpf_answers_add(struct bpf_answers *answers, uint32_t value)
{
	for (size_t i = 0; i < answers->count; i++) {
		if (answers->values[i] == value) {
			return;
		}
	}
	if (answers->count == BPF_ANSWERS_MAX) {
		answers->truncated = true;
		return;
	}
	answers->values[answers->count++] = value;
}

int bpf_explore(const struct sock_filter *program, size_t count, const struct seccomp_data *data,
	struct bpf_answers *answers)
{
	struct step_context context = {
		.program = program, .count = count, .data = data, .abstract = true
	};
	_cleanup_free_ struct machine *paths = malloc(EXPLORE_PATHS_MAX * sizeof(*paths));
	size_t waiting = 1;

	*answers = (struct bpf_answers){ 0 };
	if (paths == NULL || count > BPF_MAXINSNS) {
		return paths == NULL ? -ENOMEM : -EINVAL;
	}
	paths[0] = (struct machine){ 0 };
	for (long steps = 0; waiting > 0; steps++) {
		struct machine *m = &paths[waiting - 1];
		enum step s = step(m, &context);

		if (s == STEP_INVALID) {
			return -EINVAL;
		}
		if (s == STEP_RETURN) {
			answers->truncated = answers->truncated || context.result.unknown;
			bpf_answers_add(answers, context.result.value);
			waiting--;
		}
		if (s == STEP_FORK && waiting == EXPLORE_PATHS_MAX) {
			answers->truncated = true;
		} else if (s == STEP_FORK) {
			paths[waiting] = *m;
			paths[waiting++].pc = context.other_target;
		}
		if (steps == EXPLORE_STEPS_MAX) {
			answers->truncated = true;
			return 0;
		}
	}
	return 0;
}

bool bpf_may_return(const struct sock_filter *program, size_t count, uint32_t action)
{
	bool reached[BPF_MAXINSNS] = { true };

	for (size_t i = 0; i < count && i < BPF_MAXINSNS; i++) {
		const struct sock_filter *in = &program[i];
		size_t next[2] = { i + 1, i + 1 };

		if (!reached[i]) {
			continue;
		}
		if (BPF_CLASS(in->code) == BPF_RET) {
			if (BPF_RVAL(in->code) != BPF_K ||
				(in->k & SECCOMP_RET_ACTION_FULL) == action) {
				return true;
			}
			continue;
		}
		/* A division by zero answers 0: net/core/filter.c. */
		if (in->code == (BPF_ALU | BPF_DIV | BPF_X) && action == SECCOMP_RET_KILL_THREAD) {
			return true;
		}
		if (BPF_CLASS(in->code) == BPF_JMP) {
			bool always = BPF_OP(in->code) == BPF_JA;

			next[0] += always ? in->k : in->jt;
			next[1] += always ? in->k : in->jf;
		}
		for (int k = 0; k < 2; k++) {
			if (next[k] < count && next[k] < BPF_MAXINSNS) {
				reached[next[k]] = true;
			}
		}
	}
	return false;
}
