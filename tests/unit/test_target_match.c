/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which container a name means, and that each stands in the list once.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "target/match.h"
#include "target/process.h"
#include "target/roll.h"

static char *words(const char *s)
{
	return (char *)(uintptr_t)s;
}

#define T(e, n, i, p, o)                                                                           \
	{                                                                                          \
		.engine = (e), .name = words(n), .id = words(i), .pid = (p), .owner = (o)          \
	}

/* The index that NAME means, or a negative errno with the message in ERR. */
static int find(struct target *targets, size_t count, const char *name, struct error *err)
{
	const struct target_list list = { targets, count };
	size_t index = 99;
	int r = match_find(&list, name, &index, err);

	return r < 0 ? r : (int)index;
}

static void names_before_ids_before_prefixes(void **state)
{
	struct target targets[] = {
		T("docker", "web", "abcd1111", 10, 0),
		T("docker", "abcd2", "ffff0000", 11, 0),
		T("docker", "db", "abcd2", 12, 0),
		T("docker", "abcd2222", "abcd2999", 13, 0),
	};
	struct error err;

	assert_int_equal(find(targets, 4, "web", &err), 0);
	assert_int_equal(find(targets, 4, "abcd2", &err), 1);
	assert_int_equal(find(targets, 4, "abcd1", &err), 0);
	assert_int_equal(find(targets, 4, "abcd1111", &err), 0);
	assert_int_equal(find(targets, 4, "abcd29", &err), 3);
	assert_int_equal(find(targets, 4, "ffff", &err), 1);
}

static void prefixes_need_four_characters_and_only_match_ids(void **state)
{
	struct target targets[] = {
		T("docker", "webserver", "abcdef", 10, 0),
		T("lxc", "abcdefgh", NULL, 11, 0),
	};
	struct error err;

	assert_int_equal(find(targets, 2, "abc", &err), -ENOENT);
	assert_int_equal(find(targets, 2, "abcd", &err), 0);
	assert_int_equal(find(targets, 2, "webs", &err), -ENOENT);
	assert_int_equal(find(targets, 0, "abcd", &err), -ENOENT);
}

static void several_are_an_error_that_lists_them(void **state)
{
	struct target targets[] = {
		T("docker", "web", "abcd1111", 10, 0),
		T("podman", "web", "abcd2222", 11, 0),
	};
	struct error err = { 0 };

	assert_int_equal(find(targets, 2, "web", &err), -EINVAL);
	assert_non_null(strstr(err.message, "ambiguous"));
	assert_non_null(strstr(err.message, "docker abcd1111"));
	assert_non_null(strstr(err.message, "podman abcd2222"));
	assert_int_equal(find(targets, 2, "abcd", &err), -EINVAL);
	assert_int_equal(find(targets, 2, "abcd2", &err), 1);
}

static void the_running_one_is_meant(void **state)
{
	struct target targets[] = {
		T("docker", "web", "abcd1111", 0, 0),
		T("podman", "web", "abcd2222", 11, 0),
		T("docker", "old", "abcd3333", 0, 0),
	};
	struct error err;

	assert_int_equal(find(targets, 3, "web", &err), 1);
	assert_int_equal(find(targets, 3, "old", &err), 2);
}

/* Else any user could keep the operator from the system's containers, or take their place. */
static void a_user_can_not_hide_or_block_one_of_the_systems(void **state)
{
	struct target targets[] = {
		T("podman", "web", "abcd1111", 10, 1000),
		T("runc", "web", "abcd1111", 11, 0),
		T("podman", "db", "eeee1111", 12, 1000),
		T("docker", "db", "eeee2222", 0, 0),
	};
	struct error err;

	assert_int_equal(find(targets, 4, "web", &err), 1);
	assert_int_equal(find(targets, 4, "abcd1111", &err), 1);
	assert_int_equal(find(targets, 4, "db", &err), 3);
	assert_int_equal(find(targets, 4, "eeee1", &err), 2);
}

