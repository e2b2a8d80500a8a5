/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/state.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/procfs.h"
#include "gate/resolve.h"
#include "gate/transition.h"

/* How long a tool that has connected may take to say what it wants. It says so at once. */
#define REQUEST_TIMEOUT_MS 200

static void send_plan(const struct gate *gate, int sock, struct wire_plan *plan)
{
	memcpy(plan->subject, gate->start.subject, sizeof(plan->subject));
	plan->in_session = 1;
	plan->n_keep = gate->start.n_keep;
	memcpy(plan->keep, gate->start.keep, sizeof(plan->keep));
	int r = wire_send(sock, WIRE_PLAN, plan, sizeof(*plan), gate->plan_fds,
		sizeof(gate->plan_fds) / sizeof(gate->plan_fds[0]));
	if (r < 0) {
		log_error("send the plan: %s", strerror(-r));
	}
}

/* A tool of this session ran /.sallyport/enter: the same transition, without ptrace. */
static void serve_enter(struct gate *gate, int sock, pid_t pid)
{
	struct timeval timeout = { .tv_usec = REQUEST_TIMEOUT_MS * 1000 };
	struct wire_enter request;
	struct wire_plan plan = { .skip_args = 1 };
	struct error err = { 0 };
	char missed[256] = "";
	int r = watch_check_caller(gate, pid, &err);

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (r == 0) {
		r = wire_receive(sock, WIRE_ENTER, &request, sizeof(request), NULL, 0, &err);
	}
	if (r == 0) {
		request.path[sizeof(request.path) - 1] = '\0';
		r = resolve_enter(pid, request.path, &plan, &err);
	}
	if (r == 0) {
		r = transition_apply(pid, gate->cgroup_fds, gate->start.n_cgroups,
			&gate->start.limits, missed, sizeof(missed), &err);
	}
	if (r < 0) {
		wire_send_failed(sock, WIRE_REFUSED, &err);
		return;
	}
	send_plan(gate, sock, &plan);
}

void serve_connection(struct gate *gate)
{
	_cleanup_close_ int sock = accept4(gate->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (sock < 0 || getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
		return;
	}
	struct transition *t = steps_find(gate, peer.pid);
	if (t == NULL) {
		serve_enter(gate, sock, peer.pid);
	} else if (t->refusal.code != 0) {
		wire_send_failed(sock, WIRE_REFUSED, &t->refusal);
	} else {
		send_plan(gate, sock, &t->plan);
	}
}
