/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal: its chain, what happens to it by other processes, full disks, torn lines and dead
 * sessions.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/conf.h"
#include "audit/event.h"
#include "audit/journal.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/str.h"

static char directory[64];
static char path[128];
static struct conf conf;

static int setup(void **state)
{
	char text[256];

	strcpy(directory, "/tmp/sp-journal.XXXXXX");
	if (mkdtemp(directory) == NULL) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/j/journal.jsonl", directory);
	snprintf(
		text, sizeof(text), "journal = %s\njournal-size = 64k\njournal-count = 20\n", path);
	return conf_parse(&conf, text, "test", NULL);
}

static int teardown(void **state)
{
	char command[128];

	conf_finish(&conf);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

static struct journal *open_journal(void)
{
	struct journal *journal = NULL;
	struct error err = { 0 };

	if (journal_open(&journal, &conf, &err) < 0) {
		fail_msg("%s", err.message);
	}
	return journal;
}

static struct json_object *record_of(const char *event, int i)
{
	struct audit_session session = { .auid = UINT32_MAX, .ses = UINT32_MAX };
	struct json_object *record;

	strcpy(session.id, "0123456789abcdef0123456789abcdef");
	strcpy(session.container, "web");
	record = event_new(&session, event, (uint64_t)i);
	return record;
}

static void append_some(struct journal *journal, int n)
{
	for (int i = 1; i <= n; i++) {
		struct json_object *record = record_of(EVENT_NOTE, i);
		struct error err = { 0 };

		if (journal_append(journal, record, false, NULL, &err) < 0) {
			fail_msg("%s", err.message);
		}
		json_object_put(record);
	}
}

/* All that was seen, as one file. */
static void sum_up(const struct journal_seen *seen, void *data)
{
	struct journal_seen *sum = data;

	sum->lines += seen->lines;
	sum->repairs += seen->repairs;
	sum->unfinished += seen->unfinished;
	sum->first = sum->first != 0 ? sum->first : seen->first;
	sum->last = seen->last != 0 ? seen->last : sum->last;
}

static struct journal_seen verified(uint64_t lines)
{
	struct journal_seen sum = { 0 };
	struct journal_fault fault = { "" };
	struct error err = { 0 };
	int r = journal_verify(&conf, sum_up, &sum, &fault, &err);

	if (r != 0 || sum.lines != lines) {
		fail_msg("%d, %llu lines: %s %s", r, (unsigned long long)sum.lines, fault.what,
			err.message);
	}
	return sum;
}

/* The fault is found in LINE of the file that ends with SUFFIX, and told with WORDS. */
static void broken(const char *suffix, uint64_t line, const char *words)
{
	struct journal_seen sum = { 0 };
	struct journal_fault fault = { "" };
	struct error err = { 0 };
	int r = journal_verify(&conf, sum_up, &sum, &fault, &err);

	if (r != 1 || fault.line != line || strstr(fault.what, words) == NULL ||
		strcmp(strrchr(fault.path, '.'), suffix) != 0) {
		fail_msg("wanted line %llu of %s (%s), got %d, line %llu of %s: %s %s",
			(unsigned long long)line, suffix, words, r, (unsigned long long)fault.line,
			fault.path, fault.what, err.message);
	}
}

static int count_events(const char *event)
{
	char command[512];
	int n = -1;

	snprintf(command, sizeof(command), "cat %s* | grep -c '\"event\":\"%s\"'", path, event);
	FILE *out = popen(command, "re");
	assert_non_null(out);
	assert_int_equal(fscanf(out, "%d", &n), 1);
	pclose(out);
	return n;
}

static void private_from_the_start(void **state)
{
	struct stat st;
	struct journal *journal = open_journal();

	append_some(journal, 3);
	journal_close(journal);
	verified(3);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	*strrchr(path, '/') = '\0';
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	path[strlen(path)] = '/';
}

static void refused_where_others_may_write(void **state)
{
	struct journal *journal = open_journal();
	struct error err = { 0 };

	journal_close(journal);
	assert_int_equal(chmod(path, 0622), 0);
	assert_int_equal(journal_open(&journal, &conf, &err), -EPERM);
	assert_non_null(strstr(err.message, "by others"));
}

static void chain_over_rotation(void **state)
{
	struct journal *journal = open_journal();
	struct stat st;
	char name[160];

	append_some(journal, 1000);
	journal_close(journal);
	snprintf(name, sizeof(name), "%s.2", path);
	assert_int_equal(stat(name, &st), 0);
	verified(1000);
	/* A new process goes on where the last one ended. */
	journal = open_journal();
	append_some(journal, 10);
	journal_close(journal);
	verified(1010);
}

static void two_that_rotate(void **state)
{
	struct journal *a = open_journal();
	struct journal *b = open_journal();

	for (int i = 0; i < 60; i++) {
		append_some(a, 7);
		append_some(b, 5);
	}
	journal_close(a);
	journal_close(b);
	verified(720);
}

static void many_processes(void **state)
{
	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			struct journal *journal = open_journal();

			append_some(journal, 100);
			journal_close(journal);
			_exit(0);
		}
	}
	for (int i = 0; i < 8; i++) {
		int status;

		wait(&status);
		assert_int_equal(status, 0);
	}
	verified(800);
}

