/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/procfs.h"
#include "gate/resolve.h"
#include "policy/profile.h"

/* How long a tool that has connected may take to say what it wants. It says so at once. */
#define REQUEST_TIMEOUT_MS 200

static void send_plan(const struct gate *gate, int sock, struct wire_plan *plan)
{
	memcpy(plan->subject, gate->start.subject, sizeof(plan->subject));
	plan->in_session = 1;
	plan->n_keep = gate->start.n_keep;
	memcpy(plan->keep, gate->start.keep, sizeof(plan->keep));
	plan->exec_fd = gate->start.exec_fd;
	int r = wire_send(sock, WIRE_PLAN, plan, sizeof(*plan), gate->plan_fds, gate->n_plan_fds);
	if (r < 0) {
		log_error("send the plan: %s", strerror(-r));
		/* The launcher waits for it. */
		shutdown(sock, SHUT_RDWR);
	}
}

/* What a tool asks for that ran /.sallyport/enter, all checked. Its launcher is not traced. */
static int take_request(struct gate *gate, struct transition *t, struct error *err)
{
	struct timeval timeout = { .tv_usec = REQUEST_TIMEOUT_MS * 1000 };
	struct wire_enter request = { .path = "" };
	int r = caller_check(gate, t->tid, &t->tgid, err);

	setsockopt(t->sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (r == 0) {
		r = wire_receive(t->sock, WIRE_ENTER, &request, sizeof(request), NULL, 0, err);
	}
	if (r < 0) {
		return r;
	}
	request.path[sizeof(request.path) - 1] = '\0';
	t->file = strdup(request.path);
	if (t->file == NULL) {
		return error_set(err, ENOMEM, "begin a transition");
	}
	return resolve_enter(t->tgid, request.path, &t->plan, err);
}

/* A tool of this session ran /.sallyport/enter: the same transition, without ptrace. Takes SOCK. */
static void serve_enter(struct gate *gate, int sock, pid_t pid)
{
	struct transition *t = calloc(1, sizeof(*t));
	struct error err = { 0 };

	if (t == NULL) {
		close(sock);
		return;
	}
	t->tid = t->tgid = pid;
	t->sock = sock;
	t->began_ns = clock_ns();
	t->plan.skip_args = 1;
	int r = take_request(gate, t, &err);
	if (r < 0) {
		record_refused(gate, pid, t->file != NULL ? t->file : WIRE_ENTER_PATH, &err);
		wire_send_failed(sock, WIRE_REFUSED, &err);
		transition_free(t);
		return;
	}
	record_attempt(gate, t);
	if (t->refusal.code == 0) {
		limits_apply(&gate->start.limits, pid, t->missed, sizeof(t->missed), &t->refusal);
	}
	if (t->refusal.code == 0) {
		enter_begin(gate, t, &t->refusal);
	}
	if (t->refusal.code != 0) {
		record_failed(gate, t, -1, &t->refusal);
		wire_send_failed(sock, WIRE_REFUSED, &t->refusal);
		transition_free(t);
		return;
	}
	send_plan(gate, sock, &t->plan);
}

/* The launcher at the other end may have gone before it was accepted: accept(2). */
static bool is_its_own_end(int code)
{
	return code == EAGAIN || code == EINTR || code == ECONNABORTED;
}

int serve_connection(struct gate *gate, struct error *err)
{
	_cleanup_close_ int sock = accept4(gate->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (sock < 0 && !is_its_own_end(errno)) {
		return error_set(err, errno, "take the connection of a launcher");
	}
	if (sock < 0 || getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
		return 0;
	}
	struct transition *t = steps_find(gate, peer.pid);
	if (t == NULL) {
		serve_enter(gate, steal_fd(&sock), peer.pid);
	} else if (t->refusal.code != 0) {
		wire_send_failed(sock, WIRE_REFUSED, &t->refusal);
	} else if (t->sock < 0) {
		/* Kept: on it the launcher says why it failed. */
		t->sock = steal_fd(&sock);
		send_plan(gate, t->sock, &t->plan);
	}
	return 0;
}
