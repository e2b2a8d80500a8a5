/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What symbolic links say: a container's are changed so that they stay in it. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "fs/contain.h"
#include "fs/fs.h"

/* What the container's link INODE, whose text is TARGET, says in a session. */
static int contained(struct fs *fs, struct inode *inode, const char *target, char *out, size_t size)
{
	struct contain_root root = { .root_fd = fs->root_fd, .self_fd = fs->self_fd };
	char dir[PATH_MAX];
	int r = inode_path(&fs->inodes, inode, dir, sizeof(dir));

	if (r < 0) {
		/* out of reach by a path, or gone: nothing to resolve against */
		dir[0] = '\0';
	}
	char *slash = strrchr(dir, '/');

	if (slash != NULL) {
		*slash = '\0';
	}
	return contain_target(dir, target, contain_resolve_in_root, &root, out, size);
}

void symlink_read(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);
	char target[PATH_MAX];
	char out[PATH_MAX];
	int fd = inode_fd_get(&fs->inodes, inode);

	if (fd < 0) {
		fuse_reply_err(req, -fd);
		return;
	}
	ssize_t n = readlinkat(fd, "", target, sizeof(target));
	int r = n < 0 ? -errno : (size_t)n >= sizeof(target) ? -ENAMETOOLONG : 0;

	inode_fd_put(&fs->inodes, inode);
	if (r == 0) {
		target[n] = '\0';
		if (fs->container) {
			r = contained(fs, inode, target, out, sizeof(out));
		}
	}
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	fuse_reply_readlink(req, fs->container ? out : target);
}
