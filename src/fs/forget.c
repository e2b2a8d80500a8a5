/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel no longer knows: by the million after a walk. */
#include <malloc.h>
#include <sys/stat.h>

#include "fs/fs.h"

#define FORGET_BATCH 256 /* inodes, between which others have their turn */

/* INODE may be read as a directory, or be watched. */
static void forget_known(struct fs *fs, struct inode *inode, uint64_t n)
{
	inode_ref(&fs->inodes, inode);
	inode_forget(&fs->inodes, inode, n);
	if (inode->type == S_IFDIR) {
		dir_forget(fs, inode);
	}
	if (fs->watch.on) {
		watch_forget(fs, inode);
	}
	inode_unref(&fs->inodes, inode);
}

static void forget(struct fs *fs, const struct fuse_forget_data *forgets, size_t count)
{
	for (size_t i = 0; i < count;) {
		struct inode *inode = NULL;

		inode_table_lock(&fs->inodes);
		for (size_t n = 0; i < count && n < FORGET_BATCH; i++, n++) {
			inode = fs_inode(fs, forgets[i].ino);
			if (inode->type == S_IFDIR || atomic_load(&inode->linked)) {
				break;
			}
			inode_forget_locked(&fs->inodes, inode, forgets[i].nlookup);
			inode = NULL;
		}
		inode_table_unlock(&fs->inodes);
		if (inode != NULL) {
			forget_known(fs, inode, forgets[i++].nlookup);
		}
	}
	/* What a walk over a million files took is given back. */
	if (inode_table_trim(&fs->inodes)) {
		malloc_trim(0);
	}
}

void forget_one(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	const struct fuse_forget_data one = { ino, n };

	forget(fs_of(req), &one, 1);
	fuse_reply_none(req);
}

void forget_several(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	forget(fs_of(req), forgets, count);
	fuse_reply_none(req);
}
