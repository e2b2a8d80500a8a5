/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport why
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cap-ng.h>
#include <json-c/json.h>

#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/session.h"
#include "cli/usage.h"
#include "why/why.h"

static const char usage[] =
	"Usage: sallyport why [OPTION...] CONTAINER -- COMMAND [ARG...]\n"
	"\n"
	"Runs COMMAND as `sallyport exec` does, finds each system call that is refused it for want "
	"of "
	"a\n"
	"permission, and says which layer refused it and what would let it pass. To prove that, "
	"COMMAND\n"
	"is run again with one layer of the container's profile lifted, as often as needed: its "
	"input "
	"is\n"
	"empty, and its output is shown once. The status is COMMAND's own.\n"
	"\n"
	"  -t, --type ENGINE           only containers of this engine\n"
	"  -u, --user USER[:GROUP]     as this user of the container's\n"
	"  -w, --workdir DIR           in this directory of the container\n"
	"      --like PID              with the profile of this process of the container\n"
	"      --no-rerun              run COMMAND once only: for one whose effects last\n"
	"      --degraded              go on where a part of the profile can't be copied\n"
	"      --reason TEXT           for the records\n"
	"      --json                  as JSON\n"
	"  -v, --verbose               also what was refused to a command that succeeds\n"
	"  -h, --help                  this text\n";

enum { OPTION_LIKE = 256, OPTION_NO_RERUN, OPTION_DEGRADED, OPTION_REASON, OPTION_JSON };

static const struct option long_options[] = {
	{ "type", required_argument, NULL, 't' },
	{ "user", required_argument, NULL, 'u' },
	{ "workdir", required_argument, NULL, 'w' },
	{ "like", required_argument, NULL, OPTION_LIKE },
	{ "no-rerun", no_argument, NULL, OPTION_NO_RERUN },
	{ "degraded", no_argument, NULL, OPTION_DEGRADED },
	{ "reason", required_argument, NULL, OPTION_REASON },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* More than a few are one cause's. */
#define EXPLAINED_MAX 12

struct request {
	struct options options;
	bool rerun;
	bool json;
	bool verbose;
};

static int take(struct request *request, int option, char *value)
{
	switch (option) {
	case 't':
		request->options.engine = value;
		return -1;
	case 'u':
		request->options.user = value;
		return -1;
	case 'w':
		request->options.session.cwd = value;
		return -1;
	case OPTION_LIKE:
		request->options.like = value;
		return -1;
	case OPTION_NO_RERUN:
		request->rerun = false;
		return -1;
	case OPTION_DEGRADED:
		request->options.session.degraded = true;
		return -1;
	case OPTION_REASON:
		request->options.session.reason = value;
		return -1;
	case OPTION_JSON:
		request->json = true;
		return -1;
	case 'v':
		request->verbose = true;
		return -1;
	case 'h':
		fputs(usage, stdout);
		return 0;
	default:
		return EXIT_OURS;
	}
}

/* Returns -1 where the command shall go on, else the exit status. */
static int parse(struct request *request, int argc, char **argv)
{
	int option;

	*request = (struct request){
		.options = { .command = RULES_WHY, .session.init_pidfd = -1 },
		.rerun = true,
	};
	while ((option = getopt_long(argc, argv, "+:t:u:w:vh", long_options, NULL)) != -1) {
		int status = option == '?' || option == ':'
				     ? usage_wrong_option(option, argv, long_options)
				     : take(request, option, optarg);

		if (status >= 0) {
			return status;
		}
	}
	if (optind >= argc) {
		log_error("why takes a container and a command (see sallyport why --help)");
		return EXIT_OURS;
	}
	request->options.container = argv[optind++];
	if (optind < argc && str_equal(argv[optind], "--")) {
		optind++;
	}
	if (optind >= argc) {
		log_error("why takes a command to run in %s (see sallyport why --help)",
			request->options.container);
		return EXIT_OURS;
	}
	request->options.session.subject = request->options.container;
	request->options.session.argv = argv + optind;
	/* It is given more than the container has: who may do that is the rules' to say. */
	request->options.lifts = request->rerun;
	return -1;
}

static int by_last(const void *a, const void *b)
{
	const struct refusal *x = a;
	const struct refusal *y = b;

	return x->last < y->last ? 1 : x->last > y->last ? -1 : 0;
}

static const char *const certainties[] = {
	[CERTAINTY_GUESS] = "guess",
	[CERTAINTY_EXACT] = "exact",
	[CERTAINTY_PROVEN] = "proven",
};

/* Names and paths are the container's choice. */
static const char *clean(char *out, size_t size, const char *text)
{
	str_escape(out, size, text);
	return out;
}

/* In the form that the engine's operator has at hand. */
static const char *change_of(const struct verdict *v, const char *engine)
{
	return str_equal(engine, "cri") && v->kubernetes[0] != '\0' ? v->kubernetes : v->change;
}

static void print_explanation(FILE *out, const struct explanation *e, const char *engine)
{
	const struct refusal *refusal = e->refusal;
	char text[4 * sizeof(e->verdicts[0].detail)];

	fprintf(out, "\n%s: %s", refusal->call.text, call_error_name(refusal->error));
	fprintf(out, refusal->times > 1 ? " (%s, %u times)\n" : " (%s)\n",
		refusal->comm[0] != '\0' ? clean(text, sizeof(text), refusal->comm) : "?",
		refusal->times);
	for (size_t i = 0; i < e->n_verdicts; i++) {
		const struct verdict *v = &e->verdicts[i];

		fprintf(out, "  %s%s: %s\n", i > 0 ? "behind it, " : "", cause_names[v->cause],
			clean(text, sizeof(text), v->detail));
		if (v->proof[0] != '\0') {
			fprintf(out, "    proven: %s\n", v->proof);
		} else if (v->certainty == CERTAINTY_GUESS) {
			fprintf(out, "    not certain\n");
		}
		const char *change = change_of(v, engine);
		if (change[0] != '\0') {
			fprintf(out, "    change: %s\n", clean(text, sizeof(text), change));
		}
	}
}

static void add_text(struct json_object *object, const char *key, const char *text)
{
	char cleaned[4 * sizeof(((struct verdict *)NULL)->detail)];

	if (text[0] != '\0') {
		json_object_object_add(
			object, key, json_object_new_string(clean(cleaned, sizeof(cleaned), text)));
	}
}

static struct json_object *describe_verdict(const struct verdict *v)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "layer", json_object_new_string(cause_names[v->cause]));
	json_object_object_add(
		object, "certainty", json_object_new_string(certainties[v->certainty]));
	add_text(object, "detail", v->detail);
	add_text(object, "proof", v->proof);
	add_text(object, "change", v->change);
	add_text(object, "kubernetes", v->kubernetes);
	add_text(object, "oci", v->oci);
	if (v->capabilities != 0) {
		struct json_object *list = json_object_new_array();

		for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
			if ((v->capabilities >> cap & 1) != 0) {
				json_object_array_add(list,
					json_object_new_string(capng_capability_to_name(cap)));
			}
		}
		json_object_object_add(object, "capabilities", list);
	}
	return object;
}

