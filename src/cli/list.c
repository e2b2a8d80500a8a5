/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport list
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/str.h"
#include "cli/cli.h"
#include "target/target.h"

static const char usage[] = "Usage: sallyport list [OPTION...]\n"
			    "\n"
			    "Prints the containers of this host.\n"
			    "\n"
			    "  -t, --type ENGINE   only those of this engine\n"
			    "  -a, --all           stopped ones too\n"
			    "      --json          as JSON\n"
			    "  -h, --help          this text\n";

/* What /proc tells of a running container's init. */
struct facts {
	uint64_t seccomp_mode;
	uint64_t seccomp_filters;
	bool own_user_ns;
};

static struct facts look(pid_t pid)
{
	struct facts facts = { 0 };
	_cleanup_close_ int proc_fd = procfs_open(pid, NULL);
	_cleanup_free_ char *status = NULL;
	struct stat own;
	struct ns_id user;

	if (proc_fd < 0 || procfs_status(proc_fd, &status, NULL) < 0) {
		return facts;
	}
	procfs_field_u64(status, "Seccomp", 10, &facts.seccomp_mode);
	procfs_field_u64(status, "Seccomp_filters", 10, &facts.seccomp_filters);
	facts.own_user_ns = stat("/proc/self/ns/user", &own) == 0 &&
			    procfs_ns_id(proc_fd, "user", &user, NULL) == 0 &&
			    (user.dev != own.st_dev || user.ino != own.st_ino);
	return facts;
}

static const char *shown(char *out, size_t size, const char *s)
{
	str_escape(out, size, s != NULL ? s : "-");
	return out;
}

static void print_row(const struct target *t)
{
	struct facts facts = t->pid != 0 ? look(t->pid) : (struct facts){ 0 };
	char name[256];
	char image[512];
	char seccomp[48] = "-";
	char pid[16] = "-";

	if (t->pid != 0) {
		snprintf(pid, sizeof(pid), "%d", (int)t->pid);
		snprintf(seccomp, sizeof(seccomp), "%u/%u", (unsigned int)facts.seccomp_mode,
			(unsigned int)facts.seccomp_filters);
	}
	printf("%-11s %-24s %7s  %-5s %-8s %s\n", t->engine, shown(name, sizeof(name), t->name),
		pid,
		t->pid == 0	    ? "-"
		: facts.own_user_ns ? "own"
				    : "host",
		seccomp, shown(image, sizeof(image), t->image));
}

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, value != NULL ? json_object_new_string(value) : NULL);
}

static struct json_object *describe(const struct target *t)
{
	struct facts facts = t->pid != 0 ? look(t->pid) : (struct facts){ 0 };
	struct json_object *object = json_object_new_object();

	add_string(object, "engine", t->engine);
	add_string(object, "name", t->name);
	add_string(object, "id", t->id);
	add_string(object, "image", t->image);
	json_object_object_add(object, "running", json_object_new_boolean(t->pid != 0));
	if (t->pid != 0) {
		json_object_object_add(object, "pid", json_object_new_int(t->pid));
		json_object_object_add(object, "start_time", json_object_new_uint64(t->start_time));
		json_object_object_add(
			object, "own_user_namespace", json_object_new_boolean(facts.own_user_ns));
		json_object_object_add(
			object, "seccomp_mode", json_object_new_uint64(facts.seccomp_mode));
		json_object_object_add(
			object, "seccomp_filters", json_object_new_uint64(facts.seccomp_filters));
	}
	return object;
}

static void print_list(const struct target_list *list, bool all, bool json)
{
	struct json_object *array = json ? json_object_new_array() : NULL;

	if (!json) {
		printf("%-11s %-24s %7s  %-5s %-8s %s\n", "ENGINE", "NAME", "PID", "USER",
			"SECCOMP", "IMAGE");
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct target *t = &list->targets[i];

		if (t->pid == 0 && !all) {
			continue;
		}
		if (json) {
			json_object_array_add(array, describe(t));
		} else {
			print_row(t);
		}
	}
	if (json) {
		puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY));
		json_object_put(array);
	}
}

int command_list(int argc, char **argv)
{
	static const struct option options[] = { { "type", required_argument, NULL, 't' },
		{ "all", no_argument, NULL, 'a' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *engine = NULL;
	_cleanup_free_ char *warnings = NULL;
	struct target_list list;
	struct error err = { 0 };
	bool all = false;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "t:ah", options, NULL)) != -1) {
		switch (option) {
		case 't':
			engine = optarg;
			break;
		case 'a':
			all = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return EXIT_OURS;
		}
	}
	if (target_list(&list, engine, &warnings, &err) < 0) {
		log_error("%s", err.message);
		return EXIT_OURS;
	}
	char *save = NULL;
	for (char *line = warnings != NULL ? strtok_r(warnings, "\n", &save) : NULL; line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		log_warning("%s", line);
	}
	print_list(&list, all, json);
	target_list_finish(&list);
	return 0;
}
