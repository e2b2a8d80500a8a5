/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/match.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

#define CANDIDATES_MAX 10
#define COMPARED_MAX 64

static bool by_name(const struct target *target, const char *name)
{
	return strcmp(target->name, name) == 0;
}

static bool by_id(const struct target *target, const char *name)
{
	return str_equal(target->id, name);
}

static bool by_prefix(const struct target *target, const char *name)
{
	return target->id != NULL && strlen(name) >= MATCH_PREFIX_MIN &&
	       str_starts_with(target->id, name);
}

static bool (*const rules[])(const struct target *target, const char *name) = {
	by_name,
	by_id,
	by_prefix,
};

bool match_is_named(const struct target *target, const char *name)
{
	return by_name(target, name) || by_id(target, name);
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

unsigned int match_distance(const char *a, const char *b)
{
	/* Rows i-2, i-1 and i of the usual table. */
	unsigned int rows[3][COMPARED_MAX + 1];
	size_t a_length = strnlen(a, COMPARED_MAX);
	size_t b_length = strnlen(b, COMPARED_MAX);

	for (size_t j = 0; j <= b_length; j++) {
		rows[0][j] = (unsigned int)j;
	}
	for (size_t i = 1; i <= a_length; i++) {
		unsigned int *row = rows[i % 3];
		const unsigned int *above = rows[(i + 2) % 3];
		const unsigned int *above2 = rows[(i + 1) % 3];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned int cost = a[i - 1] != b[j - 1];

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				above2[j - 2] + 1 < row[j]) {
				row[j] = above2[j - 2] + 1;
			}
		}
	}
	return rows[a_length % 3][b_length];
}

struct candidate {
	const struct target *target;
	unsigned int distance;
};

static int nearer(const void *a, const void *b)
{
	const struct candidate *x = a;
	const struct candidate *y = b;

	if (x->distance != y->distance) {
		return x->distance < y->distance ? -1 : 1;
	}
	return strcmp(x->target->name, y->target->name);
}

static void append(char *out, size_t size, size_t *used, const char *text)
{
	int n = snprintf(out + *used, size - *used, "%s", text);

	*used += (size_t)n < size - *used ? (size_t)n : size - *used - 1;
}

/* "web, db and 5 more" of the N CANDIDATES. Names are cut at 40 bytes; the log escapes them. */
static void enumerate(
	char *out, size_t size, const struct candidate *candidates, size_t n, bool with_engine)
{
	char item[256];
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n && i < CANDIDATES_MAX; i++) {
		const struct target *target = candidates[i].target;

		snprintf(item, sizeof(item), "%s%.40s", i > 0 ? ", " : "", target->name);
		append(out, size, &used, item);
		if (with_engine) {
			snprintf(item, sizeof(item), " (%s%s%.12s%s)", target->engine,
				target->id != NULL ? " " : "", target->id != NULL ? target->id : "",
				target->pid == 0 ? ", not running" : "");
			append(out, size, &used, item);
		}
	}
	if (n > CANDIDATES_MAX) {
		snprintf(item, sizeof(item), " and %zu more", n - CANDIDATES_MAX);
		append(out, size, &used, item);
	}
}

static int unknown(const struct target_list *list, const char *name, struct error *err)
{
	_cleanup_free_ struct candidate *candidates = calloc(list->count + 1, sizeof(*candidates));
	char names[800];
	size_t n = 0;

	if (candidates == NULL) {
		return error_set(err, ENOMEM, "look for container %.64s", name);
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct target *target = &list->targets[i];

		if (target->pid != 0) {
			candidates[n++] =
				(struct candidate){ target, match_distance(name, target->name) };
		}
	}
	qsort(candidates, n, sizeof(*candidates), nearer);
	enumerate(names, sizeof(names), candidates, n, false);
	error_set(err, 0, "unknown container \"%.64s\" (running: %s; see sallyport list)", name,
		n > 0 ? names : "none");
	if (err != NULL) {
		err->code = ENOENT;
	}
	return -ENOENT;
}

/* Counts those of LIST that RULE takes, owned and running as asked; *INDEX is the first. */
static size_t count(const struct target_list *list, const char *name,
	bool (*rule)(const struct target *, const char *), bool of_system, bool running,
	struct candidate *found)
{
	size_t n = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct target *target = &list->targets[i];

		if ((target->owner == 0) == of_system && (target->pid != 0) == running &&
			rule(target, name)) {
			found[n++].target = target;
		}
	}
	return n;
}

int match_find(const struct target_list *list, const char *name, size_t *index, struct error *err)
{
	_cleanup_free_ struct candidate *found = calloc(list->count + 1, sizeof(*found));
	char names[800];

	if (found == NULL) {
		return error_set(err, ENOMEM, "look for container %.64s", name);
	}
	for (size_t r = 0; r < ARRAY_SIZE(rules); r++) {
		/* The system's running, the system's stopped, the users' running, ... */
		for (int group = 0; group < 4; group++) {
			size_t n = count(list, name, rules[r], group < 2, group % 2 == 0, found);

			if (n == 1) {
				*index = (size_t)(found[0].target - list->targets);
				return 0;
			}
			if (n > 1) {
				qsort(found, n, sizeof(*found), nearer);
				enumerate(names, sizeof(names), found, n, true);
				return error_set_hint(err, 0,
					"name it by its id or pid, or its engine with -t",
					"container \"%.64s\" is ambiguous: %s", name, names);
			}
		}
	}
	return unknown(list, name, err);
}