static void unknown_names_tell_the_nearest_first(void **state)
{
	struct target targets[] = {
		T("docker", "postgres", NULL, 10, 0),
		T("docker", "web", NULL, 11, 0),
		T("docker", "stopped", NULL, 0, 0),
	};
	struct error err = { 0 };

	assert_int_equal(find(targets, 3, "wbe", &err), -ENOENT);
	assert_int_equal(err.code, ENOENT);
	assert_string_equal(err.message,
		"unknown container \"wbe\" (running: web, postgres; see sallyport list)");
	assert_int_equal(find(targets, 0, "wbe", &err), -ENOENT);
	assert_non_null(strstr(err.message, "running: none"));
}

static void many_and_long_names_stay_bounded(void **state)
{
	struct target targets[64];
	char name[3000];
	struct error err = { 0 };

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		targets[i] = (struct target)T("docker", name, name, 10, 0);
	}
	assert_int_equal(find(targets, 64, "wbe", &err), -ENOENT);
	assert_non_null(strstr(err.message, "54 more"));
	assert_int_equal(find(targets, 64, name, &err), -EINVAL);
	assert_non_null(strstr(err.message, "54 more"));
}

static void distances(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		unsigned int distance;
	} rows[] = { { "", "", 0 }, { "web", "web", 0 }, { "web", "", 3 }, { "", "web", 3 },
		{ "wbe", "web", 1 }, { "wb", "web", 1 }, { "webs", "web", 1 }, { "wab", "web", 1 },
		{ "kitten", "sitting", 3 }, { "abcd", "badc", 2 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(match_distance(rows[i].a, rows[i].b), rows[i].distance);
	}
}

/* A process that waits to be ended. */
static pid_t start_child(void)
{
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			pause();
		}
	}
	assert_true(child > 0);
	return child;
}

static void end_child(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static uint64_t start_time_of(pid_t pid)
{
	_cleanup_close_ int proc_fd = procfs_open(pid, NULL);
	uint64_t start_time = 0;

	assert_int_equal(procfs_start_time(proc_fd, &start_time, NULL), 0);
	return start_time;
}

static struct target *add(struct roll *roll, const struct found *found)
{
	size_t count = roll->list.count;

	assert_int_equal(roll_add(roll, found), 0);
	assert_int_equal(roll->list.count, count + 1);
	return &roll->list.targets[count];
}

static void stale_pids_are_not_running(void **state)
{
	pid_t child = start_child();
	uint64_t start = start_time_of(child);
	struct roll roll = { 0 };
	struct found found = { .engine = "runc", .name = "web", .pid = child };

	assert_int_equal(add(&roll, &found)->pid, child);
	assert_int_equal(roll.list.targets[0].start_time, start);
	found.start_time = start;
	assert_int_equal(add(&roll, &found)->pid, child);
	found.start_time = start + 1;
	assert_int_equal(add(&roll, &found)->pid, 0);
	found.start_time = 0;
	found.owner = 4242; /* who has nothing to do with it */
	assert_int_equal(add(&roll, &found)->pid, 0);
	found.owner = 0;
	kill(child, SIGKILL);
	while (waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT) < 0) {
	}
	assert_int_equal(add(&roll, &found)->pid, 0); /* a zombie */
	end_child(child);
	assert_int_equal(add(&roll, &found)->pid, 0);
	found.pid = -1;
	assert_int_equal(add(&roll, &found)->pid, 0);
	roll_finish(&roll);
}

static void names_that_no_engine_gives_are_left_out(void **state)
{
	char name[5000];
	struct roll roll = { 0 };
	struct found found = { .engine = "runc", .name = name };

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(roll_add(&roll, &found), 0);
	found.name = "";
	assert_int_equal(roll_add(&roll, &found), 0);
	found.name = NULL;
	assert_int_equal(roll_add(&roll, &found), 0);
	found.name = "web";
	found.image = name;
	assert_int_equal(roll_add(&roll, &found), 0);
	assert_int_equal(roll.list.count, 0);
	roll_finish(&roll);
}

static void the_roll_is_bounded(void **state)
{
	struct roll roll = { 0 };
	const struct found found = { .engine = "runc", .name = "web" };

	for (int i = 0; i < ROLL_MAX; i++) {
		assert_int_equal(roll_add(&roll, &found), 0);
	}
	assert_int_equal(roll_add(&roll, &found), -E2BIG);
	roll_finish(&roll);
}

