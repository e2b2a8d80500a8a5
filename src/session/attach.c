/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sallyport attach`: views, gate, the session's world, and the first tool in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/reap.h"
#include "base/str.h"
#include "gate/gate.h"
#include "session/ask.h"
#include "session/callers.h"
#include "session/child.h"
#include "session/helper.h"
#include "session/host.h"
#include "session/label.h"
#include "session/plan.h"
#include "session/relay.h"
#include "session/session.h"
#include "session/terminal.h"
#include "session/tool.h"
#include "session/tree.h"
#include "session/view.h"
#include "session/world.h"

#define REAP_SOON_MS 500
#define PART_END_MS 200 /* a process that ends loses its mounts before it is seen to have ended */

struct attach {
	const struct profile *profile;
	const struct session_options *options;
	struct tree tree;
	struct view host;
	struct view container;
	struct helper gate;
	struct helper ask;	     /* serves /.sallyport/why */
	struct wire_callers callers; /* whom both serve */
	int tools[2];		     /* from the host view's server to the gate */
	int exec_fd; /* where there is no server: fanotify group of what is executed; else -1 */
	struct terminal terminal;
	struct world world;
	int mnt_fd; /* the session's mount namespace, until the gate has ended: its number is not
		       another session's while ours is reaped */
	struct streams streams; /* where there is no terminal */
	bool tty;
};

static int start_gate(struct attach *a, struct error *err)
{
	static struct wire_gate_start start;
	const struct profile *profile = a->profile;
	_cleanup_close_ int plan_fd = plan_create(profile, a->options->cwd, err);
	int fds[GATE_FD_PLAN + PLAN_FDS_MAX];

	if (plan_fd < 0) {
		return plan_fd;
	}
	int r = callers_describe(&a->callers, &profile->namespaces, err);
	if (r == 0) {
		r = helper_start(&a->gate, "sallyport-gate", err);
	}
	if (r < 0) {
		return r;
	}
	snprintf(start.subject, sizeof(start.subject), "%s", a->options->subject);
	start.callers = a->callers;
	start.log_level = log_get_level();
	start.watch_view = !a->options->native_view;
	start.notices = a->options->recording != NULL;
	start.n_keep = (uint32_t)a->options->n_keep;
	memcpy(start.keep, a->options->keep, sizeof(start.keep));
	start.exec_fd = a->options->exec_fd;
	start.limits = profile->limits;
	start.run_uid = profile->credentials.euid;
	if (a->options->trail != NULL) {
		start.audit = *a->options->audit;
	}
	start.labels = profile->labels;
	fds[GATE_FD_VIEW] = a->container.mount_fd;
	fds[GATE_FD_LISTEN] = a->world.listen_fd;
	start.watch_tools = a->exec_fd >= 0;
	fds[GATE_FD_TOOLS] = a->exec_fd >= 0 ? a->exec_fd : a->tools[1];
	size_t n = plan_descriptors(profile, plan_fd, fds + GATE_FD_PLAN);
	return helper_tell(
		&a->gate, WIRE_GATE_START, &start, sizeof(start), fds, GATE_FD_PLAN + n, err);
}

/* The gate reads at once what is told there; a process that executes something waits for it no
 * longer than this. */
#define TOOLS_WAIT_S 2
#define TOOLS_BUFFER (4 << 20)

static int open_tools(struct attach *a, struct error *err)
{
	if (a->options->native_host && a->options->trail != NULL) {
		a->exec_fd = host_watch(err);
		return a->exec_fd < 0 ? a->exec_fd : 0;
	}
	const struct timeval wait = { .tv_sec = TOOLS_WAIT_S };
	const int size = TOOLS_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, a->tools) < 0 ||
		setsockopt(a->tools[0], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0) {
		return error_set(err, errno, "socketpair");
	}
	/* Without CAP_NET_ADMIN it's what the system gives to all. */
	setsockopt(a->tools[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return 0;
}

/* All that is needed before the first tool: each part's server starts while the next is prepared.
 */
static int prepare(struct attach *a, struct error *err)
{
	const struct session_options *options = a->options;
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = open_tools(a, err);

	if (r == 0 && options->native_host) {
		r = host_start(&a->host, err);
	} else if (r == 0) {
		r = view_start(&a->host, WIRE_VIEW_HOST, root, options->read_only, a->tools[0],
			a->profile, err);
	}
	if (r == 0) {
		r = tree_capture(&a->tree, &a->profile->namespaces, true, err);
	}
	if (r == 0) {
		r = options->native_view ? view_start_native(&a->container, a->tree.root_fd, err)
					 : view_start(&a->container, WIRE_VIEW_CONTAINER,
						   a->tree.root_fd, false, -1, a->profile, err);
	}
	a->tty = terminal_wanted();
	if (r == 0 && !a->tty) {
		r = streams_open(&a->streams, &a->profile->labels, options->recording != NULL,
			a->profile->credentials.euid, err);
	}
	if (r == 0 && a->tty) {
		r = terminal_open(&a->terminal, a->tree.pts_fd, a->profile->credentials.euid, err);
	}
	if (r == 0) {
		r = world_prepare(&a->world, a->host.mount_fd, a->container.mount_fd, &a->tree,
			a->tty ? &a->terminal : NULL, options, err);
	}
	if (r == 0) {
		r = start_gate(a, err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(a->tools); i++) {
		cleanup_close(&a->tools[i]);
	}
	if (r == 0) {
		r = view_ready(&a->host, err);
	}
	if (r == 0) {
		r = view_ready(&a->container, err);
	}
	return r == 0 ? helper_ready(&a->gate, err) : r;
}

/* Tells the helpers which the session's mount namespace is: that of PID. */
static int tell_helpers(struct attach *a, pid_t pid, struct ns_id *mnt, struct error *err)
{
	_cleanup_close_ int proc_fd = procfs_open(pid, err);
	struct wire_session session;
	int r = proc_fd < 0 ? proc_fd : procfs_ns_id(proc_fd, "mnt", mnt, err);

	if (r < 0) {
		return r;
	}
	a->mnt_fd = openat(proc_fd, "ns/mnt", O_RDONLY | O_CLOEXEC);
	if (a->mnt_fd < 0) {
		return error_set(err, errno, "open the session's mount namespace");
	}
	session.mnt = *mnt;
	const struct helper *helpers[] = { &a->gate, &a->host.helper, &a->container.helper };
	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++) {
		r = helpers[i]->pid != 0 ? wire_send(helpers[i]->sock, WIRE_SESSION, &session,
						   sizeof(session), NULL, 0)
					 : 0;
		if (r < 0) {
			return error_set(err, -r, "tell %s of the session", helpers[i]->name);
		}
	}
	return 0;
}

/* A transition that the gate tells of, as a marker. */
static int take_notice(struct relay *relay)
{
	struct wire_transition notice;
	char text[WIRE_TRANSITION_PATH_MAX + 128];

	if (wire_receive(relay->notice_fd, WIRE_TRANSITION, &notice, sizeof(notice), NULL, 0,
		    NULL) < 0) {
		relay->notice_fd = -1;
		return 0;
	}
	notice.path[sizeof(notice.path) - 1] = '\0';
	int r = 0;
	if (notice.lost > 0) {
		snprintf(text, sizeof(text), "%u transitions are not shown", notice.lost);
		r = recording_marker(relay->recording, text);
	}
	if (notice.code == 0) {
		snprintf(text, sizeof(text), "exec %s (pid %d)", notice.path, notice.pid);
	} else {
		snprintf(text, sizeof(text), "not executed: %s (pid %d): %s", notice.path,
			notice.pid,
			notice.code == ECHILD ? "it did not begin" : strerror((int)notice.code));
	}
	return r == 0 ? recording_marker(relay->recording, text) : r;
}

#define PARTS 4

struct part {
	int pidfd;
	const char *what;
};

/* What a session can't do without; those that have no process are left out. Returns how many. */
static size_t list_parts(const struct attach *a, struct part parts[PARTS])
{
	const struct part all[PARTS] = {
		{ a->options->init_pidfd, "the container" },
		{ a->gate.pidfd, "sallyport-gate" },
		{ a->host.helper.pidfd, "sallyport-fs (host view)" },
		{ a->container.helper.pidfd, "sallyport-fs (container view)" },
	};
	size_t n = 0;

	for (size_t i = 0; i < PARTS; i++) {
		if (all[i].pidfd >= 0) {
			parts[n++] = all[i];
		}
	}
	return n;
}

/* The same, with what to poll(2) for their ends. */
static size_t list_ends(const struct attach *a, struct part parts[PARTS], struct pollfd ends[PARTS])
{
	size_t n = list_parts(a, parts);

	for (size_t i = 0; i < n; i++) {
		ends[i] = (struct pollfd){ .fd = parts[i].pidfd, .events = POLLIN };
	}
	return n;
}

/* The first tool could not be started: ERR's words, unless one of the parts has ended. Returns R.
 */
static int blame(const struct attach *a, int r, struct error *err)
{
	struct part parts[PARTS];
	struct pollfd ends[PARTS];
	size_t n = list_ends(a, parts, ends);

	if (poll(ends, n, PART_END_MS) <= 0) {
		return r;
	}
	for (size_t i = 0; i < n; i++) {
		if (ends[i].revents != 0) {
			return error_wrap(err, "%s has ended", parts[i].what);
		}
	}
	return r;
}

static int watch(struct attach *a, pid_t pid, struct error *err)
{
	struct relay relay = {
		.child = pid,
		.terminal = a->tty ? &a->terminal : NULL,
		.streams = a->tty ? NULL : &a->streams,
		.recording = a->options->recording,
		.record_required = a->options->record.required,
		.notice_fd = a->options->recording != NULL ? a->gate.sock : -1,
		.notice = take_notice,
	};
	struct part parts[PARTS];

	relay.n_watched = list_parts(a, parts);
	for (size_t i = 0; i < relay.n_watched; i++) {
		relay.watched[i].fd = parts[i].pidfd;
		relay.watched[i].what = parts[i].what;
	}
	streams_started(&a->streams);
	if (a->tty) {
		terminal_started(&a->terminal);
	}
	return relay_run(&relay, err);
}

/*
 * What the tool left in the background holds the session's mounts. No signal ends what waits for an
 * answer of a view's server, and that may itself wait for ever, for a file system of the
 * container's: the end of the server ends both.
 */
static void end_tools(struct attach *a, const struct ns_id *mnt)
{
	int left = reap_namespace("mnt", mnt, SIGKILL, REAP_SOON_MS);

	if (left > 0) {
		view_stop(&a->container);
		view_stop(&a->host);
		left = reap_namespace("mnt", mnt, SIGKILL, REAP_TIMEOUT_MS);
	}
	if (left > 0) {
		log_warning("%d processes of the session could not be killed", left);
	}
}

/* Until the tool has executed its program, which closes SOCK, or one of the parts has ended: as
 * long it may have our memory, errno too. */
static void wait_executed(const struct attach *a, int sock)
{
	struct part parts[PARTS];
	struct pollfd ends[PARTS + 1];
	size_t n = list_ends(a, parts, ends);

	ends[n] = (struct pollfd){ .fd = sock, .events = POLLIN };
	child_poll(ends, n + 1);
}

static int run(struct attach *a, struct error *err)
{
	const struct namespaces *ns = &a->profile->namespaces;
	struct wire_ready go;
	struct ns_id mnt = { 0 };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return error_set(err, errno, "socketpair");
	}
	struct tool tool = {
		.profile = a->profile,
		.options = a->options,
		.world = &a->world,
		.terminal = a->tty ? &a->terminal : NULL,
		.streams = &a->streams,
		.exec_fd = a->exec_fd,
		.sock = pair[1],
		.front_sock = pair[0],
	};
	tool_set_environment(a->options);
	pid_t pid = child_start(ns, tool_needs_copy(ns), tool_become, &tool, err);
	_cleanup_close_ int sock = pair[0];
	close(pair[1]);
	if (pid < 0) {
		return pid;
	}
	int r = wire_receive(sock, WIRE_READY, &go, sizeof(go), NULL, 0, err);
	if (r == -EPIPE) {
		error_set(err, EPIPE, "the session's first process has ended");
	}
	if (r == 0) {
		r = tell_helpers(a, pid, &mnt, err);
	}
	if (r == 0) {
		child_block_signals();
		r = wire_send(sock, WIRE_READY, &go, sizeof(go), NULL, 0);
		r = r < 0 ? error_set(err, -r, "start the first tool") : 0;
	}
	if (r < 0) {
		child_end(pid, PART_END_MS);
		return blame(a, r, err);
	}
	wait_executed(a, sock);
	r = ask_start(&a->ask, a->world.ask_fd, &a->callers, a->options, err);
	if (r == 0) {
		r = watch(a, pid, err);
	} else {
		kill(pid, SIGKILL);
	}
	helper_end(&a->ask);
	end_tools(a, &mnt);
	helper_stop(&a->ask);
	return r;
}

void session_start_early(const struct session_options *options)
{
	if (!options->native_host || !options->native_view) {
		helper_start_early("sallyport-fs", !options->native_host && !options->native_view);
	}
	helper_start_early("sallyport-gate", false);
}

void session_finish(void)
{
	helper_finish_all();
}

int session_attach(
	const struct profile *profile, const struct session_options *options, struct error *err)
{
	struct attach a = {
		.profile = profile,
		.options = options,
		.tree = { -1, -1, -1, -1 },
		.host = { .mount_fd = -1 },
		.container = { .mount_fd = -1 },
		.tools = { -1, -1 },
		.exec_fd = -1,
		.streams = STREAMS_NONE,
		.mnt_fd = -1,
		.terminal = { .master_fd = -1, .slave_fd = -1, .devpts_fd = -1 },
		.world = { .host_fd = -1, .listen_fd = -1, .ask_fd = -1 },
	};

	int r = label_check(profile, true, options->trail, err);

	if (r < 0) {
		return r;
	}
	child_catch_signals();
	r = prepare(&a, err);
	if (r == 0) {
		r = run(&a, err);
	}
	/* All at once, and the views' servers are not waited for here: the kernel takes
	 * milliseconds to end their watch of file systems. */
	helper_end(&a.gate);
	helper_end(&a.container.helper);
	helper_end(&a.host.helper);
	terminal_finish(&a.terminal);
	streams_finish(&a.streams);
	world_finish(&a.world);
	helper_stop(&a.gate);
	cleanup_close(&a.mnt_fd);
	cleanup_close(&a.exec_fd);
	view_leave(&a.container);
	view_leave(&a.host);
	tree_finish(&a.tree);
	return r;
}
