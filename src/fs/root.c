/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/root.h"

#include <string.h>

#include "base/str.h"
#include "fs/fs.h"

static const char *const synthetic_names[FS_SYNTHETICS] = {
	[FS_SYNTHETIC_CONTAINER] = "c",
	[FS_SYNTHETIC_PRIVATE] = ".sallyport",
};

static const char *const hidden[] = { "dev", "proc", "sys" };

struct inode *root_synthetic(struct fs *fs, const struct inode *parent, const char *name)
{
	if (fs->container || parent != fs->inodes.root) {
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
	if (fs->container || parent != fs->inodes.root) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (strcmp(name, hidden[i]) == 0) {
			return true;
		}
	}
	return false;
}
