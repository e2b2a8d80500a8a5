/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flock(2) and POSIX locks, taken on the real files, so that they hold against the other users of
 * those too. A POSIX lock of one owner is an open file description lock of a descriptor of its
 * own. Who has to wait is retried by one thread for all.
 */
#ifndef FS_LOCK_H
#define FS_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "fs/library.h"

struct file;
struct fs;
struct inode;
struct lock_owner;
struct lock_wait;

struct lock_waiter {
	pthread_mutex_t lock; /* also for the owners of all inodes */
	pthread_cond_t some;
	struct lock_wait *waits;
	struct lock_owner *ending; /* whose end is waited for */
	uint64_t n_ending;	   /* so far */
	int ends_fd;		   /* epoll of their processes */
	bool retries;		   /* a thread tries for those who wait */
	bool hears_ends;	   /* and one waits for the ends */
};

/* Returns 0 or a negative errno. */
int lock_init(struct fs *fs, struct error *err);

void lock_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock);
void lock_setlk(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock, int sleep);
void lock_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op);

/* Has anybody of this view a POSIX lock of INODE? */
bool lock_any(struct fs *fs, const struct inode *inode);

/* OWNER closed a descriptor of INODE: its POSIX locks end. */
void lock_drop(struct fs *fs, struct inode *inode, uint64_t owner);

/* FILE is closed for good: the locks of the open file description itself end. */
void lock_drop_file(struct fs *fs, const struct file *file);

/* Something was unlocked: those who wait may try. */
void lock_kick(struct fs *fs);

#endif
