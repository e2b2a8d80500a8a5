/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages as another process may write them, to each of our receivers: by the first byte, the
 * plain ones of either side, what the gate is told of host tools, or what a tool asks for.
 * Whatever comes, what is taken is whole, and no descriptor stays.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "base/wire.h"
#include "gate/gate.h"
#include "gate/resolve.h"
#include "gate/state.h"
#include "session/ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What each of our programs waits for: the type, its size, the descriptors that come along. */
static const struct {
	enum wire_type type;
	size_t size;
	size_t n_fds;
} expected[] = {
	{ WIRE_FS_START, sizeof(struct wire_fs_start), 3 },
	{ WIRE_GATE_START, sizeof(struct wire_gate_start), FD_PASS_MAX },
	{ WIRE_READY, sizeof(struct wire_ready), 0 },
	{ WIRE_ENTER, sizeof(struct wire_enter), 0 },
	{ WIRE_PLAN, sizeof(struct wire_plan), PLAN_FDS_MAX },
	{ WIRE_SESSION, sizeof(struct wire_session), 0 },
	{ WIRE_TRANSITION, sizeof(struct wire_transition), 0 },
	{ WIRE_WHY, sizeof(struct wire_why), STDERR_FILENO + 1 },
	{ WIRE_WHY_ENDED, sizeof(struct wire_why_ended), 0 },
};

/* A message of TYPE and WHOLE bytes, the first of its body those of DATA. With LIES the header says
 * what DATA begins with instead. */
static void *make_message(
	const uint8_t *data, size_t size, enum wire_type type, size_t whole, bool lies)
{
	char *message = calloc(1, whole);
	const struct wire_header header = { .type = type, .length = (uint32_t)whole };
	size_t at = lies ? 0 : sizeof(header);

	memcpy(message, &header, sizeof(header));
	if (whole > at) {
		memcpy(message + at, data, size < whole - at ? size : whole - at);
	}
	return message;
}

static void send_message(int sock, const void *message, size_t size, size_t n_fds)
{
	int fds[FD_PASS_MAX];

	for (size_t i = 0; i < n_fds; i++) {
		fds[i] = STDIN_FILENO;
	}
	if (fd_send(sock, message, size, fds, n_fds) < 0) {
		abort();
	}
}

static bool terminated(const char *string, size_t size)
{
	return memchr(string, '\0', size) != NULL;
}

static void plain(const uint8_t *data, size_t size, const int socks[2])
{
	static union {
		struct wire_fs_start fs;
		struct wire_gate_start gate;
		struct wire_plan plan;
		struct wire_why why;
	} message;
	struct error err = { 0 };
	size_t which = data[0] % ARRAY_SIZE(expected);
	size_t n_fds = data[1] % (FD_PASS_MAX + 1);
	bool lies = (data[2] & 1) != 0;
	size_t whole = data[2] & 2 ? expected[which].size : size;
	int fds[FD_PASS_MAX];

	data += 3;
	size -= 3;
	if (whole < sizeof(struct wire_header)) {
		return;
	}
	_cleanup_free_ void *sent = make_message(data, size, expected[which].type, whole, lies);
	send_message(socks[0], sent, whole, n_fds);
	int n = wire_receive_some(socks[1], expected[which].type, &message, expected[which].size,
		fds, expected[which].n_fds, &err);
	if (n < 0 && (err.code == 0 || !terminated(err.message, sizeof(err.message)))) {
		abort();
	}
	if (n >= 0 && ((size_t)n != n_fds || (size_t)n > expected[which].n_fds ||
			      memcmp(&message, sent, expected[which].size) != 0)) {
		abort();
	}
	for (int i = 0; i < n; i++) {
		close(fds[i]);
	}
}

