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

#include "audit/registry.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/reap.h"
#include "gate/state.h"
#include "policy/sandbox.h"

static int take_start(struct gate *gate, struct error *err)
{
	int fds[FD_PASS_MAX];
	size_t n;
	ssize_t size =
		fd_receive(gate->front_fd, &gate->start, sizeof(gate->start), fds, FD_PASS_MAX, &n);

	if (size != (ssize_t)sizeof(gate->start) || gate->start.header.type != WIRE_GATE_START ||
		gate->start.n_keep > WIRE_KEEP_FDS_MAX || n < GATE_FD_PLAN + PLAN_FD_CGROUPS ||
		n > GATE_FD_PLAN + PLAN_FDS_MAX) {
		return error_set(err, EPROTO, "the front's first message");
	}
	gate->view_fd = fds[GATE_FD_VIEW];
	gate->listen_fd = fds[GATE_FD_LISTEN];
	gate->tools_fd = fds[GATE_FD_TOOLS];
	gate->n_plan_fds = n - GATE_FD_PLAN;
	memcpy(gate->plan_fds, fds + GATE_FD_PLAN, gate->n_plan_fds * sizeof(fds[0]));
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

/* Did it end without a word? One that ends a session as it should shuts its side down and waits for
 * us. */
static bool front_killed(const struct gate *gate)
{
	struct pollfd front = { .fd = gate->front_fd };

	return poll(&front, 1, 0) == 1 && (front.revents & POLLHUP) != 0;
}

static void reap(struct gate *gate, int signal_fd)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
	}
	while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0 || (pid < 0 && errno == EINTR)) {
		if (pid > 0) {
			steps_stopped(gate, pid, status);
		}
	}
}

/* What run() always waits for, before those of gate->entering. */
#define FIXED_FDS 6

/* Between two looks at tools that are being started. Being woken for each costs them more than what
 * is recorded; one that lives shorter and opens no file keeps its arguments to itself. */
#define TOOLS_PAUSE_MS 5

static int run(struct gate *gate, int signal_fd, struct error *err)
{
	struct pollfd fds[FIXED_FDS + ENTERING_MAX] = {
		{ .fd = gate->watch_fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = gate->listen_fd, .events = POLLIN },
		{ .fd = gate->front_fd, .events = POLLIN },
		{ .fd = gate->ends_fd, .events = POLLIN },
		{ .fd = gate->tools_fd, .events = POLLIN },
	};

	for (;;) {
		size_t n = gate->n_entering;

		for (size_t i = 0; i < n; i++) {
			fds[FIXED_FDS + i] =
				(struct pollfd){ gate->entering[i].transition->sock, POLLIN, 0 };
		}
		fds[5].fd = gate->tools_busy ? -1 : gate->tools_fd;
		fds[5].revents = 0;
		if (poll(fds, FIXED_FDS + n, gate->tools_busy ? TOOLS_PAUSE_MS : -1) < 0) {
			if (errno != EINTR) {
				return error_set(err, errno, "poll");
			}
			continue;
		}
		for (size_t i = n; i-- > 0;) {
			if (fds[FIXED_FDS + i].revents != 0) {
				enter_finished(gate, i);
			}
		}
		if (fds[5].revents != 0 || gate->tools_busy) {
			tools_event(gate);
		}
		if (fds[4].revents != 0) {
			programs_event(gate);
		}
		if ((fds[3].revents & (POLLIN | POLLHUP)) != 0 && !front_alive(gate)) {
			return 0;
		}
		if (fds[1].revents != 0) {
			reap(gate, signal_fd);
		}
		int r = fds[2].revents != 0 ? serve_connection(gate, err) : 0;
		if (r == 0 && fds[0].revents != 0) {
			r = watch_event(gate, err);
		}
		if (r < 0) {
			return r;
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
	static struct gate gate = {
		.front_fd = WIRE_SOCKET_FD,
		.watch_fd = -1,
		.ends_fd = -1,
		.tools_fd = -1,
	};
	struct wire_ready ready;
	struct error err = { 0 };

	prctl(PR_SET_DUMPABLE, 0);
	int signal_fd = set_signals(&err);
	int r = signal_fd < 0 ? signal_fd : take_start(&gate, &err);
	if (r == 0) {
		r = caller_start(&gate, &err);
	}
	if (r == 0) {
		r = watch_start(&gate, &err);
	}
	if (r == 0) {
		r = programs_start(&gate, &err);
	}
	if (r == 0) {
		r = record_start(&gate, &err);
	}
	if (r == 0) {
		r = sandbox_enter(SANDBOX_GATE, &err);
	}
	if (r < 0) {
		wire_send_failed(gate.front_fd, WIRE_FAILED, &err);
		return EXIT_FAILURE;
	}
	r = wire_send(gate.front_fd, WIRE_READY, &ready, sizeof(ready), NULL, 0);
	r = r < 0 ? error_set(&err, -r, "tell the front") : run(&gate, signal_fd, &err);
	if (r < 0) {
		log_error("%s", err.message);
	}
	/* What has happened by now is told. */
	tools_end(&gate);
	programs_event(&gate);
	trail_close(gate.trail);
	/* Where the front was killed nobody else ends what it had started. */
	if (gate.session_mnt.ino != 0 && front_killed(&gate)) {
		reap_namespace("mnt", &gate.session_mnt, SIGKILL, REAP_TIMEOUT_MS);
	}
	programs_end(&gate);
	if (front_killed(&gate)) {
		registry_forget_dead(gate.start.audit.id);
	}
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
