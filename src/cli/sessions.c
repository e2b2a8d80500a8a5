/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport sessions
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit/registry.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/access.h"
#include "cli/cli.h"
#include "cli/past.h"
#include "cli/usage.h"
#include "cli/verify.h"

#define DEFAULT_LAST 20
#define ID_MIN 4 /* characters of an id that may stand for it */
#define TERM_TIMEOUT_MS 3000
#define KILL_TIMEOUT_MS 5000

static const char usage[] =
	"Usage: sallyport sessions [OPTION...]\n"
	"\n"
	"Prints the sessions that run, and the last ones that have ended or were refused.\n"
	"\n"
	"  -n, --last N    so many of those that don't run (default: 20; all: 0)\n"
	"  -r, --running   only those that run\n"
	"      --json      as a JSON array, with more fields\n"
	"      --kill ID   end the session that runs under this id (4 characters of it are "
	"enough)\n"
	"      --verify    check the journal, line by line; the status is 1 where a record was "
	"changed,\n"
	"                  taken out or moved\n"
	"  -h, --help      this text\n"
	"\n"
	"USER is who logged in (loginuid). Ended ones are told by the journal: "
	"sallyport-journal(5).\n";

enum { OPTION_JSON = 256, OPTION_KILL, OPTION_VERIFY };

static const struct option long_options[] = {
	{ "last", required_argument, NULL, 'n' },
	{ "running", no_argument, NULL, 'r' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "kill", required_argument, NULL, OPTION_KILL },
	{ "verify", no_argument, NULL, OPTION_VERIFY },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct request {
	uint64_t last; /* 0: all */
	bool running;
	bool json;
	const char *kill;
	bool verify;
};

static bool is_running(struct json_object *session)
{
	return str_equal(past_string(session, "state"), "running");
}

static bool is_allowed(const struct access *access, struct json_object *session)
{
	struct rules_container container;
	char **labels;

	past_container(&container, session, &labels);
	bool allowed = access_allows(access, &container);
	free(labels);
	return allowed;
}

/* What is asked for and may be seen of SESSIONS: an array, for json_object_put(). */
static struct json_object *select_sessions(
	struct json_object *sessions, const struct request *request, const struct access *access)
{
	struct json_object *array = json_object_new_array();
	size_t ended = 0;
	size_t skip;

	json_object_object_foreach(sessions, id, session)
	{
		(void)id;
		ended += !is_running(session) && is_allowed(access, session);
	}
	skip = request->last > 0 && ended > request->last ? ended - request->last : 0;
	json_object_object_foreach(sessions, key, one)
	{
		bool running = is_running(one);

		(void)key;
		if ((request->running && !running) || !is_allowed(access, one)) {
			continue;
		}
		if (!running && skip > 0) {
			skip--;
			continue;
		}
		json_object_array_add(array, json_object_get(one));
	}
	return array;
}

/* "running", "exit 3", "refused": how it is or went. */
static const char *outcome(struct json_object *session, char *out, size_t size)
{
	const char *state = past_string(session, "state");
	int64_t status = past_number(session, "status");

	if (!str_equal(state, "ended")) {
		return state;
	}
	snprintf(out, size, status >= 0 ? "exit %lld" : "failed", (long long)status);
	return out;
}

static void print_table(struct json_object *array)
{
	printf("%-12s %-9s %-19s %-12s %-7s %s\n", "ID", "STATE", "STARTED", "USER", "COMMAND",
		"CONTAINER");
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *session = json_object_array_get_idx(array, i);
		const char *engine = past_string(session, "engine");
		const char *container = past_string(session, "container");
		const char *started = past_string(session, "started");
		const char *user = past_string(session, "user");
		const char *command = past_string(session, "command");
		int64_t auid = past_number(session, "auid");
		char number[32] = "unset";
		char room[32];
		char name[512];

		if (auid >= 0) {
			snprintf(number, sizeof(number), "%lld", (long long)auid);
		}
		str_escape(name, sizeof(name), container != NULL ? container : "?");
		printf("%-12.12s %-9s %-19.19s %-12s %-7s %s%s%s\n",
			past_string(session, "session"), outcome(session, room, sizeof(room)),
			started != NULL ? started : "?", user != NULL ? user : number,
			command != NULL ? command : "?", engine != NULL ? engine : "",
			engine != NULL ? " " : "", name);
	}
}

