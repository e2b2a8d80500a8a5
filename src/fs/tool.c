/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/program.h"
#include "base/str.h"
#include "fs/fs.h"
#include "fs/watch_table.h"

#define LATE_MS 100 /* a dynamic program opens something by then */

void tool_init(struct fs *fs, int gate_fd)
{
	fs->tools.gate_fd = gate_fd;
	pthread_mutex_init(&fs->tools.lock, NULL);
	pthread_cond_init(&fs->tools.untold, NULL);
}

/* Sends MESSAGE. It waits for the gate no longer than the socket's time limit. */
static void tell(struct fs *fs, enum wire_type type, void *message, size_t size, const char *what)
{
	int r = wire_send(fs->tools.gate_fd, type, message, size, NULL, 0);

	if (r == -EPIPE || r == -ECONNRESET) {
		/* It doesn't want to know, or has ended, and the session with it. */
		fs->tools.gate_fd = -1;
	} else if (r < 0) {
		atomic_fetch_add(&fs->tools.lost, 1);
		log_warning("%s: this tool's start is not recorded: %s", what, strerror(-r));
	}
}

static int open_process(const struct fs *fs, pid_t pid)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", (int)pid);
	return openat(fs->proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

pid_t tool_process(const struct fs *fs, pid_t tid)
{
	pid_t process;

	/* No signal is sent: is it the first thread of a process of this number? */
	if (syscall(SYS_tgkill, tid, tid, 0) == 0 || errno != ESRCH) {
		return tid;
	}
	_cleanup_close_ int proc_fd = open_process(fs, tid);
	return proc_fd >= 0 && procfs_process(proc_fd, &process, NULL) == 0 ? process : tid;
}

/*
 * One execve opens up to three files: a script, its interpreter, the loader. True where the loader
 * at PATH is opened by PID for what it was about to execute.
 */
static bool loads(struct tools *tools, pid_t pid, const char *path)
{
	bool loads = false;

	if (program_is_loader(path)) {
		pthread_mutex_lock(&tools->lock);
		struct tool_started *started = &tools->started[pid % TOOLS_STARTED];

		loads = started->pid == pid && started->kind != PROGRAM_SCRIPT && !started->loaded;
		started->loaded = started->loaded || loads;
		pthread_mutex_unlock(&tools->lock);
	}
	return loads;
}

static bool runs_script(struct tools *tools, pid_t pid)
{
	pthread_mutex_lock(&tools->lock);
	const struct tool_started *started = &tools->started[pid % TOOLS_STARTED];
	bool script = started->pid == pid && started->kind == PROGRAM_SCRIPT;
	pthread_mutex_unlock(&tools->lock);
	return script;
}

static void send_started(struct fs *fs, const struct tool_started *started)
{
	struct wire_tool tool = { .image = started->image, .pid = started->pid };

	snprintf(tool.path, sizeof(tool.path), "%s", started->path);
	tool.lost = atomic_exchange(&fs->tools.lost, 0);
	tell(fs, WIRE_TOOL, &tool, offsetof(struct wire_tool, path) + strlen(tool.path) + 1,
		tool.path);
}

/* Tells of STARTED, if that is still to be done. With the lock held: no later word of the same
 * process comes before it. */
static void tell_started(struct fs *fs, struct tool_started *started)
{
	if (started->path != NULL) {
		send_started(fs, started);
		free(started->path);
		started->path = NULL;
		fs->tools.n_untold--;
	}
}

/* NEXT, the file PATH, is about to be executed. Nothing is told where it's only the interpreter of
 * the script before it. */
static void begins(struct fs *fs, struct tool_started *next, const char *path)
{
	struct tools *tools = &fs->tools;

	pthread_mutex_lock(&tools->lock);
	struct tool_started *started = &tools->started[next->pid % TOOLS_STARTED];
	bool first = started->pid != next->pid || started->kind != PROGRAM_SCRIPT ||
		     started->image != next->image;

	tell_started(fs, started);
	*started = *next;
	if (first) {
		started->path = strdup(path);
		started->since_ms = watch_now();
		tools->n_untold += started->path != NULL;
		atomic_fetch_add(&tools->lost, started->path == NULL);
	}
	/* Of a loader's it is known that the process opens something. */
	if (next->kind != PROGRAM_DYNAMIC || next->image != 0) {
		tell_started(fs, started);
	} else if (tools->waits) {
		tools->waits = false;
		pthread_cond_signal(&tools->untold);
	}
	pthread_mutex_unlock(&tools->lock);
}

/* What PID was about to execute; its pid is 0: nothing. It is forgotten then, its path the
 * caller's. What had no loader so far is told: it may not have become that. */
static struct tool_started recall(struct fs *fs, pid_t pid)
{
	struct tools *tools = &fs->tools;
	struct tool_started found = { 0 };

	pthread_mutex_lock(&tools->lock);
	struct tool_started *started = &tools->started[pid % TOOLS_STARTED];

	if (started->pid == pid) {
		if (!started->loaded) {
			tell_started(fs, started);
		}
		tools->n_untold -= started->path != NULL;
		found = *started;
		*started = (struct tool_started){ 0 };
	}
	pthread_mutex_unlock(&tools->lock);
	return found;
}

/* What has opened nothing since it was executed. */
static void *tell_late(void *data)
{
	struct fs *fs = data;
	struct tools *tools = &fs->tools;

	pthread_mutex_lock(&tools->lock);
	for (;;) {
		while (tools->n_untold == 0) {
			tools->waits = true;
			pthread_cond_wait(&tools->untold, &tools->lock);
		}
		pthread_mutex_unlock(&tools->lock);
		poll(NULL, 0, LATE_MS);
		pthread_mutex_lock(&tools->lock);
		for (size_t i = 0; i < TOOLS_STARTED && tools->n_untold > 0; i++) {
			if (watch_now() - tools->started[i].since_ms >= LATE_MS) {
				tell_started(fs, &tools->started[i]);
			}
		}
	}
	return NULL;
}

void tool_watch(struct fs *fs)
{
	pthread_t thread;

	if (fs->tools.gate_fd >= 0 && pthread_create(&thread, NULL, tell_late, fs) == 0) {
		pthread_detach(thread);
	}
}

static uint64_t image_of(const struct fs *fs, pid_t pid)
{
	_cleanup_close_ int proc_fd = open_process(fs, pid);
	uint64_t image = 0;

	return proc_fd >= 0 && procfs_image(proc_fd, &image) == 0 ? image : 0;
}

void tool_starts(struct fs *fs, pid_t tid, int fd)
{
	char path[PATH_MAX];

	if (fs->tools.gate_fd < 0) {
		return;
	}
	ssize_t n = readlink(fs_fd_name(fd).text, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	struct tool_started next = { .pid = tool_process(fs, tid) };
	if (loads(&fs->tools, next.pid, path)) {
		return;
	}
	next.kind = program_kind(fd);
	/* Each look into /proc takes its time, and of most tools the loader will tell. */
	if (next.kind != PROGRAM_DYNAMIC || runs_script(&fs->tools, next.pid)) {
		next.image = image_of(fs, next.pid);
	}
	begins(fs, &next, path);
}

/* Appends the SIZE bytes at STRING to what is at *AT. */
static void put(char **at, const char *string, size_t size)
{
	if (size > 0) {
		memcpy(*at, string, size);
		*at += size;
	}
}

/* Tells of STARTED, whose process PROC_FD has become that, NOW its image or 0. False where it
 * can't. */
static bool tell_runs(struct fs *fs, int proc_fd, const struct tool_started *started, uint64_t now)
{
	_cleanup_free_ struct wire_tool_runs *runs = NULL;
	_cleanup_free_ char *cwd = fd_readlink(proc_fd, "cwd");
	/* What a loader was opened for is the file that was told. */
	_cleanup_free_ char *exe = started->image != 0 ? fd_readlink(proc_fd, "exe") : NULL;
	_cleanup_free_ char *args = NULL;
	size_t size;

	if (procfs_args(proc_fd, &args, &size, NULL) < 0) {
		return false;
	}
	size_t path_size = started->path != NULL ? strlen(started->path) + 1 : 0;
	size_t cwd_size = cwd != NULL && strlen(cwd) < PATH_MAX ? strlen(cwd) + 1 : 0;
	size_t exe_size = exe != NULL && strlen(exe) < PATH_MAX ? strlen(exe) + 1 : 0;
	/* The gate may have longer ones from the process itself, if that lives long enough. One
	 * that has written over its own already has none. */
	if (size == 0 || size > WIRE_TOOL_ARGS_MAX || args[size - 1] != '\0' ||
		(runs = malloc(sizeof(*runs) + path_size + cwd_size + exe_size + size)) == NULL) {
		return false;
	}
	*runs = (struct wire_tool_runs){ .image = now,
		.pid = started->pid,
		.lost = atomic_exchange(&fs->tools.lost, 0),
		.path_size = (uint32_t)path_size,
		.cwd_size = (uint32_t)cwd_size,
		.exe_size = (uint32_t)exe_size };
	char *at = runs->strings;

	put(&at, started->path, path_size);
	put(&at, cwd, cwd_size);
	put(&at, exe, exe_size);
	put(&at, args, size);
	tell(fs, WIRE_TOOL_RUNS, runs, (size_t)(at - (char *)runs), args);
	return true;
}

void tool_opens(struct fs *fs, pid_t tid)
{
	uint64_t now = 0;

	if (fs->tools.gate_fd < 0) {
		return;
	}
	/* What was executed has one thread, the process's first. */
	struct tool_started started = recall(fs, tid);
	if (started.pid == 0) {
		return;
	}
	_cleanup_free_ char *path = started.path;
	_cleanup_close_ int proc_fd = open_process(fs, tid);
	/* Of what was only tried the arguments are the process's before. */
	bool runs = proc_fd >= 0 && (started.image == 0 ? started.loaded
							: procfs_image(proc_fd, &now) == 0 &&
								  now != 0 && now != started.image);

	if ((!runs || !tell_runs(fs, proc_fd, &started, now)) && path != NULL) {
		send_started(fs, &started);
	}
}
