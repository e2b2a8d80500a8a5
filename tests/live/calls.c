/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calls CALL:ARG,ARG... ...: makes these system calls one after the other. An argument is a number,
 * "$" for what the last call returned, "" for NULL, else a string. Prints each with "works" or its
 * errno; the status is 1 where the last one fails. Static: it runs in any container.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N(name)                                                                                    \
	{                                                                                          \
#name, SYS_##name                                                                  \
	}

static const struct {
	const char *name;
	long nr;
} known[] = {
	N(access),
	N(bpf),
	N(chmod),
	N(chown),
	N(chroot),
	N(clock_settime),
	N(close),
	N(execve),
	N(getcpu),
	N(getrusage),
	N(ioctl),
	N(kill),
	N(mkdir),
	N(mknod),
	N(mount),
	N(open),
	N(perf_event_open),
	N(personality),
	N(prctl),
	N(ptrace),
	N(read),
	N(rmdir),
	N(sched_get_priority_max),
	N(sched_yield),
	N(setgid),
	N(sethostname),
	N(setpriority),
	N(setuid),
	N(socket),
	N(swapon),
	N(sysinfo),
	N(syslog),
	N(times),
	N(umount2),
	N(unlink),
	N(unshare),
	N(write),
};

static long number_of(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) == 0) {
			return known[i].nr;
		}
	}
	fprintf(stderr, "calls: %s is none that it makes\n", name);
	exit(2);
}

static long value_of(char *text, long last)
{
	char *end;

	if (strcmp(text, "$") == 0) {
		return last;
	}
	long value = strtol(text, &end, 0);
	/* No text at all is NULL. */
	return *end == '\0' ? value : (long)text;
}

int main(int argc, char **argv)
{
	long last = 0;

	for (int i = 1; i < argc; i++) {
		long args[6] = { 0 };
		char *rest = argv[i];
		char *name = strsep(&rest, ":");

		for (int n = 0; rest != NULL && n < 6; n++) {
			args[n] = value_of(strsep(&rest, ","), last);
		}
		long nr = number_of(name);
		last = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
		printf("%s: %s\n", name, last < 0 ? strerrorname_np(errno) : "works");
		fflush(stdout);
	}
	return last < 0;
}
