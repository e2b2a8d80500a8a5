/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks through /proc. Of a host with thousands of processes and kernel threads each system call
 * for each of them tells in the time that an attach takes.
 */
#include "target/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define STAT_LINE_ROOM 1024 /* a line has at most 52 numbers */
#define KTHREADD 2	    /* the parent of kernel threads: kernel/kthread.c */
#define CHILDREN_MAX (1024 * 1024)

/* Of a process: enough to see whether it may be meant. */
struct process_name {
	pid_t pid;
	bool kernel_thread;
	bool known; /* false: it has ended, or what is told of it is not understood */
	char comm[PROCESS_COMM_ROOM];
};

/*
 * Most of a host's processes are the kernel's, or not called as is asked: one read tells, where all
 * of /proc/PID/status takes the kernel longer.
 */
static struct process_name name_process(int dir_fd, pid_t pid)
{
	struct process_name process = { .pid = pid };
	char path[32];
	char stat[STAT_LINE_ROOM];
	int64_t flags;

	snprintf(path, sizeof(path), "%d/stat", pid);
	_cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd >= 0 ? read(fd, stat, sizeof(stat) - 1) : -1;
	stat[n > 0 ? n : 0] = '\0';
	const char *name = strchr(stat, '(');
	const char *end = strrchr(stat, ')');
	if (name != NULL && end != NULL && procfs_stat_number(stat, 9, &flags, NULL) == 0) {
		snprintf(process.comm, sizeof(process.comm), "%.*s", (int)(end - name - 1),
			name + 1);
		process.kernel_thread = (flags & PROCESS_FLAG_KTHREAD) != 0;
		process.known = true;
	}
	return process;
}

struct pids {
	pid_t *list; /* sorted */
	size_t count;
};

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a;
	pid_t y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * The kernel's threads (and what it runs itself in user space, which is of no container): one file
 * tells of them all (CONFIG_PROC_CHILDREN). None where it is not there, or 2 is another process in
 * our pid namespace; they are looked at like others, then.
 */
static struct pids kernel_threads(int dir_fd)
{
	struct pids pids = { 0 };
	_cleanup_free_ char *text = NULL;
	struct process_name kthreadd = name_process(dir_fd, KTHREADD);
	char *save = NULL;
	size_t size;

	if (!kthreadd.kernel_thread || strcmp(kthreadd.comm, "kthreadd") != 0 ||
		fd_read_file(dir_fd, "2/task/2/children", CHILDREN_MAX, &text, &size, NULL) < 0) {
		return pids;
	}
	/* Each number takes two bytes at least, with its blank. */
	pids.list = calloc(size / 2 + 1, sizeof(*pids.list));
	for (char *word = strtok_r(text, " \n", &save); word != NULL && pids.list != NULL;
		word = strtok_r(NULL, " \n", &save)) {
		uint64_t pid;

		if (str_to_u64(word, INT32_MAX, &pid) == 0) {
			pids.list[pids.count++] = (pid_t)pid;
		}
	}
	if (pids.count > 0) {
		qsort(pids.list, pids.count, sizeof(*pids.list), compare_pids);
	}
	return pids;
}

static bool has_pid(const struct pids *pids, pid_t pid)
{
	return pids->count > 0 &&
	       bsearch(&pid, pids->list, pids->count, sizeof(pid), compare_pids) != NULL;
}

static bool may_be_meant(const struct process_name *process, const char *comm)
{
	return !process->known ||
	       (!process->kernel_thread && (comm == NULL || strcmp(process->comm, comm) == 0));
}

/* The processes there are now, by pid as /proc lists them; those of NAMES as they are there. */
static int read_names(DIR *proc, struct process_names *names)
{
	struct process_names now = { 0 };
	struct pids kernel = { 0 };
	size_t room = 0;
	size_t old = 0;
	struct dirent *entry;

	if (names->count == 0) {
		kernel = kernel_threads(dirfd(proc));
	}
	while ((entry = readdir(proc)) != NULL) {
		uint64_t pid;

		if (str_to_u64(entry->d_name, INT32_MAX, &pid) < 0) {
			continue;
		}
		if (now.count == room) {
			room = room == 0 ? 256 : 2 * room;
			struct process_name *larger = reallocarray(now.list, room, sizeof(*larger));

			if (larger == NULL) {
				free(now.list);
				free(kernel.list);
				return -ENOMEM;
			}
			now.list = larger;
		}
		while (old < names->count && names->list[old].pid < (pid_t)pid) {
			old++;
		}
		struct process_name *name = &now.list[now.count++];
		if (old < names->count && names->list[old].pid == (pid_t)pid) {
			*name = names->list[old];
		} else if (has_pid(&kernel, (pid_t)pid)) {
			*name = (struct process_name){
				.pid = (pid_t)pid, .kernel_thread = true, .known = true
			};
		} else {
			*name = name_process(dirfd(proc), (pid_t)pid);
		}
	}
	free(kernel.list);
	process_names_finish(names);
	*names = now;
	return 0;
}

void process_names_finish(struct process_names *names)
{
	free(names->list);
	*names = (struct process_names){ 0 };
}

static int visit_each(int dir_fd, const struct process_names *names, const char *comm,
	int (*visit)(int proc_fd, void *data), void *data)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->count; i++) {
		char number[16];

		if (!may_be_meant(&names->list[i], comm)) {
			continue;
		}
		snprintf(number, sizeof(number), "%d", names->list[i].pid);
		_cleanup_close_ int proc_fd =
			openat(dir_fd, number, O_PATH | O_DIRECTORY | O_CLOEXEC);
		/* Processes that end meanwhile are none of ours to report. */
		if (proc_fd >= 0) {
			r = visit(proc_fd, data);
		}
	}
	return r;
}

int process_each(struct process_names *names, const char *comm,
	int (*visit)(int proc_fd, void *data), void *data, struct error *err)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	struct process_names own = { 0 };

	if (proc == NULL) {
		return error_set(err, errno, "open /proc");
	}
	int r = read_names(proc, names != NULL ? names : &own);
	r = r < 0 ? error_set(err, -r, "list the processes")
		  : visit_each(dirfd(proc), names != NULL ? names : &own, comm, visit, data);
	process_names_finish(&own);
	return r;
}
