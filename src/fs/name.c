/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names: making, removing and moving them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/fs.h"
#include "fs/root.h"

/* A request that changes NAME in a directory. */
struct change {
	struct fs *fs;
	struct inode *parent;
	const char *name;
	int fd; /* the directory's, in use */
	struct own_change own;
	bool watched;
	enum own_result result;
};

/* Returns 0 or a negative errno; 0 is followed by change_end(). */
static int change_begin(struct change *change, fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	int r = fs_check_name(name);

	if (r == 0) {
		r = fs_check_change(fs, req);
	}
	if (r != 0) {
		return -r;
	}
	*change = (struct change){ .fs = fs, .parent = fs_inode(fs, parent), .name = name };
	change->fd = inode_fd_get(&fs->inodes, change->parent);
	if (change->fd < 0) {
		return change->fd;
	}
	watch_own_begin(fs, &change->own, change->parent, name);
	change->watched = true;
	return 0;
}

/* The change was made, or failed: from here on, others' changes of the name are told. */
static void change_done(struct change *change, bool made)
{
	if (change->watched) {
		change->result = watch_own_end(change->fs, &change->own, made);
		change->watched = false;
	}
}

/* After the reply. */
static void change_settle(const struct change *change)
{
	if (change->result == OWN_RACED) {
		watch_expire(change->fs, change->parent, change->name);
	}
	watch_leave(change->fs, &change->own);
}

static void change_end(struct change *change)
{
	change_done(change, false);
	inode_fd_put(&change->fs->inodes, change->parent);
}

int name_owner(struct fs *fs, int dir_fd, const struct caller *caller, uint32_t *uid, uint32_t *gid)
{
	struct stat st;

	if (!ids_outside(&fs->uids, caller->uid, uid) ||
		!ids_outside(&fs->gids, caller->gid, gid)) {
		return -EOVERFLOW;
	}
	if (!fs->container && caller->uid == 0 && fs->owner_uid != UINT32_MAX &&
		fstat(dir_fd, &st) == 0 && st.st_uid == fs->owner_uid) {
		*uid = fs->owner_uid;
		*gid = fs->owner_gid != UINT32_MAX ? fs->owner_gid : *gid;
	}
	return 0;
}

struct caller name_caller(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return (struct caller){ ctx->uid, ctx->gid, ctx->pid, ctx->umask };
}

/*
 * The entry of NAME, which was just made as a TYPE. Somebody behind the view may have put another
 * thing in its place since: the kernel would take that for a broken server (EIO), so it is told to
 * look again.
 */
static int made_entry(struct fs *fs, struct inode *parent, const char *name, uint32_t type,
	struct fuse_entry_param *entry)
{
	int r = lookup_entry(fs, parent, name, entry);

	if (r == 0 && (entry->attr.st_mode & S_IFMT) != type) {
		inode_forget(&fs->inodes, fs_inode(fs, entry->ino), 1);
		r = -ESTALE;
	}
	return r;
}

struct make {
	uint32_t type; /* S_IFMT part of what is made */
	mode_t mode;
	dev_t rdev;
	const char *target;
};

static int make_node(int fd, const char *name, const struct make *make)
{
	return mknodat(fd, name, make->mode, make->rdev);
}

static int make_dir(int fd, const char *name, const struct make *make)
{
	return mkdirat(fd, name, make->mode);
}

static int make_link(int fd, const char *name, const struct make *make)
{
	return symlinkat(make->target, fd, name);
}

static void make_name(fuse_req_t req, fuse_ino_t parent, const char *name,
	int (*make)(int fd, const char *name, const struct make *), const struct make *what)
{
	struct caller caller = name_caller(req);
	struct change change;
	struct fuse_entry_param entry;
	uint32_t uid, gid;
	int r = change_begin(&change, req, parent, name);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	struct fs *fs = change.fs;

	r = root_synthetic(fs, change.parent, name) != NULL ? -EEXIST : 0;
	if (r == 0) {
		r = name_owner(fs, change.fd, &caller, &uid, &gid);
	}
	if (r == 0) {
		identity_assume(&fs->identity, uid, gid, caller.umask);
		r = make(change.fd, name, what) == 0 ? 0 : -errno;
		identity_resume(&fs->identity);
	}
	change_done(&change, r == 0);
	if (r == 0) {
		r = made_entry(fs, change.parent, name, what->type, &entry);
	}
	change_end(&change);
	lookup_reply(req, fs, r, &entry);
	change_settle(&change);
}

void name_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct make what = { .type = mode & S_IFMT, .mode = mode, .rdev = rdev };

	make_name(req, parent, name, make_node, &what);
}

void name_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct make what = { .type = S_IFDIR, .mode = mode };

	make_name(req, parent, name, make_dir, &what);
}

void name_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct make what = { .type = S_IFLNK, .target = target };

	make_name(req, parent, name, make_link, &what);
}

