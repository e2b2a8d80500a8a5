/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sallyport attach`: views, gate, the session's world, and the first tool in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/reap.h"
#include "base/str.h"
#include "gate/gate.h"
#include "session/callers.h"
#include "session/child.h"
#include "session/helper.h"
#include "session/plan.h"
#include "session/relay.h"
#include "session/session.h"
#include "session/terminal.h"
#include "session/tree.h"
#include "session/view.h"
#include "session/world.h"

struct attach {
	const struct profile *profile;
	const struct session_options *options;
	struct tree tree;
	struct view host;
	struct view container;
	struct helper gate;
	struct terminal terminal;
	struct world world;
	bool tty;
	sigset_t old_mask;
};

static int start_gate(struct attach *a, struct error *err)
{
	static struct wire_gate_start start;
	const struct profile *profile = a->profile;
	_cleanup_close_ int plan_fd = plan_create(profile, a->options->cwd, err);
	int fds[GATE_FD_CGROUPS + CGROUPS_MAX];

	if (plan_fd < 0) {
		return plan_fd;
	}
	int r = callers_describe(&start.callers, &profile->namespaces, err);
	if (r == 0) {
		r = helper_start(&a->gate, "sallyport-gate", err);
	}
	if (r < 0) {
		return r;
	}
	snprintf(start.subject, sizeof(start.subject), "%s", a->options->subject);
	start.log_level = log_get_level();
	start.n_keep = (uint32_t)a->options->n_keep;
	memcpy(start.keep, a->options->keep, sizeof(start.keep));
	start.limits = profile->limits;
	start.n_cgroups = (uint32_t)cgroups_descriptors(&profile->cgroups, fds + GATE_FD_CGROUPS);
	fds[GATE_FD_VIEW] = a->container.mount_fd;
	fds[GATE_FD_LISTEN] = a->world.listen_fd;
	plan_descriptors(profile, plan_fd, fds + GATE_FD_PLAN);
	r = wire_send(a->gate.sock, WIRE_GATE_START, &start, sizeof(start), fds,
		GATE_FD_CGROUPS + start.n_cgroups);
	return r < 0 ? error_set(err, -r, "start sallyport-gate") : 0;
}

/* All that is needed before the first tool: each part's server starts while the next is prepared.
 */
static int prepare(struct attach *a, struct error *err)
{
	const struct session_options *options = a->options;
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = view_start(&a->host, WIRE_VIEW_HOST, root, options->read_only, a->profile, err);

	if (r == 0) {
		r = tree_capture(&a->tree, &a->profile->namespaces, true, err);
	}
	if (r == 0) {
		r = view_start(&a->container, WIRE_VIEW_CONTAINER, a->tree.root_fd, false,
			a->profile, err);
	}
	a->tty = terminal_wanted();
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
	if (r == 0) {
		r = view_ready(&a->host, err);
	}
	if (r == 0) {
		r = view_ready(&a->container, err);
	}
	return r == 0 ? helper_ready(&a->gate, err) : r;
}

/* Namespaces that a tool shares with the container, besides pid: it was born there. */
static int join(
	const struct namespaces *ns, const enum namespace_kind *kinds, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct namespace *one = &ns->ns[kinds[i]];

		if (one->fd >= 0 && !one->shared && setns(one->fd, namespace_flags[kinds[i]]) < 0) {
			return error_set(err, errno, "join the container's %s namespace",
				namespace_names[kinds[i]]);
		}
	}
	return 0;
}

static int enter(const struct attach *a, struct error *err)
{
	static const enum namespace_kind before[] = { NAMESPACE_NET };
	static const enum namespace_kind after[] = { NAMESPACE_IPC, NAMESPACE_UTS, NAMESPACE_CGROUP,
		NAMESPACE_TIME };
	char cwd[PATH_MAX];
	bool have_cwd = getcwd(cwd, sizeof(cwd)) != NULL;
	int r = join(&a->profile->namespaces, before, ARRAY_SIZE(before), err);

	if (r == 0) {
		r = world_enter(&a->world, err);
	}
	if (r == 0) {
		r = join(&a->profile->namespaces, after, ARRAY_SIZE(after), err);
	}
	if (r == 0 && have_cwd && chdir(cwd) < 0) {
		r = chdir("/");
	}
	if (r == 0 && a->tty) {
		r = terminal_become(&a->terminal, err);
	}
	return r;
}

/* HOME and SHELL are those of the person who ran sudo: the files there become his. */
static void set_environment(const struct session_options *options)
{
	const char *sudo_user = getenv("SUDO_USER");
	struct passwd *who = sudo_user != NULL ? getpwnam(sudo_user) : getpwuid(getuid());

	if (who != NULL && (sudo_user != NULL || getenv("HOME") == NULL)) {
		setenv("HOME", who->pw_dir, 1);
	}
	if (who != NULL && (sudo_user != NULL || getenv("SHELL") == NULL)) {
		setenv("SHELL", who->pw_shell, 1);
	}
	setenv("SALLYPORT_CONTAINER", options->subject, 1);
}

static int run_tool(const struct session_options *options)
{
	const char *shell = getenv("SHELL");
	char *shell_argv[] = {
		(char *)(uintptr_t)(shell != NULL && *shell != '\0' ? shell : "/bin/sh"), NULL
	};
	char **argv = options->argv != NULL ? options->argv : shell_argv;

	execvp(argv[0], argv);
	int code = errno;
	log_error("cannot execute %s: %s", argv[0], strerror(code));
	return exit_of_exec(code);
}

/* In the child: builds the world, tells the front, waits for its word, becomes the tool. */
__attribute__((noreturn)) static void become_tool(const struct attach *a, int sock)
{
	struct wire_ready ready;
	struct error err = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	set_environment(a->options);
	if (enter(a, &err) < 0) {
		wire_send_failed(sock, WIRE_FAILED, &err);
		_exit(EXIT_OURS);
	}
	wire_send(sock, WIRE_READY, &ready, sizeof(ready), NULL, 0);
	if (wire_receive(sock, WIRE_READY, &ready, sizeof(ready), NULL, 0, &err) < 0) {
		_exit(EXIT_OURS);
	}
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &a->old_mask, NULL);
	_exit(run_tool(a->options));
}

static int tell_gate(struct attach *a, pid_t pid, struct ns_id *mnt, struct error *err)
{
	_cleanup_close_ int proc_fd = procfs_open(pid, err);
	struct wire_session session;
	int r = proc_fd < 0 ? proc_fd : procfs_ns_id(proc_fd, "mnt", mnt, err);

	if (r < 0) {
		return r;
	}
	session.mnt = *mnt;
	r = wire_send(a->gate.sock, WIRE_SESSION, &session, sizeof(session), NULL, 0);
	return r < 0 ? error_set(err, -r, "tell the gate of the session") : 0;
}

static int watch(struct attach *a, pid_t pid, struct error *err)
{
	struct relay relay = { .child = pid, .terminal = a->tty ? &a->terminal : NULL };
	const struct {
		int fd;
		const char *what;
	} watched[] = {
		{ a->options->init_pidfd, "the container" },
		{ a->gate.pidfd, "sallyport-gate" },
		{ a->host.helper.pidfd, "sallyport-fs (host view)" },
		{ a->container.helper.pidfd, "sallyport-fs (container view)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(watched); i++) {
		relay.watched[relay.n_watched].fd = watched[i].fd;
		relay.watched[relay.n_watched++].what = watched[i].what;
	}
	if (a->tty) {
		terminal_started(&a->terminal);
	}
	return relay_run(&relay, err);
}

static int run(struct attach *a, struct error *err)
{
	struct wire_ready go;
	struct ns_id mnt = { 0 };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return error_set(err, errno, "socketpair");
	}
	pid_t pid = child_fork(&a->profile->namespaces, err);
	if (pid == 0) {
		close(pair[0]);
		become_tool(a, pair[1]);
	}
	_cleanup_close_ int sock = pair[0];
	close(pair[1]);
	if (pid < 0) {
		return pid;
	}
	int r = wire_receive(sock, WIRE_READY, &go, sizeof(go), NULL, 0, err);
	if (r == 0) {
		r = tell_gate(a, pid, &mnt, err);
	}
	if (r == 0) {
		r = wire_send(sock, WIRE_READY, &go, sizeof(go), NULL, 0);
	}
	if (r < 0) {
		kill(pid, SIGKILL);
		return r;
	}
	r = watch(a, pid, err);
	/* What the tool left in the background holds the session's mounts. */
	int left = reap_namespace("mnt", &mnt, SIGKILL);
	if (left > 0) {
		log_warning("%d processes of the session could not be killed", left);
	}
	return r;
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
		.terminal = { .master_fd = -1, .slave_fd = -1, .devpts_fd = -1 },
		.world = { .host_fd = -1, .listen_fd = -1 },
	};

	child_block_signals(&a.old_mask);
	int r = prepare(&a, err);
	if (r == 0) {
		r = run(&a, err);
	}
	terminal_finish(&a.terminal);
	world_finish(&a.world);
	helper_stop(&a.gate);
	view_stop(&a.container);
	view_stop(&a.host);
	tree_finish(&a.tree);
	return r;
}
