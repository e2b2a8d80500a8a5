/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading directories. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/fs.h"

#define BUFFER_SIZE 32768

/* Where the root's listing stands after the synthetic "c", which comes last. No file system of
 * Linux hands out this offset. */
#define AFTER_SYNTHETIC ((off_t)0x7ffffffffffffff1)

/* An entry as getdents64(2) gives it. */
struct raw_entry {
	uint64_t ino;
	int64_t off;
	uint16_t length;
	uint8_t type;
	char name[];
};

struct directory {
	int fd; /* -1: a synthetic one */
	struct inode *inode;
	struct statx stx;
	bool promising;
	pthread_mutex_t lock;
	off_t next; /* the offset that the next entry in the buffer begins at */
	size_t used, filled;
	_Alignas(8) char buffer[BUFFER_SIZE];
};

static struct directory *directory_of(const struct fuse_file_info *fi)
{
	return (struct directory *)(uintptr_t)fi->fh;
}

int dir_fd(const struct fuse_file_info *fi)
{
	return directory_of(fi)->fd;
}

static int open_real(struct fs *fs, fuse_req_t req, struct directory *dir)
{
	struct caller caller = name_caller(req);
	uint32_t uid, gid;
	int r = name_owner(fs, fs->root_fd, &caller, &uid, &gid);
	int fd = inode_fd_get(&fs->inodes, dir->inode);

	if (fd < 0) {
		return fd;
	}
	bool pseudo = file_is_pseudo(fd);
	struct look look;

	watch_look(fs, dir->inode, fd, 2, &look);
	dir->promising = look.promising;
	if (r < 0 && pseudo) {
		inode_fd_put(&fs->inodes, dir->inode);
		return r;
	}
	for (bool again = true; again;) {
		if (pseudo) {
			identity_assume_fully(&fs->identity, uid, gid);
		}
		dir->fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = dir->fd < 0 ? -errno : 0;
		if (pseudo) {
			identity_resume(&fs->identity);
		}
		again = (r == -EMFILE || r == -ENFILE) && inode_shed(&fs->inodes);
	}
	if (r == 0) {
		/* its descriptor stays in use till the handle is closed */
		statx(dir->fd, "", AT_EMPTY_PATH, INODE_STATX_MASK, &dir->stx);
	} else {
		inode_fd_put(&fs->inodes, dir->inode);
	}
	return r;
}

static void dir_close(struct fs *fs, struct directory *dir)
{
	if (dir->fd >= 0) {
		close(dir->fd);
		inode_fd_put(&fs->inodes, dir->inode);
	}
	pthread_mutex_destroy(&dir->lock);
	free(dir);
}

void dir_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct directory *dir = malloc(sizeof(*dir));
	int r = identity_check(&fs->identity, fuse_req_ctx(req)->pid);

	if (dir == NULL || r < 0) {
		free(dir);
		fuse_reply_err(req, r < 0 ? -r : ENOMEM);
		return;
	}
	dir->fd = -1;
	dir->promising = false;
	dir->inode = fs_inode(fs, ino);
	dir->next = 0;
	dir->used = 0;
	dir->filled = 0;
	r = dir->inode->synthetic ? 0 : open_real(fs, req, dir);
	if (r < 0) {
		free(dir);
		fuse_reply_err(req, -r);
		return;
	}
	pthread_mutex_init(&dir->lock, NULL);
	fi->fh = (uintptr_t)dir;
	bool keep = false;

	fi->cache_readdir = watch_listing(fs, dir->inode, &keep);
	fi->keep_cache = keep;
	if (fuse_reply_open(req, fi) == -ENOENT) {
		dir_close(fs, dir);
	}
}

void dir_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	dir_close(fs_of(req), directory_of(fi));
	fuse_reply_err(req, 0);
}

void dir_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	int fd = dir_fd(fi);
	int r = fd < 0 ? 0 : datasync ? fdatasync(fd) : fsync(fd);

	fuse_reply_err(req, r == 0 ? 0 : errno);
}

/* The entry at the handle's place, which it stays at; NULL at the end. *R is a negative errno on
 * failure. */
static const struct raw_entry *peek(struct directory *dir, int *r)
{
	if (dir->used >= dir->filled) {
		long n = syscall(SYS_getdents64, dir->fd, dir->buffer, sizeof(dir->buffer));

		if (n <= 0) {
			*r = n < 0 ? -errno : 0;
			return NULL;
		}
		dir->used = 0;
		dir->filled = (size_t)n;
	}
	return (const struct raw_entry *)(const void *)(dir->buffer + dir->used);
}

