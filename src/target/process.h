/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engines ask of a process: proc(5), namespaces(7), cgroups(7).
 */
#ifndef TARGET_PROCESS_H
#define TARGET_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/procfs.h"

#define PROCESS_COMM_ROOM 64		/* for the name of a worker of the kernel */
#define PROCESS_FLAG_KTHREAD 0x00200000 /* PF_KTHREAD of linux/sched.h, field 9 of stat */

struct process {
	pid_t pid; /* in our pid namespace */
	pid_t tgid;
	pid_t ppid;
	pid_t inner_pid;     /* in its own pid namespace */
	unsigned int levels; /* of pid namespaces, ours being 1 */
	uid_t uid;	     /* real */
	uint64_t start_time;
	char state; /* 'R', 'S', 'Z', ... */
	bool kernel_thread;
	char comm[PROCESS_COMM_ROOM]; /* Name of /proc/PID/status; the process's own choice */
};

/* Reads the process of PROC_FD. Returns 0 or a negative errno. */
int process_read(int proc_fd, struct process *process, struct error *err);

/* Zombie or dead: proc(5), State. */
bool process_is_dead(const struct process *process);

/* True where the process is in our own namespace NAME ("mnt", "pid", "user", ...). Namespaces that
 * can't be read are not ours. */
bool process_shares(int proc_fd, const char *name);

/* True where the process is in another namespace NAME than ours for sure: it can be read. */
bool process_is_apart(int proc_fd, const char *name);

/*
 * True where the process belongs to the user UID: its user namespace, or one above it, was made by
 * UID; or it lives in our own user namespace with UID as its real uid.
 */
bool process_belongs_to(int proc_fd, const struct process *process, uid_t uid);

/* The uid that made the process's user namespace. Returns 0 or a negative errno. */
int process_user_ns_owner(int proc_fd, uid_t *owner);

/* Frozen by the v1 freezer or by cgroup.freeze: paused. */
bool process_is_frozen(int proc_fd);

/* True where a line of /proc/PID/cgroup names ID. */
bool process_cgroup_has(int proc_fd, const char *id);

/*
 * What is known of the processes of /proc already, for several walks in a row: on a host with
 * thousands of them each look at all takes tens of milliseconds. Zeroed at first.
 */
struct process_names {
	struct process_name *list; /* by pid */
	size_t count;
};
void process_names_finish(struct process_names *names);

/*
 * Calls VISIT with /proc/PID of every process (leaders only) that is called COMM (NULL: of all),
 * kernel threads left out. Where NAMES (may be NULL) has a process, it goes by the name that it had
 * then: VISIT looks again. A value of VISIT other than 0 ends the walk and is returned.
 */
int process_each(struct process_names *names, const char *comm,
	int (*visit)(int proc_fd, void *data), void *data, struct error *err);

/* process_read() of a process that is called COMM still. */
bool process_read_called(int proc_fd, const char *comm, struct process *process);

/*
 * The child of PARENT that is the first process of its own pid namespace (or, with ANY, its oldest
 * child). Returns its pid, or 0 where there is none.
 */
pid_t process_child(pid_t parent, bool any);

/* The arguments of the process in a new buffer, each with its NUL, *SIZE bytes in all. The process
 * can have made them up. Returns 0 or a negative errno. */
int process_arguments(int proc_fd, char **arguments, size_t *size);

/* The argument after ARGUMENT in a buffer of SIZE bytes at ARGUMENTS; NULL after the last. */
const char *process_next_argument(const char *arguments, size_t size, const char *argument);

/* True where the process is the sentry of gVisor, which shows nothing of the container that it
 * emulates. */
bool process_is_gvisor(int proc_fd);

#endif
