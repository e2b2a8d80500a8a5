/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/inspect.h"

#define WIDTH 78
#define MARGIN 22 /* where values begin */

static struct json_object *get(struct json_object *object, const char *key)
{
	return json_object_object_get(object, key);
}

static const char *text(struct json_object *object, const char *key)
{
	const char *s = json_object_get_string(get(object, key));

	return s == NULL ? "-" : s;
}

static bool is_true(struct json_object *object, const char *key)
{
	return json_object_get_boolean(get(object, key));
}

/* The report quotes what the container chose: nothing of it may move the cursor. */
static void put_escaped(FILE *out, const char *s)
{
	size_t size = 4 * strlen(s) + 1;
	_cleanup_free_ char *shown = malloc(size);

	if (shown != NULL) {
		str_escape(shown, size, s);
		fputs(shown, out);
	}
}

static void heading(FILE *out, const char *title)
{
	fprintf(out, "%s\n", title);
}

static void line(FILE *out, const char *label, const char *value)
{
	fprintf(out, "  %-*s", MARGIN - 2, label);
	put_escaped(out, value);
	fputc('\n', out);
}

/* The strings of ARRAY after LABEL, broken at the page's width. */
static void list(FILE *out, const char *label, struct json_object *array)
{
	size_t count = json_object_array_length(array);
	size_t column = MARGIN;

	fprintf(out, "  %-*s", MARGIN - 2, label);
	for (size_t i = 0; i < count; i++) {
		const char *s = json_object_get_string(json_object_array_get_idx(array, i));

		if (column > MARGIN && column + 1 + strlen(s) > WIDTH) {
			fprintf(out, "\n%*s", MARGIN, "");
			column = MARGIN;
		}
		if (column > MARGIN) {
			fputc(' ', out);
			column++;
		}
		put_escaped(out, s);
		column += strlen(s);
	}
	fputs(count == 0 ? "-\n" : "\n", out);
}

static void print_target(FILE *out, struct json_object *target)
{
	heading(out, "Target");
	line(out, "name", text(target, "name"));
	line(out, "engine", text(target, "engine"));
	line(out, "id", text(target, "id"));
	line(out, "image", text(target, "image"));
	fprintf(out, "  %-*s%s (in the container %s)%s%s\n", MARGIN - 2, "pid", text(target, "pid"),
		text(target, "inner_pid"),
		is_true(target, "is_init") ? "" : ", not the container's init",
		is_true(target, "paused") ? ", paused" : "");
	line(out, "LSM label", get(target, "label") == NULL ? "none" : text(target, "label"));
}

static void print_namespaces(FILE *out, struct json_object *namespaces)
{
	heading(out, "Namespaces");
	json_object_object_foreach(namespaces, name, ns)
	{
		if (ns == NULL) {
			line(out, name, "not in this kernel");
			continue;
		}
		fprintf(out, "  %-*s%-12s%s\n", MARGIN - 2, name, text(ns, "inode"),
			is_true(ns, "shared_with_host") ? "shared with the host" : "its own");
	}
}

static void print_map(FILE *out, const char *label, struct json_object *map)
{
	size_t count = json_object_array_length(map);

	for (size_t i = 0; i < count; i++) {
		struct json_object *range = json_object_array_get_idx(map, i);

		fprintf(out, "  %-*s%s to %s on the host, %s of them\n", MARGIN - 2,
			i == 0 ? label : "", text(range, "inside"), text(range, "outside"),
			text(range, "count"));
	}
}

static void print_cgroups(FILE *out, struct json_object *cgroups)
{
	heading(out, "Control groups");
	for (size_t i = 0; i < json_object_array_length(cgroups); i++) {
		struct json_object *one = json_object_array_get_idx(cgroups, i);

		line(out, text(one, "hierarchy"), text(one, "path"));
	}
}

static void print_ids(FILE *out, const char *label, struct json_object *ids)
{
	fprintf(out, "  %-*s%s (in the container %s)", MARGIN - 2, label, text(ids, "effective"),
		get(ids, "in_container") == NULL ? "none" : text(ids, "in_container"));
	static const char *const others[] = { "real", "saved", "filesystem" };
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (!str_equal(text(ids, others[i]), "-") &&
			json_object_get_uint64(get(ids, others[i])) !=
				json_object_get_uint64(get(ids, "effective"))) {
			fprintf(out, ", %s %s", others[i], text(ids, others[i]));
		}
	}
	fputc('\n', out);
}

static void print_credentials(FILE *out, struct json_object *c)
{
	heading(out, "Credentials");
	print_ids(out, "uid", get(c, "uid"));
	print_ids(out, "gid", get(c, "gid"));
	list(out, "groups", get(c, "groups"));
	line(out, "umask", text(c, "umask"));
	line(out, "personality", text(c, "personality"));
	line(out, "working directory", text(c, "working_directory"));
	if (is_true(c, "thp_disabled")) {
		line(out, "huge pages", "transparent ones disabled");
	}
	if (get(c, "store_bypass") != NULL) {
		line(out, "store bypass", text(c, "store_bypass"));
	}
	if (get(c, "indirect_branches") != NULL) {
		line(out, "indirect branches", text(c, "indirect_branches"));
	}
}

static void print_capabilities(FILE *out, struct json_object *report)
{
	struct json_object *sets = get(report, "capabilities");

	heading(out, "Capabilities");
	json_object_object_foreach(sets, name, set)
	{
		if (is_true(set, "full")) {
			line(out, name, "all");
		} else {
			list(out, name, get(set, "names"));
		}
	}
	line(out, "no_new_privs", is_true(report, "no_new_privs") ? "set" : "not set");
}