static void edit(const char *script)
{
	char command[512];

	snprintf(command, sizeof(command), "sed -i '%s' %s", script, path);
	assert_int_equal(system(command), 0);
}

static void changes_show(void **state)
{
	static const struct {
		const char *script;
		uint64_t line;
		const char *words;
	} edits[] = {
		{ "5s/web/wed/", 5, "record 5 was changed" },
		{ "1s/web/wed/", 1, "record 1 was changed" },
		{ "9s/web/wed/", 9, "record 9 was changed, or 10, the last one" },
		{ "5s/\"prev\":\"./\"prev\":\"x/", 5, "record 5 was changed" },
		{ "1s/\"prev\":\"/\"prev\":\"x/", 1, "record 1 was changed" },
		{ "5s/\"seq\":5/\"seq\":6/", 5, "record 6 was changed, its number was 5" },
		{ "5s/}$/}}/", 5, "this is no record" },
		{ "5s/^/x/", 5, "this is no record" },
		{ "5s/.*//", 5, "this is no record" },
		{ "5{N;s/\\n//}", 5, "this is no record" },
		{ "5d", 5, "before record 6, 5 to 5 are missing" },
		{ "5,8d", 5, "before record 9, 5 to 8 are missing" },
		{ "1d", 1, "before record 2, 1 to 1 are missing" },
		{ "5{h;d};6G", 5, "record 6 stands before record 5" },
		{ "2{h;d};9G", 2, "record 3 stands before record 2" },
		{ "5p", 6, "record 5 stands after record 5" },
		{ "9{p;s/web/wed/}", 10, "record 9 stands after record 9" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		unlink(path);
		struct journal *journal = open_journal();
		append_some(journal, 10);
		journal_close(journal);
		verified(10);
		edit(edits[i].script);
		broken(".jsonl", edits[i].line, edits[i].words);
	}
}

static void cut(const char *name, off_t bytes)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(truncate(name, st.st_size - bytes), 0);
}

/* What a crash leaves, and what only looks like that. */
static void cut_files(void **state)
{
	struct journal *journal = open_journal();
	_cleanup_free_ char *rotated = str_format("%s.1", path);
	struct journal_seen seen;
	_cleanup_close_ int fd = -1;

	append_some(journal, 1000);
	seen = verified(1000);
	assert_int_equal(seen.unfinished, 0);
	cut(path, 10);
	seen = verified(999);
	assert_true(seen.unfinished > 50);
	assert_int_equal(seen.last, 999);
	append_some(journal, 1);
	seen = verified(1001);
	assert_int_equal(seen.unfinished, 0);
	assert_int_equal(seen.repairs, 1);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "{\"seq\":1002,", 12), 12);
	assert_int_equal(verified(1001).unfinished, 12);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write(fd, "{\"seq\":1002,", 12), 12);
	broken(".jsonl", 1, "12 bytes that are not how a record begins");
	assert_int_equal(ftruncate(fd, 0), 0);
	cut(rotated, 1);
	struct json_object *record = record_of(EVENT_NOTE, 1);
	assert_int_equal(journal_append(journal, record, false, NULL, NULL), 0);
	json_object_put(record);
	journal_close(journal);
	journal = NULL;
	struct journal_fault fault;
	assert_int_equal(journal_verify(&conf, sum_up, &seen, &fault, NULL), 1);
	assert_string_equal(fault.path, rotated);
	assert_non_null(strstr(fault.what, "the file ends within a record"));
}

