/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

pid_t child_fork(const struct namespaces *ns, struct error *err)
{
	_cleanup_close_ int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	const struct namespace *pid_ns = &ns->ns[NAMESPACE_PID];

	if (own < 0) {
		return error_set(err, errno, "open our own pid namespace");
	}
	if (!pid_ns->shared && setns(pid_ns->fd, CLONE_NEWPID) < 0) {
		return error_set(err, errno, "join the container's pid namespace");
	}
	pid_t pid = fork();
	int code = errno;
	if (pid == 0) {
		setsid();
		return 0;
	}
	/* Only children are in another namespace by setns; ours shall not be, from now on. */
	if (!pid_ns->shared && setns(own, CLONE_NEWPID) < 0) {
		abort();
	}
	if (pid < 0 && code == ENOMEM && !pid_ns->shared) {
		return error_set(err, ESRCH,
			"the container has ended: fork into it"); /* pid_namespaces(7) */
	}
	return pid < 0 ? error_set(err, code, "fork") : pid;
}

int child_exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void child_block_signals(sigset_t *old)
{
	static const int signals[] = { SIGCHLD, SIGWINCH, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1,
		SIGUSR2, SIGTSTP, SIGCONT };
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &set, old);
}
