/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/root.h"

#include <string.h>

#include "base/str.h"
#include "base/wire.h"
#include "fs/fs.h"

static const char *const synthetic_names[FS_SYNTHETICS] = {
	[FS_SYNTHETIC_CONTAINER] = "c",
	[FS_SYNTHETIC_PRIVATE] = ".sallyport",
};

static const char *const hidden[] = { WIRE_OWN_MOUNTS };

static bool is_host_root(const struct fs *fs, const struct inode *inode)
{
	return !fs->container && inode == fs->inodes.root;
}

struct inode *root_synthetic(struct fs *fs, const struct inode *parent, const char *name)
{
	if (!is_host_root(fs, parent)) {
		return NULL;
	}
	for (int i = 0; i < FS_SYNTHETICS; i++) {
		if (strcmp(name, synthetic_names[i]) == 0) {
			return fs->synthetic[i];
		}
	}
	return NULL;
}

bool root_is_hidden(const struct fs *fs, const struct inode *parent, const char *name)
{
	if (!is_host_root(fs, parent)) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (strcmp(name, hidden[i] + 1) == 0) {
			return true;
		}
	}
	return false;
}
