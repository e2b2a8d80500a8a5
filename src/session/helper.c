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
#define LEFT_MAX 6
#define SPAWNS_MAX 6
#define SPAWN_STACK 32768

static struct early {
	struct helper helper;
	bool waits;  /* for a helper_start() */
	bool unborn; /* a twin, whose first message is still to be read */
} early[EARLY_MAX];
static size_t n_early;

static struct helper left[LEFT_MAX];
static size_t n_left;

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
	int twin_sock; /* -1: none */
} spawns[SPAWNS_MAX];
static size_t n_spawns;

static void refuse(const struct spawn *spawn)
{
	struct error err = { 0 };

	error_set(&err, errno, "execute %s", spawn->path);
	wire_send_failed(spawn->sock, WIRE_FAILED, &err);
	if (spawn->twin_sock >= 0) {
		wire_send_failed(spawn->twin_sock, WIRE_FAILED, &err);
	}
}

/* In the child, in our memory: system calls alone. */
static int become_helper(void *data)
{
	struct spawn *spawn = data;
	bool twin = spawn->twin_sock >= 0;
	char word[] = WIRE_TWIN;
	char *argv[] = { spawn->path, twin ? word : NULL, NULL };
	char *env[] = { NULL };
	sigset_t none;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* Above those that they go to. */
	int sock = fcntl(spawn->sock, F_DUPFD_CLOEXEC, WIRE_TWIN_FD + 1);
	int twin_sock = twin ? fcntl(spawn->twin_sock, F_DUPFD_CLOEXEC, WIRE_TWIN_FD + 1) : -1;
	if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(null_fd, STDOUT_FILENO) >= 0 &&
		dup2(sock, WIRE_SOCKET_FD) >= 0 && (!twin || dup2(twin_sock, WIRE_TWIN_FD) >= 0)) {
		execve(spawn->path, argv, env);
	}
	refuse(spawn);
	_exit(EXIT_OURS);
}

static int open_pidfd(struct helper *helper, struct error *err)
{
	helper->pidfd = (int)syscall(SYS_pidfd_open, helper->pid, 0);
	return helper->pidfd < 0 ? error_set(err, errno, "pidfd_open of %s", helper->name) : 0;
}

/* A pair of sockets: ours, as the helper's, and SOCK, which its process is to have. */
static int connect_helper(struct helper *helper, int *sock, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return error_set(err, errno, "socketpair");
	}
	helper->sock = pair[0];
	*sock = pair[1];
	return 0;
}

/*
 * posix_spawn(3) has us wait until the program begins, milliseconds of an attach. TWIN_SOCK, unless
 * -1, is for the second process that it is to make.
 */
static int start(struct helper *helper, const char *name, int twin_sock, struct error *err)
{
	struct spawn *spawn = &spawns[n_spawns];
	char path[PATH_MAX];

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
	r = connect_helper(helper, &spawn->sock, err);
	if (r < 0) {
		return r;
	}
	spawn->twin_sock = twin_sock;
	helper->pid = clone(
		become_helper, spawn->stack + sizeof(spawn->stack), CLONE_VM | SIGCHLD, spawn);
	int code = errno;
	close(spawn->sock);
	if (helper->pid < 0) {
		close(helper->sock);
		helper->pid = 0;
		return error_set(err, code, "start %s", spawn->path);
	}
	return open_pidfd(helper, err);
}

void helper_start_early(const char *name, bool twin)
{
	struct early first = { .waits = true };
	struct early second = { .helper.name = name, .waits = true, .unborn = true };
	_cleanup_close_ int twin_sock = -1;
	struct error ignored;

	if (n_early + 1 + twin > EARLY_MAX) {
		return;
	}
	/* Without a socket it's started when it is needed. */
	twin = twin && connect_helper(&second.helper, &twin_sock, &ignored) == 0;
	if (start(&first.helper, name, twin_sock, &ignored) < 0) {
		helper_stop(&first.helper);
		if (twin) {
			close(second.helper.sock);
		}
		return;
	}
	early[n_early++] = first;
	if (twin) {
		early[n_early++] = second;
	}
}

/* The twin's process has been made, or is about to be: which it is. */
static int claim(struct helper *twin, struct error *err)
{
	struct wire_born born;
	int r = wire_receive(twin->sock, WIRE_BORN, &born, sizeof(born), NULL, 0, err);

	if (r < 0) {
		close(twin->sock);
		return error_wrap(err, "%s", twin->name);
	}
	twin->pid = born.pid;
	return open_pidfd(twin, err);
}

int helper_start(struct helper *helper, const char *name, struct error *err)
{
	for (size_t i = 0; i < n_early; i++) {
		if (early[i].waits && strcmp(early[i].helper.name, name) == 0) {
			early[i].waits = false;
			*helper = early[i].helper;
			return early[i].unborn ? claim(helper, err) : 0;
		}
	}
	return start(helper, name, -1, err);
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

void helper_leave(struct helper *helper)
{
	if (n_left < LEFT_MAX) {
		helper_end(helper);
		left[n_left++] = *helper;
		helper->pid = 0;
	} else {
		helper_stop(helper);
	}
}

void helper_finish_all(void)
{
	struct helper unused;
	struct error ignored;

	for (size_t i = 0; i < n_early; i++) {
		if (early[i].waits && helper_start(&unused, early[i].helper.name, &ignored) == 0) {
			helper_leave(&unused);
		}
	}
	for (size_t i = 0; i < n_left; i++) {
		helper_stop(&left[i]);
	}
	n_left = 0;
}
