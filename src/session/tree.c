/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/fd.h"
#include "session/mounts.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MQUEUE_MAGIC
#define MQUEUE_MAGIC 0x19800202
#endif

/*
 * The mount at PATH below the container's root, where it is of the file system MAGIC; else -1. The
 * container may have put anything there: no link is followed on the way, none on the mount either.
 */
static int clone_special(int root_fd, const char *path, long magic)
{
	uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	_cleanup_close_ int fd = fd_openat2(root_fd, path, O_PATH | O_DIRECTORY, resolve);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || (long)fs.f_type != magic) {
		return -1;
	}
	int clone = mounts_clone(fd, "", false,
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW, NULL);
	return clone < 0 ? -1 : clone;
}

static int copy_mounts(
	struct tree *tree, const struct namespaces *ns, bool whole, struct error *err)
{
	tree->pts_fd = clone_special(ns->root_fd, "dev/pts", DEVPTS_SUPER_MAGIC);
	if (!whole) {
		return 0;
	}
	tree->shm_fd = clone_special(ns->root_fd, "dev/shm", TMPFS_MAGIC);
	tree->mqueue_fd = clone_special(ns->root_fd, "dev/mqueue", MQUEUE_MAGIC);
	int fd = mounts_clone(ns->root_fd, "", true, 0, err);
	if (fd < 0) {
		return fd;
	}
	tree->root_fd = fd;
	return 0;
}

int tree_capture(struct tree *tree, const struct namespaces *ns, bool whole, struct error *err)
{
	_cleanup_close_ int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct namespace *mnt = &ns->ns[NAMESPACE_MNT];

	*tree = (struct tree){ -1, -1, -1, -1 };
	if (own < 0 || root < 0) {
		return error_set(err, errno, "open our own mount namespace");
	}
	if (!mnt->shared && setns(mnt->fd, CLONE_NEWNS) < 0) {
		return error_set(err, errno, "join the container's mnt namespace");
	}
	int r = copy_mounts(tree, ns, whole, err);
	if (mnt->shared) {
		return r;
	}
	/* Nothing may go on from inside the container. */
	if (setns(own, CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0) {
		log_error("cannot come back from the container's mounts: %s", strerror(errno));
		_exit(EXIT_OURS);
	}
	if (cwd < 0 || fchdir(cwd) < 0) {
		r = r < 0 ? r : chdir("/");
	}
	return r;
}

void tree_finish(struct tree *tree)
{
	if (tree == NULL) {
		return;
	}
	cleanup_close(&tree->root_fd);
	cleanup_close(&tree->pts_fd);
	cleanup_close(&tree->shm_fd);
	cleanup_close(&tree->mqueue_fd);
	*tree = (struct tree){ -1, -1, -1, -1 };
}
