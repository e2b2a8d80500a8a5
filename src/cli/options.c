/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/usage.h"

enum {
	OPTION_LIKE = 256,
	OPTION_SHARE,
	OPTION_HOST_VIEW,
	OPTION_CONTAINER_VIEW,
	OPTION_KEEP_FD,
	OPTION_DEGRADED,
	OPTION_AUDIT,
	OPTION_REASON,
	OPTION_RECORD,
	OPTION_RECORD_INPUT,
	OPTION_WITHOUT,
	OPTION_PLAN,
};

static const struct option long_options[] = {
	{ "type", required_argument, NULL, 't' },
	{ "user", required_argument, NULL, 'u' },
	{ "workdir", required_argument, NULL, 'w' },
	{ "env", required_argument, NULL, 'e' },
	{ "like", required_argument, NULL, OPTION_LIKE },
	{ "keep-fd", required_argument, NULL, OPTION_KEEP_FD },
	{ "degraded", no_argument, NULL, OPTION_DEGRADED },
	{ "audit", required_argument, NULL, OPTION_AUDIT },
	{ "reason", required_argument, NULL, OPTION_REASON },
	{ "record", optional_argument, NULL, OPTION_RECORD },
	{ "record-input", no_argument, NULL, OPTION_RECORD_INPUT },
	{ "without", required_argument, NULL, OPTION_WITHOUT },
	{ "plan", no_argument, NULL, OPTION_PLAN },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	/* of attach alone, below here */
	{ "share", required_argument, NULL, OPTION_SHARE },
	{ "host-view", required_argument, NULL, OPTION_HOST_VIEW },
	{ "container-view", required_argument, NULL, OPTION_CONTAINER_VIEW },
	{ NULL, 0, NULL, 0 },
};

static const char usage_common[] =
	"  -t, --type ENGINE           only containers of this engine\n"
	"  -u, --user USER[:GROUP]     run programs of the container as this user of the "
	"container's\n"
	"  -w, --workdir DIR           in this directory of the container\n"
	"  -e, --env VAR[=VALUE]       with this variable set (without =: to our own value)\n"
	"      --like PID              with the profile of this process of the container, not its "
	"init's\n"
	"      --keep-fd N             pass descriptor N on (besides 0, 1 and 2)\n"
	"      --degraded              go on where a part of the profile can't be copied\n"
	"      --audit MODE            required, journal or off: records, and what to do without\n"
	"      --reason TEXT           why: it stands in every record of the session\n"
	"      --record[=FILE]         record what the session prints (sallyport replay shows it)\n"
	"      --record-input          and what is typed, but for what isn't echoed\n"
	"  -q, --quiet                 errors only\n"
	"  -v, --verbose               say what is done\n"
	"  -h, --help                  this text\n";

static const char usage_attach[] =
	"Usage: sallyport attach [OPTION...] CONTAINER [-- TOOL [ARG...]]\n"
	"\n"
	"Opens your shell, or TOOL, of the host inside the namespaces of CONTAINER (a name, an id "
	"or a\n"
	"pid). The host's files are at /, the container's at /c; what is executed from /c becomes "
	"a\n"
	"process of the container, under its whole security profile.\n"
	"\n"
	"      --share DIR             bind DIR of the host itself (for its sockets)\n"
	"      --host-view rw|ro|native|native-ro\n"
	"                              the host's files: as they are (default), read-only; the\n"
	"                              same without a server between, faster and less guarded\n"
	"      --container-view fuse|native\n"
	"                              /c by a server of ours (default), or the container's own "
	"mounts:\n"
	"                              faster; no symlinks, programs by /.sallyport/enter alone\n";

static const char usage_exec[] =
	"Usage: sallyport exec [OPTION...] CONTAINER [-- CMD [ARG...]]\n"
	"\n"
	"Runs CMD of the container (default: /bin/sh) under its whole security profile.\n"
	"\n"
	"      --without LAYER,...     but for seccomp, caps, no_new_privs, lsm or cgroup\n"
	"      --plan                  start nothing: say which steps this host will refuse\n";

