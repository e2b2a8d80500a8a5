/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/passthrough.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/fs.h"
#include "fs/protocol.h"

#define LIBRARY_KNOWS (FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17))

#if LIBRARY_KNOWS

int passthrough_begin(struct fs *fs, int device_fd)
{
	char device[32];

	pthread_mutex_init(&fs->passthrough.lock, NULL);
	fs->passthrough.device_fd = device_fd;
	snprintf(device, sizeof(device), "/dev/fd/%d", device_fd);
	return fuse_session_mount(fs->session, device);
}

void passthrough_negotiate(struct fs *fs, struct fuse_conn_info *conn)
{
	if (conn->capable & FUSE_CAP_PASSTHROUGH) {
		conn->want |= FUSE_CAP_PASSTHROUGH;
		conn->max_backing_stack_depth = fs->passthrough.depth;
		fs->passthrough.on = true;
		conn->want |= conn->capable & FUSE_CAP_HANDLE_KILLPRIV_V2;
	}
}

#else

/* The library's own reads and writes, between which the INIT's words are seen and changed. */

static ssize_t device_read(int fd, void *data, size_t size, void *userdata)
{
	struct fs *fs = userdata;
	ssize_t n = read(fd, data, size);
	const struct fuse_in_header *in = data;
	const struct fuse_init_in *init = (const void *)(in + 1);

	if (!fs->passthrough.answered && n >= (ssize_t)(sizeof(*in) + sizeof(*init)) &&
		in->opcode == FUSE_INIT && (init->flags & FUSE_INIT_EXT)) {
		fs->passthrough.offered = (init->flags2 & (FUSE_PASSTHROUGH >> 32)) != 0;
		fs->passthrough.offered_flags = init->flags;
	}
	return n;
}

/* The first thing that is written is the reply to INIT, or an error that ends it all. */
static void change_init_reply(struct fs *fs, const struct iovec *iov, int count)
{
	fs->passthrough.answered = true;
	if (!fs->passthrough.offered || count < 2 || iov[1].iov_len < PROTOCOL_INIT_OUT_SIZE) {
		return;
	}
	char *reply = iov[1].iov_base;
	struct fuse_init_out *out = iov[1].iov_base;
	uint32_t flags2;
	uint32_t depth = fs->passthrough.depth;

	/* Without the second the kernel asks for security.capability before each write. What it
	 * leaves to us is in attr_setattr(). */
	out->flags |= FUSE_INIT_EXT | (fs->passthrough.offered_flags & FUSE_HANDLE_KILLPRIV_V2);
	memcpy(&flags2, reply + PROTOCOL_INIT_OUT_FLAGS2, sizeof(flags2));
	flags2 |= (uint32_t)(FUSE_PASSTHROUGH >> 32);
	memcpy(reply + PROTOCOL_INIT_OUT_FLAGS2, &flags2, sizeof(flags2));
	memcpy(reply + PROTOCOL_INIT_OUT_DEPTH, &depth, sizeof(depth));
	fs->passthrough.on = true;
}

static ssize_t device_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fs *fs = userdata;

	if (!fs->passthrough.answered) {
		change_init_reply(fs, iov, count);
	}
	return writev(fd, iov, count);
}

static ssize_t device_splice(
	int in, off_t *off_in, int out, off_t *off_out, size_t size, unsigned flags, void *userdata)
{
	return splice(in, off_in, out, off_out, size, flags);
}

int passthrough_begin(struct fs *fs, int device_fd)
{
	static const struct fuse_custom_io io = {
		.writev = device_writev,
		.read = device_read,
		.splice_receive = device_splice,
		.splice_send = device_splice,
	};

	pthread_mutex_init(&fs->passthrough.lock, NULL);
	fs->passthrough.device_fd = device_fd;
	return fuse_session_custom_io(fs->session, &io, device_fd) == 0 ? 0 : -1;
}

void passthrough_negotiate(struct fs *fs, struct fuse_conn_info *conn)
{
}

#endif

/* 0 where the real file can't be used so: its file system is stacked too deep, or we lack the
 * right. */
static int32_t backing_open(struct fs *fs, int fd)
{
	struct protocol_backing_map map = { .fd = fd };
	int id = ioctl(fs->passthrough.device_fd, PROTOCOL_BACKING_OPEN, &map);

	return id > 0 ? id : 0;
}

static void backing_close(struct fs *fs, int32_t id)
{
	uint32_t number = (uint32_t)id;

	ioctl(fs->passthrough.device_fd, PROTOCOL_BACKING_CLOSE, &number);
}

int32_t passthrough_open(struct fs *fs, struct inode *inode, int path_fd, bool wanted)
{
	if (!fs->passthrough.on) {
		return 0;
	}
	pthread_mutex_lock(&fs->passthrough.lock);
	if (inode->backing_users++ == 0 && wanted) {
		inode->backing_id = backing_open(fs, path_fd);
	}
	int32_t id = inode->backing_id;

	pthread_mutex_unlock(&fs->passthrough.lock);
	return id;
}

void passthrough_close(struct fs *fs, struct inode *inode)
{
	if (!fs->passthrough.on) {
		return;
	}
	pthread_mutex_lock(&fs->passthrough.lock);
	if (--inode->backing_users == 0 && inode->backing_id != 0) {
		backing_close(fs, inode->backing_id);
		inode->backing_id = 0;
	}
	pthread_mutex_unlock(&fs->passthrough.lock);
}

int passthrough_reply(fuse_req_t req, const struct fuse_entry_param *entry,
	const struct fuse_file_info *fi, int32_t backing_id)
{
	struct {
		struct fuse_entry_out entry;
		struct protocol_open_out open;
	} out = { 0 };

	out.open.fh = fi->fh;
	out.open.open_flags = (fi->direct_io ? FOPEN_DIRECT_IO : 0) |
			      (fi->keep_cache ? FOPEN_KEEP_CACHE : 0) |
			      (fi->noflush ? FOPEN_NOFLUSH : 0);
	if (backing_id != 0) {
		out.open.open_flags |= FOPEN_PASSTHROUGH;
		out.open.backing_id = backing_id;
	}
	if (entry == NULL) {
		return fuse_reply_buf(req, (const char *)&out.open, sizeof(out.open));
	}
	protocol_fill_entry(&out.entry, entry);
	return fuse_reply_buf(req, (const char *)&out, sizeof(out));
}
