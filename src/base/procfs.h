/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parsers of /proc/PID files: proc(5). All take a descriptor of the directory /proc/PID, which pins
 * the process: when it is gone they fail with -ESRCH, whoever got its number since.
 */
#ifndef BASE_PROCFS_H
#define BASE_PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Opens /proc/PID (O_PATH | O_DIRECTORY). Returns the descriptor, which the caller closes, or a
 * negative errno. */
int procfs_open(pid_t pid, struct error *err);

/* The whole of /proc/PID/status in a new string, which the caller frees. Returns 0 or a negative
 * errno. */
int procfs_status(int proc_fd, char **status, struct error *err);

/*
 * The value of FIELD ("Seccomp") in STATUS as procfs_status() gave it: a pointer to its first byte
 * after the blanks; the value ends at the next newline. NULL where the kernel has no such field.
 */
const char *procfs_field(const char *status, const char *field);

/* The value of FIELD as a number in BASE (8, 10 or 16). Returns 0 or -ENOENT. */
int procfs_field_u64(const char *status, const char *field, int base, uint64_t *out);

/*
 * Field number FIELD (from 1, as proc(5) counts; 3 and above) of /proc/PID/stat; the command's name
 * in field 2 may hold blanks and parentheses and is skipped safely. Returns 0 or a negative errno.
 */
int procfs_stat_field(int proc_fd, int field, int64_t *out, struct error *err);

/* The same of the text STAT that was read from there. */
int procfs_stat_number(const char *stat, int field, int64_t *out, struct error *err);

/* The process of the thread, or process, PROC_FD. Returns 0 or a negative errno. */
int procfs_process(int proc_fd, pid_t *process, struct error *err);

/* The time the process began, clock ticks since boot: field 22 of /proc/PID/stat. With the pid it
 * names a process. */
int procfs_start_time(int proc_fd, uint64_t *ticks, struct error *err);

/*
 * True where the process has ended, or is about to: no instruction of its program is run any more.
 * A pidfd tells of it only when all that it had is closed.
 */
bool procfs_is_exiting(int proc_fd);

/* The pid as its own innermost pid namespace has it: the last number of NSpid. Returns 0 or a
 * negative errno. */
int procfs_inner_pid(const char *status, pid_t *out);

/*
 * The arguments of the process, a block of strings, each with its NUL. *ARGS is allocated; the
 * caller frees it. Returns 0 or a negative errno.
 */
int procfs_args(int proc_fd, char **args, size_t *size, struct error *err);

/*
 * A number that is another after each execve of the process: of its auxiliary vector, in which the
 * kernel randomizes addresses. 0 in the middle of an execve. Returns 0 or a negative errno; -ESRCH
 * where the process has ended.
 */
int procfs_image(int proc_fd, uint64_t *image);

/* Device and inode of /proc/PID/ns/NAME; equal pairs are the same namespace: namespaces(7). 0 or a
 * negative errno. */
struct ns_id {
	uint64_t dev;
	uint64_t ino;
};
int procfs_ns_id(int proc_fd, const char *name, struct ns_id *out, struct error *err);
bool ns_id_equal(const struct ns_id *a, const struct ns_id *b);

#endif