static int wrong(const char *message, const char *value)
{
	log_error("%s%s (see sallyport --help)", message, value);
	return EXIT_OURS;
}

static int add(char **list, size_t *n, char *value, const char *option)
{
	if (*n == OPTIONS_LIST_MAX) {
		return wrong("too many of ", option);
	}
	list[(*n)++] = value;
	return -1;
}

/* Which of WORDS, which NULL ends, VALUE is. Returns -1 with *CHOSEN set, or EXIT_OURS. */
static int choose(const char *option, const char *value, const char *const *words, int *chosen)
{
	char all[128] = "";
	size_t n = 0;

	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(value, words[i]) == 0) {
			*chosen = i;
			return -1;
		}
		const char *before = i == 0 ? "" : words[i + 1] != NULL ? ", " : " or ";
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", before, words[i]);
	}
	log_error("%s takes %s, not %s", option, all, value);
	return EXIT_OURS;
}

static int choose_layers(struct options *o)
{
	struct error err = { 0 };

	if (lifts_parse(o->without, &o->lifted, &err) < 0) {
		log_error("--without: %s", err.message);
		return EXIT_OURS;
	}
	return -1;
}

static int choose_host_view(struct options *o, const char *value)
{
	static const char *const words[] = { "rw", "ro", "native", "native-ro", NULL };
	int chosen = 0;
	int r = choose("--host-view", value, words, &chosen);

	o->host_view_given = true;
	o->session.read_only = chosen % 2 != 0;
	o->session.native_host = chosen >= 2;
	return r;
}

static int choose_container_view(struct options *o, const char *value)
{
	static const char *const words[] = { "fuse", "native", NULL };
	int chosen = 0;
	int r = choose("--container-view", value, words, &chosen);

	o->session.native_view = chosen == 1;
	return r;
}

static int keep_fd(struct session_options *session, const char *value)
{
	uint64_t fd;

	if (str_to_u64(value, INT32_MAX, &fd) < 0 || fcntl((int)fd, F_GETFD) < 0) {
		return wrong("--keep-fd: no open descriptor ", value);
	}
	if (session->n_keep == WIRE_KEEP_FDS_MAX) {
		return wrong("too many of ", "--keep-fd");
	}
	session->keep[session->n_keep++] = (int)fd;
	return -1;
}

static int check_reason(const char *value)
{
	if (strspn(value, " \t\n") == strlen(value)) {
		return wrong("--reason wants some words", "");
	}
	return strlen(value) <= SESSION_REASON_MAX ? -1 : wrong("--reason is too long", "");
}

static int take(struct options *o, int option, char *value, bool views)
{
	switch (option) {
	case 't':
		o->engine = value;
		return -1;
	case 'u':
		o->user = value;
		return -1;
	case 'w':
		o->session.cwd = value;
		return *value == '/' ? -1
				     : wrong("--workdir takes an absolute directory, not ", value);
	case 'e':
		return add(o->env, &o->n_env, value, "--env");
	case 'q':
		log_set_level(LOG_QUIET);
		return -1;
	case 'v':
		log_set_level(LOG_VERBOSE);
		return -1;
	case 'h':
		printf("%s%s", views ? usage_attach : usage_exec, usage_common);
		return 0;
	case OPTION_LIKE:
		o->like = value;
		return -1;
	case OPTION_KEEP_FD:
		return keep_fd(&o->session, value);
	case OPTION_AUDIT:
		o->audit = value;
		return -1;
	case OPTION_DEGRADED:
		o->session.degraded = true;
		return -1;
	case OPTION_REASON:
		o->session.reason = value;
		return check_reason(value);
	case OPTION_RECORD:
		o->session.record.wanted = o->session.record.asked = true;
		o->session.record.file = value;
		return -1;
	case OPTION_RECORD_INPUT:
		o->session.record.wanted = o->session.record.asked = true;
		o->session.record.input = true;
		return -1;
	case OPTION_WITHOUT:
		o->without = value;
		return views ? wrong("attach has no option ", "--without") : choose_layers(o);
	case OPTION_PLAN:
		o->plan = true;
		return views ? wrong("attach has no option ", "--plan") : -1;
	case OPTION_SHARE:
		return views ? add(o->shares, &o->n_shares, value, "--share")
			     : wrong("exec has no option ", "--share");
	case OPTION_HOST_VIEW:
		return views ? choose_host_view(o, value)
			     : wrong("exec has no option ", "--host-view");
	case OPTION_CONTAINER_VIEW:
		return views ? choose_container_view(o, value)
			     : wrong("exec has no option ", "--container-view");
	default:
		return EXIT_OURS;
	}
}

