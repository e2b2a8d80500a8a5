/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/probe.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define OUTPUT_MAX (1 << 20)
#define VALUE_MAX 8192
#define CHILD_SECONDS 4
#define NO_CHILD 1000

static char output[OUTPUT_MAX];
static size_t used;

static void put(const char *text)
{
	for (; *text != '\0' && used + 8 < sizeof(output); text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == '\\' || c == 127) {
			used += (size_t)snprintf(output + used, 5, "\\x%02x", c);
		} else {
			output[used++] = (char)c;
		}
	}
}

void say(const char *key, const char *format, ...)
{
	char value[VALUE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	put(key);
	output[used++] = '\t';
	put(value);
	output[used++] = '\n';
}

const char *code_name(int code)
{
	static char number[32];
	const char *name = strerrorname_np(code);

	snprintf(number, sizeof(number), "errno %d", code);
	return name != NULL ? name : number;
}

void say_code(const char *key, int code)
{
	say(key, "%s", code == 0 ? "yes" : code_name(code));
}

bool say_flush(void)
{
	int r = fd_write_all(STDOUT_FILENO, output, used);

	used = 0;
	return r == 0;
}

/* Shared with the children: an exit status is too narrow for the errno of a filter. */
static int *shared_result(void)
{
	static int *shared;

	if (shared == NULL) {
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	}
	return shared;
}

/* No way to a terminal that vhangup(2) could take from somebody; an end in any case. */
static int prepare(const void *arg)
{
	setsid();
	alarm(CHILD_SECONDS);
	return 0;
}

static int run(int (*before)(const void *arg), int (*fn)(const void *arg), const void *arg)
{
	int status = 0;
	int *shared = shared_result();
	pid_t pid = fork();

	if (pid < 0) {
		return -NO_CHILD - errno;
	}
	if (pid == 0) {
		if (before != NULL) {
			before(arg);
		}
		*shared = fn(arg);
		_exit(0);
	}
	while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {
	}
	return WIFSIGNALED(status) ? -WTERMSIG(status) : *shared;
}

int in_child(int (*fn)(const void *arg), const void *arg)
{
	static enum { UNKNOWN, USABLE, DEADLY } preparation;

	/* A filter that kills for these two must not make everything else look forbidden. */
	if (preparation == UNKNOWN) {
		preparation = run(NULL, prepare, NULL) == 0 ? USABLE : DEADLY;
	}
	return run(preparation == USABLE ? prepare : NULL, fn, arg);
}

void say_result(const char *key, int result)
{
	if (result >= 0) {
		say_code(key, result);
	} else if (result <= -NO_CHILD) {
		say(key, "no child to try it in: %s", code_name(-result - NO_CHILD));
	} else {
		say(key, "SIG%s", sigabbrev_np(-result));
	}
}

void say_child(const char *key, int (*fn)(const void *arg), const void *arg)
{
	say_result(key, in_child(fn, arg));
}