/* Older files that rotation has removed are not missed, others are. */
static void files_that_are_gone(void **state)
{
	char name[192];

	struct journal *journal = open_journal();
	append_some(journal, 1000);
	journal_close(journal);
	uint64_t first = verified(1000).first;
	assert_int_equal(first, 1);
	uint64_t oldest = 0;
	struct stat st;
	do {
		snprintf(name, sizeof(name), "%s.%llu", path, (unsigned long long)++oldest);
	} while (stat(name, &st) == 0);
	assert_true(oldest > 3);
	conf.journal_count = oldest - 2;
	struct journal_seen seen = { 0 };
	struct journal_fault fault;
	assert_int_equal(journal_verify(&conf, sum_up, &seen, &fault, NULL), 0);
	assert_true(seen.first > 1);
	conf.journal_count = oldest;
	snprintf(name, sizeof(name), "%s.%llu", path, (unsigned long long)oldest - 1);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(journal_verify(&conf, sum_up, &seen, &fault, NULL), 1);
	assert_int_equal(fault.line, 1);
	assert_non_null(strstr(fault.what, ", 1 to "));
	snprintf(name, sizeof(name), "rm %s*", path);
	assert_int_equal(system(name), 0);
	assert_int_equal(journal_verify(&conf, sum_up, &seen, &fault, NULL), -ENOENT);
}

static void torn_line_repaired(void **state)
{
	struct journal *journal = open_journal();
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	append_some(journal, 5);
	assert_int_equal(write(fd, "{\"seq\":6,\"pre", 13), 13);
	append_some(journal, 5);
	verified(11);
	assert_int_equal(count_events("repaired"), 1);
	/* Also by a process that did not see the line before. */
	journal_close(journal);
	assert_int_equal(write(fd, "x", 1), 1);
	journal = open_journal();
	append_some(journal, 1);
	journal_close(journal);
	close(fd);
	verified(13);
}

