/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "session/mounts.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41) /* ioctl_tty(2), Linux 4.13 */
#endif

bool terminal_wanted(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* The multiplexer of the devpts DIR_FD. What it is was chosen by the container: checked before it
 * is opened. */
static int open_ptmx(int dir_fd, struct error *err)
{
	struct stat st;

	if (fstatat(dir_fd, "ptmx", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return error_set(err, errno, "look at the container's /dev/pts/ptmx");
	}
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2)) {
		return error_set_hint(err, ENODEV, "without a terminal it works: </dev/null",
			"the container's /dev/pts/ptmx makes no terminals");
	}
	/* The front holds the other end too until the session runs: no read may wait for that one.
	 */
	int fd = openat(dir_fd, "ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "open /dev/pts/ptmx") : fd;
}

static int new_devpts(struct error *err)
{
	const struct mount_option options[] = {
		{ "source", "devpts" },
		{ "mode", "0620" },
		{ "gid", "5" }, /* tty, on every distribution we know */
		{ "ptmxmode", "0666" },
		{ NULL, NULL },
	};

	return mounts_new("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
}

int terminal_open(struct terminal *terminal, int pts_fd, uid_t uid, struct error *err)
{
	int unlocked = 0;

	*terminal = (struct terminal){ .master_fd = -1, .slave_fd = -1, .devpts_fd = -1 };
	if (pts_fd < 0) {
		terminal->devpts_fd = new_devpts(err);
		if (terminal->devpts_fd < 0) {
			return terminal->devpts_fd;
		}
		pts_fd = terminal->devpts_fd;
	}
	terminal->master_fd = open_ptmx(pts_fd, err);
	if (terminal->master_fd < 0) {
		return terminal->master_fd;
	}
	if (ioctl(terminal->master_fd, TIOCSPTLCK, &unlocked) < 0) {
		return error_set(err, errno, "unlock the pty");
	}
	/* By the master, not by a name: the names belong to the container. */
	terminal->slave_fd = ioctl(terminal->master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal->slave_fd < 0) {
		return error_set(err, errno, "open the pty's other end");
	}
	if (fchown(terminal->slave_fd, uid, (gid_t)-1) < 0) {
		return error_set(err, errno, "give the pty to uid %u", uid);
	}
	terminal_resize(terminal);
	return 0;
}

void terminal_resize(const struct terminal *terminal)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
		ioctl(terminal->master_fd, TIOCSWINSZ, &size);
	}
}

int terminal_become(const struct terminal *terminal, struct error *err)
{
	if (ioctl(terminal->slave_fd, TIOCSCTTY, 0) < 0) {
		return error_set(err, errno, "make the pty the controlling terminal");
	}
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (dup2(terminal->slave_fd, fd) < 0) {
			return error_set(err, errno, "dup2");
		}
	}
	return 0;
}

void terminal_started(struct terminal *terminal)
{
	struct termios raw;

	close(terminal->slave_fd);
	terminal->slave_fd = -1;
	if (tcgetattr(STDIN_FILENO, &terminal->saved) < 0) {
		return;
	}
	raw = terminal->saved;
	cfmakeraw(&raw);
	terminal->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

bool terminal_hides_input(const struct terminal *terminal)
{
	struct termios now;

	/* The master tells the modes of the other end. */
	if (tcgetattr(terminal->master_fd, &now) < 0) {
		return true;
	}
	/*
	 * Who edits a line takes each key, and the Enter key as it comes or, as zsh does, swapped
	 * with ^J. Who asks for a password key by key (mysql, systemd-ask-password, sudo with
	 * pwfeedback) leaves that alone; so do less and busybox's shell, whose input is not
	 * recorded then: what there is to see of it is in the output.
	 */
	bool edits = (now.c_lflag & ICANON) == 0 && (now.c_iflag & (ICRNL | INLCR)) != ICRNL;
	return (now.c_lflag & ECHO) == 0 && !edits;
}

void terminal_finish(struct terminal *terminal)
{
	if (terminal == NULL) {
		return;
	}
	if (terminal->raw) {
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->saved);
		terminal->raw = false;
	}
	cleanup_close(&terminal->master_fd);
	cleanup_close(&terminal->slave_fd);
	cleanup_close(&terminal->devpts_fd);
	terminal->master_fd = terminal->slave_fd = terminal->devpts_fd = -1;
}
