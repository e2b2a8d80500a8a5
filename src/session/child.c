/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/fd.h"
#include "base/str.h"

#define CHILD_STACK 262144 /* what is not used of it costs nothing */

/* Runs BODY in our memory, on a stack of its own. */
static pid_t share(int (*body)(void *), void *data)
{
	static _Alignas(16) char stack[CHILD_STACK];

	return clone(body, stack + sizeof(stack), CLONE_VM | SIGCHLD, data);
}

pid_t child_start(const struct namespaces *ns, bool copy, int (*body)(void *data), void *data,
	struct error *err)
{
	_cleanup_close_ int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	const struct namespace *pid_ns = &ns->ns[NAMESPACE_PID];

	/*
	 * The container's processes can send it a signal that dumps core, which before Linux 5.16
	 * ended all who share the memory (zap_threads(), fs/coredump.c); or look into it.
	 */
	prctl(PR_SET_DUMPABLE, 0);
	if (own < 0) {
		return error_set(err, errno, "open our own pid namespace");
	}
	if (!pid_ns->shared && setns(pid_ns->fd, CLONE_NEWPID) < 0) {
		return error_set(err, errno, "join the container's pid namespace");
	}
	pid_t pid = copy ? fork() : share(body, data);
	int code = errno;
	if (pid == 0) {
		_exit(body(data));
	}
	/* Only children are in another namespace by setns; later ones shall be in ours. */
	if (!pid_ns->shared && setns(own, CLONE_NEWPID) < 0) {
		log_error(
			"cannot come back from the container's pid namespace: %s", strerror(errno));
		_exit(EXIT_OURS);
	}
	if (pid < 0 && code == ENOMEM && !pid_ns->shared) {
		/* pid_namespaces(7): none can be born where the init is gone. */
		return error_set_hint(err, ESRCH, "see sallyport list", CHILD_ENDED);
	}
	return pid < 0 ? error_set(err, code, "fork") : pid;
}

void child_end(pid_t pid, int timeout_ms)
{
	const int step_ms = 2;

	kill(pid, SIGKILL);
	for (int waited = 0; waitpid(pid, NULL, WNOHANG) == 0 && waited < timeout_ms;
		waited += step_ms) {
		poll(NULL, 0, step_ms);
	}
}

int child_exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static pid_t front;

/* Also called in what was forked meanwhile and has not executed yet: that says nothing. */
static void end(int sig)
{
	const char *words[] = { "sallyport: ended by SIG", sigabbrev_np(sig),
		" while the session was set up\n" };

	for (size_t i = 0; getpid() == front && i < ARRAY_SIZE(words); i++) {
		fd_write_all(STDERR_FILENO, words[i], strlen(words[i]));
	}
	_exit(128 + sig);
}

void child_catch_signals(void)
{
	struct sigaction old;

	front = getpid();
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
		if (sigaction(ending[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
			signal(ending[i], end);
		}
	}
}

void child_block_signals(void)
{
	static const int signals[] = { SIGCHLD, SIGWINCH, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1,
		SIGUSR2, SIGTSTP, SIGCONT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void child_poll(struct pollfd *fds, size_t n)
{
	sigset_t mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
		sigdelset(&mask, ending[i]);
	}
	while (ppoll(fds, n, NULL, &mask) < 0 && errno == EINTR) {
	}
}