static int list(const struct request *request, struct error *err)
{
	struct access access;
	struct json_object *sessions = NULL;
	int r = access_open(&access, RULES_SESSIONS, err);

	if (r == 0) {
		sessions = past_sessions(err);
		r = sessions == NULL ? -err->code : 0;
	}
	if (r == 0) {
		struct json_object *array = select_sessions(sessions, request, &access);

		if (request->json) {
			puts(json_object_to_json_string_ext(
				array, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
		} else {
			print_table(array);
		}
		json_object_put(array);
	}
	json_object_put(sessions);
	access_finish(&access);
	if (r == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
		return error_set(err, errno, "write the list");
	}
	return r;
}

struct search {
	const char *prefix;
	struct json_object *found; /* owned */
	size_t count;
};

static int look_at(pid_t front, struct json_object *record, void *data)
{
	struct search *search = data;
	const char *id = past_string(record, "session");

	if (id != NULL && str_starts_with(id, search->prefix)) {
		json_object_put(search->found);
		search->found = json_object_get(record);
		search->count++;
	}
	return 0;
}

static bool ends_within(int pidfd, int timeout_ms)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	return poll(&end, 1, timeout_ms) == 1;
}

/* Asks the front first: it writes the session's end. One that can't or won't is killed; its gate
 * ends what it had started. */
static int end_front(const char *id, struct error *err)
{
	pid_t front;
	_cleanup_close_ int pidfd = registry_open_front(id, &front, err);

	if (pidfd < 0) {
		return pidfd;
	}
	syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
	if (ends_within(pidfd, TERM_TIMEOUT_MS)) {
		return 0;
	}
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH) {
		return error_set(err, errno, "kill process %d of session %s", front, id);
	}
	return ends_within(pidfd, KILL_TIMEOUT_MS)
		       ? 0
		       : error_set(err, ETIMEDOUT, "end process %d of session %s", front, id);
}

static int kill_session(const char *prefix, struct error *err)
{
	struct search search = { .prefix = prefix };
	struct rules_container container;
	struct access access;
	char **labels = NULL;
	int r = access_open(&access, RULES_KILL, err);

	if (r == 0 && strlen(prefix) < ID_MIN) {
		r = error_set(err, 0, "--kill wants %d characters of an id or more", ID_MIN);
	}
	if (r == 0) {
		r = registry_each(look_at, &search, err);
	}
	if (r == 0 && search.count != 1) {
		r = error_set_hint(err, 0, "see sallyport sessions --running",
			search.count == 0 ? "no session that runs has the id %s"
					  : "several sessions that run have ids with %s",
			prefix);
	}
	if (r == 0) {
		past_container(&container, search.found, &labels);
		r = access_check_container(&access, &container, err);
	}
	if (r == 0) {
		r = end_front(past_string(search.found, "session"), err);
	}
	if (r == 0) {
		printf("session %s has ended\n", past_string(search.found, "session"));
	}
	free(labels);
	json_object_put(search.found);
	access_finish(&access);
	return r;
}

/* What it prints is of no container: the rules are asked only whether they can be read. */
static int verify(struct error *err)
{
	struct access access;
	int r = access_open(&access, RULES_SESSIONS, err);

	access_finish(&access);
	return r == 0 ? verify_journal(err) : r;
}

static int parse(struct request *request, int argc, char **argv)
{
	int option;

	*request = (struct request){ .last = DEFAULT_LAST };
	while ((option = getopt_long(argc, argv, ":n:rh", long_options, NULL)) != -1) {
		switch (option) {
		case 'n':
			if (str_to_u64(optarg, UINT32_MAX, &request->last) < 0) {
				log_error("--last takes a number, not %s", optarg);
				return EXIT_OURS;
			}
			break;
		case 'r':
			request->running = true;
			break;
		case OPTION_JSON:
			request->json = true;
			break;
		case OPTION_KILL:
			request->kill = optarg;
			break;
		case OPTION_VERIFY:
			request->verify = true;
			break;
		case 'h':
			printf("%s", usage);
			return 0;
		default:
			return usage_wrong_option(option, argv, long_options);
		}
	}
	if (request->verify && argc > 2) {
		log_error(
			"sessions --verify goes with nothing else (see sallyport sessions --help)");
		return EXIT_OURS;
	}
	if (optind != argc) {
		log_error("sessions takes no %s (see sallyport sessions --help)", argv[optind]);
		return EXIT_OURS;
	}
	return -1;
}

int command_sessions(int argc, char **argv)
{
	struct request request;
	struct error err = { 0 };
	int status = parse(&request, argc, argv);

	if (status >= 0) {
		return status;
	}
	int r = request.verify	       ? verify(&err)
		: request.kill != NULL ? kill_session(request.kill, &err)
				       : list(&request, &err);
	if (r < 0) {
		log_error("%s", err.message);
	}
	return r < 0 ? EXIT_OURS : r;
}
