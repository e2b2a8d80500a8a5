/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "session/child.h"

enum poll_slot {
	SLOT_SIGNALS,
	SLOT_INPUT,  /* our own terminal */
	SLOT_OUTPUT, /* the pty */
	SLOT_WATCHED,
	SLOT_COUNT = SLOT_WATCHED + RELAY_WATCHED_MAX
};

/* Copies what is there from FROM to TO. Returns false at the end of either. */
static bool copy_some(int from, int to)
{
	char buffer[16384];
	ssize_t n = read(from, buffer, sizeof(buffer));

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return true;
	}
	return n > 0 && fd_write_all(to, buffer, (size_t)n) == 0;
}

/* What the session wrote before it ended is still in the pty. */
static void drain(const struct terminal *terminal)
{
	struct pollfd output = { .fd = terminal->master_fd, .events = POLLIN };

	while (poll(&output, 1, 0) == 1 && (output.revents & POLLIN) != 0 &&
		copy_some(terminal->master_fd, STDOUT_FILENO)) {
	}
}

static int wait_child(const struct relay *relay)
{
	int status = 0;

	while (waitpid(relay->child, &status, 0) < 0 && errno == EINTR) {
	}
	if (relay->terminal != NULL) {
		drain(relay->terminal);
	}
	return child_exit_status(status);
}

static int kill_child(const struct relay *relay)
{
	kill(relay->child, SIGKILL);
	return wait_child(relay);
}

/* Without a pty the terminal stops us alone: so stop the child, then ourselves, and go on together.
 */
static void stop(const struct relay *relay)
{
	kill(-relay->child, SIGSTOP);
	kill(getpid(), SIGSTOP);
	kill(-relay->child, SIGCONT);
}

/* Takes one signal. Returns 1 where the session ended (*RESULT is its status), else 0. */
static int take_signal(const struct relay *relay, int signal_fd, int *result)
{
	struct signalfd_siginfo info;
	int status;

	if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
		return 0;
	}
	switch (info.ssi_signo) {
	case SIGCHLD:
		if (waitpid(relay->child, &status, WNOHANG) == relay->child) {
			if (relay->terminal != NULL) {
				drain(relay->terminal);
			}
			*result = child_exit_status(status);
			return 1;
		}
		return 0;
	case SIGWINCH:
		if (relay->terminal != NULL) {
			terminal_resize(relay->terminal);
		}
		return 0;
	case SIGTSTP:
		stop(relay);
		return 0;
	case SIGCONT:
		return 0;
	case SIGTERM:
	case SIGHUP:
		if (relay->terminal != NULL) {
			kill_child(relay);
			*result = 128 + (int)info.ssi_signo;
			return 1;
		}
		break;
	default:
		break;
	}
	kill(-relay->child, (int)info.ssi_signo);
	return 0;
}

static int open_signals(struct error *err)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? error_set(err, errno, "signalfd") : fd;
}

static void fill_slots(const struct relay *relay, struct pollfd *slots, int signal_fd)
{
	bool tty = relay->terminal != NULL;

	for (int i = 0; i < SLOT_COUNT; i++) {
		slots[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	}
	slots[SLOT_SIGNALS].fd = signal_fd;
	slots[SLOT_INPUT].fd = tty ? STDIN_FILENO : -1;
	slots[SLOT_OUTPUT].fd = tty ? relay->terminal->master_fd : -1;
	for (size_t i = 0; i < relay->n_watched; i++) {
		slots[SLOT_WATCHED + i].fd = relay->watched[i].fd;
	}
}

int relay_run(struct relay *relay, struct error *err)
{
	struct pollfd slots[SLOT_COUNT];
	_cleanup_close_ int signal_fd = open_signals(err);
	int result = 0;

	if (signal_fd < 0) {
		kill_child(relay);
		return signal_fd;
	}
	fill_slots(relay, slots, signal_fd);
	/* It may have ended before its SIGCHLD could be blocked or kept. */
	kill(getpid(), SIGCHLD);
	for (;;) {
		if (poll(slots, SLOT_COUNT, -1) < 0) {
			continue;
		}
		if (slots[SLOT_OUTPUT].revents != 0 &&
			!copy_some(relay->terminal->master_fd, STDOUT_FILENO)) {
			slots[SLOT_OUTPUT].fd = -1; /* nobody holds the other end any more */
		}
		if (slots[SLOT_SIGNALS].revents != 0 &&
			take_signal(relay, signal_fd, &result) != 0) {
			return result;
		}
		if (slots[SLOT_INPUT].revents != 0 &&
			!copy_some(STDIN_FILENO, relay->terminal->master_fd)) {
			kill_child(relay);
			return 128 + SIGHUP;
		}
		for (size_t i = 0; i < relay->n_watched; i++) {
			if (slots[SLOT_WATCHED + i].revents != 0) {
				kill_child(relay);
				return error_set(
					err, EPIPE, "%s has ended", relay->watched[i].what);
			}
		}
	}
}
