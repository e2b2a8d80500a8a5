/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sallyport-fs: sets a view up as its front says, and serves it until either end is gone. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "fs/fs.h"
#include "policy/sandbox.h"

#define DESCRIPTORS_MAX 20000
#define DESCRIPTORS_RESERVE 160 /* threads, their pipes, and what else is open */

/* How many idle descriptors the inodes may keep: half, the rest is for open files. */
static size_t descriptor_budget(void)
{
	size_t limit = fd_raise_limit();
	size_t all = limit < DESCRIPTORS_MAX ? limit : DESCRIPTORS_MAX;

	return all > 4 * DESCRIPTORS_RESERVE ? all / 2 - DESCRIPTORS_RESERVE : all / 8;
}

static int open_proc(struct fs *fs, struct error *err)
{
	fs->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fs->self_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fs->proc_fd < 0 || fs->self_fd < 0 || fchdir(fs->self_fd) != 0) {
		return error_set(err, errno, "open /proc");
	}
	return 0;
}

static int set_up(struct fs *fs, struct error *err, int *device_fd)
{
	static struct wire_fs_start start;
	int fds[] = { -1, -1, -1 };
	int n = wire_receive_some(
		WIRE_SOCKET_FD, WIRE_FS_START, &start, sizeof(start), fds, ARRAY_SIZE(fds), err);

	if (n < 0 || fds[1] < 0) {
		return n < 0 ? n : error_set(err, EPROTO, "receive the view's descriptors");
	}
	*device_fd = fds[0];
	fs->root_fd = fds[1];
	tool_init(fs, fds[2]);
	xattr_init(fs);
	int r = open_proc(fs, err);
	if (r == 0) {
		r = sandbox_enter(SANDBOX_FS, err);
	}
	if (r == 0) {
		r = fs_init(fs, &start, descriptor_budget(), err);
	}
	if (r == 0 && passthrough_begin(fs, *device_fd) != 0) {
		r = error_set(err, 0, "the FUSE library refuses to start");
	}
	return r;
}

/* The front may mount only when it knows that we are up; until then the device can't be read. */
static void wait_mounted(int device_fd)
{
	struct pollfd fds[] = { { .fd = WIRE_SOCKET_FD, .events = POLLIN },
		{ .fd = device_fd, .events = POLLIN } };
	char byte;

	for (;;) {
		fds[1].revents = 0;
		poll(&fds[1], 1, 0);
		if (!(fds[1].revents & POLLERR)) {
			return;
		}
		if (poll(&fds[0], 1, 2) > 0) {
			/* Its end, or its first word, which it has when it has mounted. */
			if (recv(WIRE_SOCKET_FD, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
				_exit(0);
			}
			return;
		}
	}
}

/*
 * The second view's server is made of the first, before either has been told anything: a fork
 * costs less than another start. It's the front's child, as we are, and alone knows its
 * number as the front would have it.
 */
static void make_twin(void)
{
	struct error err = { 0 };
	struct wire_born born;
	long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid < 0) {
		error_set(&err, errno, "clone");
		wire_send_failed(WIRE_TWIN_FD, WIRE_FAILED, &err);
	}
	if (pid == 0) {
		born.pid = getpid();
		if (dup2(WIRE_TWIN_FD, WIRE_SOCKET_FD) < 0 ||
			wire_send(WIRE_SOCKET_FD, WIRE_BORN, &born, sizeof(born), NULL, 0) < 0) {
			_exit(1);
		}
	}
	close(WIRE_TWIN_FD);
}

static void ignore_signals(void)
{
	static const int signals[] = { SIGINT, SIGHUP, SIGTERM, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN,
		SIGTTOU };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		signal(signals[i], SIG_IGN);
	}
}

int main(int argc, char **argv)
{
	static struct fs fs;
	struct error err = { 0 };
	struct wire_ready ready;
	struct wire_session session;
	int device_fd = -1;

	prctl(PR_SET_DUMPABLE, 0);
	if (argc > 1 && strcmp(argv[1], WIRE_TWIN) == 0) {
		make_twin();
	}
	/* One for each thread is dear to make, and what one thread takes another gives back. */
	mallopt(M_ARENA_MAX, 1);
	ignore_signals();
	umask(0);
	int r = set_up(&fs, &err, &device_fd);

	if (r == 0) {
		r = lock_init(&fs, &err);
	}
	if (r == 0) {
		tool_watch(&fs);
		watch_start(&fs);
	}
	if (r < 0) {
		wire_send_failed(WIRE_SOCKET_FD, WIRE_FAILED, &err);
		return 1;
	}
	if (wire_send(WIRE_SOCKET_FD, WIRE_READY, &ready, sizeof(ready), NULL, 0) < 0) {
		return 1;
	}
	wait_mounted(device_fd);
	r = loop_start(&fs);
	if (r < 0) {
		log_error("start a thread: %s", strerror(-r));
		_exit(1);
	}
	/* Nothing more is expected from the front but its end, which is ours. */
	do {
		r = wire_receive(
			WIRE_SOCKET_FD, WIRE_SESSION, &session, sizeof(session), NULL, 0, &err);
		if (r == 0) {
			identity_know_session(&fs.identity, &session.mnt);
		}
	} while (r == 0 || r == -EINTR);
	_exit(0);
}
