/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding names, and what the kernel may trust of what was found. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fs/fs.h"
#include "fs/root.h"

void lookup_fill(
	struct fs *fs, struct inode *inode, const struct statx *stx, struct fuse_entry_param *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->ino = (fuse_ino_t)(uintptr_t)inode;
	entry->generation = 1;
	attr_fill(fs, stx, &entry->attr);
}

/* The attributes of INODE, which ENTRY has, are promised where it is watched itself. */
static void promise_attr(struct fs *fs, struct inode *inode, struct fuse_entry_param *entry)
{
	struct look look;
	struct statx stx;

	watch_look_at(fs, inode, &look);
	int r = look.dir == inode && entry->entry_timeout > 0 ? attr_statx(fs, inode, &stx) : -1;

	entry->attr_timeout = watch_promise_attr(fs, inode, &look, r == 0 ? &stx : NULL);
	if (entry->attr_timeout > 0) {
		attr_fill(fs, &stx, &entry->attr);
	}
}

/*
 * A directory that isn't watched itself the kernel is to look up each time: that tells its
 * attributes, too, where trust in the name alone would have it ask for them, and again for each
 * thing that is done there.
 */
static void promise_dir(
	struct fs *fs, struct inode *parent, struct inode *inode, struct fuse_entry_param *entry)
{
	attr_consider(fs, inode, watch_is_walked(fs, parent) ? WATCH_LISTED : 1);
	promise_attr(fs, inode, entry);
	if (entry->attr_timeout == 0) {
		entry->entry_timeout = 0;
		entry->attr_timeout = FS_MOMENT;
	}
}

/*
 * May the kernel use, for the system call that it looks up for, what a lookup says of STX's file?
 * The next one looks up again, as nothing is promised of the name. That isn't so of one with other
 * names, and of what is opened without us.
 */
static bool may_hold(const struct statx *stx)
{
	return (S_ISREG(stx->stx_mode) || S_ISLNK(stx->stx_mode)) && stx->stx_nlink == 1;
}

/* Looks NAME up in PARENT, which is no synthetic one. Where it isn't there, ENTRY says for how long
 * that's so. */
static int look_up(
	struct fs *fs, struct inode *parent, const char *name, struct fuse_entry_param *entry)
{
	struct look look;
	struct statx stx;
	int none = -1;
	int fd = inode_fd_get(&fs->inodes, parent);

	if (fd < 0) {
		return fd;
	}
	watch_look(fs, parent, fd, 1, &look);
	int r = statx(fd, name, AT_SYMLINK_NOFOLLOW, INODE_STATX_MASK, &stx) == 0 ? 0 : -errno;

	inode_fd_put(&fs->inodes, parent);
	if (r == -ENOENT) {
		memset(entry, 0, sizeof(*entry));
		entry->entry_timeout = watch_promise(fs, parent, &look, name, NULL, NULL);
	}
	if (r < 0) {
		return r;
	}
	struct inode *inode = inode_intern(&fs->inodes, parent, name, &stx, &none);

	if (inode == NULL) {
		return -ENOMEM;
	}
	lookup_fill(fs, inode, &stx, entry);
	entry->entry_timeout = watch_promise(fs, parent, &look, name, &stx, &entry->attr_timeout);
	if (inode->type == S_IFDIR) {
		promise_dir(fs, parent, inode, entry);
	} else if (entry->entry_timeout > 0 && stx.stx_nlink > 1) {
		promise_attr(fs, inode, entry);
	} else if (entry->entry_timeout == 0 && may_hold(&stx) &&
		   inode_moment_begin(&fs->inodes, inode)) {
		entry->attr_timeout = FS_MOMENT;
	}
	return 0;
}

int lookup_entry(
	struct fs *fs, struct inode *parent, const char *name, struct fuse_entry_param *entry)
{
	struct inode *synthetic = root_synthetic(fs, parent, name);
	struct statx stx;

	if (synthetic != NULL) {
		attr_statx(fs, synthetic, &stx);
		lookup_fill(fs, synthetic, &stx, entry);
		entry->entry_timeout = FS_FOREVER;
		entry->attr_timeout = FS_FOREVER;
		return 0;
	}
	entry->entry_timeout = 0;
	int r = parent->synthetic ? -ENOENT : look_up(fs, parent, name, entry);

	/* Nothing can be promised of /proc, which would be looked up for each path that leads
	 * there. */
	if (r == 0 && S_ISDIR(entry->attr.st_mode) && root_is_hidden(fs, parent, name)) {
		entry->entry_timeout = FS_FOREVER;
	}
	return r;
}

void lookup_reply(fuse_req_t req, struct fs *fs, int r, const struct fuse_entry_param *entry)
{
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	if (fuse_reply_entry(req, entry) == -ENOENT) {
		/* the kernel had given up waiting: it doesn't know of this lookup */
		inode_forget(&fs->inodes, fs_inode(fs, entry->ino), 1);
	}
}

void lookup_name(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param entry;
	int r = -fs_check_name(name);

	if (r == 0) {
		r = lookup_entry(fs, fs_inode(fs, parent), name, &entry);
	}
	if (r == 0 && !S_ISDIR(entry.attr.st_mode)) {
		walker_looks(&fs->walkers, fs_inode(fs, parent));
	}
	if (r == -ENOENT && entry.entry_timeout > 0) {
		fuse_reply_entry(req, &entry);
		return;
	}
	lookup_reply(req, fs, r, &entry);
}
