/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit.h"
#include "base/wire.h"

#define STOP_TIMEOUT_MS 1000
#define EARLY_MAX 3
#define SPAWNS_MAX 6
#define SPAWN_STACK 32768

static struct helper early[EARLY_MAX];

int helper_path(const char *name, char *out, struct error *err)
{
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (n < 0) {
		return error_set(err, errno, "read /proc/self/exe");
	}
	own[n] = '\0';
	*strrchr(own, '/') = '\0';
	if (snprintf(out, PATH_MAX, "%s/%s", own, name) < PATH_MAX && access(out, X_OK) == 0) {
		return 0;
	}
	if (snprintf(out, PATH_MAX, "%s/%s", LIBEXECDIR, name) < PATH_MAX &&
		access(out, X_OK) == 0) {
		return 0;
	}
	return error_set(err, errno, "find the program %s in %s or %s", name, own, LIBEXECDIR);
}

/* What a child that becomes a helper needs until then. Never taken twice: nobody tells when. */
static struct spawn {
	_Alignas(16) char stack[SPAWN_STACK];
	char *path; /* beside the end of the stack that is used */
	int sock;
} spawns[SPAWNS_MAX];
static size_t n_spawns;

static void refuse(int sock, const char *path)
{
	struct error err = { 0 };

	error_set(&err, errno, "execute %s", path);
	wire_send_failed(sock, WIRE_FAILED, &err);
}

/* In the child, in our memory: system calls alone. */
static int become_helper(void *data)
{
	struct spawn *spawn = data;
	char *argv[] = { spawn->path, NULL };
	char *env[] = { NULL };
	sigset_t none;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(null_fd, STDOUT_FILENO) >= 0 &&
		(spawn->sock == WIRE_SOCKET_FD ? fcntl(spawn->sock, F_SETFD, 0)
					       : dup2(spawn->sock, WIRE_SOCKET_FD)) >= 0) {
		execve(spawn->path, argv, env);
	}
	refuse(spawn->sock, spawn->path);
	_exit(EXIT_OURS);
}

/* posix_spawn(3) has us wait until the program begins, milliseconds of an attach. */
static int start(struct helper *helper, const char *name, struct error *err)
{
	struct spawn *spawn = &spawns[n_spawns];
	char path[PATH_MAX];
	int pair[2];

	helper->name = name;
	if (n_spawns == SPAWNS_MAX) {
		return error_set(err, EAGAIN, "start %s", name);
	}
	int r = helper_path(name, path, err);
	if (r < 0) {
		return r;
	}
	n_spawns++;
	spawn->path = strdup(path);
	if (spawn->path == NULL) {
		return error_set(err, ENOMEM, "start %s", name);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return error_set(err, errno, "socketpair");
	}
	spawn->sock = pair[1];
	helper->pid = clone(
		become_helper, spawn->stack + sizeof(spawn->stack), CLONE_VM | SIGCHLD, spawn);
	int code = errno;
	close(pair[1]);
	if (helper->pid < 0) {
		close(pair[0]);
		helper->pid = 0;
		return error_set(err, code, "start %s", spawn->path);
	}
	helper->sock = pair[0];
	helper->pidfd = (int)syscall(SYS_pidfd_open, helper->pid, 0);
	return helper->pidfd < 0 ? error_set(err, errno, "pidfd_open of %s", name) : 0;
}

int helper_start(struct helper *helper, const char *name, struct error *err)
{
	for (size_t i = 0; i < EARLY_MAX; i++) {
		if (early[i].pid != 0 && strcmp(early[i].name, name) == 0) {
			*helper = early[i];
			early[i].pid = 0;
			return 0;
		}
	}
	return start(helper, name, err);
}

void helper_start_early(const char *name)
{
	for (size_t i = 0; i < EARLY_MAX; i++) {
		if (early[i].pid == 0) {
			struct error ignored;

			if (start(&early[i], name, &ignored) < 0) {
				helper_stop(&early[i]);
			}
			return;
		}
	}
}

void helper_end_early(void)
{
	for (size_t i = 0; i < EARLY_MAX; i++) {
		helper_end(&early[i]);
	}
	for (size_t i = 0; i < EARLY_MAX; i++) {
		helper_stop(&early[i]);
	}
}

int helper_ready(struct helper *helper, struct error *err)
{
	struct wire_ready ready;
	int r = wire_receive(helper->sock, WIRE_READY, &ready, sizeof(ready), NULL, 0, err);

	return r < 0 ? error_wrap(err, "%s", helper->name) : 0;
}

int helper_tell(struct helper *helper, enum wire_type type, void *message, size_t size,
	const int *fds, size_t n_fds, struct error *err)
{
	int r = wire_send(helper->sock, type, message, size, fds, n_fds);

	if (r == -EPIPE) {
		/* It has ended: its last word says why. */
		return helper_ready(helper, err);
	}
	return r < 0 ? error_set(err, -r, "start %s", helper->name) : 0;
}

void helper_end(struct helper *helper)
{
	/* Closed only when it has ended: so it can tell that we are there still. */
	if (helper->pid != 0) {
		shutdown(helper->sock, SHUT_WR);
	}
}

void helper_stop(struct helper *helper)
{
	if (helper == NULL || helper->pid == 0) {
		return;
	}
	struct pollfd ended = { .fd = helper->pidfd, .events = POLLIN };

	helper_end(helper);
	if (helper->pidfd < 0 || poll(&ended, 1, STOP_TIMEOUT_MS) != 1) {
		kill(helper->pid, SIGKILL);
	}
	waitpid(helper->pid, NULL, 0);
	close(helper->sock);
	if (helper->pidfd >= 0) {
		close(helper->pidfd);
	}
	helper->pid = 0;
}