static void print_filters(FILE *out, struct json_object *filters)
{
	for (size_t i = 0; i < json_object_array_length(filters); i++) {
		struct json_object *filter = json_object_array_get_idx(filters, i);
		bool logs = json_object_array_length(get(filter, "flags")) > 0;

		fprintf(out, "  filter %-*zu%s instructions, fingerprint %s%s%s\n", MARGIN - 9,
			i + 1, text(filter, "instructions"), text(filter, "fingerprint"),
			logs ? ", logs" : "",
			is_true(filter, "user_notif") ? ", asks a supervisor (can't be copied)"
						      : "");
	}
}

static void print_conditional(FILE *out, struct json_object *syscalls)
{
	for (size_t i = 0; i < json_object_array_length(syscalls); i++) {
		struct json_object *one = json_object_array_get_idx(syscalls, i);
		struct json_object *actions = get(one, "actions");

		fprintf(out, "    %-*s", MARGIN - 4, text(one, "syscall"));
		for (size_t k = 0; k < json_object_array_length(actions); k++) {
			fprintf(out, "%s%s", k == 0 ? "" : " or ",
				json_object_get_string(json_object_array_get_idx(actions, k)));
		}
		fputc('\n', out);
	}
}

static void print_survey(FILE *out, struct json_object *survey)
{
	struct json_object *actions = get(survey, "actions");
	struct json_object *conditional = get(survey, "by_arguments");

	if (is_true(survey, "uniform")) {
		fprintf(out, "  %-*s%s, whatever the system call\n", MARGIN - 2,
			text(survey, "architecture"), text(survey, "default"));
		return;
	}
	fprintf(out, "  %-*sby default %s\n", MARGIN - 2, text(survey, "architecture"),
		text(survey, "default"));
	for (size_t i = 0; i < json_object_array_length(actions); i++) {
		struct json_object *group = json_object_array_get_idx(actions, i);
		char label[80];

		/* The usual answer is the long list; the page tells what departs from it. */
		if (str_equal(text(group, "action"), text(survey, "default"))) {
			continue;
		}
		snprintf(label, sizeof(label), "  %s (%zu)", text(group, "action"),
			json_object_array_length(get(group, "syscalls")));
		list(out, label, get(group, "syscalls"));
	}
	if (json_object_array_length(conditional) > 0) {
		fputs("    by its arguments:\n", out);
		print_conditional(out, conditional);
	}
}

static void print_seccomp(FILE *out, struct json_object *seccomp)
{
	struct json_object *surveys = get(seccomp, "architectures");
	uint64_t stopped = json_object_get_uint64(get(seccomp, "stopped_ns"));

	heading(out, "Seccomp");
	line(out, "mode", text(seccomp, "mode"));
	if (is_true(seccomp, "threads_differ")) {
		line(out, "threads", "not all have the same filters; these are the first one's");
	}
	if (stopped > 0) {
		fprintf(out, "  %-*s%.1f ms, to read them\n", MARGIN - 2, "target stopped for",
			(double)stopped / 1e6);
	}
	print_filters(out, get(seccomp, "filters"));
	for (size_t i = 0; i < json_object_array_length(surveys); i++) {
		print_survey(out, json_object_array_get_idx(surveys, i));
	}
}

static void print_limits(FILE *out, struct json_object *limits)
{
	heading(out, "Limits (soft, hard)");
	json_object_object_foreach(limits, name, one)
	{
		fprintf(out, "  %-*s%-20s %s\n", MARGIN - 2, name,
			get(one, "soft") == NULL ? "unlimited" : text(one, "soft"),
			get(one, "hard") == NULL ? "unlimited" : text(one, "hard"));
	}
}

static void print_scheduling(FILE *out, struct json_object *s)
{
	heading(out, "Scheduling");
	fprintf(out, "  %-*s%s, nice %s, real-time priority %s%s\n", MARGIN - 2, "policy",
		text(s, "policy"), text(s, "nice"), text(s, "realtime_priority"),
		is_true(s, "reset_on_fork") ? ", reset on fork" : "");
	fprintf(out, "  %-*s%s, level %s\n", MARGIN - 2, "I/O", text(s, "io_class"),
		text(s, "io_level"));
	list(out, "processors", get(s, "processors"));
	line(out, "oom_score_adj", text(s, "oom_score_adj"));
	line(out, "timer slack (ns)", text(s, "timer_slack_ns"));
	line(out, "core dump filter", text(s, "coredump_filter"));
}

static void print_environment(FILE *out, struct json_object *environment)
{
	heading(out, "Environment");
	for (size_t i = 0; i < json_object_array_length(environment); i++) {
		fputs("  ", out);
		put_escaped(out, json_object_get_string(json_object_array_get_idx(environment, i)));
		fputc('\n', out);
	}
}

void inspect_print(FILE *out, struct json_object *report)
{
	print_target(out, get(report, "target"));
	print_namespaces(out, get(report, "namespaces"));
	if (json_object_array_length(get(report, "uid_map")) > 0) {
		heading(out, "User namespace");
		print_map(out, "uids", get(report, "uid_map"));
		print_map(out, "gids", get(report, "gid_map"));
	}
	print_cgroups(out, get(report, "cgroups"));
	print_credentials(out, get(report, "credentials"));
	print_capabilities(out, report);
	print_seccomp(out, get(report, "seccomp"));
	print_limits(out, get(report, "limits"));
	print_scheduling(out, get(report, "scheduling"));
	print_environment(out, get(report, "environment"));
}