void name_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);
	struct change change;
	struct fuse_entry_param entry;
	int r = change_begin(&change, req, parent, name);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	int fd = inode_fd_get(&fs->inodes, inode);

	r = root_synthetic(fs, change.parent, name) != NULL ? -EEXIST : fd < 0 ? fd : 0;
	if (r == 0) {
		r = linkat(fd, "", change.fd, name, AT_EMPTY_PATH) == 0 ? 0 : -errno;
	}
	if (fd >= 0) {
		inode_fd_put(&fs->inodes, inode);
	}
	change_done(&change, r == 0);
	if (r == 0) {
		r = made_entry(fs, change.parent, name, inode->type, &entry);
	}
	change_end(&change);
	lookup_reply(req, fs, r, &entry);
	change_settle(&change);
}

/* The inode that the kernel knows of NAME, with a ref and its descriptor in use: it is about to
 * lose its name. NULL where there is none. */
static struct inode *hold_at(struct fs *fs, int dir_fd, const char *name)
{
	struct statx stx;

	if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, INODE_STATX_MASK, &stx) !=
		0) {
		return NULL;
	}
	struct inode *inode = inode_find(&fs->inodes, &stx);

	if (inode != NULL && inode_fd_get(&fs->inodes, inode) < 0) {
		inode_unref(&fs->inodes, inode);
		return NULL;
	}
	return inode;
}

static void let_go(struct fs *fs, struct inode *inode)
{
	if (inode != NULL) {
		inode_fd_put(&fs->inodes, inode);
		inode_unref(&fs->inodes, inode);
	}
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
	struct change change;
	int r = change_begin(&change, req, parent, name);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	struct fs *fs = change.fs;

	if (root_synthetic(fs, change.parent, name) != NULL) {
		r = EBUSY;
	} else {
		struct inode *inode = hold_at(fs, change.fd, name);

		r = unlinkat(change.fd, name, flags) == 0 ? 0 : errno;
		if (r == 0 && inode != NULL) {
			inode_lost(&fs->inodes, inode, change.parent, name);
		}
		let_go(fs, inode);
	}
	change_done(&change, r == 0);
	change_end(&change);
	fuse_reply_err(req, r);
	change_settle(&change);
}

void name_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, 0);
}

void name_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, AT_REMOVEDIR);
}

/* What the kernel knows under NAME is there now. */
static void note_moved(struct fs *fs, const struct change *to)
{
	struct inode *inode = hold_at(fs, to->fd, to->name);

	if (inode != NULL) {
		inode_moved(&fs->inodes, inode, to->parent, to->name);
	}
	let_go(fs, inode);
}

static int do_rename(
	struct fs *fs, const struct change *from, const struct change *to, unsigned flags)
{
	struct inode *moved = hold_at(fs, from->fd, from->name);
	struct inode *replaced = hold_at(fs, to->fd, to->name);
	int r = (int)syscall(SYS_renameat2, from->fd, from->name, to->fd, to->name, flags);

	r = r == 0 ? 0 : -errno;
	if (r == 0) {
		if (replaced != NULL && replaced != moved) {
			inode_lost(&fs->inodes, replaced, to->parent, to->name);
		}
		if (moved != NULL) {
			inode_moved(&fs->inodes, moved, to->parent, to->name);
		}
		note_moved(fs, to);
		if (flags & RENAME_EXCHANGE) {
			note_moved(fs, from);
		}
	}
	let_go(fs, moved);
	let_go(fs, replaced);
	return r;
}

void name_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	const char *newname, unsigned flags)
{
	struct caller caller = name_caller(req);
	struct change from, to;
	uint32_t uid, gid;
	int r = change_begin(&from, req, parent, name);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	r = change_begin(&to, req, newparent, newname);
	if (r < 0) {
		change_end(&from);
		fuse_reply_err(req, -r);
		return;
	}
	struct fs *fs = from.fs;

	from.own.part = from.parent == to.parent;
	if (root_synthetic(fs, from.parent, name) != NULL ||
		root_synthetic(fs, to.parent, newname) != NULL) {
		r = -EBUSY;
	} else if (flags & RENAME_WHITEOUT) {
		/* makes a node, in somebody's name */
		r = name_owner(fs, from.fd, &caller, &uid, &gid);
		if (r == 0) {
			identity_assume(&fs->identity, uid, gid, caller.umask);
			r = do_rename(fs, &from, &to, flags);
			identity_resume(&fs->identity);
		}
	} else {
		r = do_rename(fs, &from, &to, flags);
	}
	change_done(&to, r == 0);
	change_done(&from, r == 0);
	change_end(&to);
	change_end(&from);
	fuse_reply_err(req, -r);
	/* The kernel moves what it has of a name, with the time that it may trust it. */
	if (from.result != OWN_ALONE || to.result != OWN_ALONE) {
		watch_expire(fs, from.parent, name);
		watch_expire(fs, to.parent, newname);
	}
	watch_leave(fs, &from.own);
	watch_leave(fs, &to.own);
}