static void users_can_not_crowd_out_the_system(void **state)
{
	struct roll roll = { 0 };
	const struct found users = { .engine = "podman", .name = "many", .owner = 1000 };
	const struct found systems = { .engine = "runc", .name = "web" };

	for (int i = 0; i < 2 * ROLL_MAX; i++) {
		assert_int_equal(roll_add(&roll, &users), 0);
	}
	assert_int_equal(roll.list.count, ROLL_USERS_MAX);
	assert_non_null(strstr(roll.warnings, "not all are listed"));
	assert_int_equal(roll_add(&roll, &systems), 0);
	assert_int_equal(roll_merge(&roll), 0);
	assert_string_equal(roll.list.targets[0].name, "web");
	roll_finish(&roll);
}

static void each_container_stands_there_once(void **state)
{
	pid_t child = start_child();
	struct roll roll = { 0 };
	const struct found docker = { .engine = "docker", .name = "web", .id = "abcd" };
	const struct found other = { .engine = "podman", .name = "db", .pid = child };
	const struct found runc = {
		.engine = "runc", .name = "abcd", .id = "abcd", .image = "/r", .pid = child
	};

	/* A stopped docker container and a running podman one; then runc says that docker's runs.
	 */
	add(&roll, &docker);
	add(&roll, &runc);
	add(&roll, &other);
	assert_int_equal(roll_merge(&roll), 0);
	assert_int_equal(roll.list.count, 1);
	assert_string_equal(roll.list.targets[0].engine, "docker");
	assert_string_equal(roll.list.targets[0].name, "web");
	assert_string_equal(roll.list.targets[0].image, "/r");
	assert_int_equal(roll.list.targets[0].pid, child);
	assert_true(roll_has_pid(&roll, child));
	assert_false(roll_has_pid(&roll, child + 1));
	roll_finish(&roll);
	end_child(child);
}

static void a_user_can_not_rename_one_of_the_systems(void **state)
{
	pid_t child = start_child();
	struct roll roll = { 0 };
	const struct found users = { .engine = "podman",
		.name = "nice",
		.id = "abcd",
		.pid = child,
		.owner = getuid() + 1 };
	const struct found stopped = {
		.engine = "podman", .name = "same-id", .id = "abcd", .owner = getuid() + 1
	};
	const struct found systems = {
		.engine = "runc", .name = "real", .id = "abcd", .pid = child
	};

	add(&roll, &users);
	/* As if the pid had been found to be that user's. */
	roll.list.targets[0].pid = child;
	add(&roll, &stopped);
	add(&roll, &systems);
	assert_int_equal(roll_merge(&roll), 0);
	assert_int_equal(roll.list.count, 2);
	assert_string_equal(roll.list.targets[0].name, "real");
	assert_string_equal(roll.list.targets[1].name, "same-id");
	assert_int_equal(roll.list.targets[1].pid, 0);
	roll_finish(&roll);
	end_child(child);
}

static void warnings_are_lines_and_come_once(void **state)
{
	struct roll roll = { 0 };

	roll_warn(&roll, "docker: %s", "one");
	roll_warn(&roll, "podman: two");
	roll_warn(&roll, "docker: one");
	assert_string_equal(roll.warnings, "docker: one\npodman: two");
	for (int i = 0; i < 100000; i++) {
		roll_warn(&roll, "line %d", i);
	}
	assert_true(strlen(roll.warnings) < 65536);
	roll_finish(&roll);
	roll_finish(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_before_ids_before_prefixes),
		cmocka_unit_test(prefixes_need_four_characters_and_only_match_ids),
		cmocka_unit_test(several_are_an_error_that_lists_them),
		cmocka_unit_test(the_running_one_is_meant),
		cmocka_unit_test(a_user_can_not_hide_or_block_one_of_the_systems),
		cmocka_unit_test(unknown_names_tell_the_nearest_first),
		cmocka_unit_test(many_and_long_names_stay_bounded),
		cmocka_unit_test(distances),
		cmocka_unit_test(stale_pids_are_not_running),
		cmocka_unit_test(names_that_no_engine_gives_are_left_out),
		cmocka_unit_test(the_roll_is_bounded),
		cmocka_unit_test(users_can_not_crowd_out_the_system),
		cmocka_unit_test(each_container_stands_there_once),
		cmocka_unit_test(a_user_can_not_rename_one_of_the_systems),
		cmocka_unit_test(warnings_are_lines_and_come_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
