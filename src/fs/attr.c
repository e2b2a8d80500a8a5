/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/fs.h"

/* Inode numbers of other file systems than the root's carry the number of their device. */
#define FOREIGN_BIT (UINT64_C(1) << 62)
#define DEVICE_SHIFT 46
#define SYNTHETIC_DEVICE UINT64_C(0xffff)

uint64_t attr_synthetic_ino(unsigned n)
{
	return FOREIGN_BIT | SYNTHETIC_DEVICE << DEVICE_SHIFT | (n + 1);
}

static uint64_t device_number(struct fs *fs, uint64_t device)
{
	uint64_t number = 0;

	pthread_mutex_lock(&fs->devices_lock);
	while (number < fs->n_devices && fs->devices[number] != device) {
		number++;
	}
	if (number == fs->n_devices && number < FS_DEVICES_MAX) {
		uint64_t *devices = realloc(fs->devices, (number + 1) * sizeof(*devices));

		if (devices != NULL) {
			fs->devices = devices;
			fs->devices[fs->n_devices++] = device;
		}
	}
	pthread_mutex_unlock(&fs->devices_lock);
	return number;
}

uint64_t attr_ino(struct fs *fs, const struct statx *stx, uint64_t ino)
{
	const struct inode_key *root = &fs->inodes.root->key;

	if (stx->stx_dev_major == root->dev_major && stx->stx_dev_minor == root->dev_minor) {
		return ino;
	}
	if (stx->stx_dev_major == 0 && stx->stx_dev_minor == 0) {
		return ino; /* a synthetic one */
	}
	uint64_t device = (uint64_t)stx->stx_dev_major << 32 | stx->stx_dev_minor;
	uint64_t number = device_number(fs, device) + 1;

	if (ino >> DEVICE_SHIFT != 0) {
		/* no room: fold the upper bits; a clash needs two such numbers that differ there */
		ino = (ino ^ (ino >> DEVICE_SHIFT) * 0x9e3779b1u) &
		      ((UINT64_C(1) << DEVICE_SHIFT) - 1);
	}
	return FOREIGN_BIT | number << DEVICE_SHIFT | ino;
}

static struct timespec time_of(const struct statx_timestamp *t)
{
	return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

void attr_fill(struct fs *fs, const struct statx *stx, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = attr_ino(fs, stx, stx->stx_ino);
	st->st_mode = stx->stx_mode;
	st->st_nlink = stx->stx_nlink;
	st->st_uid = ids_inside(&fs->uids, stx->stx_uid);
	st->st_gid = ids_inside(&fs->gids, stx->stx_gid);
	st->st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor);
	st->st_size = (off_t)stx->stx_size;
	st->st_blocks = (blkcnt_t)stx->stx_blocks;
	st->st_blksize = (blksize_t)stx->stx_blksize;
	st->st_atim = time_of(&stx->stx_atime);
	st->st_mtim = time_of(&stx->stx_mtime);
	st->st_ctim = time_of(&stx->stx_ctime);
}

static void fill_synthetic(const struct inode *inode, struct statx *stx)
{
	memset(stx, 0, sizeof(*stx));
	stx->stx_mask = STATX_BASIC_STATS;
	stx->stx_mode = S_IFDIR | 0755;
	stx->stx_nlink = 2;
	stx->stx_ino = inode->key.ino;
	stx->stx_blksize = 4096;
}

int attr_statx(struct fs *fs, struct inode *inode, struct statx *stx)
{
	char name[NAME_MAX + 1];

	if (inode->synthetic) {
		fill_synthetic(inode, stx);
		return 0;
	}
	struct inode *parent = inode_place(&fs->inodes, inode, name);

	if (parent != NULL) {
		int fd = inode_fd_get(&fs->inodes, parent);
		bool there = false;

		if (fd >= 0) {
			there = statx(fd, name, AT_SYMLINK_NOFOLLOW, INODE_STATX_MASK, stx) == 0 &&
				inode_matches(inode, stx);
			inode_fd_put(&fs->inodes, parent);
		}
		inode_unref(&fs->inodes, parent);
		if (there) {
			return 0;
		}
	}
	int fd = inode_fd_get(&fs->inodes, inode);

	if (fd < 0) {
		return fd;
	}
	int r = statx(fd, "", AT_EMPTY_PATH, INODE_STATX_MASK, stx) == 0 ? 0 : -errno;

	inode_fd_put(&fs->inodes, inode);
	return r;
}

static void reply_attr(fuse_req_t req, struct fs *fs, const struct statx *stx, double seconds)
{
	struct stat st;

	attr_fill(fs, stx, &st);
	fuse_reply_attr(req, &st, seconds);
}

void attr_consider(struct fs *fs, struct inode *inode, unsigned weight)
{
	struct look look;
	int fd = watch_worth(fs, inode, weight) ? inode_fd_get(&fs->inodes, inode) : -1;

	if (fd >= 0) {
		watch_look(fs, inode, fd, 0, &look);
		inode_fd_put(&fs->inodes, inode);
	}
}

void attr_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);
	struct look look;
	struct statx stx;

	attr_consider(fs, inode, 1);
	watch_look_at(fs, inode, &look);
	int r = attr_statx(fs, inode, &stx);
	double seconds = watch_promise_attr(fs, inode, &look, r == 0 ? &stx : NULL);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	/* By its name it is looked up; the root has none. */
	if (seconds == 0 && inode->type == S_IFDIR && inode != fs->inodes.root) {
		seconds = FS_MOMENT;
	}
	reply_attr(req, fs, &stx, inode->synthetic ? FS_FOREVER : seconds);
}

