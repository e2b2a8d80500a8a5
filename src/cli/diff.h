/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `sallyport diff` prints.
 */
#ifndef CLI_DIFF_H
#define CLI_DIFF_H

#include <stdbool.h>
#include <stdio.h>

#include "diff/diff.h"

/* The table: rows that differ, one line for each group that does not; with ALL, every row. */
void diff_print(FILE *out, const struct comparison *comparison, bool all);

/* All rows as JSON, "rows" and "summary". */
void diff_print_json(FILE *out, const struct comparison *comparison);

#endif
