/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/callers.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "session/child.h"

/* How long who has connected may take to say what it wants. It says so at once. */
#define REQUEST_TIMEOUT_MS 200
#define NAME "sallyport-why"
#define KEPT_ABOVE 5

static int check_peer(int sock, const struct wire_callers *callers, struct error *err)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
		return error_set(err, errno, "ask who has connected");
	}
	_cleanup_close_ int proc_fd = procfs_open(peer.pid, err);
	int r = proc_fd < 0 ? proc_fd : callers_check(callers, proc_fd, peer.pid, err);
	if (r == 0 && peer.uid != 0) {
		r = error_set_hint(err, EPERM, "run it as root", "its caller is not root");
	}
	return r;
}

int ask_command(const struct session_options *options, struct wire_why *request, char **argv,
	struct error *err)
{
	static const struct {
		uint32_t flag;
		const char *option;
	} flags[] = {
		{ WIRE_WHY_VERBOSE, "--verbose" },
		{ WIRE_WHY_JSON, "--json" },
		{ WIRE_WHY_NO_RERUN, "--no-rerun" },
	};
	size_t n = 0;
	char *p = request->args;
	char *end = request->args + sizeof(request->args);

	while (options->why[n] != NULL) {
		argv[n] = options->why[n];
		n++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if ((request->flags & flags[i].flag) != 0) {
			argv[n++] = (char *)(uintptr_t)flags[i].option;
		}
	}
	request->cwd[sizeof(request->cwd) - 1] = '\0';
	if (request->cwd[0] != '\0') {
		argv[n++] = (char *)(uintptr_t) "--workdir";
		argv[n++] = request->cwd;
	}
	argv[n++] = (char *)(uintptr_t) "--";
	argv[n++] = (char *)(uintptr_t)options->container;
	argv[n++] = (char *)(uintptr_t) "--";
	for (uint32_t i = 0; i < request->n_args; i++) {
		size_t left = (size_t)(end - p);
		size_t length = strnlen(p, left);

		if (length == left || n == ASK_ARGV_MAX) {
			return error_set(err, EPROTO, "understand the request");
		}
		argv[n++] = p;
		p += length + 1;
	}
	argv[n] = NULL;
	return request->n_args > 0 ? 0 : error_set(err, EPROTO, "understand the request");
}

static int spawn(char **argv, const int fds[3], pid_t *pid, struct error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all;
	sigset_t none;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i <= STDERR_FILENO; i++) {
		posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	}
	/* Ourselves, though an upgrade may have put another program there since. */
	int code = posix_spawn(pid, "/proc/self/exe", &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return code == 0 ? 0 : error_set(err, code, "start sallyport why");
}

/* Until PID has ended, with who asked at the latest. Returns its exit status. */
static int wait_for(pid_t pid, int sock)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ends[] = { { .fd = pidfd, .events = POLLIN },
		{ .fd = sock, .events = POLLIN } };
	int status = 0;

	while (poll(ends, ARRAY_SIZE(ends), -1) < 0 || ends[0].revents == 0) {
		/* Nothing more is to come from there but the end. It records its own. */
		if (ends[1].revents != 0) {
			kill(pid, SIGINT);
			ends[1].fd = -1;
			ends[1].revents = 0;
		}
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	return child_exit_status(status);
}

static int serve(int sock, const struct wire_callers *callers,
	const struct session_options *options, struct error *err)
{
	const struct timeval timeout = { .tv_usec = REQUEST_TIMEOUT_MS * 1000 };
	static struct wire_why request;
	static char *argv[ASK_ARGV_MAX + 1];
	struct wire_why_ended ended;
	int fds[STDERR_FILENO + 1];
	pid_t pid;

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	int r = check_peer(sock, callers, err);
	if (r == 0) {
		r = wire_receive(
			sock, WIRE_WHY, &request, sizeof(request), fds, ARRAY_SIZE(fds), err);
	}
	if (r == 0) {
		r = ask_command(options, &request, argv, err);
	}
	if (r == 0) {
		r = spawn(argv, fds, &pid, err);
	}
	if (r < 0) {
		return r;
	}
	/* It has them now: who reads from a pipe sees its end. */
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		close(fds[i]);
	}
	ended.status = wait_for(pid, sock);
	r = wire_send(sock, WIRE_WHY_ENDED, &ended, sizeof(ended), NULL, 0);
	return r == -EPIPE ? 0 : r;
}

__attribute__((noreturn)) static void serve_child(
	int sock, const struct wire_callers *callers, const struct session_options *options)
{
	struct error err = { 0 };

	signal(SIGCHLD, SIG_DFL);
	if (serve(sock, callers, options, &err) < 0) {
		wire_send_failed(sock, WIRE_REFUSED, &err);
	}
	_exit(0);
}

/* The front's descriptors are not kept: their end tells others of its end. Nor is the operator's
 * terminal. */
static int keep_only(int *listen_fd, int *front_fd, struct error *err)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* Above all others, then down. */
	int high[] = { fcntl(*listen_fd, F_DUPFD, KEPT_ABOVE),
		fcntl(*front_fd, F_DUPFD, KEPT_ABOVE) };

	for (int i = 0; null_fd >= 0 && i <= STDERR_FILENO; i++) {
		dup2(null_fd, i);
	}
	*listen_fd = STDERR_FILENO + 1;
	*front_fd = STDERR_FILENO + 2;
	if (null_fd < 0 || high[0] < 0 || high[1] < 0 || dup3(high[0], *listen_fd, O_CLOEXEC) < 0 ||
		dup3(high[1], *front_fd, O_CLOEXEC) < 0 ||
		syscall(SYS_close_range, *front_fd + 1, ~0U, 0) < 0) {
		return error_set(err, errno, "keep two descriptors alone");
	}
	return 0;
}

/* Serves until the front closes its end, then waits for those that are served still. */
static void serve_all(int listen_fd, int front_fd, const struct wire_callers *callers,
	const struct session_options *options)
{
	struct pollfd waiting[] = { { .fd = listen_fd, .events = POLLIN },
		{ .fd = front_fd, .events = POLLIN } };

	while (poll(waiting, ARRAY_SIZE(waiting), -1) < 0 || waiting[1].revents == 0) {
		int sock =
			waiting[0].revents != 0 ? accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC) : -1;

		if (sock >= 0 && fork() == 0) {
			close(listen_fd);
			close(front_fd);
			serve_child(sock, callers, options);
		}
		if (sock >= 0) {
			close(sock);
		}
	}
	close(listen_fd);
	while (wait(NULL) >= 0 || errno == EINTR) {
	}
}

__attribute__((noreturn)) static void run_child(int listen_fd, int front_fd,
	const struct wire_callers *callers, const struct session_options *options)
{
	struct error err = { 0 };
	sigset_t none;

	prctl(PR_SET_NAME, NAME);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGCHLD, SIG_IGN); /* they need nobody to wait for them */
	if (keep_only(&listen_fd, &front_fd, &err) == 0) {
		serve_all(listen_fd, front_fd, callers, options);
	}
	_exit(0);
}

int ask_start(struct helper *helper, int listen_fd, const struct wire_callers *callers,
	const struct session_options *options, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return error_set(err, errno, "socketpair");
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		run_child(listen_fd, pair[1], callers, options);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return error_set(err, errno, "fork");
	}
	*helper = (struct helper){ .name = NAME, .pid = pid, .sock = pair[0] };
	helper->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return helper->pidfd < 0 ? error_set(err, errno, "pidfd_open of %s", NAME) : 0;
}
