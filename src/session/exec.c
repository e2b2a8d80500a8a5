/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sallyport exec`: the launcher without views and without a gate; the front holds it by ptrace
 * itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/registry.h"
#include "base/cleanup.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/reap.h"
#include "base/str.h"
#include "gate/transition.h"
#include "session/child.h"
#include "session/helper.h"
#include "session/label.h"
#include "session/mounts.h"
#include "session/plan.h"
#include "session/record.h"
#include "session/relay.h"
#include "session/session.h"
#include "session/terminal.h"
#include "session/tree.h"

#define INIT_END_MS 300 /* an init ends when the last of its pid namespace is waited for */

/* The launcher's file on a read-only mount: no descriptor of it can be opened for writing again. */
static int open_launcher(struct error *err)
{
	char path[PATH_MAX];
	int r = helper_path("sallyport-launch", path, err);

	return r < 0 ? r : mounts_clone(AT_FDCWD, path, false, MOUNT_ATTR_RDONLY, err);
}

struct start {
	int launcher_fd;
	int sock;	/* the launcher's end */
	int front_sock; /* ours */
	const struct terminal *terminal;
	const struct streams *streams;
	const struct session_options *options;
};

/* In the child, in its parent's memory: waits until it is traced, then becomes the launcher. */
static int become_launcher(void *data)
{
	const struct start *start = data;
	int exec_fd = start->options->exec_fd;
	char number[32];
	char term[256] = "";
	char *env[] = { number, term, NULL };
	const char *own_term = getenv("TERM");
	struct error err = { 0 };
	char go;

	setsid();
	/* Else it would never hear of our end. */
	close(start->front_sock);
	int r = start->terminal != NULL ? terminal_become(start->terminal, &err)
					: streams_become(start->streams, &err);
	if (r < 0) {
		log_error("%s", err.message);
		_exit(EXIT_OURS);
	}
	snprintf(number, sizeof(number), "SALLYPORT_SOCKET=%d", start->sock);
	snprintf(term, sizeof(term), "TERM=%s", own_term != NULL ? own_term : "dumb");
	fcntl(start->sock, F_SETFD, 0);
	if (exec_fd > STDERR_FILENO) {
		fcntl(exec_fd, F_SETFD, 0);
	}
	if (recv(start->sock, &go, sizeof(go), 0) == (ssize_t)sizeof(go)) {
		syscall(SYS_execveat, start->launcher_fd, "", start->options->argv, env,
			AT_EMPTY_PATH);
		log_error("start sallyport-launch: %s", strerror(errno));
	}
	_exit(EXIT_OURS);
}

static int send_plan(int sock, const struct profile *profile, const struct session_options *options,
	struct error *err)
{
	static struct wire_plan plan;
	_cleanup_close_ int plan_fd = plan_create(profile, options->cwd, err);
	int fds[PLAN_FDS_MAX];

	if (plan_fd < 0) {
		return plan_fd;
	}
	if (strlen(options->argv[0]) >= sizeof(plan.path)) {
		return error_set(err, ENAMETOOLONG, "%.64s...", options->argv[0]);
	}
	snprintf(plan.subject, sizeof(plan.subject), "%s", options->subject);
	strcpy(plan.path, options->argv[0]);
	plan.search = strchr(plan.path, '/') == NULL;
	plan.n_keep = (uint32_t)options->n_keep;
	memcpy(plan.keep, options->keep, sizeof(plan.keep));
	plan.exec_fd = options->exec_fd;
	size_t n = plan_descriptors(profile, plan_fd, fds);
	int r = wire_send(sock, WIRE_PLAN, &plan, sizeof(plan), fds, n);
	return r < 0 ? error_set(err, -r, "send the plan") : 0;
}

/* The launcher stands at its first instruction: the attempt is recorded, then our half is given. */
static int launched(struct exec_record *t, struct error *err)
{
	int r = exec_record_attempt(t, err);

	if (r == 0) {
		r = limits_apply(&t->profile->limits, t->pid, t->missed, sizeof(t->missed), err);
	}
	if (r == 0 && t->missed[0] != '\0') {
		log_info("not given: %s", t->missed);
	}
	return r;
}

/* And the container's program: its label is looked at and its beginning recorded. */
static int executed(struct exec_record *t, int status, struct error *err)
{
	int r = transition_verify(t->pid, &t->profile->labels, err);

	if (r == 0) {
		r = exec_record_outcome(t, true, -1, err);
	}
	if (r == 0 && t->options->observer != NULL) {
		return t->options->observer->begin(t->options->observer, t->pid, err);
	}
	if (r == 0) {
		transition_release(t->pid, status);
	}
	return r;
}

/*
 * A process that outlives us only to kill the program should we be killed ourselves, once it is no
 * longer traced: its own session, nothing open but PIDFD and a pipe, whose other end is ours alone.
 * Returns that end, which the caller closes, or -1.
 */
static int start_guardian(pid_t pid, int pidfd, const struct session_options *options)
{
	int ends[2];
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		return -1;
	}
	if (fork() != 0) {
		close(ends[0]);
		return ends[1];
	}
	setsid();
	/* Above those that they go to. */
	int keep[2] = { fcntl(pidfd, F_DUPFD, 2), fcntl(ends[0], F_DUPFD, 2) };
	dup2(keep[0], 0);
	dup2(keep[1], 1);
	syscall(SYS_close_range, 2, UINT32_MAX, 0);
	while (read(1, &byte, 1) > 0) {
	}
	reap_tree(pid, 0);
	if (options->audit != NULL) {
		registry_forget_dead(options->audit->id);
	}
	_exit(0);
}

/*
 * Follows the child from its own code through the launcher into the container's program and lets it
 * go there; *GUARD_END is the guardian's by then. Returns 0; 1 with *STATUS where the launcher
 * ended before.
 */
static int follow(struct exec_record *t, int pidfd, int *guard_end, int *status, struct error *err)
{
	for (int execs = 0;;) {
		if (waitpid(t->pid, status, __WALL) < 0) {
			if (errno == EINTR) {
				continue;
			}
			return error_set(err, errno, "wait for the launcher");
		}
		switch (transition_classify(*status)) {
		case TRANSITION_GONE:
			return 1;
		case TRANSITION_EXEC:
			if (++execs == 2) {
				return executed(t, *status, err);
			}
			int r = launched(t, err);
			if (r < 0) {
				return r;
			}
			break;
		default:
			break;
		}
		transition_resume(t->pid, *status, PTRACE_CONT);
		if (execs == 1 && *guard_end < 0) {
			/* While the launcher works; without us it does not come past its exec. */
			*guard_end = start_guardian(t->pid, pidfd, t->options);
		}
	}
}

/* What the recording is told of the one transition that there is. */
static void mark(struct relay *relay, const char *program)
{
	char text[PATH_MAX + 64];

	snprintf(text, sizeof(text), "exec %s (pid %d)", program, relay->child);
	/* Where that fails, so does what follows, which is looked at. */
	recording_marker(relay->recording, text);
}

/*
 * The program has not begun: R is 1, and STATUS the launcher's, or a negative errno with ERR. Ends
 * what there is, and says and records why. Returns an exit status or a negative errno.
 */
static int failed(struct relay *relay, struct exec_record *t, int r, int status, struct error *err)
{
	struct pollfd init = { .fd = t->options->init_pidfd, .events = POLLIN };
	bool killed = r == 1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	if (r < 0) {
		child_end(t->pid, INIT_END_MS);
	}
	relay_drain(relay);
	/* All others of its pid namespace go before the init does: that is the cause, then. */
	bool ended = poll(&init, 1, r < 0 || killed ? INIT_END_MS : 0) == 1;
	if (ended) {
		error_set_hint(err, ESRCH, "see sallyport list", CHILD_ENDED);
	}
	if (r == 1 && !ended) {
		/* What stands there is of something that went well in the end. */
		error_clear(err);
	}
	exec_record_outcome(t, false, r == 1 ? status : -1, err);
	if (ended) {
		return -ESRCH;
	}
	return r == 1 ? child_exit_status(status) : r;
}

/* Whether the program gets pipes of ours where there is no terminal of its own. */
static bool wants_pipes(const struct session_options *options)
{
	return options->recording != NULL || options->observer != NULL;
}

static int run(const struct profile *profile, const struct session_options *options,
	struct terminal *terminal, struct streams *streams, struct error *err)
{
	_cleanup_close_ int launcher_fd = open_launcher(err);
	_cleanup_close_ int sock = -1;
	_cleanup_close_ int child_sock = -1;
	int pair[2];
	int status = 0;

	if (launcher_fd < 0) {
		return launcher_fd;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return error_set(err, errno, "socketpair");
	}
	sock = pair[0];
	child_sock = pair[1];
	struct start start = { launcher_fd, child_sock, sock, terminal, streams, options };
	pid_t pid = child_start(&profile->namespaces, false, become_launcher, &start, err);
	if (pid < 0) {
		return pid;
	}
	struct relay relay = {
		.child = pid,
		.terminal = terminal,
		.streams = terminal != NULL ? NULL : streams,
		.observer = options->observer,
		.recording = options->recording,
		.record_required = options->record.required,
		.notice_fd = -1,
		.watched = { { options->init_pidfd, "the container" } },
		.n_watched = 1,
	};
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	_cleanup_close_ int guard_end = -1;
	int r = transition_seize(pid, err);
	if (r == 0 && send(sock, "", 1, MSG_NOSIGNAL) != 1) {
		r = error_set(err, errno, "start the launcher");
	}
	if (r == 0) {
		r = send_plan(sock, profile, options, err);
	}
	struct exec_record t = { .options = options, .profile = profile, .pid = pid, .sock = sock };
	if (r == 0) {
		r = follow(&t, pidfd, &guard_end, &status, err);
	}
	streams_started(streams);
	if (r != 0) {
		return failed(&relay, &t, r, status, err);
	}
	child_block_signals();
	if (terminal != NULL) {
		terminal_started(terminal);
	}
	if (relay.recording != NULL) {
		mark(&relay, options->argv[0]);
	}
	r = relay_run(&relay, err);
	exec_record_exit(&t, r);
	return r;
}

int session_exec(
	const struct profile *profile, const struct session_options *options, struct error *err)
{
	struct terminal terminal = { .master_fd = -1, .slave_fd = -1, .devpts_fd = -1 };
	struct streams streams = STREAMS_NONE;
	bool tty = terminal_wanted();
	int r = label_check(profile, false, options->trail, err);

	if (r < 0) {
		return r;
	}
	child_catch_signals();
	if (tty) {
		struct tree tree;

		r = tree_capture(&tree, &profile->namespaces, false, err);
		if (r == 0) {
			r = terminal_open(&terminal, tree.pts_fd, profile->credentials.euid, err);
		}
		tree_finish(&tree);
	}
	if (r == 0 && !tty) {
		r = streams_open(&streams, &profile->labels, wants_pipes(options),
			profile->credentials.euid, err);
	}
	if (r == 0) {
		r = run(profile, options, tty ? &terminal : NULL, &streams, err);
	}
	terminal_finish(&terminal);
	streams_finish(&streams);
	return r;
}
