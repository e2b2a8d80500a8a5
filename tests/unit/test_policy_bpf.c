/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interpreter of classic BPF, against programs by hand and against the kernel's own. */
#include <errno.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "policy/bpf.h"
#include "policy/profile.h"
#include "policy/survey.h"

#define ARG(n) ((uint32_t)offsetof(struct seccomp_data, args[n]))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define ERRNO(n) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (n))
#define LOAD(k) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (k))
#define JEQ(k, jt, jf) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (jt), (jf))

/* Exactly as long as the program, so that a sanitizer sees a read past its end. */
static int run_exact(const struct sock_filter *program, size_t count, uint32_t *value)
{
	const struct seccomp_data data = { .nr = 7, .arch = AUDIT_ARCH_X86_64, .args = { 3 } };
	struct sock_filter *copy = malloc(count * sizeof(*copy) + (count == 0));

	assert_non_null(copy);
	memcpy(copy, program, count * sizeof(*copy));
	int r = bpf_run(copy, count, &data, value);
	struct bpf_answers answers;
	int explored = bpf_explore(copy, count, &data, &answers);
	bpf_may_return(copy, count, SECCOMP_RET_USER_NOTIF);
	free(copy);
	if (r == 0 && explored == 0 && !answers.truncated) {
		bool found = false;

		for (size_t i = 0; i < answers.count; i++) {
			found = found || answers.values[i] == *value;
		}
		assert_true(found);
	}
	return r;
}

static void test_results(void **state)
{
	static const struct {
		uint16_t code;
		uint32_t x, k, a, result;
	} cases[] = {
		{ BPF_ALU | BPF_ADD | BPF_K, 0, 5, UINT32_MAX, 4 },
		{ BPF_ALU | BPF_SUB | BPF_K, 0, 5, 3, UINT32_MAX - 1 },
		{ BPF_ALU | BPF_MUL | BPF_K, 0, 0x10001, 0x10001, 0x20001 },
		{ BPF_ALU | BPF_DIV | BPF_K, 0, 3, 10, 3 },
		{ BPF_ALU | BPF_AND | BPF_K, 0, 6, 3, 2 },
		{ BPF_ALU | BPF_OR | BPF_K, 0, 6, 3, 7 },
		{ BPF_ALU | BPF_XOR | BPF_K, 0, 6, 3, 5 },
		{ BPF_ALU | BPF_LSH | BPF_K, 0, 31, 3, 0x80000000 },
		{ BPF_ALU | BPF_RSH | BPF_K, 0, 31, 0x80000000, 1 },
		{ BPF_ALU | BPF_NEG, 0, 0, 1, UINT32_MAX },
		{ BPF_ALU | BPF_ADD | BPF_X, 7, 0, 1, 8 },
		{ BPF_ALU | BPF_DIV | BPF_X, 2, 0, 9, 4 },
		{ BPF_ALU | BPF_DIV | BPF_X, 0, 0, 9, 0 },
		{ BPF_ALU | BPF_LSH | BPF_X, 33, 0, 1, 2 },
		{ BPF_MISC | BPF_TXA, 9, 0, 1, 9 },
		{ BPF_LD | BPF_W | BPF_LEN, 0, 0, 1, sizeof(struct seccomp_data) },
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, 1, 7 },
		{ BPF_LD | BPF_W | BPF_ABS, 0, 4, 1, AUDIT_ARCH_X86_64 },
		{ BPF_LD | BPF_W | BPF_ABS, 0, 16, 1, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct sock_filter program[] = {
			BPF_STMT(BPF_LDX | BPF_IMM, cases[i].x),
			BPF_STMT(BPF_LD | BPF_IMM, cases[i].a),
			BPF_STMT(cases[i].code, cases[i].k),
			BPF_STMT(BPF_RET | BPF_A, 0),
		};
		uint32_t value = 0xdead;

		assert_int_equal(run_exact(program, ARRAY_SIZE(program), &value), 0);
		assert_int_equal(value, cases[i].result);
	}
}

