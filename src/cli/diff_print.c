/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/diff.h"

#include <json-c/json.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define COLUMN 24
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

/* Fields that come in numbers: one line tells of those that are as they should be. */
static const struct {
	const char *prefix;
	const char *what;
} groups[] = {
	{ "status.", "fields of /proc/PID/status" },
	{ "ns.", "namespaces" },
	{ "limit.", "limits" },
	{ "environ.", "variables" },
	{ "sched.", "scheduling" },
	{ "seccomp.", "filters, byte for byte" },
	{ "attr.", "labels" },
	{ "syscall.", "system calls" },
	{ "can.", "things to try" },
	{ "self.", "things to ask of oneself" },
	{ "access.", "files of the container" },
	{ "list.", "directories" },
	{ "device.", "devices" },
};

static const char *const verdicts[VERDICTS] = {
	[VERDICT_SAME] = "same",
	[VERDICT_EXPECTED] = "differs, expected",
	[VERDICT_DIFFERS] = "DIFFERS",
	[VERDICT_UNCOMPARED] = "not compared",
};

static const char *const bases[] = {
	[BASIS_TARGET] = "target",
	[BASIS_FILTER] = "target's filters",
	[BASIS_ENGINE] = "engine",
	[BASIS_NONE] = "",
};

/* "syscall.165 (mount)" */
static void name_row(const struct row *row, char *out, size_t size)
{
	char *name = NULL;

	if (str_starts_with(row->key, "syscall.")) {
		name = seccomp_syscall_resolve_num_arch(
			SCMP_ARCH_X86_64, atoi(row->key + strlen("syscall.")));
	}
	if (name != NULL) {
		snprintf(out, size, "%s (%s)", row->key, name);
	} else {
		str_escape(out, size, row->key);
	}
	free(name);
}

/* What two values first differ in is what is to be seen of them. */
static size_t first_difference(const struct row *row)
{
	const char *other = row->basis == BASIS_ENGINE ? row->engine : row->target;
	size_t n = 0;

	if (other == NULL || row->ours == NULL || row->verdict == VERDICT_SAME) {
		return 0;
	}
	while (other[n] != '\0' && other[n] == row->ours[n]) {
		n++;
	}
	return n > COLUMN / 2 ? n - COLUMN / 2 : 0;
}

static void print_value(FILE *out, const char *value, size_t from)
{
	char text[4 * 256];
	char cut[4 * COLUMN + 1];

	if (value == NULL) {
		fprintf(out, "%-*s  ", COLUMN, "-");
		return;
	}
	size_t length = strlen(value);
	const char *start = from < length ? value + from : value + length;
	snprintf(cut, sizeof(cut), "%s%.*s%s", from > 0 ? ".." : "", COLUMN - 4, start,
		strlen(start) > COLUMN - 4 ? ".." : "");
	str_escape(text, sizeof(text), cut);
	fprintf(out, "%-*s  ", COLUMN, text);
}

static void print_row(FILE *out, const struct comparison *c, const struct row *row)
{
	char name[256];
	size_t from = first_difference(row);

	name_row(row, name, sizeof(name));
	fprintf(out, "%-32s  ", name);
	print_value(out, row->target, from);
	print_value(out, row->ours, from);
	if (c->engine != NULL) {
		print_value(out, row->engine, from);
	}
	fprintf(out, "%s%s%s\n", verdicts[row->verdict], row->because != NULL ? ": " : "",
		row->because != NULL ? row->because : "");
}

static int group_of(const char *key)
{
	for (size_t i = 0; i < GROUPS; i++) {
		if (str_starts_with(key, groups[i].prefix)) {
			return (int)i;
		}
	}
	return -1;
}

static void print_groups(FILE *out, const size_t counts[][VERDICTS])
{
	for (size_t i = 0; i < GROUPS; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s*", groups[i].prefix);
		if (counts[i][VERDICT_SAME] > 0) {
			fprintf(out, "%-32s  %zu %s: same\n", name, counts[i][VERDICT_SAME],
				groups[i].what);
		}
		if (counts[i][VERDICT_UNCOMPARED] > 0) {
			fprintf(out, "%-32s  %zu %s: not compared without --engine-exec\n", name,
				counts[i][VERDICT_UNCOMPARED], groups[i].what);
		}
	}
}

void diff_print(FILE *out, const struct comparison *c, bool all)
{
	size_t counts[GROUPS][VERDICTS] = { 0 };

	fprintf(out, "%-32s  %-*s  %-*s  ", "FIELD", COLUMN, "TARGET", COLUMN, "OURS");
	if (c->engine != NULL) {
		fprintf(out, "%-*s  ", COLUMN, "ENGINE'S");
	}
	fprintf(out, "VERDICT\n");
	for (size_t i = 0; i < c->count; i++) {
		const struct row *row = &c->rows[i];
		int group = group_of(row->key);
		bool quiet = row->verdict == VERDICT_SAME || row->verdict == VERDICT_UNCOMPARED;

		if (!all && quiet && group >= 0) {
			counts[group][row->verdict]++;
		} else {
			print_row(out, c, row);
		}
	}
	print_groups(out, counts);
	fprintf(out, "%zu same, %zu differ as expected, %zu not compared, %zu DIFFER\n",
		c->verdicts[VERDICT_SAME], c->verdicts[VERDICT_EXPECTED],
		c->verdicts[VERDICT_UNCOMPARED], c->verdicts[VERDICT_DIFFERS]);
}

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, value != NULL ? json_object_new_string(value) : NULL);
}

static struct json_object *row_as_json(const struct comparison *c, const struct row *row)
{
	struct json_object *object = json_object_new_object();
	char name[256];

	add_string(object, "field", row->key);
	name_row(row, name, sizeof(name));
	if (str_starts_with(row->key, "syscall.")) {
		add_string(object, "name", name);
	}
	add_string(object, "target", row->target);
	add_string(object, "ours", row->ours);
	if (c->engine != NULL) {
		add_string(object, "engine", row->engine);
	}
	add_string(object, "compared_with", bases[row->basis]);
	add_string(object, "verdict", verdicts[row->verdict]);
	if (row->because != NULL) {
		add_string(object, "because", row->because);
	}
	return object;
}

void diff_print_json(FILE *out, const struct comparison *c)
{
	static const char *const keys[VERDICTS] = {
		[VERDICT_SAME] = "same",
		[VERDICT_EXPECTED] = "expected",
		[VERDICT_DIFFERS] = "differs",
		[VERDICT_UNCOMPARED] = "not_compared",
	};
	struct json_object *report = json_object_new_object();
	struct json_object *rows = json_object_new_array();
	struct json_object *summary = json_object_new_object();

	for (size_t i = 0; i < c->count; i++) {
		json_object_array_add(rows, row_as_json(c, &c->rows[i]));
	}
	for (int v = 0; v < VERDICTS; v++) {
		json_object_object_add(
			summary, keys[v], json_object_new_int64((int64_t)c->verdicts[v]));
	}
	json_object_object_add(report, "summary", summary);
	json_object_object_add(report, "rows", rows);
	fputs(json_object_to_json_string_ext(
		      report, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE),
		out);
	fputc('\n', out);
	json_object_put(report);
}
