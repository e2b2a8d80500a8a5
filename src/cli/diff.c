/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport diff
 */
#include "cli/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "base/wire.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/session.h"
#include "cli/usage.h"

static const char usage[] =
	"Usage: sallyport diff [OPTION...] CONTAINER\n"
	"\n"
	"Starts a probe as `sallyport exec` starts a program, and compares it in every field with "
	"the\n"
	"container's init; its behaviour with what the init's filters say. The status is 0 where "
	"nothing\n"
	"differs without a known cause, 1 where something does.\n"
	"\n"
	"  -t, --type ENGINE           only containers of this engine\n"
	"      --like PID              compare with this process of the container, under its "
	"profile\n"
	"      --via exec|attach       start it directly (default), or through /c of a session\n"
	"      --engine-exec           compare the behaviour with what the engine's own exec "
	"starts\n"
	"      --engine-command CMD    the same, started by CMD, words for /bin/sh; the program to "
	"run\n"
	"                              is added to them\n"
	"      --degraded              go on where a part of the profile can't be copied\n"
	"      --all                   print every row\n"
	"      --json                  as JSON\n"
	"  -h, --help                  this text\n";

enum {
	OPTION_LIKE = 256,
	OPTION_VIA,
	OPTION_ENGINE_EXEC,
	OPTION_ENGINE_COMMAND,
	OPTION_DEGRADED,
	OPTION_ALL,
	OPTION_JSON
};

