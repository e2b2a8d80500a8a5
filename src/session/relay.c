/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/reap.h"
#include "base/log.h"
#include "policy/sandbox.h"
#include "session/child.h"

#define END_TIMEOUT_MS 200

enum poll_slot {
	SLOT_SIGNALS,
	SLOT_INPUT,  /* our own terminal, or our standard input for struct streams */
	SLOT_OUTPUT, /* the pty, or the pipes of struct streams */
	SLOT_ERRORS,
	SLOT_TYPED, /* the pipe of struct streams that takes the input */
	SLOT_NOTICE,
	SLOT_WATCHED,
	SLOT_COUNT = SLOT_WATCHED + RELAY_WATCHED_MAX
};

/* How long an event may wait for more, before it is written. */
#define FLUSH_AFTER_MS 20

/* A recording gave back R. One that can't go on ends here; the session too, where it is required.
 */
static void recorded(struct relay *relay, int r)
{
	if (r == 0 || relay->record_error != 0) {
		return;
	}
	relay->record_error = r;
	if (!relay->record_required) {
		log_warning("the recording %s can't go on: %s", recording_path(relay->recording),
			strerror(-r));
	}
}

static bool is_recording(const struct relay *relay)
{
	return relay->recording != NULL && relay->record_error == 0;
}

/*
 * Copies what is there from FROM to TO, and to the recording: to TO first, so that its reader is at
 * work meanwhile. Read on until nothing is left, since to poll(2) a terminal costs more than to
 * read it. Returns false at the end of either.
 */
static bool copy_some(struct relay *relay, int from, int to)
{
	char buffer[RECORDING_CHUNK_MAX];
	size_t used = 0;
	bool ended = false;

	while (!ended && used < sizeof(buffer)) {
		ssize_t n = read(from, buffer + used, sizeof(buffer) - used);

		if (n <= 0) {
			ended = n == 0 || (errno != EINTR && errno != EAGAIN);
			break;
		}
		ended = fd_write_all(to, buffer + used, (size_t)n) < 0;
		used += (size_t)n;
	}
	if (used > 0 && is_recording(relay)) {
		recorded(relay, recording_output(relay->recording, buffer, used));
	}
	return !ended;
}

/* Where input goes: the pty, a pipe; -1: the child has our own. */
static int input_fd(const struct relay *relay)
{
	if (relay->terminal != NULL) {
		return relay->terminal->master_fd;
	}
	return relay->streams != NULL ? relay->streams->own_fds[STDIN_FILENO] : -1;
}

/* No more comes, or nobody is left to read it. */
static void end_input(struct relay *relay)
{
	relay->n_typed = 0;
	streams_end(relay->streams, STDIN_FILENO);
}

/*
 * Gives the pty or pipe what was typed, as much as it takes. It is never waited for: a tool that
 * draws on a large paste before it reads on would wait for us in turn. At its end, which is told
 * elsewhere, it is forgotten.
 */
static void type(struct relay *relay)
{
	ssize_t n = write(input_fd(relay), relay->typed, relay->n_typed);

	if (n < 0) {
		relay->n_typed = errno == EINTR || errno == EAGAIN ? relay->n_typed : 0;
		return;
	}
	relay->n_typed -= (size_t)n;
	memmove(relay->typed, relay->typed + n, relay->n_typed);
}

/* Takes what the operator has typed. Returns false at the end of our terminal or input. */
static bool take_input(struct relay *relay)
{
	ssize_t n = read(STDIN_FILENO, relay->typed, sizeof(relay->typed));

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return true;
	}
	if (n <= 0) {
		return false;
	}
	if (relay->terminal != NULL && is_recording(relay)) {
		int (*record)(struct recording *, const char *, size_t) =
			terminal_hides_input(relay->terminal) ? recording_hidden_input
							      : recording_input;
		recorded(relay, record(relay->recording, relay->typed, (size_t)n));
	}
	relay->n_typed = (size_t)n;
	type(relay);
	return true;
}

/* What the session wrote before it ended is still in the pty or the pipe FROM. */
static void drain(struct relay *relay, int from, int to)
{
	struct pollfd output = { .fd = from, .events = POLLIN };

	while (from >= 0 && poll(&output, 1, 0) == 1 && (output.revents & POLLIN) != 0 &&
		copy_some(relay, from, to)) {
	}
}