static void test_invalid(void **state)
{
	static const struct sock_filter bad[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), /* past the data */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),	/* not aligned */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UINT32_MAX - 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), BPF_STMT(BPF_LDX | BPF_W | BPF_ABS, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), BPF_STMT(BPF_LD | BPF_MEM, BPF_MEMWORDS),
		BPF_STMT(BPF_LDX | BPF_MEM, UINT32_MAX), BPF_STMT(BPF_ST, BPF_MEMWORDS),
		BPF_STMT(BPF_STX, UINT32_MAX), BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 32), BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX),
		BPF_STMT(BPF_JMP | BPF_JA, 1), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 255, 255),
		BPF_JUMP(BPF_JMP | 0x60, 0, 0, 0), BPF_STMT(BPF_RET | BPF_X, 0),
		BPF_STMT(BPF_MISC | 0x40, 0), BPF_STMT(0xffff, 0),
		BPF_STMT(BPF_LD | BPF_IMM, 0), /* falls off the end */
	};
	uint32_t value;

	assert_int_equal(run_exact(bad, 0, &value), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct sock_filter alone[] = { bad[i] };
		const struct sock_filter before[] = { bad[i], ALLOW };
		bool falls_off = i + 1 == ARRAY_SIZE(bad);

		assert_int_equal(run_exact(alone, 1, &value), -EINVAL);
		assert_int_equal(run_exact(before, 2, &value), falls_off ? 0 : -EINVAL);
	}
}

static void test_explore(void **state)
{
	const struct sock_filter program[] = {
		LOAD(0),
		JEQ(10, 0, 3),
		LOAD(ARG(1)),
		JEQ(1, 2, 0),
		ERRNO(1),
		JEQ(11, 1, 0),
		ALLOW,
		ERRNO(2),
	};
	struct seccomp_data data = { .nr = 10 };
	struct bpf_answers answers;

	assert_int_equal(bpf_explore(program, ARRAY_SIZE(program), &data, &answers), 0);
	assert_int_equal(answers.count, 2);
	data.nr = 11;
	assert_int_equal(bpf_explore(program, ARRAY_SIZE(program), &data, &answers), 0);
	assert_int_equal(answers.count, 1);
	assert_int_equal(answers.values[0], SECCOMP_RET_ERRNO | 2);
	data.nr = 12;
	assert_int_equal(bpf_explore(program, ARRAY_SIZE(program), &data, &answers), 0);
	assert_int_equal(answers.count, 1);
	assert_int_equal(answers.values[0], SECCOMP_RET_ALLOW);
}

/* What is loaded from the arguments and then overwritten decides nothing. */
static void test_explore_forgets(void **state)
{
	const struct sock_filter program[] = {
		LOAD(ARG(0)),
		BPF_STMT(BPF_ST, 3),
		LOAD(0),
		JEQ(1, 0, 1),
		ERRNO(1),
		BPF_STMT(BPF_LD | BPF_MEM, 3),
		JEQ(1, 0, 1),
		ERRNO(2),
		ALLOW,
	};
	struct seccomp_data data = { .nr = 1 };
	struct bpf_answers answers;

	assert_int_equal(bpf_explore(program, ARRAY_SIZE(program), &data, &answers), 0);
	assert_int_equal(answers.count, 1);
	data.nr = 2;
	assert_int_equal(bpf_explore(program, ARRAY_SIZE(program), &data, &answers), 0);
	assert_int_equal(answers.count, 2);
}

/* 2^1300 paths must not take for ever, and must be owned up to. */
static void test_explore_bounded(void **state)
{
	struct sock_filter program[BPF_MAXINSNS];
	size_t n = 0;
	struct seccomp_data data = { .nr = 1 };
	struct bpf_answers answers;

	while (n + 4 < ARRAY_SIZE(program)) {
		program[n] = (struct sock_filter)LOAD(ARG(n % 6));
		program[n + 1] = (struct sock_filter)JEQ((uint32_t)n, 0, 1);
		program[n + 2] = (struct sock_filter)BPF_STMT(BPF_ST, 0);
		n += 3;
	}
	program[n++] = (struct sock_filter)ALLOW;
	assert_int_equal(bpf_explore(program, n, &data, &answers), 0);
	assert_true(answers.truncated);

	const struct sock_filter computed[] = { LOAD(ARG(0)), BPF_STMT(BPF_RET | BPF_A, 0) };
	assert_int_equal(bpf_explore(computed, 2, &data, &answers), 0);
	assert_true(answers.truncated);
}

static void test_may_return(void **state)
{
	const struct sock_filter reachable[] = { LOAD(0), JEQ(1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF), ALLOW };
	const struct sock_filter dead[] = { LOAD(0), JEQ(1, 1, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF), ALLOW };
	const struct sock_filter jumped[] = { BPF_STMT(BPF_JMP | BPF_JA, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF), ALLOW };
	const struct sock_filter computed[] = { BPF_STMT(BPF_RET | BPF_A, 0) };
	const struct sock_filter with_data[] = { BPF_STMT(
		BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF | 5) };

	assert_true(bpf_may_return(reachable, 4, SECCOMP_RET_USER_NOTIF));
	assert_false(bpf_may_return(dead, 4, SECCOMP_RET_USER_NOTIF));
	assert_false(bpf_may_return(jumped, 3, SECCOMP_RET_USER_NOTIF));
	assert_true(bpf_may_return(computed, 1, SECCOMP_RET_USER_NOTIF));
	assert_true(bpf_may_return(with_data, 1, SECCOMP_RET_USER_NOTIF));
	assert_false(bpf_may_return(with_data, 0, SECCOMP_RET_USER_NOTIF));
}

