/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the containers of a list is meant by a name.
 */
#ifndef TARGET_MATCH_H
#define TARGET_MATCH_H

#include <stdbool.h>

#include "target/target.h"

#define MATCH_PREFIX_MIN 4 /* characters of an id */

/*
 * Finds the one target of LIST that NAME means: by its name, else by its id, else by a prefix of
 * its id; at each step the system's containers come before those of users and running ones before
 * stopped ones. Returns its index; -ENOENT where none is meant, with an error that tells the
 * nearest names; -EINVAL where several are, with an error that lists them.
 */
int match_find(const struct target_list *list, const char *name, size_t *index, struct error *err);

/* Is NAME TARGET's name, or its whole id? */
bool match_is_named(const struct target *target, const char *name);

/* Number of insertions, deletions, replacements and swaps of neighbours between A and B, of which
 * at most 64 bytes are looked at. */
unsigned int match_distance(const char *a, const char *b);

#endif