void relay_drain(struct relay *relay)
{
	if (relay->terminal != NULL) {
		drain(relay, relay->terminal->master_fd, STDOUT_FILENO);
	}
	for (int i = STDOUT_FILENO; relay->streams != NULL && i <= STDERR_FILENO; i++) {
		drain(relay, relay->streams->own_fds[i], i);
	}
	for (;;) {
		struct pollfd notice = { .fd = relay->notice_fd, .events = POLLIN };

		if (poll(&notice, 1, 0) != 1 || !is_recording(relay)) {
			return;
		}
		recorded(relay, relay->notice(relay));
	}
}

static int wait_child(struct relay *relay)
{
	int status = 0;

	/* Of a traced one its stops are told too. */
	while (waitpid(relay->child, &status, 0) < 0 ? errno == EINTR : WIFSTOPPED(status)) {
	}
	relay_drain(relay);
	return child_exit_status(status);
}

static int kill_child(struct relay *relay)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, relay->child, 0);

	reap_tree(relay->child, pidfd);
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

static void resize(struct relay *relay)
{
	struct winsize size;

	if (relay->terminal == NULL) {
		return;
	}
	terminal_resize(relay->terminal);
	if (is_recording(relay) && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
		recorded(relay, recording_resize(relay->recording, size.ws_col, size.ws_row));
	}
}

static int watched_ended(const struct relay *relay, size_t i, struct error *err)
{
	return error_set(err, EPIPE, "%s has ended", relay->watched[i].what);
}

/*
 * The child has ended with STATUS. Where it failed, perhaps since something that it needs has
 * ended; where it was killed that may be seen later: the kernel kills all of a container before its
 * init is seen to have ended. Returns 1, or -EPIPE.
 */
static int child_ended(struct relay *relay, int status, int *result, struct error *err)
{
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	bool failed = WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
	struct pollfd watched[RELAY_WATCHED_MAX];

	relay_drain(relay);
	for (size_t i = 0; i < relay->n_watched; i++) {
		watched[i] = (struct pollfd){ .fd = relay->watched[i].fd, .events = POLLIN };
	}
	if (failed && poll(watched, relay->n_watched, killed ? END_TIMEOUT_MS : 0) > 0) {
		for (size_t i = 0; i < relay->n_watched; i++) {
			if (watched[i].revents != 0) {
				return watched_ended(relay, i, err);
			}
		}
	}
	*result = child_exit_status(status);
	return 1;
}

static bool has_ended(struct relay *relay, int *status)
{
	if (relay->observer != NULL) {
		return relay->observer->take(relay->observer, relay->child, status);
	}
	pid_t pid;

	while ((pid = waitpid(relay->child, status, WNOHANG)) < 0 && errno == EINTR) {
	}
	return pid == relay->child;
}

/*
 * Takes one signal. Returns 1 where the session ended (*RESULT is its status), a negative errno
 * where something that it needs did, else 0.
 */
static int take_signal(struct relay *relay, int signal_fd, int *result, struct error *err)
{
	struct signalfd_siginfo info;
	int status;

	if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
		return 0;
	}
	switch (info.ssi_signo) {
	case SIGCHLD:
		if (has_ended(relay, &status)) {
			return child_ended(relay, status, result, err);
		}
		return 0;
	case SIGWINCH:
		resize(relay);
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

	sigemptyset(&set);
	/* Without them its end would never be heard of. */
	if (sigprocmask(SIG_BLOCK, NULL, &set) < 0 || sigismember(&set, SIGCHLD) != 1) {
		return error_set(err, errno != 0 ? errno : EINVAL, "block the session's signals");
	}
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
	slots[SLOT_OUTPUT].fd = tty ? relay->terminal->master_fd : -1;
	if (relay->streams != NULL) {
		slots[SLOT_OUTPUT].fd = relay->streams->own_fds[STDOUT_FILENO];
		slots[SLOT_ERRORS].fd = relay->streams->own_fds[STDERR_FILENO];
	}
	slots[SLOT_NOTICE].fd = relay->notice_fd;
	for (size_t i = 0; i < relay->n_watched; i++) {
		slots[SLOT_WATCHED + i].fd = relay->watched[i].fd;
	}
}

