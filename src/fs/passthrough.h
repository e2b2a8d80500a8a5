/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FUSE passthrough (Linux 6.9): reads, writes and mappings of an open file go to the real file
 * without the server. libfuse knows it from 3.17 on; with an older one it is negotiated by hand.
 * All opens of an inode at one time have to be of one kind: fuse-passthrough.rst,
 * fs/fuse/iomode.c of the kernel.
 */
#ifndef FS_PASSTHROUGH_H
#define FS_PASSTHROUGH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/library.h"

struct fs;
struct inode;

struct passthrough {
	pthread_mutex_t lock; /* for the backing_ members of all inodes */
	int device_fd;
	unsigned depth; /* how many stacked file systems may be behind the view */
	bool offered;	/* by the kernel, in its INIT */
	uint32_t offered_flags;
	atomic_bool answered; /* our answer to it is on its way */
	bool on;
};

/*
 * Gives the session the device DEVICE_FD to read from. Returns 0, or -1 where the library refuses.
 */
int passthrough_begin(struct fs *fs, int device_fd);

/* In the library's init handler. */
void passthrough_negotiate(struct fs *fs, struct fuse_conn_info *conn);

/*
 * Counts one more open of INODE, whose descriptor (O_PATH is enough) is PATH_FD. With WANTED
 * returns the id that names the real file to the kernel; 0 where this open, as those that there are
 * already, has to be served by us.
 */
int32_t passthrough_open(struct fs *fs, struct inode *inode, int path_fd, bool wanted);

/* Ends one open. */
void passthrough_close(struct fs *fs, struct inode *inode);

/* Reply to an open, and to a create where ENTRY isn't NULL, with BACKING_ID (0: none). As
 * fuse_reply_open(). */
int passthrough_reply(fuse_req_t req, const struct fuse_entry_param *entry,
	const struct fuse_file_info *fi, int32_t backing_id);

#endif
