/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"
#include "probe/calls.h"
#include "probe/probe.h"

/* Where the child that makes the calls leaves what came of them. */
struct results {
	int next; /* the number that is being called */
	int codes[CALLS_MAX];
};

/*
 * From the number on where a child before has ended: a process for each would take long. What one
 * call leaves behind in the process makes no difference to the next, none has arguments that could
 * mean it.
 */
static int make_calls(const void *arg)
{
	struct results *results = *(struct results *const *)arg;

	for (int nr = results->next; nr < CALLS_MAX; nr++) {
		uint64_t a[6];

		results->next = nr;
		if (calls_arguments(nr, a) == NULL) {
			long r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);

			/* Twice back from fork(2): this one has nothing more to do. */
			if (nr == SYS_fork && r == 0) {
				_exit(0);
			}
			results->codes[nr] = r < 0 ? errno : 0;
		}
	}
	results->next = CALLS_MAX;
	return 0;
}

static void say_calls(void)
{
	struct results *results = mmap(
		NULL, sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (results == MAP_FAILED) {
		return;
	}
	while (results->next < CALLS_MAX) {
		int code = in_child(make_calls, &results);

		if (code != 0 && results->next < CALLS_MAX) {
			results->codes[results->next++] = code;
		}
	}
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		uint64_t args[6];
		char key[32];

		if (calls_arguments(nr, args) == NULL) {
			snprintf(key, sizeof(key), "syscall.%d", nr);
			say_result(key, results->codes[nr]);
		}
	}
}

/* How the front finds this process: by its pid in its own namespace, and by the latter. */
static void say_who(void)
{
	struct stat st;

	say("who.pid", "%d", getpid());
	if (stat("/proc/self/ns/pid", &st) == 0) {
		say("who.pid_ns", "%ju", (uintmax_t)st.st_ino);
	}
}

int main(int argc, char **argv)
{
	char byte;

	if (argc > 1 && str_equal(argv[1], "report")) {
		return can_caps_report();
	}
	say_who();
	self_say();
	can_say();
	can_caps_say();
	can_files_say();
	say_calls();
	say("end", "%s", "");
	if (!say_flush()) {
		return 1;
	}
	while (read(STDIN_FILENO, &byte, 1) > 0) {
	}
	return 0;
}