static struct json_object *describe(const struct explanation *e)
{
	const struct refusal *refusal = e->refusal;
	struct json_object *object = json_object_new_object();
	struct json_object *verdicts = json_object_new_array();
	char name[64];

	json_object_object_add(object, "syscall",
		json_object_new_string(
			call_name(name, sizeof(name), refusal->call.arch, refusal->call.nr)));
	json_object_object_add(object, "call", json_object_new_string(refusal->call.text));
	json_object_object_add(
		object, "error", json_object_new_string(call_error_name(refusal->error)));
	add_text(object, "path", refusal->call.path);
	add_text(object, "comm", refusal->comm);
	json_object_object_add(object, "times", json_object_new_int64(refusal->times));
	for (size_t i = 0; i < e->n_verdicts; i++) {
		json_object_array_add(verdicts, describe_verdict(&e->verdicts[i]));
	}
	json_object_object_add(object, "refused_by", verdicts);
	json_object_object_add(object, "solved", json_object_new_boolean(e->solved));
	return object;
}

/* What came of it, the last refusal first: that is what most programs end with. */
static void report(const struct request *request, const struct run *run, int status,
	const struct explanation *explanations, size_t n, const char *engine)
{
	size_t others = run->n_refusals - n + run->dropped;

	if (request->json) {
		struct json_object *object = json_object_new_object();
		struct json_object *list = json_object_new_array();

		for (size_t i = 0; i < n; i++) {
			json_object_array_add(list, describe(&explanations[i]));
		}
		json_object_object_add(object, "container",
			json_object_new_string(request->options.session.subject));
		json_object_object_add(object, "status", json_object_new_int(status));
		json_object_object_add(object, "refusals", list);
		json_object_object_add(
			object, "unexplained", json_object_new_int64((int64_t)others));
		puts(json_object_to_json_string_ext(
			object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(object);
		return;
	}
	if (run->n_refusals == 0) {
		printf("status %d: nothing was refused for want of a permission\n", status);
	} else if (n == 0) {
		printf("status %d: it succeeds; what was refused on the way (%zu) did not matter: "
		       "-v "
		       "shows it\n",
			status, others);
	} else if (run->n_refusals == 1) {
		printf("status %d: one call was refused\n", status);
	} else {
		printf("status %d: %u calls were refused, the last first\n", status,
			run->n_refusals);
	}
	for (size_t i = 0; i < n; i++) {
		print_explanation(stdout, &explanations[i], engine);
	}
	if (n > 0 && others > 0) {
		printf("\nand %zu more\n", others);
	}
}

static int run(
	void *data, const struct target *target, const struct profile *profile, struct error *err)
{
	struct request *request = data;
	struct session_options *session = &request->options.session;
	struct question question = { profile, session, request->rerun, NULL };
	static struct explanation explanations[EXPLAINED_MAX];
	struct run *first = NULL;
	size_t n = 0;
	int status = run_program(&first, profile, session, request->json, NULL, err);
	int r = status < 0 ? status : 0;

	session->n_before++;
	if (r == 0 && !first->began) {
		/* It has said why. */
		run_free(first);
		return status;
	}
	if (r == 0) {
		qsort(first->refusals, first->n_refusals, sizeof(first->refusals[0]), by_last);
	}
	question.first = first;
	bool wanted = status != 0 || request->verbose;
	for (; r == 0 && wanted && n < EXPLAINED_MAX && n < first->n_refusals; n++) {
		r = explain(&explanations[n], &question, &first->refusals[n], err);
	}
	if (r == 0) {
		report(request, first, status, explanations, n, target->engine);
	}
	run_free(first);
	if (r == 0 && fflush(stdout) == EOF) {
		r = error_set(err, errno, "write the report");
	}
	return r < 0 ? r : status;
}

int command_why(int argc, char **argv)
{
	struct request request;
	int status = parse(&request, argc, argv);
	const struct cli_action action = { .run = run, .data = &request };

	return status >= 0 ? status : cli_session(&request.options, "why", &action);
}