static const struct option long_options[] = {
	{ "type", required_argument, NULL, 't' },
	{ "like", required_argument, NULL, OPTION_LIKE },
	{ "via", required_argument, NULL, OPTION_VIA },
	{ "engine-exec", no_argument, NULL, OPTION_ENGINE_EXEC },
	{ "engine-command", required_argument, NULL, OPTION_ENGINE_COMMAND },
	{ "degraded", no_argument, NULL, OPTION_DEGRADED },
	{ "all", no_argument, NULL, OPTION_ALL },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct request {
	struct options options;
	bool attach;
	bool engine_exec;
	const char *engine_command;
	bool all;
	bool json;
};

static int take_via(struct request *request, const char *value)
{
	request->attach = str_equal(value, "attach");
	if (!request->attach && !str_equal(value, "exec")) {
		log_error("--via takes exec or attach, not %s (see sallyport diff --help)", value);
		return EXIT_OURS;
	}
	return -1;
}

static int take(struct request *request, int option, char *value)
{
	switch (option) {
	case 't':
		request->options.engine = value;
		return -1;
	case OPTION_LIKE:
		request->options.like = value;
		return -1;
	case OPTION_VIA:
		return take_via(request, value);
	case OPTION_ENGINE_COMMAND:
		request->engine_command = value;
		__attribute__((fallthrough));
	case OPTION_ENGINE_EXEC:
		request->engine_exec = true;
		return -1;
	case OPTION_DEGRADED:
		request->options.session.degraded = true;
		return -1;
	case OPTION_ALL:
		request->all = true;
		return -1;
	case OPTION_JSON:
		request->json = true;
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

	*request =
		(struct request){ .options = { .command = RULES_DIFF, .session.init_pidfd = -1 } };
	while ((option = getopt_long(argc, argv, ":t:h", long_options, NULL)) != -1) {
		int status = option == '?' || option == ':'
				     ? usage_wrong_option(option, argv, long_options)
				     : take(request, option, optarg);

		if (status >= 0) {
			return status;
		}
	}
	if (optind + 1 != argc) {
		log_error("diff takes one container, not %d (see sallyport diff --help)",
			argc - optind);
		return EXIT_OURS;
	}
	request->options.container = argv[optind];
	request->options.session.subject = argv[optind];
	return -1;
}

struct launch {
	const struct profile *profile;
	const struct session_options *options;
	bool attach;
};

/* In diff_start()'s child: the same way as any program of the container's. */
static int start_ours(const void *arg)
{
	const struct launch *launch = arg;
	struct error err = { 0 };
	int status = launch->attach ? session_attach(launch->profile, launch->options, &err)
				    : session_exec(launch->profile, launch->options, &err);

	if (status < 0) {
		log_error("%s", err.message);
		return EXIT_OURS;
	}
	return status;
}

struct engine_launch {
	const struct target *target;
	const char *command;
	char probe[64]; /* the program that our own probe runs, as the container has it */
};

static int start_engines(const void *arg)
{
	const struct engine_launch *launch = arg;
	const struct target *target = launch->target;

	engine_exec(target->engine, target->id != NULL ? target->id : target->name, launch->command,
		launch->probe);
}

/*
 * A file below /c whose execution the gate will catch: the target's own program, which is there as
 * nothing else may be. The probe is then executed in its place.
 */
static int find_trigger(const struct profile *profile, char **path, struct error *err)
{
	_cleanup_free_ char *exe = fd_readlink(profile->proc_fd, "exe");
	_cleanup_free_ char *root = fd_readlink(profile->proc_fd, "root");
	struct stat there;
	struct stat wanted;

	if (exe == NULL || root == NULL || fstatat(profile->proc_fd, "exe", &wanted, 0) < 0) {
		return error_set(err, errno, "find the target's program");
	}
	size_t length = strlen(root);
	const char *inside = length > 1 && str_starts_with(exe, root) ? exe + length : exe;
	_cleanup_close_ int fd = fd_open_in_root(profile->namespaces.root_fd, inside);
	if (fd < 0 || fstat(fd, &there) < 0 || there.st_ino != wanted.st_ino ||
		there.st_dev != wanted.st_dev) {
		return error_set_hint(err, ENOENT, "use --via exec",
			"the target's program %s is not below its root any more", exe);
	}
	*path = str_format("%s%s", WIRE_CONTAINER_PATH, inside);
	return *path != NULL ? 0 : error_set(err, ENOMEM, "find the target's program");
}

static int describe_target(struct facts *facts, const struct profile *profile, struct error *err)
{
	int r = facts_of_process(facts, profile->pid, err);

	if (r < 0) {
		return r;
	}
	facts_of_filters(facts, &profile->seccomp);
	facts_predict(facts, &profile->seccomp);
	return facts_sort(facts, err);
}

static bool have_resource_capability(void)
{
	_cleanup_free_ char *status = NULL;
	_cleanup_close_ int self = procfs_open(getpid(), NULL);
	uint64_t effective = 0;

	return self >= 0 && procfs_status(self, &status, NULL) == 0 &&
	       procfs_field_u64(status, "CapEff", 16, &effective) == 0 &&
	       (effective >> CAP_SYS_RESOURCE & 1) != 0;
}

static int report(const struct request *request, const struct facts *target,
	const struct facts *ours, const struct facts *engine, struct error *err)
{
	struct comparison comparison = {
		.target = target,
		.ours = ours,
		.engine = engine,
		.resource_capability = have_resource_capability(),
	};
	int r = compare_facts(&comparison, err);

	if (r == 0 && request->json) {
		diff_print_json(stdout, &comparison);
	} else if (r == 0) {
		diff_print(stdout, &comparison, request->all);
	}
	if (r == 0 && fflush(stdout) == EOF) {
		r = error_set(err, errno, "write the report");
	}
	int differs = comparison.verdicts[VERDICT_DIFFERS] > 0;
	compare_finish(&comparison);
	return r < 0 ? r : differs;
}

static int run(
	void *data, const struct target *target, const struct profile *profile, struct error *err)
{
	struct request *request = data;
	static char name[] = "sallyport-probe";
	_cleanup_free_ char *trigger = NULL;
	char *argv[] = { name, NULL };
	struct session_options options = request->options.session;
	struct launch ours = { profile, &options, request->attach };
	struct engine_launch engines = { .target = target, .command = request->engine_command };
	struct diff_probe probe = { 0 };
	struct diff_probe other = { 0 };
	struct facts facts = { 0 };
	uint64_t pid_ns = profile->namespaces.ns[NAMESPACE_PID].id.ino;
	_cleanup_close_ int program = diff_program(err);
	int r = program < 0 ? program : 0;

	if (r == 0 && request->attach) {
		r = find_trigger(profile, &trigger, err);
		argv[0] = trigger;
	}
	options.argv = argv;
	options.exec_fd = program;
	/* Before anything else of ours is in the container. */
	if (r == 0) {
		r = describe_target(&facts, profile, err);
	}
	if (r == 0) {
		r = diff_start(&probe, start_ours, &ours, pid_ns, err);
	}
	if (r == 0 && request->engine_exec) {
		snprintf(
			engines.probe, sizeof(engines.probe), "/proc/%d/exe", (int)probe.inner_pid);
		r = diff_start(&other, start_engines, &engines, pid_ns, err);
		if (r < 0) {
			error_wrap(err, "the probe that the engine shall start");
		}
	}
	if (r == 0) {
		r = report(request, &facts, &probe.facts,
			request->engine_exec ? &other.facts : NULL, err);
	}
	diff_stop(&other);
	diff_stop(&probe);
	facts_finish(&facts);
	return r;
}

/* Engines know nothing of our rules, a command of the operator's still less. */
static int check_engine(void *data, const struct target *target, struct error *err)
{
	const struct request *request = data;

	if (request->options.access.rules.in_force) {
		return error_set_hint(err, EACCES, "leave out --engine-exec and --engine-command",
			"the rules of this host are no engine's: it may not be started");
	}
	if (request->engine_command == NULL && !engine_known(target->engine)) {
		return error_set_hint(err, EOPNOTSUPP, "name a command with --engine-command",
			"%s has no exec that we know", target->engine);
	}
	return 0;
}

int command_diff(int argc, char **argv)
{
	struct request request;
	int status = parse(&request, argc, argv);
	const struct cli_action action = {
		.check = request.engine_exec ? check_engine : NULL, .run = run, .data = &request
	};

	return status >= 0 ? status : cli_session(&request.options, "diff", &action);
}
