/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User namespace maps: the ids that a container has inside and those that its files have outside.
 */
#ifndef FS_IDS_H
#define FS_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"

#define IDS_OVERFLOW 65534u

struct id_map {
	uint32_t n; /* 0: identity */
	struct wire_id_range ranges[WIRE_ID_RANGES_MAX];
};

/* Takes N ranges from a start message. Returns 0 or -EINVAL where they overlap or run over. */
int ids_init(struct id_map *map, const struct wire_id_range *ranges, uint32_t n);

/* What OUTSIDE is called inside; IDS_OVERFLOW where it is not mapped. */
uint32_t ids_inside(const struct id_map *map, uint32_t outside);

/* Finds what INSIDE is outside. False where it is not mapped. */
bool ids_outside(const struct id_map *map, uint32_t inside, uint32_t *outside);

/*
 * Translates the ids in a POSIX ACL as the kernel passes it in xattrs, in place; inside to outside
 * where OUTWARDS. What is no such ACL is left alone. Returns 0, or -EINVAL where an id has no
 * counterpart outside.
 */
int ids_translate_acl(const struct id_map *uids, const struct id_map *gids, bool outwards,
	void *acl, size_t size);

#endif
