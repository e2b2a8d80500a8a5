/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended attributes, and what's translated in them. */
#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/fs.h"

void xattr_init(struct fs *fs)
{
	fs->labels = access("/sys/fs/selinux/enforce", F_OK) == 0 ||
		     access("/etc/selinux/config", F_OK) == 0;
}

static bool is_acl(const char *name)
{
	return strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS) == 0 ||
	       strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT) == 0;
}

static bool mapped(const struct fs *fs)
{
	return fs->uids.n != 0 || fs->gids.n != 0;
}

/*
 * A file's capabilities belong to a user namespace, by the id that its root has outside (revision
 * 3); without one (revision 2) to the initial one. The container's own root sees and sets its
 * namespace's as revision 2.
 */
static size_t caps_inwards(const struct fs *fs, char *value, size_t size)
{
	struct vfs_ns_cap_data caps;
	uint32_t root;

	if (size != XATTR_CAPS_SZ_3 || !ids_outside(&fs->uids, 0, &root)) {
		return size;
	}
	memcpy(&caps, value, sizeof(caps));
	uint32_t magic = le32toh(caps.magic_etc);

	if ((magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_3 || le32toh(caps.rootid) != root) {
		return size;
	}
	caps.magic_etc = htole32((magic & ~VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_2);
	memcpy(value, &caps, XATTR_CAPS_SZ_2);
	return XATTR_CAPS_SZ_2;
}

/* VALUE has room for a revision 3. */
static size_t caps_outwards(const struct fs *fs, char *value, size_t size)
{
	struct vfs_ns_cap_data caps = { 0 };
	uint32_t root;

	if (size != XATTR_CAPS_SZ_2 || !ids_outside(&fs->uids, 0, &root)) {
		return size;
	}
	memcpy(&caps, value, size);
	uint32_t magic = le32toh(caps.magic_etc);

	if ((magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_2) {
		return size;
	}
	caps.magic_etc = htole32((magic & ~VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_3);
	caps.rootid = htole32(root);
	memcpy(value, &caps, sizeof(caps));
	return sizeof(caps);
}

/* The whole value of NAME, translated; *SIZE bytes, the caller's to free. */
static int read_value(struct fs *fs, int fd, const char *name, char **value, size_t *size)
{
	char *data = malloc(XATTR_SIZE_MAX);

	if (data == NULL) {
		return -ENOMEM;
	}
	ssize_t n = getxattr(fs_fd_name(fd).text, name, data, XATTR_SIZE_MAX);

	if (n < 0) {
		int r = -errno;

		free(data);
		return r;
	}
	*size = (size_t)n;
	if (mapped(fs) && is_acl(name)) {
		ids_translate_acl(&fs->uids, &fs->gids, false, data, *size);
	} else if (mapped(fs) && strcmp(name, XATTR_NAME_CAPS) == 0) {
		*size = caps_inwards(fs, data, *size);
	}
	*value = data;
	return 0;
}

static void reply_value(fuse_req_t req, const char *value, size_t n, size_t size)
{
	if (size == 0) {
		fuse_reply_xattr(req, n);
	} else if (n > size) {
		fuse_reply_err(req, ERANGE);
	} else {
		fuse_reply_buf(req, value, n);
	}
}

/* A descriptor of INODE in use, or a negative errno; synthetic ones have no attributes. */
static int get_fd(struct fs *fs, struct inode *inode)
{
	return inode->synthetic ? -EOPNOTSUPP : inode_fd_get(&fs->inodes, inode);
}

/*
 * `ls -l` asks for each file's SELinux label, but only once where there can't be any: so it is on a
 * host without SELinux, until a file is seen to have one. R is the true answer.
 */
static int label_answer(struct fs *fs, int r)
{
	if (r == 0) {
		fs->labels = true;
	}
	return r == -ENODATA && !fs->labels ? -EOPNOTSUPP : r;
}

void xattr_get(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);
	_cleanup_free_ char *value = NULL;
	size_t n = 0;
	int fd = get_fd(fs, inode);

	if (fd < 0) {
		fuse_reply_err(req, -fd);
		return;
	}
	int r = read_value(fs, fd, name, &value, &n);

	inode_fd_put(&fs->inodes, inode);
	if (strcmp(name, XATTR_NAME_SELINUX) == 0) {
		r = label_answer(fs, r);
	}
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	reply_value(req, value, n, size);
}

/* Takes those out that the kernel lists to no one but a privileged caller: xattr(7). Returns the
 * new size. */
static size_t without_trusted(char *names, size_t size)
{
	size_t kept = 0;

	for (size_t at = 0; at < size;) {
		size_t n = strnlen(names + at, size - at) + 1;

		n = n < size - at ? n : size - at;
		if (strncmp(names + at, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN) != 0) {
			memmove(names + kept, names + at, n);
			kept += n;
		}
		at += n;
	}
	return kept;
}

void xattr_list(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);
	_cleanup_free_ char *names = malloc(XATTR_LIST_MAX);
	int fd = names != NULL ? get_fd(fs, inode) : -ENOMEM;

	if (fd < 0) {
		fuse_reply_err(req, -fd);
		return;
	}
	ssize_t n = listxattr(fs_fd_name(fd).text, names, XATTR_LIST_MAX);
	int r = n < 0 ? errno : 0;

	inode_fd_put(&fs->inodes, inode);
	if (r != 0) {
		fuse_reply_err(req, r);
		return;
	}
	if (fuse_req_ctx(req)->uid != 0) {
		n = (ssize_t)without_trusted(names, (size_t)n);
	}
	reply_value(req, names, (size_t)n, size);
}

static int set_value(
	struct fs *fs, int fd, const char *name, const char *value, size_t size, int flags)
{
	_cleanup_free_ char *copy = malloc(size + XATTR_CAPS_SZ_3);
	int r = 0;

	if (copy == NULL) {
		return -ENOMEM;
	}
	memcpy(copy, value, size);
	if (mapped(fs) && is_acl(name)) {
		r = ids_translate_acl(&fs->uids, &fs->gids, true, copy, size);
	} else if (mapped(fs) && strcmp(name, XATTR_NAME_CAPS) == 0) {
		size = caps_outwards(fs, copy, size);
	}
	if (r < 0) {
		return r;
	}
	return setxattr(fs_fd_name(fd).text, name, copy, size, flags) == 0 ? 0 : -errno;
}

void xattr_set(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);
	int r = fs_check_change(fs, req);
	int fd = r != 0 ? -r : get_fd(fs, inode);

	if (fd < 0) {
		fuse_reply_err(req, -fd);
		return;
	}
	r = set_value(fs, fd, name, value, size, flags);
	inode_fd_put(&fs->inodes, inode);
	if (r == 0 && strcmp(name, XATTR_NAME_SELINUX) == 0) {
		fs->labels = true;
	}
	fuse_reply_err(req, -r);
}

void xattr_remove(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);
	/* The kernel itself takes a file's capabilities away when it is written to, by whoever has
	 * it open. */
	bool own = strcmp(name, XATTR_NAME_CAPS) == 0;
	int r = own ? (fs->read_only ? EROFS : 0) : fs_check_change(fs, req);
	int fd = r != 0 ? -r : get_fd(fs, inode);

	if (fd < 0) {
		fuse_reply_err(req, -fd);
		return;
	}
	r = removexattr(fs_fd_name(fd).text, name) == 0 ? 0 : errno;
	inode_fd_put(&fs->inodes, inode);
	fuse_reply_err(req, r);
}
