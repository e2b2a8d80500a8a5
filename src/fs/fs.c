/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A view: what all of its files need of it, its handlers, and how it comes to be. */
#include "fs/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct fd_name fs_fd_name(int fd)
{
	struct fd_name name;

	snprintf(name.text, sizeof(name.text), "%d", fd);
	return name;
}

struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

struct inode *fs_inode(struct fs *fs, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? fs->inodes.root : (struct inode *)(uintptr_t)ino;
}

int fs_check_name(const char *name)
{
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		strchr(name, '/') != NULL) {
		return EINVAL;
	}
	return strlen(name) > NAME_MAX ? ENAMETOOLONG : 0;
}

int fs_check_change(struct fs *fs, fuse_req_t req)
{
	if (fs->read_only) {
		return EROFS;
	}
	return -identity_check(&fs->identity, fuse_req_ctx(req)->pid);
}

/* What the kernel is asked for where it can; all else is turned off. */
static const unsigned wanted[] = {
	FUSE_CAP_ASYNC_READ,
	FUSE_CAP_POSIX_LOCKS,
	FUSE_CAP_ATOMIC_O_TRUNC,
	FUSE_CAP_DONT_MASK,
	FUSE_CAP_SPLICE_WRITE,
	FUSE_CAP_SPLICE_MOVE,
	FUSE_CAP_SPLICE_READ,
	FUSE_CAP_FLOCK_LOCKS,
	FUSE_CAP_IOCTL_DIR,
	FUSE_CAP_AUTO_INVAL_DATA,
	FUSE_CAP_ASYNC_DIO,
	FUSE_CAP_PARALLEL_DIROPS,
	FUSE_CAP_POSIX_ACL,
};

static void init(void *data, struct fuse_conn_info *conn)
{
	struct fs *fs = data;

	conn->want = 0;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		conn->want |= conn->capable & wanted[i];
	}
	watch_negotiate(fs, conn->proto_minor);
	/* What these bring can't be used without a time to trust it. */
	if (fs->watch.on) {
		conn->want |= conn->capable & FUSE_CAP_READDIRPLUS;
	}
	/* The text of a link never changes, unless it's we who make it up. */
	if (fs->watch.on && !fs->container) {
		conn->want |= conn->capable & FUSE_CAP_CACHE_SYMLINKS;
	}
	passthrough_negotiate(fs, conn);
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	conn->time_gran = 1;
}

static const struct fuse_lowlevel_ops operations = {
	.init = init,
	.lookup = lookup_name,
	.forget = forget_one,
	.forget_multi = forget_several,
	.getattr = attr_getattr,
	.setattr = attr_setattr,
	.statfs = attr_statfs,
	.readlink = symlink_read,
	.mknod = name_mknod,
	.mkdir = name_mkdir,
	.symlink = name_symlink,
	.link = name_link,
	.unlink = name_unlink,
	.rmdir = name_rmdir,
	.rename = name_rename,
	.open = file_open,
	.create = file_create,
	.read = file_read,
	.write_buf = file_write_buf,
	.flush = file_flush,
	.release = file_release,
	.fsync = file_fsync,
	.fallocate = file_fallocate,
	.copy_file_range = file_copy_range,
	.lseek = file_lseek,
	.opendir = dir_opendir,
	.readdir = dir_readdir,
	.readdirplus = dir_readdirplus,
	.fsyncdir = dir_fsyncdir,
	.getxattr = xattr_get,
	.setxattr = xattr_set,
	.listxattr = xattr_list,
	.removexattr = xattr_remove,
	.getlk = lock_getlk,
	.setlk = lock_setlk,
	.flock = lock_flock,
	.ioctl = ioctl_handle,
};

static int init_view(struct fs *fs, const struct wire_fs_start *start, struct error *err)
{
	if (start->view != WIRE_VIEW_HOST && start->view != WIRE_VIEW_CONTAINER) {
		return error_set(err, 0, "no such view: %u", start->view);
	}
	fs->container = start->view == WIRE_VIEW_CONTAINER;
	/* Overlays may be behind the container's files. What is stacked thrice is more than the
	 * kernel allows, so the host view leaves room for one that a tool mounts. */
	fs->passthrough.depth = fs->container ? 2 : 1;
	fs->read_only = start->read_only != 0;
	fs->owner_uid = start->owner_uid;
	fs->owner_gid = start->owner_gid;
	pthread_mutex_init(&fs->devices_lock, NULL);
	dir_init(fs);
	if (ids_init(&fs->uids, start->uid_ranges, start->n_uid_ranges) < 0 ||
		ids_init(&fs->gids, start->gid_ranges, start->n_gid_ranges) < 0) {
		return error_set(err, 0, "the user namespace's maps contradict themselves");
	}
	for (unsigned i = 0; i < FS_SYNTHETICS && !fs->container; i++) {
		fs->synthetic[i] = inode_new_synthetic(attr_synthetic_ino(i));
		if (fs->synthetic[i] == NULL) {
			return error_set(err, ENOMEM, "make the table of inodes");
		}
	}
	return 0;
}

int fs_init(struct fs *fs, const struct wire_fs_start *start, size_t max_idle, struct error *err)
{
	char program[] = "sallyport-fs";
	char *argv[] = { program, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	int r = init_view(fs, start, err);

	if (r == 0) {
		r = inode_table_init(&fs->inodes, fs->root_fd, max_idle, err);
	}
	if (r == 0) {
		r = identity_init(&fs->identity, fs->proc_fd, start, err);
	}
	if (r < 0) {
		return r;
	}
	fs->session = fuse_session_new(&args, &operations, sizeof(operations), fs);
	fuse_opt_free_args(&args);
	return fs->session != NULL ? 0 : error_set(err, 0, "the FUSE library refuses to start");
}