/* A series of messages, each a length and its bytes. */
static void tools(const uint8_t *data, size_t size, int socks[2])
{
	struct gate gate = { .tools_fd = socks[1] };

	while (size > 4) {
		bool runs = (data[0] & 1) != 0;
		bool lies = (data[0] & 6) == 6;
		size_t n = (size_t)data[1] << 8 | data[2];

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		if (n < sizeof(struct wire_header)) {
			break;
		}
		_cleanup_free_ void *sent =
			make_message(data, n, runs ? WIRE_TOOL_RUNS : WIRE_TOOL, n, lies);
		send_message(socks[0], sent, n, 0);
		data += n;
		size -= n;
		tools_event(&gate);
		if (gate.tools_fd < 0) {
			break;
		}
	}
	tools_end(&gate);
	if (gate.tools != NULL) {
		abort();
	}
	socks[1] = gate.tools_fd;
}

static void enter(const uint8_t *data, size_t size)
{
	struct error err = { 0 };
	struct wire_plan plan;
	char path[PATH_MAX] = "";

	memset(&plan, 0xff, sizeof(plan));
	memcpy(path, data, size < sizeof(path) ? size : sizeof(path) - 1);
	int r = resolve_enter(getpid(), path, &plan, &err);
	if (r == 0 && (!terminated(plan.path, sizeof(plan.path)) || plan.path[0] == '\0' ||
			      !terminated(plan.cwd, sizeof(plan.cwd)))) {
		abort();
	}
	if ((r < 0) != (err.code != 0)) {
		abort();
	}
}

static bool within(const char *string, const void *start, size_t size)
{
	const char *first = start;

	return string >= first && string < first + size &&
	       terminated(string, size - (size_t)(string - first));
}

/* What a tool asks for comes to a command line in which nothing of its own stands for an option. */
static void why(const uint8_t *data, size_t size)
{
	static struct wire_why request;
	static char *argv[ASK_ARGV_MAX + 1];
	char first[] = "sallyport";
	struct session_options options = { .container = "web", .why = { first } };
	struct error err = { 0 };
	size_t given = 0;
	size_t n = 0;

	if (size < sizeof(request.flags) + sizeof(request.n_args) + 1) {
		return;
	}
	memset(&request, data[0], sizeof(request));
	memcpy(&request.flags, data + 1, sizeof(request.flags));
	memcpy(&request.n_args, data + 1 + sizeof(request.flags), sizeof(request.n_args));
	data += 1 + sizeof(request.flags) + sizeof(request.n_args);
	size -= 1 + sizeof(request.flags) + sizeof(request.n_args);
	memcpy(request.cwd, data, size < sizeof(request.cwd) ? size : sizeof(request.cwd));
	memcpy(request.args, data, size < sizeof(request.args) ? size : sizeof(request.args));
	if (ask_command(&options, &request, argv, &err) < 0) {
		return;
	}
	while (argv[n] != NULL && !str_equal(argv[n], "--")) {
		if (str_equal(argv[n], "--workdir") && argv[++n] != request.cwd) {
			abort();
		}
		n++;
	}
	if (argv[n] == NULL || argv[n + 1] != options.container || !str_equal(argv[n + 2], "--") ||
		!terminated(request.cwd, sizeof(request.cwd))) {
		abort();
	}
	for (n += 3; argv[n] != NULL; n++, given++) {
		if (!within(argv[n], request.args, sizeof(request.args))) {
			abort();
		}
	}
	if (given != request.n_args) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int socks[2];

	log_set_level(LOG_QUIET);
	if (size < 5) {
		return 0;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) != 0) {
		abort();
	}
	int first = socks[0];
	switch (data[0] % 5) {
	case 0:
		tools(data + 1, size - 1, socks);
		break;
	case 1:
		enter(data + 1, size - 1);
		break;
	case 4:
		why(data + 1, size - 1);
		break;
	default:
		plain(data + 1, size - 1, socks);
		break;
	}
	close(socks[0]);
	if (socks[1] >= 0) {
		close(socks[1]);
	}
	/* The lowest free one is the first again, where none was left open. */
	_cleanup_close_ int fd = dup(STDIN_FILENO);
	if (fd != first) {
		abort();
	}
	return 0;
}