static void full_disk(void **state)
{
	struct journal *journal = open_journal();
	struct json_object *record = record_of(EVENT_NOTE, 1);
	struct rlimit old;
	struct stat st;
	struct error err = { 0 };

	append_some(journal, 5);
	assert_int_equal(stat(path, &st), 0);
	getrlimit(RLIMIT_FSIZE, &old);
	struct rlimit full = { (rlim_t)st.st_size + 100, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	int r = journal_append(journal, record, true, NULL, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	json_object_put(record);
	assert_int_equal(r, -ENOSPC);
	verified(5);
	append_some(journal, 5);
	journal_close(journal);
	verified(10);
}

static void lock_is_not_waited_for_long(void **state)
{
	struct journal *journal = open_journal();
	struct json_object *record = record_of(EVENT_NOTE, 1);
	_cleanup_free_ char *name = str_format("%s.lock", path);
	int fd = open(name, O_RDWR | O_CLOEXEC);
	struct error err = { 0 };

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(journal_append(journal, record, true, NULL, &err), -ETIMEDOUT);
	close(fd);
	assert_int_equal(journal_append(journal, record, true, NULL, &err), 0);
	json_object_put(record);
	journal_close(journal);
}

static void add(struct journal *journal, struct audit_session *session, const char *event,
	uint64_t transition, bool dead)
{
	struct json_object *record = event_new(session, event, transition);

	if (strcmp(event, EVENT_BEGIN) == 0) {
		event_add_number(record, "pid", session->pid);
		event_add_number(
			record, "start_time", (int64_t)session->start_time + (dead ? 1 : 0));
		event_add_number(record, "pid_ns", (int64_t)session->pid_ns);
		event_add_string(record, "boot", session->boot_id);
	}
	assert_int_equal(journal_append(journal, record, false, NULL, NULL), 0);
	json_object_put(record);
}

static void dead_sessions_are_closed(void **state)
{
	struct journal *journal = open_journal();
	struct audit_session dead;
	struct audit_session alive;
	struct audit_session ended;

	assert_int_equal(audit_session_describe(&dead, "attach", NULL), 0);
	assert_int_equal(audit_session_describe(&alive, "attach", NULL), 0);
	assert_int_equal(audit_session_describe(&ended, "attach", NULL), 0);
	assert_string_not_equal(dead.id, alive.id);
	add(journal, &dead, EVENT_BEGIN, 0, true);
	add(journal, &alive, EVENT_BEGIN, 0, false);
	add(journal, &ended, EVENT_BEGIN, 0, true);
	add(journal, &dead, EVENT_ATTEMPT, 1, true);
	add(journal, &dead, EVENT_OUTCOME, 1, true);
	add(journal, &dead, EVENT_ATTEMPT, 2, true);
	add(journal, &alive, EVENT_ATTEMPT, 1, false);
	add(journal, &dead, EVENT_ATTEMPT, 3, true);
	add(journal, &ended, EVENT_ATTEMPT, 1, true);
	add(journal, &ended, EVENT_OUTCOME, 1, true);
	add(journal, &ended, EVENT_END, 0, true);
	assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 3);
	assert_int_equal(count_events("outcome"), 4);
	assert_int_equal(count_events("end"), 2);
	verified(14);
	/* Once only; also from the hint, and by a process that comes later. */
	assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 0);
	journal_close(journal);
	journal = open_journal();
	assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 0);
	/* A session's own end closes its own attempts, and leaves the end to it. */
	assert_int_equal(journal_recover(journal, alive.id, NULL, NULL, NULL), 1);
	assert_int_equal(journal_recover(journal, alive.id, NULL, NULL, NULL), 0);
	assert_int_equal(count_events("end"), 2);
	journal_close(journal);
}

/* The init of a new pid namespace and another process there, both for waitpid(). False without the
 * rights for that. */
static bool start_namespace(pid_t *init, pid_t *other)
{
	_cleanup_close_ int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	pid_t *const pids[] = { init, other };

	if (own < 0 || unshare(CLONE_NEWPID) < 0) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		*pids[i] = fork();
		if (*pids[i] == 0) {
			pause();
			_exit(0);
		}
	}
	assert_int_equal(setns(own, CLONE_NEWPID), 0);
	return true;
}

/* The kernel keeps an init in its exit until all of its namespace are gone and waited for. */
static void sessions_that_are_ending_are_dead(void **state)
{
	struct journal *journal = open_journal();
	struct audit_session session;
	siginfo_t info;
	pid_t other = -1;

	assert_int_equal(audit_session_describe(&session, "attach", NULL), 0);
	if (!start_namespace(&session.pid, &other)) {
		journal_close(journal);
		skip();
	}
	_cleanup_close_ int proc_fd = procfs_open(session.pid, NULL);
	assert_int_equal(procfs_start_time(proc_fd, &session.start_time, NULL), 0);
	add(journal, &session, EVENT_BEGIN, 0, false);
	add(journal, &session, EVENT_ATTEMPT, 1, false);
	assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 0);
	kill(session.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)other, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(waitpid(session.pid, NULL, WNOHANG), 0);
	assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 2);
	assert_int_equal(waitpid(other, NULL, 0), other);
	assert_int_equal(waitpid(session.pid, NULL, 0), session.pid);
	journal_close(journal);
	verified(4);
}