/* What /.sallyport/why runs has the session's profile, and its reason. */
static void set_why(struct session_options *session, const struct options *options)
{
	const struct {
		const char *option, *value;
	} given[] = {
		{ "--type", options->engine },
		{ "--user", options->user },
		{ "--like", options->like },
		{ "--workdir", session->cwd },
		{ "--reason", session->reason },
	};
	size_t n = 0;

	session->why[n++] = (char *)(uintptr_t) "sallyport";
	session->why[n++] = (char *)(uintptr_t) "why";
	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		if (given[i].value != NULL) {
			session->why[n++] = (char *)(uintptr_t)given[i].option;
			session->why[n++] = (char *)(uintptr_t)given[i].value;
		}
	}
	if (session->degraded) {
		session->why[n++] = (char *)(uintptr_t) "--degraded";
	}
	session->why[n] = NULL;
}

int options_parse(struct options *options, int argc, char **argv, bool views)
{
	int option;

	*options = (struct options){
		.command = views ? RULES_ATTACH : RULES_EXEC,
		.session = { .init_pidfd = -1 },
	};
	while ((option = getopt_long(argc, argv, "+:t:u:w:e:qvh", long_options, NULL)) != -1) {
		int status = option == '?' || option == ':'
				     ? usage_wrong_option(option, argv, long_options)
				     : take(options, option, optarg, views);

		if (status >= 0) {
			return status;
		}
	}
	if (optind == argc) {
		return wrong("no container named", "");
	}
	options->container = argv[optind++];
	/* As with docker exec the command may follow without "--". */
	if (optind < argc && strcmp(argv[optind], "--") == 0) {
		optind++;
	}
	options->session.argv = optind < argc ? argv + optind : NULL;
	options->session.shares = options->shares;
	options->session.subject = options->container;
	options->session.container = options->container;
	if (views) {
		set_why(&options->session, options);
	}
	return -1;
}

static int set_variables(struct options *options, struct environment *env, struct error *err)
{
	for (size_t i = 0; i < options->n_env; i++) {
		_cleanup_free_ char *name = strdup(options->env[i]);
		char *equals = name != NULL ? strchr(name, '=') : NULL;

		if (name == NULL) {
			return error_set(err, ENOMEM, "set the environment");
		}
		if (equals != NULL) {
			*equals = '\0';
		}
		const char *value = equals != NULL ? equals + 1 : getenv(name);
		if (*name == '\0') {
			return error_set(err, 0, "--env %s: no name", options->env[i]);
		}
		if (value != NULL && environment_set(env, name, value) < 0) {
			return error_set(err, ENOMEM, "set the environment");
		}
	}
	return 0;
}

static int adjust(struct options *options, struct profile *profile, struct error *err)
{
	const struct namespaces *ns = &profile->namespaces;
	struct credentials *creds = &profile->credentials;
	uint32_t inside = creds->euid;
	bool own = true;

	if (options->user != NULL) {
		int r = credentials_set_user(creds, ns->root_fd, &ns->uid_map, &ns->gid_map,
			options->user, NULL, NULL, err);

		if (r < 0) {
			return error_wrap(err, "--user %s", options->user);
		}
		/* What the init was given beyond its uid is not this user's. */
		own = creds->euid == inside && strchr(options->user, ':') == NULL;
		if (creds->euid != inside) {
			profile->capabilities.ambient = 0;
		}
	}
	bool mapped = id_map_to_inside(&ns->uid_map, creds->euid, &inside) == 0;
	int r = access_check_uid(&options->access, inside, own, err);
	if (r < 0) {
		return r;
	}
	if (mapped && environment_set_home(&profile->environment, ns->root_fd, inside) < 0) {
		return error_set(err, ENOMEM, "set the environment");
	}
	return set_variables(options, &profile->environment, err);
}

