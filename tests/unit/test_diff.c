/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdicts of `sallyport diff`: from facts that are made up, since real ones are to have no
 * DIFFERS in them. And a probe's words, which may be anybody's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "diff/diff.h"

struct pair {
	const char *key, *value;
};

static void fill(struct facts *facts, const struct pair *pairs)
{
	for (; pairs->key != NULL; pairs++) {
		facts_add(facts, pairs->key, "%s", pairs->value);
	}
	assert_int_equal(facts_sort(facts, NULL), 0);
}

struct world {
	struct facts target, ours, engine;
	struct comparison c;
};

static void compare(struct world *w, const struct pair *target, const struct pair *ours,
	const struct pair *engine, bool resource)
{
	memset(w, 0, sizeof(*w));
	fill(&w->target, target);
	fill(&w->ours, ours);
	w->c = (struct comparison){
		.target = &w->target, .ours = &w->ours, .resource_capability = resource
	};
	if (engine != NULL) {
		fill(&w->engine, engine);
		w->c.engine = &w->engine;
	}
	assert_int_equal(compare_facts(&w->c, NULL), 0);
}

static void finish(struct world *w)
{
	compare_finish(&w->c);
	facts_finish(&w->target);
	facts_finish(&w->ours);
	facts_finish(&w->engine);
}

static const struct row *row(const struct world *w, const char *key)
{
	for (size_t i = 0; i < w->c.count; i++) {
		if (strcmp(w->c.rows[i].key, key) == 0) {
			return &w->c.rows[i];
		}
	}
	fail_msg("no row %s", key);
	return NULL;
}

static void test_facts(void **state)
{
	struct facts facts = { 0 };

	facts_add(&facts, "b", "1");
	facts_add(&facts, "a", "%d", 2);
	facts_add(&facts, "b", "1");
	assert_int_equal(facts_sort(&facts, NULL), 0);
	assert_int_equal(facts.count, 2);
	assert_string_equal(facts_get(&facts, "a"), "2");
	assert_null(facts_get(&facts, "c"));
	for (int i = 0; i < FACTS_MAX + 10; i++) {
		facts_add(&facts, "x", "%d", i);
	}
	assert_int_equal(facts_sort(&facts, NULL), -E2BIG);
	facts_finish(&facts);
	facts_finish(NULL);
}

/* Each property in which the two differ without a known cause is a DIFFERS; missing ones too. */
static void test_properties(void **state)
{
	static const struct pair target[] = { { "status.Uid", "0" }, { "status.SigIgn", "6" },
		{ "ns.net", "net:[1]" }, { "seccomp.filter.1", "aa" }, { NULL, NULL } };
	static const struct pair ours[] = { { "status.Uid", "1" }, { "status.SigIgn", "0" },
		{ "ns.net", "net:[1]" }, { "environ.LEAK", "x" }, { NULL, NULL } };
	struct world w;

	compare(&w, target, ours, NULL, true);
	assert_int_equal(row(&w, "status.Uid")->verdict, VERDICT_DIFFERS);
	assert_int_equal(row(&w, "status.SigIgn")->verdict, VERDICT_EXPECTED);
	assert_non_null(row(&w, "status.SigIgn")->because);
	assert_int_equal(row(&w, "ns.net")->verdict, VERDICT_SAME);
	assert_int_equal(row(&w, "seccomp.filter.1")->verdict, VERDICT_DIFFERS);
	assert_int_equal(row(&w, "environ.LEAK")->verdict, VERDICT_DIFFERS);
	assert_int_equal(w.c.verdicts[VERDICT_DIFFERS], 3);
	finish(&w);
}

/* A limit that is too low is expected only where it could not be raised; one too high never. */
static void test_limits(void **state)
{
	static const struct pair target[] = { { "limit.open_files", "10 4096" },
		{ "limit.processes", "10 20" }, { "oom_score_adj", "-5" }, { NULL, NULL } };
	static const struct pair ours[] = { { "limit.open_files", "10 1024" },
		{ "limit.processes", "10 unlimited" }, { "oom_score_adj", "0" }, { NULL, NULL } };
	struct world w;

	compare(&w, target, ours, NULL, false);
	assert_int_equal(row(&w, "limit.open_files")->verdict, VERDICT_EXPECTED);
	assert_int_equal(row(&w, "limit.processes")->verdict, VERDICT_DIFFERS);
	assert_int_equal(row(&w, "oom_score_adj")->verdict, VERDICT_EXPECTED);
	finish(&w);
	compare(&w, target, ours, NULL, true);
	assert_int_equal(w.c.verdicts[VERDICT_DIFFERS], 3);
	finish(&w);
}