static void advance(struct directory *dir, const struct raw_entry *entry)
{
	dir->used += entry->length;
	dir->next = entry->off;
}

static int seek(struct directory *dir, off_t off)
{
	/* Offset 0 always rereads: the holder rewound, or begins. */
	if (off == dir->next && off != 0) {
		return 0;
	}
	if (lseek(dir->fd, off, SEEK_SET) < 0) {
		return -errno;
	}
	dir->used = 0;
	dir->filled = 0;
	dir->next = off;
	return 0;
}

/* What is being filled for the kernel. */
struct listing {
	struct fs *fs;
	fuse_req_t req;
	bool plus;
	bool promising; /* what is looked up for the kernel, it may use */
	char *data;
	size_t size, used;
};

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* False where there's no room for it any more. */
static bool add(struct listing *list, struct inode *parent, const char *name, uint64_t ino,
	uint8_t type, off_t off)
{
	struct fuse_entry_param entry = { 0 };
	size_t room = list->size - list->used;
	size_t n;

	entry.attr.st_ino = ino;
	entry.attr.st_mode = (mode_t)type << 12;
	if (!list->plus) {
		n = fuse_add_direntry(
			list->req, list->data + list->used, room, name, &entry.attr, off);
	} else {
		if (fuse_add_direntry_plus(list->req, NULL, 0, name, &entry, off) > room) {
			return false;
		}
		/* one that can't be looked up is listed all the same, without its attributes */
		if (!list->promising || is_dots(name) ||
			name_lookup_entry(list->fs, parent, name, &entry) < 0) {
			memset(&entry, 0, sizeof(entry));
			entry.attr.st_ino = ino;
			entry.attr.st_mode = (mode_t)type << 12;
		}
		n = fuse_add_direntry_plus(
			list->req, list->data + list->used, room, name, &entry, off);
	}
	if (n > room) {
		return false;
	}
	list->used += n;
	return true;
}

static void list_synthetic(struct listing *list, const struct directory *dir, off_t off)
{
	static const char *const names[] = { ".", ".." };

	for (off_t i = off; i >= 0 && i < 2; i++) {
		if (!add(list, NULL, names[i], dir->inode->key.ino, DT_DIR, i + 1)) {
			return;
		}
	}
}

/* "c", where the host has none of its own. */
static void list_container(struct listing *list, struct directory *dir)
{
	const struct inode *c = list->fs->synthetic[FS_SYNTHETIC_CONTAINER];
	struct stat st;

	if (list->fs->container || dir->inode != list->fs->inodes.root ||
		fstatat(dir->fd, "c", &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0) {
		return;
	}
	add(list, dir->inode, "c", c->key.ino, DT_DIR, AFTER_SYNTHETIC);
}

static int list_real(struct listing *list, struct directory *dir, off_t off)
{
	int r = off == AFTER_SYNTHETIC ? 0 : seek(dir, off);
	const struct raw_entry *entry;

	if (r < 0 || off == AFTER_SYNTHETIC) {
		return r;
	}
	while ((entry = peek(dir, &r)) != NULL) {
		if (!add(list, dir->inode, entry->name, attr_ino(list->fs, &dir->stx, entry->ino),
			    entry->type, entry->off)) {
			return 0;
		}
		advance(dir, entry);
	}
	if (r == 0) {
		list_container(list, dir);
	}
	return list->used > 0 ? 0 : r;
}

static void read_entries(
	fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
	struct directory *dir = directory_of(fi);
	struct listing list = { .fs = fs_of(req),
		.req = req,
		.plus = plus,
		.size = size,
		.promising = dir->promising };
	int r = 0;

	list.data = malloc(size);
	if (list.data == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	pthread_mutex_lock(&dir->lock);
	if (dir->fd < 0) {
		list_synthetic(&list, dir, off);
	} else {
		r = list_real(&list, dir, off);
	}
	pthread_mutex_unlock(&dir->lock);
	if (r < 0) {
		fuse_reply_err(req, -r);
	} else {
		fuse_reply_buf(req, list.data, list.used);
	}
	free(list.data);
}

void dir_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	read_entries(req, size, off, fi, false);
}

void dir_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	read_entries(req, size, off, fi, true);
}