static void test_chain_order(void **state)
{
	struct sock_filter allow[] = { ALLOW };
	struct sock_filter one[] = { ERRNO(1) };
	struct sock_filter two[] = { ERRNO(2) };
	struct sock_filter kill[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS) };
	struct sock_filter thread[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD) };
	struct seccomp_filter filters[] = { { .instructions = one, .count = 1 },
		{ .instructions = two, .count = 1 }, { .instructions = allow, .count = 1 },
		{ .instructions = thread, .count = 1 }, { .instructions = kill, .count = 1 } };
	struct seccomp_chain chain = { .mode = 2, .filters = filters };
	static const uint32_t expected[] = { SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | 1,
		SECCOMP_RET_ERRNO | 2, SECCOMP_RET_ERRNO | 2, SECCOMP_RET_KILL_THREAD,
		SECCOMP_RET_KILL_PROCESS };

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		struct bpf_answers answers;

		chain.count = i;
		assert_int_equal(seccomp_evaluate(&chain, AUDIT_ARCH_X86_64, 1, NULL), expected[i]);
		assert_int_equal(seccomp_explore(&chain, AUDIT_ARCH_X86_64, 1, &answers), 0);
		assert_int_equal(answers.count, 1);
		assert_int_equal(answers.values[0], expected[i]);
	}
}

static void test_survey(void **state)
{
	struct sock_filter program[] = { LOAD(4), JEQ(AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), LOAD(0), JEQ(SYS_read, 0, 1),
		ALLOW, JEQ(SYS_clone, 0, 3), LOAD(ARG(0)), JEQ(17, 0, 1), ALLOW, ERRNO(EPERM) };
	struct seccomp_filter filter = { .instructions = program, .count = ARRAY_SIZE(program) };
	struct seccomp_chain chain = { .mode = 2, .filters = &filter, .count = 1 };
	struct survey survey;
	char text[64];
	size_t allowed = 0;
	size_t conditional = 0;

	assert_int_equal(survey_take(&survey, &chain, 0, NULL), 0);
#ifdef __x86_64__
	assert_string_equal(
		survey_answer(text, sizeof(text), survey.default_answer), "errno EPERM");
	for (size_t i = 0; i < survey.count; i++) {
		const struct survey_syscall *s = &survey.syscalls[i];

		if (s->answers.count == 2) {
			assert_string_equal(s->name, "clone");
			conditional++;
		} else if (s->answers.values[0] == SECCOMP_RET_ALLOW) {
			assert_string_equal(s->name, "read");
			allowed++;
		}
	}
	assert_int_equal(allowed, 1);
	assert_int_equal(conditional, 1);
#endif
	survey_finish(&survey);
#ifdef __x86_64__
	assert_int_equal(survey_take(&survey, &chain, 1, NULL), 0);
	assert_true(survey.uniform);
	assert_string_equal(
		survey_answer(text, sizeof(text), survey.default_answer), "kill_process");
	survey_finish(&survey);
#endif
}

/* A number that no kernel has given out. */
#define TEST_NR 999
#define PROLOGUE 3
#define EPILOGUE 4

static uint32_t word(void)
{
	static const uint32_t odd[] = { 0, 1, 2, 31, 32, 33, 0x7fffffff, 0x80000000, UINT32_MAX };

	return rand() % 2 == 0 ? odd[(size_t)rand() % ARRAY_SIZE(odd)]
			       : (uint32_t)rand() << 1 ^ (uint32_t)rand();
}