/* What the filters say binds, whatever the engine's process is like. */
static void test_system_calls(void **state)
{
	static const struct pair target[] = { { "syscall.1", "EPERM" }, { "syscall.2", "allowed" },
		{ "syscall.3", "allowed" }, { "syscall.4", "ENOSYS" }, { "status.Uid", "0" },
		{ NULL, NULL } };
	static const struct pair ours[] = { { "syscall.1", "EPERM" }, { "syscall.2", "EBADF" },
		{ "syscall.3", "SIGSYS" }, { "syscall.4", "EINVAL" }, { "status.Uid", "0" },
		{ NULL, NULL } };
	static const struct pair engine[] = { { "syscall.1", "EPERM" }, { "syscall.2", "EBADF" },
		{ "syscall.3", "SIGSYS" }, { "syscall.4", "EINVAL" }, { "status.Uid", "7" },
		{ NULL, NULL } };
	struct world w;

	for (int with_engine = 0; with_engine < 2; with_engine++) {
		compare(&w, target, ours, with_engine ? engine : NULL, true);
		assert_int_equal(row(&w, "syscall.1")->verdict, VERDICT_SAME);
		assert_int_equal(row(&w, "syscall.2")->verdict, VERDICT_SAME);
		assert_int_equal(row(&w, "syscall.3")->verdict, VERDICT_DIFFERS);
		assert_int_equal(row(&w, "syscall.4")->verdict, VERDICT_DIFFERS);
		finish(&w);
	}
}

/* The engine's own deviation explains its other answers, and nothing else does. */
static void test_engine(void **state)
{
	static const struct pair target[] = { { "status.CapEff", "1" }, { "status.Umask", "0022" },
		{ NULL, NULL } };
	static const struct pair ours[] = { { "status.CapEff", "1" }, { "status.Umask", "0022" },
		{ "can.mount", "EPERM" }, { "self.umask", "0022" }, { "can.nice", "EACCES" },
		{ NULL, NULL } };
	static const struct pair other[] = { { "status.CapEff", "3" }, { "status.Umask", "0022" },
		{ "can.mount", "yes" }, { "self.umask", "0077" }, { "can.nice", "EACCES" },
		{ NULL, NULL } };
	static const struct pair alike[] = { { "status.CapEff", "1" }, { "status.Umask", "0022" },
		{ "can.mount", "yes" }, { "self.umask", "0022" }, { "can.nice", "EACCES" },
		{ NULL, NULL } };
	struct world w;

	compare(&w, target, ours, NULL, true);
	assert_int_equal(row(&w, "can.mount")->verdict, VERDICT_UNCOMPARED);
	finish(&w);
	compare(&w, target, ours, other, true);
	assert_int_equal(row(&w, "can.mount")->verdict, VERDICT_EXPECTED);
	assert_non_null(strstr(row(&w, "can.mount")->because, "status.Cap"));
	assert_int_equal(row(&w, "self.umask")->verdict, VERDICT_DIFFERS);
	assert_int_equal(row(&w, "can.nice")->verdict, VERDICT_SAME);
	finish(&w);
	compare(&w, target, ours, alike, true);
	assert_int_equal(row(&w, "can.mount")->verdict, VERDICT_DIFFERS);
	finish(&w);
}

/* Runs inside_read() over what a child of ours writes. */
static int read_words(struct facts *facts, const char *words, size_t size, size_t times)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		for (size_t i = 0; i < times; i++) {
			(void)!write(fds[1], words, size);
		}
		_exit(0);
	}
	close(fds[1]);
	int r = inside_read(facts, fds[0], 5000, NULL);
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return r;
}

static void test_words(void **state)
{
	static const char good[] = "a\t1\nwithout a tab\nb\t2\t3\nend\t\nc\t4\n";
	static const char binary[] = "\0\0x\ty\0z\n\xff\t\xfe\nend\t\n";
	static char line[70000];
	struct facts facts = { 0 };

	assert_int_equal(read_words(&facts, good, sizeof(good) - 1, 1), 0);
	assert_int_equal(facts.count, 2);
	assert_string_equal(facts.list[1].value, "2\t3");
	assert_int_equal(read_words(&facts, binary, sizeof(binary) - 1, 1), 0);
	assert_int_equal(read_words(&facts, "a\t1\n", 4, 1), -EPIPE);
	memset(line, 'x', sizeof(line));
	assert_int_equal(read_words(&facts, line, sizeof(line), 100), -EFBIG);
	line[5] = '\t';
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(read_words(&facts, line, sizeof(line), 100), -EFBIG);
	facts_finish(&facts);
}

static void test_silence(void **state)
{
	struct facts facts = { 0 };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(inside_read(&facts, fds[0], 50, NULL), -ETIMEDOUT);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(inside_find(INT32_MAX, 1, NULL), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_properties),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_system_calls),
		cmocka_unit_test(test_engine),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