static void dead_sessions_in_rotated_files(void **state)
{
	struct journal *journal = open_journal();
	struct audit_session dead;

	assert_int_equal(audit_session_describe(&dead, "attach", NULL), 0);
	assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 0);
	append_some(journal, 300);
	add(journal, &dead, EVENT_BEGIN, 0, true);
	add(journal, &dead, EVENT_ATTEMPT, 7, true);
	append_some(journal, 600);
	assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 2);
	append_some(journal, 600);
	assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 0);
	journal_close(journal);
	verified(1504);
}

static char *read_hint(size_t *size)
{
	char name[160];
	char *text = NULL;

	snprintf(name, sizeof(name), "%s.open", path);
	assert_int_equal(fd_read_file(AT_FDCWD, name, 1 << 20, &text, size, NULL), 0);
	return text;
}

static void write_hint(const char *text, size_t size)
{
	char name[160];

	snprintf(name, sizeof(name), "%s.open", path);
	_cleanup_close_ int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, text, size), 0);
}

/* In place: the first FROM of the journal becomes TO, which is as long. */
static void replace(const char *from, const char *to)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(fd_read_file(AT_FDCWD, path, 1 << 20, &text, NULL, NULL), 0);
	const char *at = strstr(text, from);
	assert_non_null(at);
	assert_int_equal(pwrite(fd, to, strlen(to), at - text), strlen(to));
}

/* What is open is found from the hint alone, and without it. */
static void open_sessions_are_kept(void **state)
{
	struct journal *journal = open_journal();
	struct audit_session alive;
	size_t size;

	assert_int_equal(audit_session_describe(&alive, "attach", NULL), 0);
	add(journal, &alive, EVENT_BEGIN, 0, false);
	for (int i = 1; i <= 3; i++) {
		add(journal, &alive, EVENT_ATTEMPT, (uint64_t)i, false);
	}
	add(journal, &alive, EVENT_OUTCOME, 2, false);
	assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 0);
	_cleanup_free_ char *hint = read_hint(&size);

	/* Whatever a crash has left of it, and with a byte changed anywhere. */
	for (size_t i = 0; i < 2 * size; i++) {
		_cleanup_free_ char *wrong = strdup(hint);
		size_t again;

		wrong[i % size] = (char)(wrong[i % size] ^ (i < size ? 0 : 1));
		write_hint(wrong, i < size ? i : size);
		assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 0);
		_cleanup_free_ char *right = read_hint(&again);
		assert_int_equal(again, size);
		assert_string_equal(right, hint);
	}
	/* The beginning of the session is not read again. */
	write_hint(hint, size);
	append_some(journal, 20);
	replace("pid_ns", "PID_NS");
	assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 0);
	_cleanup_free_ char *kept = read_hint(&size);
	assert_non_null(strstr(kept, "pid_ns"));
	assert_null(strstr(kept, "PID_NS"));
	replace("PID_NS", "pid_ns");
	/* Nor lost where its file has been rotated away. */
	for (int i = 0; i < 4; i++) {
		append_some(journal, 3000);
		assert_int_equal(journal_recover(journal, NULL, NULL, NULL, NULL), 0);
	}
	assert_int_equal(journal_recover(journal, alive.id, NULL, NULL, NULL), 2);
	assert_int_equal(journal_recover(journal, alive.id, NULL, NULL, NULL), 0);
	journal_close(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(private_from_the_start, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_where_others_may_write, setup, teardown),
		cmocka_unit_test_setup_teardown(chain_over_rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(two_that_rotate, setup, teardown),
		cmocka_unit_test_setup_teardown(many_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(changes_show, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_files, setup, teardown),
		cmocka_unit_test_setup_teardown(files_that_are_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_line_repaired, setup, teardown),
		cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(lock_is_not_waited_for_long, setup, teardown),
		cmocka_unit_test_setup_teardown(dead_sessions_are_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(sessions_that_are_ending_are_dead, setup, teardown),
		cmocka_unit_test_setup_teardown(dead_sessions_in_rotated_files, setup, teardown),
		cmocka_unit_test_setup_teardown(open_sessions_are_kept, setup, teardown),
	};

	return cmocka_run_group_tests_name("audit: journal", tests, NULL, NULL);
}
