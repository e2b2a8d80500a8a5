/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport list
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/str.h"
#include "cli/access.h"
#include "cli/cli.h"
#include "cli/usage.h"
#include "lsm/lsm.h"
#include "target/target.h"

static const char usage[] =
	"Usage: sallyport list [OPTION...]\n"
	"\n"
	"Prints the running containers of this host, those of every engine, each once.\n"
	"\n"
	"  -t, --type ENGINE   only those of this engine\n"
	"  -a, --all           stopped ones too\n"
	"      --json          as a JSON array, with more fields\n"
	"  -h, --help          this text\n"
	"\n"
	"USER is the user namespace: the host's or its own. SECCOMP is mode/number of filters.\n"
	"\n"
	"Engines: ";

/* What /proc tells of a running container's init. */
struct facts {
	bool known; /* else the process is gone, or its status can't be read */
	uint64_t seccomp_mode;
	uint64_t seccomp_filters;
	const char *user_ns;	       /* "host", "own"; NULL where it can't be read */
	char label[2 * LSM_LABEL_MAX]; /* "" where no LSM labels processes */
};

static const char *compare_user_ns(int proc_fd)
{
	_cleanup_close_ int self = procfs_open(getpid(), NULL);
	struct ns_id theirs;
	struct ns_id ours;

	if (self < 0 || procfs_ns_id(self, "user", &ours, NULL) < 0 ||
		procfs_ns_id(proc_fd, "user", &theirs, NULL) < 0) {
		return NULL;
	}
	return ns_id_equal(&theirs, &ours) ? "host" : "own";
}

static void look(struct facts *facts, const struct target *t)
{
	_cleanup_close_ int proc_fd = t->pid != 0 ? procfs_open(t->pid, NULL) : -1;
	_cleanup_free_ char *status = NULL;
	struct lsm_labels labels;
	uint64_t start_time;

	*facts = (struct facts){ 0 };
	/* The pid may be another's since the container was found. */
	if (proc_fd < 0 || procfs_start_time(proc_fd, &start_time, NULL) < 0 ||
		start_time != t->start_time || procfs_status(proc_fd, &status, NULL) < 0) {
		return;
	}
	facts->known = true;
	procfs_field_u64(status, "Seccomp", 10, &facts->seccomp_mode);
	procfs_field_u64(status, "Seccomp_filters", 10, &facts->seccomp_filters);
	facts->user_ns = compare_user_ns(proc_fd);
	if (lsm_capture(&labels, proc_fd, NULL) == 0) {
		lsm_describe(facts->label, sizeof(facts->label), &labels);
	}
}

enum column {
	COLUMN_ENGINE,
	COLUMN_NAME,
	COLUMN_PID,
	COLUMN_USER,
	COLUMN_SECCOMP,
	COLUMN_LABEL,
	COLUMN_IMAGE,
	COLUMNS
};

struct row {
	char cells[COLUMNS][512];
};

static const struct row titles = {
	{ "ENGINE", "NAME", "PID", "USER", "SECCOMP", "LSM", "IMAGE" },
};

/* Names, labels and images are whatever a container or its image's author chose. */
static void set_cell(struct row *row, enum column column, const char *text)
{
	str_escape(row->cells[column], sizeof(row->cells[column]),
		text != NULL && *text != '\0' ? text : "-");
}

static void fill_row(struct row *row, const struct target *t)
{
	struct facts facts;
	char text[64];

	look(&facts, t);
	set_cell(row, COLUMN_ENGINE, t->engine);
	set_cell(row, COLUMN_NAME, t->name);
	set_cell(row, COLUMN_USER, facts.known && facts.user_ns == NULL ? "?" : facts.user_ns);
	set_cell(row, COLUMN_LABEL, facts.label);
	set_cell(row, COLUMN_IMAGE, t->image);
	snprintf(text, sizeof(text), "%d%s", (int)t->pid, t->paused ? " (paused)" : "");
	set_cell(row, COLUMN_PID, t->pid != 0 ? text : NULL);
	snprintf(text, sizeof(text), "%u/%u", (unsigned int)facts.seccomp_mode,
		(unsigned int)facts.seccomp_filters);
	set_cell(row, COLUMN_SECCOMP, facts.known ? text : NULL);
}

static void print_row(const struct row *row, const int *widths)
{
	for (int c = 0; c < COLUMNS - 1; c++) {
		printf("%-*s  ", widths[c], row->cells[c]);
	}
	printf("%s\n", row->cells[COLUMNS - 1]);
}

/* Columns are as wide as what stands in them; bytes and characters are taken for the same. */
static bool print_table(const struct target_list *list, bool all)
{
	_cleanup_free_ struct row *rows = calloc(list->count + 1, sizeof(*rows));
	int widths[COLUMNS] = { 0 };
	size_t n = 0;

	if (rows == NULL) {
		return false;
	}
	rows[n++] = titles;
	for (size_t i = 0; i < list->count; i++) {
		if (list->targets[i].pid != 0 || all) {
			fill_row(&rows[n++], &list->targets[i]);
		}
	}
	for (size_t i = 0; i < n; i++) {
		for (int c = 0; c < COLUMNS; c++) {
			int width = (int)strlen(rows[i].cells[c]);

			widths[c] = width > widths[c] ? width : widths[c];
		}
	}
	for (size_t i = 0; i < n; i++) {
		print_row(&rows[i], widths);
	}
	return true;
}

