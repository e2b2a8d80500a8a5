/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/reap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#define DEPTH_MAX 100
#define CHILDREN_MAX (1 << 20)
#define PAUSE_NS 10000000 /* between two rounds: 10 ms */

/* One system call for each process of a host that may have thousands. */
static bool lives_in(DIR *proc, pid_t pid, const char *kind, const struct ns_id *ns)
{
	char path[48];
	struct stat st;

	snprintf(path, sizeof(path), "%d/ns/%s", (int)pid, kind);
	return fstatat(dirfd(proc), path, &st, 0) == 0 && st.st_dev == ns->dev &&
	       st.st_ino == ns->ino;
}

/* Returns true where PID lives in the namespace and was sent SIG. */
static bool signal_one(DIR *proc, pid_t pid, const char *kind, const struct ns_id *ns, int sig)
{
	if (!lives_in(proc, pid, kind, ns) || pid == getpid()) {
		return false;
	}
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* The number may have changed hands before the descriptor was opened. */
	if (pidfd < 0 || !lives_in(proc, pid, kind, ns)) {
		return false;
	}
	syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
	return true;
}

static int signal_all(const char *kind, const struct ns_id *ns, int sig)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	int found = 0;

	for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
		uint64_t pid;

		if (str_to_u64(entry->d_name, INT32_MAX, &pid) == 0 &&
			signal_one(proc, (pid_t)pid, kind, ns, sig)) {
			found++;
		}
	}
	return found;
}

int reap_namespace(const char *kind, const struct ns_id *ns, int sig, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	const int64_t end = clock_ms() + timeout_ms;
	int found;

	while ((found = signal_all(kind, ns, sig)) > 0 && clock_ms() < end) {
		nanosleep(&pause, NULL);
	}
	return found;
}

static bool signal_pidfd(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0;
}

static bool is_child(pid_t pid, pid_t parent)
{
	_cleanup_close_ int proc_fd = procfs_open(pid, NULL);
	_cleanup_free_ char *status = NULL;
	uint64_t ppid;

	return proc_fd >= 0 && procfs_status(proc_fd, &status, NULL) == 0 &&
	       procfs_field_u64(status, "PPid", 10, &ppid) == 0 && (pid_t)ppid == parent;
}

static void reap_below(pid_t pid, int pidfd, int depth);

/* The children that thread TID of PID has made: proc(5), /proc/PID/task/TID/children. */
static void reap_children(pid_t pid, int pidfd, const char *tid, int depth)
{
	_cleanup_free_ char *children = NULL;
	char path[320];
	char *save = NULL;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, tid);
	if (fd_read_file(AT_FDCWD, path, CHILDREN_MAX, &children, NULL, NULL) < 0 ||
		!signal_pidfd(pidfd, 0)) {
		return;
	}
	for (char *word = strtok_r(children, " ", &save); word != NULL;
		word = strtok_r(NULL, " ", &save)) {
		uint64_t child;

		if (str_to_u64(word, INT32_MAX, &child) < 0) {
			continue;
		}
		_cleanup_close_ int child_fd = (int)syscall(SYS_pidfd_open, (pid_t)child, 0);
		if (child_fd >= 0 && is_child((pid_t)child, pid)) {
			reap_below((pid_t)child, child_fd, depth + 1);
		}
	}
}

static void reap_below(pid_t pid, int pidfd, int depth)
{
	char path[64];

	if (!signal_pidfd(pidfd, SIGSTOP)) {
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	_cleanup_closedir_ DIR *tasks = opendir(path);
	for (struct dirent *entry;
		depth < DEPTH_MAX && tasks != NULL && (entry = readdir(tasks)) != NULL;) {
		if (entry->d_name[0] != '.') {
			reap_children(pid, pidfd, entry->d_name, depth);
		}
	}
	signal_pidfd(pidfd, SIGKILL);
}

void reap_tree(pid_t pid, int pidfd)
{
	reap_below(pid, pidfd, 0);
}
