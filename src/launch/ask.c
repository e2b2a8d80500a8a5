/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "launch/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "base/wire.h"

#define USAGE "usage: " WIRE_WHY_PATH " [--json] [--no-rerun] [--verbose] [--] COMMAND [ARG...]"

/* Takes the options from *ARGV, which is COMMAND's then. */
static int take_options(struct wire_why *request, char ***argv, struct error *err)
{
	static const struct {
		const char *name, *letter;
		uint32_t flag;
	} options[] = {
		{ "--verbose", "-v", WIRE_WHY_VERBOSE },
		{ "--json", "--json", WIRE_WHY_JSON },
		{ "--no-rerun", "--no-rerun", WIRE_WHY_NO_RERUN },
	};

	for (; **argv != NULL && (**argv)[0] == '-'; (*argv)++) {
		uint32_t flag = 0;

		if (str_equal(**argv, "--")) {
			(*argv)++;
			break;
		}
		for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
			if (str_equal(**argv, options[i].name) ||
				str_equal(**argv, options[i].letter)) {
				flag = options[i].flag;
			}
		}
		if (flag == 0) {
			return error_set_hint(err, 0, USAGE, "no option %.64s", **argv);
		}
		request->flags |= flag;
	}
	return **argv != NULL ? 0 : error_set_hint(err, 0, USAGE, "no program named");
}

static int fill_in(struct wire_why *request, char **argv, struct error *err)
{
	char cwd[PATH_MAX];
	size_t used = 0;
	int r = take_options(request, &argv, err);

	if (r < 0) {
		return r;
	}
	const char *own = getcwd(cwd, sizeof(cwd)) != NULL ? wire_inside(cwd) : NULL;
	if (own != NULL) {
		strcpy(request->cwd, own);
	}
	for (; *argv != NULL; argv++) {
		own = request->n_args == 0 ? wire_inside(*argv) : NULL;
		const char *arg = own != NULL ? own : *argv;
		size_t size = strlen(arg) + 1;

		if (size > sizeof(request->args) - used) {
			return error_set_hint(err, E2BIG, "run sallyport why outside the session",
				"pass more than %d bytes of arguments on", WIRE_WHY_ARGS_MAX);
		}
		memcpy(request->args + used, arg, size);
		used += size;
		request->n_args++;
	}
	return 0;
}

/* Something is at each of 0, 1 and 2. */
static void open_missing(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0) {
			open("/dev/null", O_RDWR);
		}
	}
}

int ask_why(int argc, char **argv, struct error *err)
{
	static struct wire_why request;
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = WIRE_ASK_PATH };
	const int fds[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	struct wire_why_ended ended;

	open_missing();
	int r = fill_in(&request, argv + (argc > 0), err);
	if (r < 0) {
		return r;
	}
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
		return error_set_hint(err, errno, errno == EACCES ? "run it as root" : NULL,
			"connect to %s", WIRE_ASK_PATH);
	}
	r = wire_send(sock, WIRE_WHY, &request, sizeof(request), fds, ARRAY_SIZE(fds));
	if (r < 0) {
		return error_set(err, -r, "ask for sallyport why");
	}
	r = wire_receive(sock, WIRE_WHY_ENDED, &ended, sizeof(ended), NULL, 0, err);
	return r < 0 ? r : ended.status & 0xff;
}