/* JSON is UTF-8, and what a container chose need not be. */
static void add_string(struct json_object *object, const char *key, const char *value)
{
	char escaped[2 * LSM_LABEL_MAX];

	if (value != NULL) {
		str_escape(escaped, sizeof(escaped), value);
	}
	json_object_object_add(object, key, value != NULL ? json_object_new_string(escaped) : NULL);
}

static void add_number(struct json_object *object, const char *key, bool known, uint64_t value)
{
	json_object_object_add(object, key, known ? json_object_new_uint64(value) : NULL);
}

static struct json_object *describe(const struct target *t)
{
	struct json_object *object = json_object_new_object();
	bool running = t->pid != 0;
	struct facts facts;

	look(&facts, t);
	add_string(object, "engine", t->engine);
	add_string(object, "name", t->name);
	add_string(object, "id", t->id);
	add_string(object, "image", t->image);
	add_number(object, "owner", true, t->owner);
	json_object_object_add(object, "running", json_object_new_boolean(running));
	json_object_object_add(object, "paused", json_object_new_boolean(t->paused));
	add_number(object, "pid", running, (uint64_t)t->pid);
	add_number(object, "start_time", running, t->start_time);
	add_string(object, "user_namespace", facts.user_ns);
	add_number(object, "seccomp_mode", facts.known, facts.seccomp_mode);
	add_number(object, "seccomp_filters", facts.known, facts.seccomp_filters);
	add_string(object, "lsm_label", facts.label[0] != '\0' ? facts.label : NULL);
	return object;
}

static void print_json(const struct target_list *list, bool all)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < list->count; i++) {
		if (list->targets[i].pid != 0 || all) {
			json_object_array_add(array, describe(&list->targets[i]));
		}
	}
	puts(json_object_to_json_string_ext(
		array, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(array);
}

struct list_options {
	const char *engine;
	bool all;
	bool json;
};

/* Returns -1 where the command shall go on, else the exit status. */
static int parse(struct list_options *out, int argc, char **argv)
{
	static const struct option options[] = { { "type", required_argument, NULL, 't' },
		{ "all", no_argument, NULL, 'a' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int option;

	*out = (struct list_options){ 0 };
	while ((option = getopt_long(argc, argv, ":t:ah", options, NULL)) != -1) {
		switch (option) {
		case 't':
			out->engine = optarg;
			break;
		case 'a':
			out->all = true;
			break;
		case 'j':
			out->json = true;
			break;
		case 'h':
			printf("%s%s\n", usage, target_engines());
			return 0;
		default:
			return usage_wrong_option(option, argv, options);
		}
	}
	if (optind < argc) {
		log_error("list takes no container, but got %s (see sallyport list --help)",
			argv[optind]);
		return EXIT_OURS;
	}
	return -1;
}

/*
 * The containers that the rules let the operator see. By what the first engine tells of each, so
 * that what is refused by one engine's name is not shown by another's.
 */
static int list_allowed(struct target_list *list, const struct access *access, const char *engine,
	char **warnings, struct error *err)
{
	bool ruled = access->rules.in_force;
	int r = target_list(list, ruled ? NULL : engine, warnings, err);
	size_t kept = 0;

	for (size_t i = 0; r == 0 && ruled && i < list->count; i++) {
		struct target *target = &list->targets[i];

		if (access_shows(access, target) &&
			(engine == NULL || str_equal(target->engine, engine))) {
			list->targets[kept++] = *target;
		} else {
			target_finish(target);
		}
	}
	if (r == 0 && ruled) {
		list->count = kept;
	}
	return r;
}

int command_list(int argc, char **argv)
{
	struct list_options options;
	_cleanup_free_ char *warnings = NULL;
	struct target_list list;
	struct access access;
	struct error err = { 0 };
	char *save = NULL;
	int status = parse(&options, argc, argv);

	if (status >= 0) {
		return status;
	}
	int r = access_open(&access, RULES_LIST, &err);
	if (r == 0) {
		r = list_allowed(&list, &access, options.engine, &warnings, &err);
	}
	access_finish(&access);
	if (r < 0) {
		log_error("%s", err.message);
		return EXIT_OURS;
	}
	for (char *line = warnings != NULL ? strtok_r(warnings, "\n", &save) : NULL; line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		log_warning("%s", line);
	}
	if (geteuid() != 0) {
		log_warning("not root: containers of the system and of other users can be missing, "
			    "\"?\" could not be read");
	}
	status = 0;
	if (options.json) {
		print_json(&list, options.all);
	} else if (!print_table(&list, options.all)) {
		log_error("out of memory");
		status = EXIT_OURS;
	}
	target_list_finish(&list);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_error("write the list: %m");
		status = EXIT_OURS;
	}
	return status;
}
