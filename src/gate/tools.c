/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host tools that are started in the session. The host view's server tells of each file that is
 * opened to be executed, while the process waits for that: a moment before it has become the tool.
 * The tool's arguments come when it opens its first file. Of one that opens none they are read
 * here, if it lives long enough for that.
 *
 * Of a native view fanotify tells, which nobody waits for: the arguments are read here then, of
 * what lives that long.
 */
#include "gate/state.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/program.h"

#define PENDING_MAX 4096
#define WAIT_NS INT64_C(2000000000) /* that an execve may take, on a busy machine */
/* After its last file was opened an execve is over by then: else what it was tried with is told
 * without its arguments. */
#define SETTLE_NS INT64_C(2000000)

struct tool {
	struct tool *next;
	pid_t pid;
	int proc_fd;	  /* /proc/PID; -1: not looked for, or the process is gone */
	bool looked;	  /* for it */
	char *path;	  /* owned */
	uint64_t before;  /* what the process was then: procfs_image() */
	bool known;	  /* the process has become it */
	bool script;	  /* its interpreter is not seen yet; of a native view */
	bool interpreted; /* it was */
	bool done;	  /* it is told of now */
	int64_t until_ns; /* then what is there is told */
};

void tools_start(struct gate *gate)
{
	if (gate->trail == NULL || !gate->conf.audit_tools) {
		cleanup_close(&gate->tools_fd);
		gate->tools_fd = -1;
	}
}

static void tool_free(struct tool *tool)
{
	cleanup_close(&tool->proc_fd);
	free(tool->path);
	free(tool);
}

static void lost(struct gate *gate)
{
	struct error err = { 0 };

	if (audit_degraded(gate->trail,
		    "host tools were started faster than they could be recorded: some are missing",
		    &err) < 0) {
		log_warning("%s", err.message);
	}
}

/* What is known of a tool's process; NULL and 0: nothing. */
struct tool_process {
	const char *cwd;
	const char *exe;
	const char *args;
	size_t args_size;
};

/* Tells of TOOL and frees it. */
static void tell_with(struct gate *gate, struct tool *tool, const struct tool_process *process)
{
	bool other = process->exe != NULL && strcmp(process->exe, tool->path) != 0;
	const struct audit_command command = {
		.path = tool->path,
		.file = other ? process->exe : NULL, /* of a script the interpreter */
		.cwd = process->cwd,
		.args = process->args_size > 0 ? process->args : NULL,
		.args_size = process->args_size,
		.pid = tool->pid,
		.uid = UINT32_MAX,
	};
	struct error err = { 0 };

	if (audit_tool(gate->trail, &command, &err) < 0) {
		log_warning("%s: %s", tool->path, err.message);
	}
	tool_free(tool);
}

/* The same with what its process still has. */
static void tell(struct gate *gate, struct tool *tool)
{
	struct tool_process process = { 0 };
	_cleanup_free_ char *args = NULL;
	_cleanup_free_ char *exe = NULL;
	_cleanup_free_ char *cwd = tool->proc_fd >= 0 ? fd_readlink(tool->proc_fd, "cwd") : NULL;

	process.cwd = cwd;
	/* Else what is there may still be of the program before. */
	if (tool->known && procfs_args(tool->proc_fd, &args, &process.args_size, NULL) == 0) {
		exe = fd_readlink(tool->proc_fd, "exe");
		process.exe = exe;
		process.args = args;
	}
	tell_with(gate, tool, &process);
}

static struct tool **find(struct gate *gate, pid_t pid)
{
	struct tool **t = &gate->tools;

	while (*t != NULL && (*t)->pid != pid) {
		t = &(*t)->next;
	}
	return t;
}

static bool executes(const struct tool *tool)
{
	_cleanup_free_ char *exe = fd_readlink(tool->proc_fd, "exe");

	return exe != NULL && strcmp(exe, tool->path) == 0;
}

/* Whether TOOL is to be told of. KNOWN is set where the process has become it. */
static bool has_become(struct tool *tool)
{
	uint64_t now = 0;

	/* Most have told all before this is needed. */
	if (!tool->looked) {
		tool->proc_fd = procfs_open(tool->pid, NULL);
		tool->looked = true;
	}
	bool gone = tool->proc_fd < 0 || procfs_image(tool->proc_fd, &now) < 0;
	bool late = clock_ns() > tool->until_ns;

	/* Where the server hasn't looked what was before, it will say when that is over. */
	tool->known =
		now != 0 && (tool->before != 0 ? now != tool->before
					       : late && (tool->interpreted || executes(tool)));
	return gone || tool->known || late;
}

/* The process of *T, which is IMAGE now, executes the next: so it has become the tool *T, unless
 * that could not be executed. */
static void tell_before(struct gate *gate, struct tool **t, uint64_t image)
{
	struct tool *tool = *t;
	uint64_t now;

	*t = tool->next;
	/* Its arguments may be the next one's by now. */
	tool->known = tool->proc_fd >= 0 && image != 0 && tool->before != 0 &&
		      image != tool->before && procfs_image(tool->proc_fd, &now) == 0 &&
		      now == image;
	tell(gate, tool);
}

static bool is_message(const void *message, ssize_t n, enum wire_type type, size_t least)
{
	const struct wire_header *header = message;

	return n > 0 && (size_t)n >= sizeof(*header) && header->type == type &&
	       header->length == (size_t)n && (size_t)n > least &&
	       ((const char *)message)[n - 1] == '\0';
}

/* PID opens PATH to execute it, and is IMAGE so far. NULL: it could not be noted. */
static struct tool *starts(struct gate *gate, pid_t pid, const char *path, uint64_t image)
{
	size_t n = 0;
	struct tool **t = find(gate, pid);

