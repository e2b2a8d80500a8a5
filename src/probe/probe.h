/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport-probe: what a process of the container sees and may do, found out by trying. Static,
 * handed in as a descriptor, it needs nothing of the container. It prints one fact a line,
 *
 *	KEY<TAB>VALUE
 *
 * with control characters and backslashes as \xNN, then "end", and lives until its standard input
 * ends, so that it can be looked at from outside. What it tries changes nothing outside of itself.
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* say.c */

/* One fact. KEY may hold names that the container chose. */
void say(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The fact KEY: "yes", or the name of errno CODE. */
void say_code(const char *key, int code);

/* "EPERM", or "errno N" where it has no name. Static, until the next call. */
const char *code_name(int code);

/* The fact KEY by what in_child() returned. */
void say_result(const char *key, int result);

/* Writes what was said. False where the reader is gone. */
bool say_flush(void);

/*
 * Runs FN(ARG) in a process of its own, which leads a session of its own, has default signal
 * dispositions and at most SECONDS. Returns what FN returned (0 or an errno), or -signal
 * where the process was killed: -SIGSYS by a filter, -SIGALRM where it took too long; -1000-errno
 * where no process could be made.
 */
int in_child(int (*fn)(const void *arg), const void *arg);

/* Says under KEY how FN(ARG) went in a process of its own. */
void say_child(const char *key, int (*fn)(const void *arg), const void *arg);

/* self.c: what the process is, as far as it is not seen from outside. */
void self_say(void);

/* can.c: what it may do. */
void can_say(void);

/* can_caps.c: what becomes of capabilities and ids over setuid(2) and execve(2). */
void can_caps_say(void);

/* The other end of can_caps_say(): prints this process's sets after the exec. */
int can_caps_report(void);

/* can_files.c: access to a sample of the container's files, and to its devices. */
void can_files_say(void);

#endif