static struct sock_filter random_instruction(size_t left)
{
	static const uint16_t alu[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND, BPF_OR,
		BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG };
	static const uint16_t jumps[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	uint16_t op;

	switch (rand() % 9) {
	case 0:
		return (struct sock_filter)LOAD(16 + 4 * ((uint32_t)rand() % 12));
	case 1:
		return (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, word());
	case 2:
		return (struct sock_filter)BPF_STMT(BPF_LDX | BPF_IMM, word());
	case 3:
		return (struct sock_filter)BPF_STMT(
			BPF_MISC | (rand() % 2 == 0 ? BPF_TAX : BPF_TXA), 0);
	case 4:
		return (struct sock_filter)BPF_STMT(rand() % 2 == 0 ? BPF_ST : BPF_STX, 1);
	case 5:
		return (struct sock_filter)BPF_STMT(
			(rand() % 2 == 0 ? BPF_LD : BPF_LDX) | BPF_MEM, 0);
	case 6:
		return (struct sock_filter)BPF_JUMP(
			(uint16_t)(BPF_JMP | jumps[(size_t)rand() % ARRAY_SIZE(jumps)] |
				   (rand() % 2 == 0 ? BPF_K : BPF_X)),
			word(), (uint8_t)((size_t)rand() % left), (uint8_t)((size_t)rand() % left));
	default:
		op = alu[(size_t)rand() % ARRAY_SIZE(alu)];
		if (op == BPF_NEG || rand() % 2 == 0) {
			return (struct sock_filter)BPF_STMT(
				(uint16_t)(BPF_ALU | op | (op == BPF_NEG ? 0 : BPF_X)), 0);
		}
		return (struct sock_filter)BPF_STMT((uint16_t)(BPF_ALU | op),
			op == BPF_LSH || op == BPF_RSH ? word() & 31 : word() | (op == BPF_DIV));
	}
}

/* One that leaves all other syscalls alone, and answers ours with an errno out of all it computed.
 */
static size_t random_program(struct sock_filter *program, size_t size)
{
	const struct sock_filter prologue[PROLOGUE] = { LOAD(0), JEQ(TEST_NR, 1, 0), ALLOW };
	const struct sock_filter epilogue[EPILOGUE] = {
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	size_t n = PROLOGUE;
	size_t body = size - PROLOGUE - EPILOGUE;

	memcpy(program, prologue, sizeof(prologue));
	/* The kernel refuses to load a word of memory that no path has stored. */
	program[n++] = (struct sock_filter)BPF_STMT(BPF_ST, 0);
	program[n++] = (struct sock_filter)BPF_STMT(BPF_ST, 1);
	while (n < PROLOGUE + body) {
		program[n] = random_instruction(PROLOGUE + body - n);
		n++;
	}
	memcpy(program + n, epilogue, sizeof(epilogue));
	return n + EPILOGUE;
}

/* What the kernel answers, in a process of its own. -1 where the program kills. */
static long ask_kernel(const struct sock_filter *program, size_t count, const uint64_t args[6],
	volatile long *answer)
{
	*answer = -2;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sock_fprog fprog = { .len = (unsigned short)count,
			.filter = (struct sock_filter *)(uintptr_t)program };

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog) < 0) {
			_exit(1);
		}
		*answer = -1;
		errno = 0;
		long r = syscall(TEST_NR, args[0], args[1], args[2], args[3], args[4], args[5]);
		*answer = r < 0 ? errno : r;
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_not_equal(*answer, -2); /* the kernel took the program */
	return *answer;
}

static void test_like_the_kernel(void **state)
{
	volatile long *answer = mmap(
		NULL, sizeof(*answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long killed = 0;

	assert_ptr_not_equal((void *)(uintptr_t)answer, MAP_FAILED);
	srand(20240611);
	for (int round = 0; round < 400; round++) {
		struct sock_filter program[64];
		size_t n = random_program(program, 12 + (size_t)rand() % 52);
		struct seccomp_data data = { .nr = TEST_NR, .arch = AUDIT_ARCH_X86_64 };
		uint32_t value;

		for (int i = 0; i < 6; i++) {
			data.args[i] = (uint64_t)word() << 32 | word();
		}
		uint64_t args[6];
		memcpy(args, data.args, sizeof(args));
		assert_int_equal(bpf_run(program, n, &data, &value), 0);
		long kernel = ask_kernel(program, n, args, answer);
		if (value == SECCOMP_RET_KILL_THREAD) {
			assert_int_equal(kernel, -1); /* a division by zero */
			killed++;
			continue;
		}
		long ours = value & SECCOMP_RET_DATA;
		assert_int_equal(kernel, ours > 4095 ? 4095 : ours);
	}
	assert_true(killed < 200);
	munmap((void *)(uintptr_t)answer, sizeof(*answer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_explore),
		cmocka_unit_test(test_explore_forgets),
		cmocka_unit_test(test_explore_bounded),
		cmocka_unit_test(test_may_return),
		cmocka_unit_test(test_chain_order),
		cmocka_unit_test(test_survey),
		cmocka_unit_test(test_like_the_kernel),
	};

	return cmocka_run_group_tests_name("policy: bpf", tests, NULL, NULL);
}
