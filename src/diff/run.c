/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit.h"
#include "base/procfs.h"
#include "base/str.h"
#include "diff/diff.h"
#include "lsm/lsm.h"
#include "session/helper.h"

#define PROBE_TIMEOUT_MS 180000 /* of a second's work: machines are busy */
#define STOP_TRIES 50		/* of 100 ms */

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

static int make_memfd(void)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("sallyport-probe", flags | MFD_EXEC);

	/* Before Linux 6.3 there was no such flag, and no need of it. */
	return fd < 0 && errno == EINVAL ? memfd_create("sallyport-probe", flags) : fd;
}

int diff_program(struct error *err)
{
	char path[PATH_MAX];
	struct stat st;
	int r = helper_path("sallyport-probe", path, err);

	if (r < 0) {
		return r;
	}
	_cleanup_close_ int from = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int to = make_memfd();
	if (from < 0 || to < 0 || fstat(from, &st) < 0) {
		return error_set(err, errno, "copy %s", path);
	}
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);

		if (n <= 0) {
			return error_set(err, n < 0 ? errno : EIO, "copy %s", path);
		}
		left -= n;
	}
	/* The container runs it: it shall not be able to change it. */
	if (fchmod(to, 0755) < 0 ||
		fcntl(to, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
			0) {
		return error_set(err, errno, "seal the copy of %s", path);
	}
	lsm_label_program(to);
	/* Who executes it can't write to it, nor hold a descriptor that says so: execve(2),
	 * ETXTBSY. */
	char link[32];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", to);
	int fd = open(link, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : error_set(err, errno, "open the copy of %s", path);
}

/* The probe's filters as the kernel has them, and everything else that is seen from outside. */
static int look(struct diff_probe *probe, struct error *err)
{
	_cleanup_close_ int proc_fd = procfs_open(probe->pid, err);
	_cleanup_free_ char *status = NULL;
	struct seccomp_chain chain = { 0 };
	int r = proc_fd < 0 ? proc_fd : procfs_status(proc_fd, &status, err);

	if (r == 0) {
		r = seccomp_capture(&chain, probe->pid, proc_fd, status, err);
	}
	if (r == 0) {
		facts_of_filters(&probe->facts, &chain);
		r = facts_of_process(&probe->facts, probe->pid, err);
	}
	seccomp_finish(&chain);
	return r;
}

static int find(struct diff_probe *probe, uint64_t pid_ns, struct error *err)
{
	const char *pid = facts_get(&probe->facts, "who.pid");
	const char *own_ns = facts_get(&probe->facts, "who.pid_ns");
	uint64_t number;

	if (own_ns != NULL) {
		str_to_u64(own_ns, UINT64_MAX, &pid_ns);
	}
	if (pid == NULL || str_to_u64(pid, INT32_MAX, &number) < 0) {
		return error_set(err, EPROTO, "the probe doesn't say who it is");
	}
	probe->inner_pid = (pid_t)number;
	pid_t found = inside_find(probe->inner_pid, pid_ns, err);
	if (found < 0) {
		return found;
	}
	probe->pid = found;
	return 0;
}

int diff_start(struct diff_probe *probe, int (*start)(const void *arg), const void *arg,
	uint64_t pid_ns, struct error *err)
{
	int to[2];
	int from[2];

	*probe = (struct diff_probe){ .stdin_fd = -1 };
	if (pipe2(to, O_CLOEXEC) < 0) {
		return error_set(err, errno, "make a pipe");
	}
	if (pipe2(from, O_CLOEXEC) < 0) {
		close(to[0]);
		close(to[1]);
		return error_set(err, errno, "make a pipe");
	}
	pid_t parent = getpid();
	probe->runner = fork();
	if (probe->runner == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent) {
			_exit(EXIT_OURS); /* it has ended before it could be watched */
		}
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		/* Else the probe's input would never end. */
		close(to[1]);
		close(from[0]);
		_exit(start(arg));
	}
	close(to[0]);
	close(from[1]);
	probe->stdin_fd = to[1];
	_cleanup_close_ int output = from[0];
	if (probe->runner < 0) {
		probe->runner = 0;
		return error_set(err, errno, "fork");
	}
	int r = inside_read(&probe->facts, output, PROBE_TIMEOUT_MS, err);
	if (r == 0) {
		r = facts_sort(&probe->facts, err);
	}
	if (r == 0) {
		r = find(probe, pid_ns, err);
	}
	if (r == 0) {
		r = look(probe, err);
	}
	return r == 0 ? facts_sort(&probe->facts, err) : r;
}

void diff_stop(struct diff_probe *probe)
{
	if (probe == NULL || probe->runner == 0) {
		return;
	}
	cleanup_close(&probe->stdin_fd);
	probe->stdin_fd = -1;
	for (int i = 0; i < STOP_TRIES; i++) {
		if (waitpid(probe->runner, NULL, WNOHANG) == probe->runner) {
			probe->runner = 0;
			break;
		}
		usleep(i == 0 ? 1000 : 100000);
	}
	if (probe->runner != 0) {
		kill(probe->runner, SIGTERM);
		waitpid(probe->runner, NULL, 0);
		probe->runner = 0;
	}
	facts_finish(&probe->facts);
}
