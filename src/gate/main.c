/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport-gate: the supervisor of one session. It lives on the host, sees every execve of a file
 * of the container view, and turns it into a transition. It ends with its front.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/reap.h"
#include "gate/state.h"

static int take_start(struct gate *gate, struct error *err)
{
	int fds[FD_PASS_MAX];
	size_t n;
	ssize_t size =
		fd_receive(gate->front_fd, &gate->start, sizeof(gate->start), fds, FD_PASS_MAX, &n);

	if (size != (ssize_t)sizeof(gate->start) || gate->start.header.type != WIRE_GATE_START ||
		gate->start.n_cgroups > CGROUPS_MAX || gate->start.n_keep > WIRE_KEEP_FDS_MAX ||
		n != GATE_FD_CGROUPS + gate->start.n_cgroups) {
		return error_set(err, EPROTO, "the front's first message");
	}
	gate->view_fd = fds[GATE_FD_VIEW];
	gate->listen_fd = fds[GATE_FD_LISTEN];
	for (int i = 0; i < 2 + PLAN_NAMESPACES; i++) {
		gate->plan_fds[i] = fds[GATE_FD_PLAN + i];
	}
	for (uint32_t i = 0; i < gate->start.n_cgroups; i++) {
		gate->cgroup_fds[i] = fds[GATE_FD_CGROUPS + i];
	}
	gate->start.subject[sizeof(gate->start.subject) - 1] = '\0';
	log_set_subject(gate->start.subject);
	log_set_level(gate->start.log_level);
	return 0;
}

/* The front speaks once more: the session's mount namespace. False: it is gone. */
static bool front_alive(struct gate *gate)
{
	struct wire_session session;
	struct error err = { 0 };

	if (wire_receive(gate->front_fd, WIRE_SESSION, &session, sizeof(session), NULL, 0, &err) <
		0) {
		return false;
	}
	gate->session_mnt = session.mnt;
	return true;
}

static void reap(struct gate *gate, int signal_fd)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
	}
	while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		steps_stopped(gate, pid, status);
	}
}

static int run(struct gate *gate, int signal_fd, struct error *err)
{
	struct pollfd fds[] = {
		{ .fd = gate->watch_fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = gate->listen_fd, .events = POLLIN },
		{ .fd = gate->front_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0 && errno != EINTR) {
			return error_set(err, errno, "poll");
		}
		if ((fds[3].revents & (POLLIN | POLLHUP)) != 0 && !front_alive(gate)) {
			return 0;
		}
		if (fds[1].revents != 0) {
			reap(gate, signal_fd);
		}
		if (fds[2].revents != 0) {
			serve_connection(gate);
		}
		if (fds[0].revents != 0) {
			int r = watch_event(gate, err);

			if (r < 0) {
				return r;
			}
		}
	}
}

/* SIGCHLD comes by a descriptor; what the operator types at his terminal is not for us. */
static int set_signals(struct error *err)
{
	sigset_t set;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
		return error_set(err, errno, "block SIGCHLD");
	}
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? error_set(err, errno, "signalfd") : fd;
}

int main(void)
{
	static struct gate gate = { .front_fd = WIRE_SOCKET_FD, .watch_fd = -1 };
	struct wire_ready ready;
	struct error err = { 0 };

	prctl(PR_SET_DUMPABLE, 0);
	int signal_fd = set_signals(&err);
	int r = signal_fd < 0 ? signal_fd : take_start(&gate, &err);
	if (r == 0) {
		r = watch_start(&gate, &err);
	}
	if (r < 0) {
		wire_send_failed(gate.front_fd, WIRE_FAILED, &err);
		return EXIT_FAILURE;
	}
	wire_send(gate.front_fd, WIRE_READY, &ready, sizeof(ready), NULL, 0);
	r = run(&gate, signal_fd, &err);
	if (r < 0) {
		log_error("%s", err.message);
	}
	/* The front may have been killed: then nobody else ends what it had started. */
	if (gate.session_mnt.ino != 0) {
		reap_namespace("mnt", &gate.session_mnt, SIGKILL);
	}
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