/* What the operator asks for, by the terms of the rule that lets him. */
static int check_access(struct options *options, struct target *target, struct error *err)
{
	struct session_options *session = &options->session;
	const struct rules_wish wish = {
		.host_view_given = options->host_view_given,
		/* A tool may undo what a mount's flags say, not what a server refuses. */
		.host_view =
			session->read_only && !session->native_host ? RULES_VIEW_RO : RULES_VIEW_RW,
		.like = options->like != NULL,
		.degraded = session->degraded || options->lifts,
		.without = options->without != NULL,
		.shares = options->shares,
		.reason = session->reason,
	};
	int r = access_check(&options->access, target, err);

	if (r == 0) {
		r = access_check_wish(&options->access, &wish, err);
	}
	const struct rule *rule = options->access.rule;
	if (r < 0 || rule == NULL) {
		return r;
	}
	if (rule->terms.host_view == RULES_VIEW_RO) {
		session->read_only = true;
	}
	if (rule->terms.record) {
		session->record.wanted = true;
		session->record.ruled = true;
		session->record.required = true;
		session->record.input = session->record.input || rule->terms.record_input;
		session->record.input_required = rule->terms.record_input;
	}
	return 0;
}

/* What is lifted stands in the records, or nothing is run. */
static int check_lifts(struct options *options, const struct profile *profile, struct error *err)
{
	char text[256];
	char note[320];
	int r = lifts_check(&options->lifted, profile, err);

	if (r < 0) {
		return r;
	}
	snprintf(note, sizeof(note), "exec: the program is run %s",
		lift_describe(text, sizeof(text), &options->lifted));
	log_info("%s", note);
	return audit_degraded(options->session.trail, note, err);
}

int options_capture(
	struct options *options, struct target *target, struct profile *profile, struct error *err)
{
	char warning[1024];
	pid_t pid;
	uint64_t start_time;
	int r = session_check_host(err);

	if (r == 0) {
		r = access_open(&options->access, options->command, err);
	}
	if (r == 0) {
		r = target_resolve(target, options->container, options->engine, err);
	}
	if (r == 0) {
		r = check_access(options, target, err);
	}
	if (target->name != NULL && options->trail != NULL) {
		cli_trail_describe(options->trail, target);
	}
	if (r < 0) {
		return r;
	}
	options->session.subject = target->name;
	log_set_subject(target->name);
	if (target->paused) {
		return error_set_hint(err, EBUSY, "unpause it first",
			"the container is paused: whoever joins its cgroup stops");
	}
	pid = target->pid;
	start_time = target->start_time;
	options->session.init_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (options->like != NULL) {
		r = target_like(target, options->like, &pid, &start_time, err);
	}
	if (r == 0) {
		r = profile_capture(profile, pid, start_time, err);
	}
	if (r == 0) {
		r = session_check(
			profile, options->session.degraded, warning, sizeof(warning), err);
	}
	if (r < 0) {
		return r;
	}
	if (options->trail != NULL) {
		cli_trail_label(options->trail, profile);
	}
	if (warning[0] != '\0') {
		log_warning("%s", warning);
		r = audit_degraded(options->session.trail, warning, err);
		if (r < 0 && trail_required(options->session.trail)) {
			return r;
		}
	}
	if (options->without != NULL) {
		r = check_lifts(options, profile, err);
	}
	return r < 0 ? r : adjust(options, profile, err);
}

void options_finish(struct options *options)
{
	if (options != NULL) {
		access_finish(&options->access);
	}
}
