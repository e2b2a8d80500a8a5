/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tool.h"

#include <errno.h>
#include <fcntl.h>
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
#include "base/str.h"
#include "fs/fs.h"

void tool_init(struct fs *fs, int gate_fd)
{
	fs->tools.gate_fd = gate_fd;
	pthread_mutex_init(&fs->tools.lock, NULL);
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

/* The process of the thread TID. FUSE names threads, and another than the first one is gone once it
 * has executed something. */
static pid_t process_of(int proc_fd, pid_t tid)
{
	_cleanup_free_ char *status = NULL;
	uint64_t tgid;

	/* No signal is sent: is it the first thread of a process of this number? */
	if (syscall(SYS_tgkill, tid, tid, 0) == 0 || errno != ESRCH) {
		return tid;
	}
	if (procfs_status(proc_fd, &status, NULL) < 0 ||
		procfs_field_u64(status, "Tgid", 10, &tgid) < 0) {
		return tid;
	}
	return (pid_t)tgid;
}

static bool is_loader(const char *path)
{
	const char *name = strrchr(path, '/');

	return name != NULL && (str_starts_with(name, "/ld-") || str_starts_with(name, "/ld.so"));
}

/*
 * PID, now IMAGE, opens PATH, which is a SCRIPT or not, to execute it. One execve opens up to three
 * files: a script, its interpreter, the loader. True where it's the first of them.
 */
static bool begins(struct tools *tools, pid_t pid, uint64_t image, const char *path, bool script)
{
	bool first = true;

	pthread_mutex_lock(&tools->lock);
	struct tool_started *started = &tools->started[pid % TOOLS_STARTED];

	if (started->pid == pid && started->image == image) {
		first = !started->script && !is_loader(path);
	}
	if (first || started->script) {
		*started = (struct tool_started){ .pid = pid, .image = image, .script = script };
	}
	pthread_mutex_unlock(&tools->lock);
	return first;
}

/* What PID was before it was about to execute something; 0: it wasn't. It is forgotten then. */
static uint64_t recall(struct tools *tools, pid_t pid)
{
	uint64_t image = 0;

	pthread_mutex_lock(&tools->lock);
	if (tools->started[pid % TOOLS_STARTED].pid == pid) {
		tools->started[pid % TOOLS_STARTED].pid = 0;
		image = tools->started[pid % TOOLS_STARTED].image;
	}
	pthread_mutex_unlock(&tools->lock);
	return image;
}

/* True where TID has begun to execute something, not a script: a loader is that one's then. Nearly
 * every tool has one, so that no more is looked at. */
static bool has_begun(struct tools *tools, pid_t tid)
{
	pthread_mutex_lock(&tools->lock);
	const struct tool_started *started = &tools->started[tid % TOOLS_STARTED];
	bool begun = started->pid == tid && !started->script;
	pthread_mutex_unlock(&tools->lock);
	return begun;
}

void tool_starts(struct fs *fs, pid_t tid, int fd)
{
	struct wire_tool tool;
	char magic[2];

	if (fs->tools.gate_fd < 0) {
		return;
	}
	ssize_t n = readlink(fs_fd_name(fd).text, tool.path, sizeof(tool.path) - 1);
	tool.path[n > 0 ? n : 0] = '\0';
	if (is_loader(tool.path) && has_begun(&fs->tools, tid)) {
		return;
	}
	_cleanup_close_ int proc_fd = open_process(fs, tid);
	if (proc_fd < 0) {
		return; /* it was killed */
	}
	tool.pid = process_of(proc_fd, tid);
	bool script = pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
		      memcmp(magic, "#!", sizeof(magic)) == 0;
	if (procfs_image(proc_fd, &tool.image) < 0) {
		tool.image = 0;
	}
	if (!begins(&fs->tools, tool.pid, tool.image, tool.path, script)) {
		return;
	}
	tool.lost = atomic_exchange(&fs->tools.lost, 0);
	tell(fs, WIRE_TOOL, &tool, offsetof(struct wire_tool, path) + strlen(tool.path) + 1,
		tool.path);
}

/* Appends the SIZE bytes at STRING to what is at *AT. */
static void put(char **at, const char *string, size_t size)
{
	if (size > 0) {
		memcpy(*at, string, size);
		*at += size;
	}
}

static void tell_runs(struct fs *fs, int proc_fd, pid_t pid, uint64_t image)
{
	_cleanup_free_ struct wire_tool_runs *runs = NULL;
	_cleanup_free_ char *cwd = fd_readlink(proc_fd, "cwd");
	_cleanup_free_ char *exe = fd_readlink(proc_fd, "exe");
	_cleanup_free_ char *args = NULL;
	size_t size;

	if (procfs_args(proc_fd, &args, &size, NULL) < 0) {
		return;
	}
	size_t cwd_size = cwd != NULL && strlen(cwd) < PATH_MAX ? strlen(cwd) + 1 : 0;
	size_t exe_size = exe != NULL && strlen(exe) < PATH_MAX ? strlen(exe) + 1 : 0;
	/* The gate may have longer ones from the process itself, if that lives long enough. One
	 * that has written over its own already has none. */
	if (size == 0 || size > WIRE_TOOL_ARGS_MAX || args[size - 1] != '\0' ||
		(runs = malloc(sizeof(*runs) + cwd_size + exe_size + size)) == NULL) {
		return;
	}
	*runs = (struct wire_tool_runs){ .image = image,
		.pid = pid,
		.cwd_size = (uint32_t)cwd_size,
		.exe_size = (uint32_t)exe_size };
	char *at = runs->strings;

	put(&at, cwd, cwd_size);
	put(&at, exe, exe_size);
	put(&at, args, size);
	tell(fs, WIRE_TOOL_RUNS, runs, (size_t)(at - (char *)runs), args);
}

void tool_opens(struct fs *fs, pid_t tid)
{
	uint64_t now;

	if (fs->tools.gate_fd < 0) {
		return;
	}
	/* What was executed has one thread, the process's first. */
	uint64_t before = recall(&fs->tools, tid);
	_cleanup_close_ int proc_fd = before != 0 ? open_process(fs, tid) : -1;

	if (proc_fd >= 0 && procfs_image(proc_fd, &now) == 0 && now != 0 && now != before) {
		tell_runs(fs, proc_fd, tid, now);
	}
}