	if (*t != NULL) {
		tell_before(gate, t, image);
	}
	for (struct tool *each = gate->tools; each != NULL; each = each->next) {
		n++;
	}
	struct tool *tool = n < PENDING_MAX ? calloc(1, sizeof(*tool)) : NULL;
	if (tool == NULL || (tool->path = strdup(path)) == NULL) {
		free(tool);
		lost(gate);
		return NULL;
	}
	tool->pid = pid;
	tool->proc_fd = -1;
	tool->before = image;
	tool->until_ns = clock_ns() + WAIT_NS;
	tool->next = gate->tools;
	gate->tools = tool;
	return tool;
}

/* The same of a native view: PATH is the file FD. */
static void executed(struct gate *gate, pid_t pid, const char *path, int fd)
{
	struct tool *tool = *find(gate, pid);
	bool script = program_kind(fd) == PROGRAM_SCRIPT;

	if (tool != NULL && tool->script) {
		tool->interpreted = true;
	} else if (tool == NULL || !program_is_loader(path)) {
		tool = starts(gate, pid, path, 0);
	}
	if (tool != NULL) {
		tool->script = script;
		tool->until_ns = clock_ns() + SETTLE_NS;
	}
}

/* Takes one event of fanotify's. False where there is none. */
static bool take_event(struct gate *gate)
{
	struct fanotify_event_metadata event;
	ssize_t n = gate->tools_fd >= 0 ? read(gate->tools_fd, &event, sizeof(event)) : -1;

	if (n < 0 && (errno == EAGAIN || gate->tools_fd < 0)) {
		return false;
	}
	_cleanup_close_ int fd = n == (ssize_t)sizeof(event) ? event.fd : -1;
	_cleanup_free_ char *path = fd >= 0 ? fd_path(fd) : NULL;

	if (path == NULL) {
		lost(gate);
	} else {
		executed(gate, event.pid, path, fd);
	}
	return n > 0;
}

/* Takes the string of SIZE bytes, its NUL the last, from *AT. False where there is none. */
static bool take_string(const char **at, size_t *left, size_t size, const char **string)
{
	*string = NULL;
	if (size == 0) {
		return true;
	}
	if (size >= *left || (*at)[size - 1] != '\0') {
		return false;
	}
	*string = *at;
	*at += size;
	*left -= size;
	return true;
}

/* SIZE bytes of strings are with RUNS. */
static void runs(struct gate *gate, const struct wire_tool_runs *runs, size_t size)
{
	const char *at = runs->strings;
	const char *path;
	struct tool_process process = { 0 };

	if (!take_string(&at, &size, runs->path_size, &path)) {
		return;
	}
	if (path != NULL) {
		starts(gate, runs->pid, path, 0);
	}
	struct tool **t = find(gate, runs->pid);
	struct tool *tool = *t;
	if (tool == NULL || (tool->before == runs->image && runs->image != 0) ||
		!take_string(&at, &size, runs->cwd_size, &process.cwd) ||
		!take_string(&at, &size, runs->exe_size, &process.exe)) {
		return;
	}
	process.args = at;
	process.args_size = size;
	*t = tool->next;
	tell_with(gate, tool, &process);
}

/* Takes one message. False where there is none. */
static bool take(struct gate *gate)
{
	static union {
		struct wire_tool starts;
		struct wire_tool_runs runs;
		char space[sizeof(struct wire_tool_runs) + 3 * PATH_MAX + WIRE_TOOL_ARGS_MAX];
	} message;

	ssize_t n = gate->tools_fd >= 0
			    ? recv(gate->tools_fd, &message, sizeof(message), MSG_DONTWAIT)
			    : -1;
	if (n < 0) {
		return false;
	}
	if (is_message(&message, n, WIRE_TOOL, offsetof(struct wire_tool, path))) {
		if (message.starts.lost > 0) {
			lost(gate);
		}
		starts(gate, message.starts.pid, message.starts.path, message.starts.image);
		return true;
	}
	if (is_message(&message, n, WIRE_TOOL_RUNS, offsetof(struct wire_tool_runs, strings))) {
		if (message.runs.lost > 0) {
			lost(gate);
		}
		runs(gate, &message.runs, (size_t)n - offsetof(struct wire_tool_runs, strings));
		return true;
	}
	if (n > 0) {
		lost(gate);
	}
	/* The host view's server has ended, and the session will. */
	cleanup_close(&gate->tools_fd);
	gate->tools_fd = -1;
	return false;
}

/* Returns whether there was any. */
static bool take_all(struct gate *gate)
{
	bool any = false;

	while (gate->start.watch_tools != 0 ? take_event(gate) : take(gate)) {
		any = true;
	}
	return any;
}

/* Tells of those that are executed by now, or, with ALL, of all. */
static void look(struct gate *gate, bool all)
{
	bool any = false;

	for (struct tool *t = gate->tools; t != NULL; t = t->next) {
		t->done = has_become(t) || all;
		any = any || t->done;
	}
	if (!any) {
		return;
	}
	/* All files that it opened before it became the tool are in the queue by now. */
	take_all(gate);
	for (struct tool **t = &gate->tools; *t != NULL;) {
		struct tool *tool = *t;

		if (tool->done) {
			*t = tool->next;
			tell(gate, tool);
		} else {
			t = &tool->next;
		}
	}
}

void tools_event(struct gate *gate)
{
	bool any = take_all(gate);

	look(gate, false);
	gate->tools_busy = any || gate->tools != NULL;
}

void tools_end(struct gate *gate)
{
	take_all(gate);
	look(gate, true);
}
