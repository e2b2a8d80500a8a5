/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport inspect
 */
#include "cli/inspect.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/access.h"
#include "cli/cli.h"
#include "cli/usage.h"

static const char usage[] =
	"Usage: sallyport inspect [OPTION...] CONTAINER\n"
	"\n"
	"Prints the whole security profile of a container: all that a program started in it "
	"inherits.\n"
	"\n"
	"  -t, --type ENGINE   only containers of this engine\n"
	"      --like PID      of this process of the container, not of its init\n"
	"      --json          as JSON\n"
	"  -h, --help          this text\n";

enum { OPTION_LIKE = 256, OPTION_JSON };

struct request {
	const char *engine;
	const char *like;
	const char *container;
	bool json;
};

/* Returns -1 where the command shall go on, else the exit status. */
static int parse(struct request *request, int argc, char **argv)
{
	static const struct option options[] = { { "type", required_argument, NULL, 't' },
		{ "like", required_argument, NULL, OPTION_LIKE },
		{ "json", no_argument, NULL, OPTION_JSON }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, ":t:h", options, NULL)) != -1) {
		switch (option) {
		case 't':
			request->engine = optarg;
			break;
		case OPTION_LIKE:
			request->like = optarg;
			break;
		case OPTION_JSON:
			request->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return usage_wrong_option(option, argv, options);
		}
	}
	if (optind + 1 != argc) {
		log_error("inspect takes one container, not %d (see sallyport inspect --help)",
			argc - optind);
		return EXIT_OURS;
	}
	request->container = argv[optind];
	return -1;
}

static int print(
	const struct target *target, const struct profile *profile, bool json, struct error *err)
{
	struct json_object *report = inspect_describe(target, profile, err);

	if (report == NULL) {
		return -err->code;
	}
	if (json) {
		puts(json_object_to_json_string_ext(
			report, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	} else {
		inspect_print(stdout, report);
	}
	json_object_put(report);
	if (fflush(stdout) == EOF) {
		return error_set(err, errno, "write the report");
	}
	return 0;
}

static int inspect(const struct request *request, struct target *target, struct error *err)
{
	struct profile profile;
	pid_t pid = target->pid;
	uint64_t start_time = target->start_time;

	if (request->like != NULL) {
		int r = target_like(target, request->like, &pid, &start_time, err);

		if (r < 0) {
			return r;
		}
	}
	int r = profile_capture(&profile, pid, start_time, err);
	if (r == 0) {
		r = print(target, &profile, request->json, err);
	}
	profile_finish(&profile);
	return r;
}

static int check_access(struct access *access, const struct request *request, struct target *target,
	struct error *err)
{
	const struct rules_wish wish = { .like = request->like != NULL };
	int r = access_check(access, target, err);

	return r < 0 ? r : access_check_wish(access, &wish, err);
}

int command_inspect(int argc, char **argv)
{
	struct request request = { 0 };
	struct target target = { 0 };
	struct access access;
	struct error err = { 0 };
	int status = parse(&request, argc, argv);

	if (status >= 0) {
		return status;
	}
	int r = access_open(&access, RULES_INSPECT, &err);
	if (r == 0) {
		r = target_resolve(&target, request.container, request.engine, &err);
	}
	if (r == 0) {
		r = check_access(&access, &request, &target, &err);
	}
	if (r == 0) {
		log_set_subject(target.name);
		r = inspect(&request, &target, &err);
	}
	access_finish(&access);
	if (r < 0) {
		log_error("%s", err.message);
	}
	log_set_subject(NULL);
	target_finish(&target);
	return r < 0 ? EXIT_OURS : 0;
}
