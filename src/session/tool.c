/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/str.h"
#include "base/wire.h"
#include "session/host.h"

#define SERVER_END_MS 1000 /* the front sees within this that a view's server has ended */

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

bool tool_needs_copy(const struct namespaces *ns)
{
	const struct namespace *time_ns = &ns->ns[NAMESPACE_TIME];

	return time_ns->fd >= 0 && !time_ns->shared;
}

static int enter(const struct tool *tool, struct error *err)
{
	static const enum namespace_kind before[] = { NAMESPACE_NET };
	static const enum namespace_kind after[] = { NAMESPACE_IPC, NAMESPACE_UTS, NAMESPACE_CGROUP,
		NAMESPACE_TIME };
	char cwd[PATH_MAX];
	bool have_cwd = getcwd(cwd, sizeof(cwd)) != NULL;
	int r = join(&tool->profile->namespaces, before, ARRAY_SIZE(before), err);

	if (r == 0) {
		r = world_enter(tool->world, err);
	}
	if (r == 0 && tool->exec_fd >= 0) {
		r = host_watch_mounts(tool->exec_fd, err);
	}
	if (r == 0) {
		r = join(&tool->profile->namespaces, after, ARRAY_SIZE(after), err);
	}
	if (r == 0 && have_cwd && chdir(cwd) < 0) {
		r = chdir("/");
	}
	if (r == 0) {
		r = tool->terminal != NULL ? terminal_become(tool->terminal, err)
					   : streams_become(tool->streams, err);
	}
	return r == 0 ? lsm_become_tool(&tool->profile->labels, err) : r;
}

void tool_set_environment(const struct session_options *options)
{
	const char *sudo_user = getenv("SUDO_USER");
	bool complete = getenv("HOME") != NULL && getenv("SHELL") != NULL;
	struct passwd *who = sudo_user != NULL ? getpwnam(sudo_user)
			     : complete	       ? NULL
					       : getpwuid(getuid());

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
	/* The host view's server has ended, it seems: the front says so, and ends us. */
	if (code == ECONNABORTED || code == ENOTCONN) {
		poll(NULL, 0, SERVER_END_MS);
	}
	log_error("cannot execute %s: %s", argv[0], strerror(code));
	return exit_of_exec(code);
}

int tool_become(void *data)
{
	const struct tool *tool = data;
	struct wire_ready ready;
	struct error err = { 0 };

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Else it would never hear of our end. */
	close(tool->front_sock);
	if (enter(tool, &err) < 0) {
		wire_send_failed(tool->sock, WIRE_FAILED, &err);
		_exit(EXIT_OURS);
	}
	wire_send(tool->sock, WIRE_READY, &ready, sizeof(ready), NULL, 0);
	if (wire_receive(tool->sock, WIRE_READY, &ready, sizeof(ready), NULL, 0, &err) < 0) {
		_exit(EXIT_OURS);
	}
	signal(SIGPIPE, SIG_DFL);
	if (tool->options->exec_fd > STDERR_FILENO) {
		fcntl(tool->options->exec_fd, F_SETFD, 0);
	}
	_exit(run_tool(tool->options));
}
