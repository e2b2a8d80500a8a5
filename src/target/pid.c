/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plain pid.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/process.h"

int pid_target(struct target *out, pid_t pid, bool threads, struct error *err)
{
	struct process process;
	_cleanup_close_ int proc_fd = procfs_open(pid, NULL);

	*out = (struct target){ .engine = "pid" };
	if (proc_fd < 0 || process_read(proc_fd, &process, NULL) < 0) {
		return error_set(err, ESRCH, "process %d", pid);
	}
	if (process.tgid != pid && !threads) {
		return error_set(
			err, 0, "%d is a thread of process %d, not a process", pid, process.tgid);
	}
	if (process.kernel_thread) {
		return error_set(err, 0, "process %d is a kernel thread", pid);
	}
	if (process_is_dead(&process)) {
		return error_set(err, ESRCH, "process %d is a zombie", pid);
	}
	if (pid == getpid()) {
		return error_set(err, 0, "process %d is sallyport itself", pid);
	}
	out->name = str_format("%d", pid);
	out->image = fd_readlink(proc_fd, "exe");
	if (out->name == NULL) {
		target_finish(out);
		return error_set(err, ENOMEM, "process %d", pid);
	}
	out->pid = pid;
	out->start_time = process.start_time;
	out->paused = process_is_frozen(proc_fd);
	return 0;
}

int pid_check_attachable(pid_t pid, const char *name, struct error *err)
{
	_cleanup_close_ int proc_fd = procfs_open(pid, err);

	if (proc_fd < 0) {
		return proc_fd;
	}
	if (process_is_gvisor(proc_fd)) {
		return error_set_hint(err, EOPNOTSUPP, "runsc exec enters it",
			"container %s runs in gVisor (runsc): process %d is its kernel, the "
			"container's own processes are not the host's",
			name, pid);
	}
	return 0;
}
