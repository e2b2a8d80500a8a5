/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/reap.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define ROUNDS 200
#define PAUSE_NS 10000000 /* between two rounds: 10 ms */

static bool lives_in(pid_t pid, const char *kind, const struct ns_id *ns)
{
	_cleanup_close_ int proc_fd = procfs_open(pid, NULL);
	struct ns_id own;

	return proc_fd >= 0 && procfs_ns_id(proc_fd, kind, &own, NULL) == 0 && own.dev == ns->dev &&
	       own.ino == ns->ino;
}

/* Returns true where PID lives in the namespace and was sent SIG. */
static bool signal_one(pid_t pid, const char *kind, const struct ns_id *ns, int sig)
{
	if (pid == getpid() || !lives_in(pid, kind, ns)) {
		return false;
	}
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* The number may have changed hands before the descriptor was opened. */
	if (pidfd < 0 || !lives_in(pid, kind, ns)) {
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
			signal_one((pid_t)pid, kind, ns, sig)) {
			found++;
		}
	}
	return found;
}

int reap_namespace(const char *kind, const struct ns_id *ns, int sig)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	int found = 0;

	for (int round = 0; round < ROUNDS; round++) {
		found = signal_all(kind, ns, sig);
		if (found == 0) {
			break;
		}
		nanosleep(&pause, NULL);
	}
	return found;
}