/* What a SETATTR asks for. */
struct change {
	const struct stat *attr;
	int set;
	struct fuse_file_info *fi; /* may be NULL */
	uid_t uid;		   /* the caller's */
};

static int set_owner(struct fs *fs, int fd, const struct stat *attr, int set)
{
	uint32_t uid = UINT32_MAX;
	uint32_t gid = UINT32_MAX;

	if ((set & FUSE_SET_ATTR_UID) && !ids_outside(&fs->uids, attr->st_uid, &uid)) {
		return -EINVAL;
	}
	if ((set & FUSE_SET_ATTR_GID) && !ids_outside(&fs->gids, attr->st_gid, &gid)) {
		return -EINVAL;
	}
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

static int set_size(struct fs *fs, struct inode *inode, int fd, const struct change *change)
{
	off_t size = change->attr->st_size;
	int r;

	if (inode->type != S_IFREG) {
		return -EINVAL;
	}
	if (change->uid != 0) {
		identity_lower(&fs->identity);
	}
	if (change->fi != NULL && file_of(change->fi)->writable) {
		r = ftruncate(file_of(change->fi)->fd, size) == 0 ? 0 : -errno;
	} else {
		r = truncate(fs_fd_name(fd).text, size) == 0 ? 0 : -errno;
	}
	if (change->uid != 0) {
		identity_resume(&fs->identity);
	}
	return r;
}

/*
 * A change of nothing is how the kernel says, once it was told that we see to that
 * (FUSE_HANDLE_KILLPRIV_V2), that a file is about to be written by somebody who has it lose its
 * set-id bits. Capabilities it removes itself.
 */
static int drop_set_ids(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0) {
		return -errno;
	}
	mode_t drop = S_ISUID | (st.st_mode & S_IXGRP ? S_ISGID : 0);

	if (!S_ISREG(st.st_mode) || !(st.st_mode & drop)) {
		return 0;
	}
	return chmod(fs_fd_name(fd).text, st.st_mode & 07777 & ~drop) == 0 ? 0 : -errno;
}

static int set_times(int fd, const struct stat *attr, int set)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

	if (set & FUSE_SET_ATTR_ATIME_NOW) {
		times[0].tv_nsec = UTIME_NOW;
	} else if (set & FUSE_SET_ATTR_ATIME) {
		times[0] = attr->st_atim;
	}
	if (set & FUSE_SET_ATTR_MTIME_NOW) {
		times[1].tv_nsec = UTIME_NOW;
	} else if (set & FUSE_SET_ATTR_MTIME) {
		times[1] = attr->st_mtim;
	}
	return utimensat(fd, "", times, AT_EMPTY_PATH) == 0 ? 0 : -errno;
}

/* The order matters: chown takes set-id bits away, and the times come last. */
static int set_all(struct fs *fs, struct inode *inode, int fd, const struct change *change)
{
	const struct stat *attr = change->attr;
	int set = change->set;
	int r = set == 0 ? drop_set_ids(fd) : 0;

	if (set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		r = set_owner(fs, fd, attr, set);
	}
	if (r == 0 && (set & FUSE_SET_ATTR_SIZE)) {
		r = set_size(fs, inode, fd, change);
	}
	if (r == 0 && (set & FUSE_SET_ATTR_MODE)) {
		r = chmod(fs_fd_name(fd).text, attr->st_mode & 07777) == 0 ? 0 : -errno;
	}
	if (r == 0 && (set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
				     FUSE_SET_ATTR_MTIME_NOW))) {
		r = set_times(fd, attr, set);
	}
	return r;
}

void attr_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);
	struct statx stx;
	/* An open file's size is its holder's to change, as writing to it is. */
	bool own = fi != NULL &&
		   !(set & ~(FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_CTIME));
	int r = own ? (fs->read_only ? EROFS : 0) : fs_check_change(fs, req);

	if (r != 0) {
		fuse_reply_err(req, r);
		return;
	}
	int fd = inode_fd_get(&fs->inodes, inode);

	if (fd < 0) {
		fuse_reply_err(req, -fd);
		return;
	}
	const struct change change = {
		.attr = attr, .set = set, .fi = fi, .uid = fuse_req_ctx(req)->uid
	};

	r = set_all(fs, inode, fd, &change);
	if (r == 0 && statx(fd, "", AT_EMPTY_PATH, INODE_STATX_MASK, &stx) != 0) {
		r = -errno;
	}
	inode_fd_put(&fs->inodes, inode);
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	reply_attr(req, fs, &stx, 0);
}

void attr_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);
	struct statvfs st;

	if (inode->synthetic) {
		inode = fs->inodes.root;
	}
	int fd = inode_fd_get(&fs->inodes, inode);

	if (fd < 0) {
		fuse_reply_err(req, -fd);
		return;
	}
	int r = fstatvfs(fd, &st) == 0 ? 0 : errno;

	inode_fd_put(&fs->inodes, inode);
	if (r != 0) {
		fuse_reply_err(req, r);
		return;
	}
	fuse_reply_statfs(req, &st);
}
