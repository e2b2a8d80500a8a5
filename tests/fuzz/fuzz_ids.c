/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps of a user namespace as a start message brings them, and the ACLs that are translated by
 * them: what is mapped is mapped back, and an ACL keeps its form.
 */
#include <endian.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ids.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ids(const struct id_map *map, uint32_t id)
{
	uint32_t outside;

	if (ids_outside(map, id, &outside) && ids_inside(map, outside) != id) {
		abort();
	}
	uint32_t inside = ids_inside(map, id);
	if (ids_outside(map, inside, &outside) && outside != id && inside != IDS_OVERFLOW) {
		abort();
	}
}

/* Outwards and back again: what that changes is an id that is not mapped, if anything. */
static void check_acl(const struct id_map *map, const uint8_t *data, size_t size)
{
	uint8_t *acl = malloc(size + 1);

	memcpy(acl, data, size);
	int r = ids_translate_acl(map, map, true, acl, size);
	if (r == 0) {
		ids_translate_acl(map, map, false, acl, size);
		if (memcmp(acl, data, size) != 0) {
			abort();
		}
	}
	free(acl);
}

/* How many ranges are said, how many there are, the ranges, an id, an ACL. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_id_range ranges[WIRE_ID_RANGES_MAX] = { 0 };
	static struct id_map map;
	uint32_t id;

	if (size < 2) {
		return 0;
	}
	uint32_t said = data[0] == UINT8_MAX ? UINT32_MAX : data[0] * 2u;
	size_t n = data[1] % 8 * sizeof(ranges[0]);
	data += 2;
	size -= 2;
	n = n < size ? n : size;
	memcpy(ranges, data, n);
	data += n;
	size -= n;
	int r = ids_init(&map, ranges, said);
	if (r < 0 && map.n != 0) {
		abort();
	}
	if (r == 0 && size >= sizeof(id)) {
		memcpy(&id, data, sizeof(id));
		check_ids(&map, id);
		check_acl(&map, data + sizeof(id), size - sizeof(id));
	}
	return 0;
}
