/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diff/facts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static bool reserve(struct facts *facts)
{
	if (facts->count < facts->room) {
		return true;
	}
	size_t room = facts->room == 0 ? 256 : 2 * facts->room;
	struct fact *larger =
		room <= FACTS_MAX ? realloc(facts->list, room * sizeof(*larger)) : NULL;
	if (larger == NULL) {
		return false;
	}
	facts->list = larger;
	facts->room = room;
	return true;
}

void facts_add(struct facts *facts, const char *key, const char *format, ...)
{
	_cleanup_free_ char *own_key = strdup(key);
	char *value = NULL;
	va_list args;

	va_start(args, format);
	int n = vasprintf(&value, format, args);
	va_end(args);
	if (n < 0 || own_key == NULL || !reserve(facts)) {
		if (n >= 0) {
			free(value);
		}
		facts->incomplete = true;
		return;
	}
	facts->list[facts->count++] =
		(struct fact){ .key = steal_pointer(&own_key), .value = value };
}

static int compare(const void *a, const void *b)
{
	return strverscmp(((const struct fact *)a)->key, ((const struct fact *)b)->key);
}

int facts_sort(struct facts *facts, struct error *err)
{
	size_t kept = 0;

	qsort(facts->list, facts->count, sizeof(facts->list[0]), compare);
	for (size_t i = 0; i < facts->count; i++) {
		if (kept > 0 && strcmp(facts->list[kept - 1].key, facts->list[i].key) == 0) {
			free(facts->list[i].key);
			free(facts->list[i].value);
		} else {
			facts->list[kept++] = facts->list[i];
		}
	}
	facts->count = kept;
	return facts->incomplete ? error_set(err, E2BIG, "keep what is known of a process") : 0;
}

const char *facts_get(const struct facts *facts, const char *key)
{
	struct fact wanted = { .key = (char *)(uintptr_t)key };
	const struct fact *found = facts->count == 0 ? NULL
						     : bsearch(&wanted, facts->list, facts->count,
							       sizeof(facts->list[0]), compare);

	return found != NULL ? found->value : NULL;
}

void facts_finish(struct facts *facts)
{
	if (facts == NULL) {
		return;
	}
	for (size_t i = 0; i < facts->count; i++) {
		free(facts->list[i].key);
		free(facts->list[i].value);
	}
	free(facts->list);
	*facts = (struct facts){ 0 };
}
