/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ids.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>

static bool overlap(uint32_t a, uint32_t b, uint32_t a_count, uint32_t b_count)
{
	return (uint64_t)a < (uint64_t)b + b_count && (uint64_t)b < (uint64_t)a + a_count;
}

int ids_init(struct id_map *map, const struct wire_id_range *ranges, uint32_t n)
{
	map->n = 0;
	if (n > WIRE_ID_RANGES_MAX) {
		return -EINVAL;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct wire_id_range *r = &ranges[i];

		if (r->count == 0 || (uint64_t)r->inside + r->count > UINT32_MAX ||
			(uint64_t)r->outside + r->count > UINT32_MAX) {
			return -EINVAL;
		}
		for (uint32_t k = 0; k < i; k++) {
			if (overlap(r->inside, ranges[k].inside, r->count, ranges[k].count) ||
				overlap(r->outside, ranges[k].outside, r->count, ranges[k].count)) {
				return -EINVAL;
			}
		}
		map->ranges[i] = *r;
	}
	map->n = n;
	return 0;
}

uint32_t ids_inside(const struct id_map *map, uint32_t outside)
{
	if (map->n == 0) {
		return outside;
	}
	for (uint32_t i = 0; i < map->n; i++) {
		const struct wire_id_range *r = &map->ranges[i];

		if (outside >= r->outside && outside - r->outside < r->count) {
			return r->inside + (outside - r->outside);
		}
	}
	return IDS_OVERFLOW;
}

bool ids_outside(const struct id_map *map, uint32_t inside, uint32_t *outside)
{
	if (map->n == 0) {
		*outside = inside;
		return true;
	}
	for (uint32_t i = 0; i < map->n; i++) {
		const struct wire_id_range *r = &map->ranges[i];

		if (inside >= r->inside && inside - r->inside < r->count) {
			*outside = r->outside + (inside - r->inside);
			return true;
		}
	}
	return false;
}

int ids_translate_acl(
	const struct id_map *uids, const struct id_map *gids, bool outwards, void *acl, size_t size)
{
	struct posix_acl_xattr_header header;
	unsigned char *at = acl;

	if (size < sizeof(header)) {
		return 0;
	}
	memcpy(&header, acl, sizeof(header));
	if (le32toh(header.a_version) != POSIX_ACL_XATTR_VERSION) {
		return 0;
	}
	for (size_t pos = sizeof(header); size - pos >= sizeof(struct posix_acl_xattr_entry);
		pos += sizeof(struct posix_acl_xattr_entry)) {
		struct posix_acl_xattr_entry entry;

		memcpy(&entry, at + pos, sizeof(entry));
		uint16_t tag = le16toh(entry.e_tag);
		const struct id_map *map = tag == ACL_USER ? uids : gids;
		uint32_t id = le32toh(entry.e_id);

		if (tag != ACL_USER && tag != ACL_GROUP) {
			continue;
		}
		if (!outwards) {
			id = ids_inside(map, id);
		} else if (!ids_outside(map, id, &id)) {
			return -EINVAL;
		}
		entry.e_id = htole32(id);
		memcpy(at + pos, &entry, sizeof(entry));
	}
	return 0;
}
