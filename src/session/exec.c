/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sallyport exec`: the launcher without views and without a gate; the front holds it by ptrace
 * itself.
 */
#include <errno.h>
#include <fcntl.h>
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

#include "base/cleanup.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/str.h"
#include "gate/transition.h"
#include "session/child.h"
#include "session/helper.h"
#include "session/mounts.h"
#include "session/plan.h"
#include "session/relay.h"
#include "session/session.h"
#include "session/terminal.h"
#include "session/tree.h"

/* The launcher's file on a read-only mount: no descriptor of it can be opened for writing again. */
static int open_launcher(struct error *err)
{
	char path[PATH_MAX];
	int r = helper_path("sallyport-launch", path, err);

	return r < 0 ? r : mounts_clone(AT_FDCWD, path, false, MOUNT_ATTR_RDONLY, err);
}

/* In the child: waits until it is traced, then becomes the launcher. */
__attribute__((noreturn)) static void become_launcher(
	int launcher_fd, int sock, const struct terminal *terminal, char **argv)
{
	char number[32];
	char term[256] = "";
	char *env[] = { number, term, NULL };
	const char *own_term = getenv("TERM");
	struct error err = { 0 };
	char go;

	if (terminal != NULL && terminal_become(terminal, &err) < 0) {
		log_error("%s", err.message);
		_exit(EXIT_OURS);
	}
	snprintf(number, sizeof(number), "SALLYPORT_SOCKET=%d", sock);
	snprintf(term, sizeof(term), "TERM=%s", own_term != NULL ? own_term : "dumb");
	fcntl(sock, F_SETFD, 0);
	if (recv(sock, &go, sizeof(go), 0) == (ssize_t)sizeof(go)) {
		syscall(SYS_execveat, launcher_fd, "", argv, env, AT_EMPTY_PATH);
		log_error("start sallyport-launch: %s", strerror(errno));
	}
	_exit(EXIT_OURS);
}

static int send_plan(int sock, const struct profile *profile, const struct session_options *options,
	struct error *err)
{
	static struct wire_plan plan;
	_cleanup_close_ int plan_fd = plan_create(profile, options->cwd, err);
	int fds[2 + PLAN_NAMESPACES];

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
	plan_descriptors(profile, plan_fd, fds);
	int r = wire_send(sock, WIRE_PLAN, &plan, sizeof(plan), fds, ARRAY_SIZE(fds));
	return r < 0 ? error_set(err, -r, "send the plan") : 0;
}

static int apply(const struct profile *profile, pid_t pid, struct error *err)
{
	char missed[256] = "";
	int fds[CGROUPS_MAX];
	size_t n = cgroups_descriptors(&profile->cgroups, fds);

	int r = transition_apply(pid, fds, n, &profile->limits, missed, sizeof(missed), err);
	if (r == 0 && missed[0] != '\0') {
		log_info("not given: %s", missed);
	}
	return r;
}

/*
 * Follows the child from its own code through the launcher into the container's program and lets it
 * go there. Returns 0; 1 with *STATUS where the launcher ended before.
 */
static int follow(pid_t pid, const struct profile *profile, int *status, struct error *err)
{
	for (int execs = 0;;) {
		if (waitpid(pid, status, __WALL) < 0) {
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
				transition_release(pid, *status);
				return 0;
			}
			int r = apply(profile, pid, err);
			if (r < 0) {
				return r;
			}
			break;
		default:
			break;
		}
		transition_resume(pid, *status, PTRACE_CONT);
	}
}

/*
 * A process that outlives us only to kill the program should we be killed ourselves: its own
 * session, nothing open but PIPE_FD, whose other end is ours alone, and PIDFD.
 */
static void start_guardian(int pidfd, const int pipe_fds[2])
{
	char byte;

	if (fork() != 0) {
		return;
	}
	setsid();
	int keep[2] = { fcntl(pidfd, F_DUPFD, 100), fcntl(pipe_fds[0], F_DUPFD, 100) };
	syscall(SYS_close_range, 0, 99, 0);
	while (read(keep[1], &byte, 1) > 0) {
	}
	syscall(SYS_pidfd_send_signal, keep[0], SIGKILL, NULL, 0);
	_exit(0);
}

static int run(const struct profile *profile, const struct session_options *options,
	struct terminal *terminal, struct error *err)
{
	_cleanup_close_ int launcher_fd = open_launcher(err);
	_cleanup_close_ int sock = -1;
	_cleanup_close_ int child_sock = -1;
	int pair[2];
	int status;

	if (launcher_fd < 0) {
		return launcher_fd;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return error_set(err, errno, "socketpair");
	}
	sock = pair[0];
	child_sock = pair[1];
	pid_t pid = child_fork(&profile->namespaces, err);
	if (pid == 0) {
		become_launcher(launcher_fd, child_sock, terminal, options->argv);
	}
	if (pid < 0) {
		return pid;
	}
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int r = transition_seize(pid, err);
	if (r == 0 && send(sock, "", 1, MSG_NOSIGNAL) != 1) {
		r = error_set(err, errno, "start the launcher");
	}
	if (r == 0) {
		r = send_plan(sock, profile, options, err);
	}
	if (r == 0) {
		r = follow(pid, profile, &status, err);
	}
	if (r != 0) {
		kill(pid, SIGKILL);
		return r == 1 ? child_exit_status(status) : r;
	}
	_cleanup_close_ int guard_end = -1;
	int pipe_fds[2];
	if (pipe2(pipe_fds, O_CLOEXEC) == 0) {
		guard_end = pipe_fds[1];
		fcntl(guard_end, F_SETFD, FD_CLOEXEC);
		start_guardian(pidfd, pipe_fds);
		close(pipe_fds[0]);
	}
	if (terminal != NULL) {
		terminal_started(terminal);
	}
	struct relay relay = { .child = pid, .terminal = terminal };
	return relay_run(&relay, err);
}

int session_exec(
	const struct profile *profile, const struct session_options *options, struct error *err)
{
	struct terminal terminal = { .master_fd = -1, .slave_fd = -1, .devpts_fd = -1 };
	bool tty = terminal_wanted();
	sigset_t old;
	int r = 0;

	child_block_signals(&old);
	if (tty) {
		struct tree tree;

		r = tree_capture(&tree, &profile->namespaces, false, err);
		if (r == 0) {
			r = terminal_open(&terminal, tree.pts_fd, profile->credentials.euid, err);
		}
		tree_finish(&tree);
	}
	if (r == 0) {
		r = run(profile, options, tty ? &terminal : NULL, err);
	}
	terminal_finish(&terminal);
	return r;
}
