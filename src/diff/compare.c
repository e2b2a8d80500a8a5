/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "diff/diff.h"

/* Who knows of the keys that begin so, and what the probe's value is to be compared with. */
static const struct {
	const char *prefix;
	enum basis basis;
} kinds[] = {
	{ "who.", BASIS_NONE },
	{ "syscall.", BASIS_FILTER },
	{ "self.", BASIS_ENGINE },
	{ "can.", BASIS_ENGINE },
	{ "access.", BASIS_ENGINE },
	{ "list.", BASIS_ENGINE },
	{ "device.", BASIS_ENGINE },
};

static enum basis basis_of(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (str_starts_with(key, kinds[i].prefix)) {
			return kinds[i].basis;
		}
	}
	return BASIS_TARGET;
}

static bool same(const char *a, const char *b)
{
	return a == b || str_equal(a, b);
}

/* What the filters say of a call, and what came of it. "allowed" leaves it to the kernel. */
static bool as_predicted(const char *filter, const char *ours)
{
	if (str_equal(filter, "allowed")) {
		return ours != NULL && !str_equal(ours, "SIGSYS");
	}
	return same(filter, ours);
}

static void judge(const struct comparison *comparison, struct row *row)
{
	bool equal = true;
	bool explicable = true;

	row->because = NULL;
	switch (row->basis) {
	case BASIS_TARGET:
		equal = same(row->target, row->ours);
		break;
	case BASIS_FILTER:
		explicable = as_predicted(row->target, row->ours);
		equal = explicable && (comparison->engine == NULL || same(row->engine, row->ours));
		break;
	case BASIS_ENGINE:
		equal = same(row->engine, row->ours);
		break;
	case BASIS_NONE:
		break;
	}
	row->verdict = equal ? VERDICT_SAME : VERDICT_DIFFERS;
	if (row->basis == BASIS_ENGINE && comparison->engine == NULL) {
		row->verdict = VERDICT_UNCOMPARED;
		row->because = "it can be tried by a process alone: --engine-exec compares it";
	} else if (!equal) {
		row->because = explicable ? expected_difference(comparison, row) : NULL;
		row->verdict = row->because != NULL ? VERDICT_EXPECTED : VERDICT_DIFFERS;
	}
}

static int compare(const void *a, const void *b)
{
	return strverscmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

static void add_keys(struct comparison *c, const struct facts *facts)
{
	for (size_t i = 0; facts != NULL && i < facts->count; i++) {
		enum basis basis = basis_of(facts->list[i].key);

		if (basis != BASIS_NONE) {
			c->rows[c->count++] =
				(struct row){ .key = facts->list[i].key, .basis = basis };
		}
	}
}

int compare_facts(struct comparison *c, struct error *err)
{
	size_t room = c->target->count + c->ours->count + (c->engine ? c->engine->count : 0);
	size_t kept = 0;

	c->rows = calloc(room + 1, sizeof(*c->rows));
	if (c->rows == NULL) {
		return error_set(err, ENOMEM, "compare");
	}
	c->count = 0;
	add_keys(c, c->target);
	add_keys(c, c->ours);
	add_keys(c, c->engine);
	qsort(c->rows, c->count, sizeof(c->rows[0]), compare);
	for (size_t i = 0; i < c->count; i++) {
		struct row *row = &c->rows[kept];

		if (kept > 0 && strcmp(c->rows[kept - 1].key, c->rows[i].key) == 0) {
			continue;
		}
		*row = c->rows[i];
		row->target = facts_get(c->target, row->key);
		row->ours = facts_get(c->ours, row->key);
		row->engine = c->engine != NULL ? facts_get(c->engine, row->key) : NULL;
		judge(c, row);
		/* A field of the engine's process alone is no field of ours. */
		if (row->basis == BASIS_TARGET && row->target == NULL && row->ours == NULL) {
			row->verdict = VERDICT_UNCOMPARED;
			row->because = "the engine's process alone has it";
		}
		c->verdicts[row->verdict]++;
		kept++;
	}
	c->count = kept;
	return 0;
}

void compare_finish(struct comparison *c)
{
	if (c != NULL) {
		free(c->rows);
		c->rows = NULL;
	}
}
