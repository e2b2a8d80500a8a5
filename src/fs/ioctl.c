/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ioctls that are about the file alone. */
#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "fs/fs.h"

struct known_ioctl {
	unsigned cmd;
	size_t in, out; /* bytes that go there and back */
	bool changes;
};

/* The flags are an int, whatever the names of the first two say: ioctl_iflags(2). */
static const struct known_ioctl known[] = {
	{ FS_IOC_GETFLAGS, 0, sizeof(int), false },
	{ FS_IOC_SETFLAGS, sizeof(int), 0, true },
	{ FS_IOC_GETVERSION, 0, sizeof(int), false },
	{ FS_IOC_FSGETXATTR, 0, sizeof(struct fsxattr), false },
	{ FS_IOC_FSSETXATTR, sizeof(struct fsxattr), 0, true },
	{ FIONREAD, 0, sizeof(int), false },
};

static const struct known_ioctl *find(unsigned cmd)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].cmd == cmd) {
			return &known[i];
		}
	}
	return NULL;
}

void ioctl_handle(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg,
	struct fuse_file_info *fi, unsigned flags, const void *in, size_t in_size, size_t out_size)
{
	struct fs *fs = fs_of(req);
	const struct known_ioctl *io = find(cmd);
	_Alignas(8) char data[sizeof(struct fsxattr) + sizeof(long)] = { 0 };

	if (io == NULL || (flags & FUSE_IOCTL_COMPAT) || in_size < io->in || out_size < io->out) {
		fuse_reply_err(req, ENOTTY);
		return;
	}
	int r = io->changes ? fs_check_change(fs, req) : 0;
	_cleanup_close_ int dir = -1;
	int fd = -1;

	if (r == 0) {
		fd = flags &FUSE_IOCTL_DIR ? dir = dir_open(req, ino) : file_fd(fs, file_of(fi));
		r = fd < 0 ? -fd : 0;
	}
	if (r != 0) {
		fuse_reply_err(req, r);
		return;
	}
	if (io->in > 0) {
		memcpy(data, in, io->in);
	}
	int result = ioctl(fd, (unsigned long)io->cmd, data);

	if (result < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	fuse_reply_ioctl(req, result, data, io->out);
}