/* What the session prints. At the end of either side nobody holds the other end any more; a pipe is
 * closed, so that who still writes learns of it. */
static void relay_output(struct relay *relay, struct pollfd *slots)
{
	for (int i = 0; i < 2; i++) {
		struct pollfd *slot = &slots[SLOT_OUTPUT + i];

		if (slot->revents != 0 && !copy_some(relay, slot->fd, STDOUT_FILENO + i)) {
			slot->fd = -1;
			if (relay->streams != NULL) {
				streams_end(relay->streams, STDOUT_FILENO + i);
			}
		}
	}
}

/* What the operator types. Returns false where our terminal has hung up. */
static bool relay_input(struct relay *relay, const struct pollfd *slots)
{
	if ((slots[SLOT_TYPED].revents & POLLERR) != 0) {
		end_input(relay);
	} else if (relay->n_typed > 0) {
		type(relay);
	} else if (slots[SLOT_INPUT].revents != 0 && !take_input(relay)) {
		if (relay->terminal != NULL) {
			return false;
		}
		end_input(relay);
	}
	return true;
}

static int wait_for_events(struct relay *relay, struct pollfd *slots)
{
	int input = input_fd(relay);
	short typed = relay->n_typed == 0 ? 0 : POLLOUT;

	/* No more is read of what is typed than the pty or pipe takes. */
	slots[SLOT_INPUT].fd = input >= 0 && typed == 0 ? STDIN_FILENO : -1;
	if (relay->terminal != NULL) {
		slots[SLOT_OUTPUT].events = (short)(POLLIN | typed);
	} else {
		slots[SLOT_TYPED] = (struct pollfd){ .fd = input, .events = typed };
	}
	bool pending = is_recording(relay) && recording_is_pending(relay->recording);
	int n = poll(slots, SLOT_COUNT, pending ? FLUSH_AFTER_MS : -1);

	if (n == 0) {
		recorded(relay, recording_flush(relay->recording));
	}
	return n;
}

/* The first thing that is watched and has ended, or a recording that has to go on and can't: the
 * session ends. Returns 0 or a negative errno. */
static int check_watched(struct relay *relay, const struct pollfd *slots, struct error *err)
{
	if (relay->record_error != 0 && relay->record_required) {
		kill_child(relay);
		return error_set_hint(err, -relay->record_error,
			"the session had to be recorded and was ended",
			"the recording %s can't go on", recording_path(relay->recording));
	}
	for (size_t i = 0; i < relay->n_watched; i++) {
		if (slots[SLOT_WATCHED + i].revents != 0) {
			kill_child(relay);
			return watched_ended(relay, i, err);
		}
	}
	return 0;
}

int relay_run(struct relay *relay, struct error *err)
{
	struct pollfd slots[SLOT_COUNT];
	_cleanup_close_ int signal_fd = open_signals(err);
	int result = 0;

	enum sandbox_program program = relay->observer != NULL ? SANDBOX_TRACER : SANDBOX_FRONT;
	int r = signal_fd < 0 ? signal_fd : sandbox_enter(program, err);
	if (r < 0) {
		kill_child(relay);
		return r;
	}
	fill_slots(relay, slots, signal_fd);
	/* It may have ended before its SIGCHLD could be blocked or kept. */
	kill(getpid(), SIGCHLD);
	for (;;) {
		if (wait_for_events(relay, slots) < 0) {
			continue;
		}
		relay_output(relay, slots);
		if (slots[SLOT_NOTICE].revents != 0) {
			recorded(relay, relay->notice(relay));
			slots[SLOT_NOTICE].fd = relay->notice_fd;
		}
		if (slots[SLOT_SIGNALS].revents != 0) {
			r = take_signal(relay, signal_fd, &result, err);

			if (r != 0) {
				return r < 0 ? r : result;
			}
		}
		if (!relay_input(relay, slots)) {
			kill_child(relay);
			return 128 + SIGHUP;
		}
		r = check_watched(relay, slots, err);
		if (r < 0) {
			return r;
		}
	}
}
