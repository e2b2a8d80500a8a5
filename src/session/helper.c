/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wire.h"

#define STOP_TIMEOUT_MS 1000
#define EARLY_MAX 3

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

static int spawn(const char *path, int sock, pid_t *pid)
{
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	char *env[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, sock, WIRE_SOCKET_FD);
	int code = posix_spawn(pid, path, &actions, &attr, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -code;
}

static int start(struct helper *helper, const char *name, struct error *err)
{
	char path[PATH_MAX];
	int pair[2];

	helper->name = name;
	int r = helper_path(name, path, err);
	if (r < 0) {
		return r;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return error_set(err, errno, "socketpair");
	}
	r = spawn(path, pair[1], &helper->pid);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		helper->pid = 0;
		return error_set(err, -r, "start %s", path);
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
