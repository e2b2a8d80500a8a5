/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done with open files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/fs.h"

/* Below this, copying costs less than splicing. */
#define SPLICE_MIN 16384

/* Reads for a caller who wants what is there now, in one read(2). */
static void read_copy(fuse_req_t req, int fd, size_t size, off_t off)
{
	_cleanup_free_ char *data = malloc(size);

	if (data == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	ssize_t n = pread(fd, data, size, off);

	if (n < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	fuse_reply_buf(req, data, (size_t)n);
}

void file_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct file *file = file_of(fi);
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(size);
	int fd = file_fd(fs, file);

	if (fd < 0) {
		fuse_reply_err(req, -fd);
		return;
	}
	/* Where the kernel reads large files itself, what comes here is of small ones. */
	if (file->pseudo || fs->passthrough.on || size < SPLICE_MIN) {
		read_copy(req, fd, size, off);
		return;
	}
	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = fd;
	out.buf[0].pos = off;
	fuse_reply_data(req, &out, FUSE_BUF_SPLICE_MOVE);
}

/* One write(2) of all that came, in the caller's name: files of the kernel's look at both. */
static ssize_t write_pseudo(struct fs *fs, fuse_req_t req, const struct file *file,
	struct fuse_bufvec *in, size_t size, off_t off)
{
	struct caller caller = name_caller(req);
	struct fuse_bufvec copy = FUSE_BUFVEC_INIT(size);
	_cleanup_free_ char *data = malloc(size != 0 ? size : 1);
	uint32_t uid, gid;

	if (data == NULL) {
		return -ENOMEM;
	}
	copy.buf[0].mem = data;
	ssize_t n = fuse_buf_copy(&copy, in, 0);

	if (n < 0 || !ids_outside(&fs->uids, caller.uid, &uid) ||
		!ids_outside(&fs->gids, caller.gid, &gid)) {
		return n < 0 ? n : -EOVERFLOW;
	}
	identity_assume_fully(&fs->identity, uid, gid);
	n = pwrite(file->fd, data, (size_t)n, off);
	n = n < 0 ? -errno : n;
	identity_resume(&fs->identity);
	return n;
}

void file_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
	struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	const struct file *file = file_of(fi);
	size_t size = fuse_buf_size(in);
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(size);
	ssize_t n;

	if (file->pseudo) {
		n = write_pseudo(fs, req, file, in, size, off);
	} else {
		out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
		out.buf[0].fd = file->fd;
		out.buf[0].pos = off;
		n = fuse_buf_copy(&out, in, 0);
	}
	if (n < 0) {
		fuse_reply_err(req, (int)-n);
		return;
	}
	fuse_reply_write(req, (size_t)n);
}

void file_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct file *file = file_of(fi);

	lock_drop(fs, file->inode, fi->lock_owner);
	/* a close of a duplicate is how network file systems report what failed late */
	bool late = file->writable && !file->local;
	int copy = late ? fcntl(file->fd, F_DUPFD_CLOEXEC, 0) : -1;
	int r = copy >= 0 && close(copy) != 0 ? errno : 0;

	fuse_reply_err(req, r);
}

void file_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);

	lock_drop_file(fs, file_of(fi));
	file_close(fs, file_of(fi));
	lock_kick(fs); /* its flock went with it */
	fuse_reply_err(req, 0);
}

void file_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	int fd = file_fd(fs_of(req), file_of(fi));
	int r = fd < 0 ? -fd : (datasync ? fdatasync(fd) : fsync(fd)) == 0 ? 0 : errno;

	fuse_reply_err(req, r);
}

void file_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
	struct fuse_file_info *fi)
{
	int fd = file_fd(fs_of(req), file_of(fi));
	int r = fd < 0 ? -fd : fallocate(fd, mode, off, length) == 0 ? 0 : errno;

	fuse_reply_err(req, r);
}

void file_copy_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in, struct fuse_file_info *fi_in,
	fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t len, int flags)
{
	struct fs *fs = fs_of(req);
	int in = file_fd(fs, file_of(fi_in));
	int out = file_fd(fs, file_of(fi_out));

	if (in < 0 || out < 0) {
		fuse_reply_err(req, in < 0 ? -in : -out);
		return;
	}
	ssize_t n = copy_file_range(in, &off_in, out, &off_out, len, (unsigned)flags);

	if (n < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	fuse_reply_write(req, (size_t)n);
}

void file_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	int fd = file_fd(fs_of(req), file_of(fi));
	off_t r = fd < 0 ? fd : lseek(fd, off, whence);

	if (r < 0) {
		fuse_reply_err(req, fd < 0 ? -fd : errno);
		return;
	}
	fuse_reply_lseek(req, r);
}
