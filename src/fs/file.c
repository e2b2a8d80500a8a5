/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening and making files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/fs.h"
#include "fs/kind.h"

/* A file changed this recently could change again without a new ctime: clocks tick coarsely. */
#define CTIME_GRAIN_NS 100000000

/* An open for execve(2): the kernel's __FMODE_EXEC. */
#define OPEN_EXEC 0x20

struct file *file_of(const struct fuse_file_info *fi)
{
	return (struct file *)(uintptr_t)fi->fh;
}

void file_close(struct fs *fs, struct file *file)
{
	if (!file->pseudo) {
		passthrough_close(fs, file->inode);
	}
	if (file->fd >= 0) {
		close(file->fd);
	}
	inode_fd_put(&fs->inodes, file->inode);
	free(file);
}

/* The flags for the real file. What names have to do with has been done; direct I/O is between the
 * caller and the kernel. */
static int real_flags(int flags)
{
	flags &= ~(O_CREAT | O_EXCL | O_NOCTTY | O_DIRECT | O_NOFOLLOW | O_DIRECTORY | OPEN_EXEC |
		   O_NONBLOCK | O_ASYNC);
	return flags | O_CLOEXEC;
}

static bool wants_write(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

/* 0, or the errno that refuses an open with FLAGS for PID. */
static int check_open(struct fs *fs, pid_t pid, int flags)
{
	if (fs->container && (flags & OPEN_EXEC)) {
		return EACCES;
	}
	if (fs->read_only && wants_write(flags)) {
		return EROFS;
	}
	return -identity_check(&fs->identity, pid);
}

/* Reopens the O_PATH descriptor PATH_FD. On pseudo file systems as CALLER would. */
static int reopen(struct fs *fs, int path_fd, int flags, bool pseudo, const struct caller *caller)
{
	struct fd_name name = fs_fd_name(path_fd);
	uint32_t uid = 0;
	uint32_t gid = 0;

	if (pseudo && (!ids_outside(&fs->uids, caller->uid, &uid) ||
			      !ids_outside(&fs->gids, caller->gid, &gid))) {
		return -EOVERFLOW;
	}
	/* The kernel takes set-id bits away by itself, but not for an open that truncates. */
	bool lower = (flags & O_TRUNC) && caller->uid != 0;

	if (pseudo) {
		identity_assume_fully(&fs->identity, uid, gid);
	} else if (lower) {
		identity_lower(&fs->identity);
	}
	int r;

	do {
		r = open(name.text, flags);
		r = r < 0 ? -errno : r;
	} while ((r == -EMFILE || r == -ENFILE) && inode_shed(&fs->inodes));
	if (pseudo || lower) {
		identity_resume(&fs->identity);
	}
	return r;
}

static bool long_ago(const struct statx_timestamp *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	int64_t ns = (now.tv_sec - t->tv_sec) * INT64_C(1000000000) + now.tv_nsec - t->tv_nsec;

	return ns > CTIME_GRAIN_NS;
}

/*
 * May the kernel keep the pages that it has of FILE? Only where the file is as it was at an open
 * that looked at it long enough after its last change, so that any later one has shown.
 */
static bool may_keep_cache(struct fs *fs, struct file *file)
{
	struct inode *inode = file->inode;
	struct statx stx;
	bool keep = false;

	if (statx(file->path_fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx) != 0) {
		return false;
	}
	inode_table_lock(&fs->inodes);
	if (inode->cached_ctime.tv_sec == stx.stx_ctime.tv_sec &&
		inode->cached_ctime.tv_nsec == stx.stx_ctime.tv_nsec &&
		inode->cached_size == stx.stx_size) {
		keep = true;
	} else if (long_ago(&stx.stx_ctime)) {
		inode->cached_ctime = stx.stx_ctime;
		inode->cached_size = stx.stx_size;
	} else {
		memset(&inode->cached_ctime, 0, sizeof(inode->cached_ctime));
	}
	inode_table_unlock(&fs->inodes);
	return keep;
}

/* Begins the handle of an open of INODE, whose descriptor, PATH_FD, is in use: it's the handle's
 * now. NULL where memory ran out. */
static struct file *handle_new(struct fs *fs, struct inode *inode, int path_fd, int flags)
{
	struct file *file = malloc(sizeof(*file));
	enum kind kind = kind_of(inode, path_fd);

	if (file == NULL) {
		inode_fd_put(&fs->inodes, inode);
		return NULL;
	}
	*file = (struct file){ .fd = -1,
		.path_fd = path_fd,
		.flags = flags,
		.pseudo = kind == KIND_PSEUDO,
		.local = kind == KIND_LOCAL,
		.writable = (flags & O_ACCMODE) != O_RDONLY,
		.inode = inode };
	/*
	 * Where the kernel's own pages of a small file that seldom changes are as good, they are
	 * better: with passthrough each read of it makes the kernel forget its time of access, and
	 * the next stat(2) is a request. A container may set its files' times as it likes.
	 */
	bool cached = !fs->container && !file->pseudo && !file->writable &&
		      !(flags & (O_TRUNC | O_DIRECT)) && fs->passthrough.on &&
		      watch_pages(fs, inode, &file->keep);

	if (!file->pseudo) {
		/* Not the real open file: the kernel would keep it open, and flock(2)'s lock with
		 * it, for as long as anybody has this file open. */
		file->backing_id = passthrough_open(fs, inode, path_fd, !cached);
	}
	return file;
}

/*
 * Need nobody tell of the closes of FILE? They have nothing to report where it can't be written, or
 * no write fails late; and no POSIX locks to end where there are none. Of those that come later
 * lock.c sees to the end, in its own time: who locks a file that he writes opens it to be read,
 * too.
 */
static bool closes_quietly(struct fs *fs, const struct file *file)
{
	bool nothing = !file->writable || (file->local && (file->flags & O_ACCMODE) == O_WRONLY);

	return nothing && !file->pseudo && !lock_any(fs, file->inode);
}

/* Puts FILE into FI, what the kernel is told of the open. */
static void hand_over(struct fs *fs, struct file *file, struct fuse_file_info *fi)
{
	fi->fh = (uintptr_t)file;
	fi->direct_io = file->pseudo;
	fi->keep_cache = file->backing_id == 0 && file->keep;
	file->quiet = closes_quietly(fs, file);
	fi->noflush = file->quiet;
	if (file->backing_id == 0 && !file->pseudo && !fi->keep_cache && !(file->flags & O_TRUNC)) {
		fi->keep_cache = may_keep_cache(fs, file);
	}
}

int file_fd(struct fs *fs, struct file *file)
{
	const struct caller nobody = { 0 };
	int fd = atomic_load(&file->fd);

	if (fd >= 0) {
		return fd;
	}
	int new = reopen(fs, file->path_fd, real_flags(file->flags), false, &nobody);

	if (new >= 0 && !atomic_compare_exchange_strong(&file->fd, &fd, new)) {
		close(new);
		return fd;
	}
	return new;
}

/* What is only read, most close before we need it: the kernel reads the real file itself, or has
 * its pages. */
static bool needs_now(const struct file *file)
{
	return file->pseudo || file->writable || (file->flags & (O_TRUNC | OPEN_EXEC));
}

static int open_inode(
	struct fs *fs, struct inode *inode, const struct caller *caller, struct fuse_file_info *fi)
{
	int path_fd = inode_fd_get(&fs->inodes, inode);

	if (path_fd < 0) {
		return path_fd;
	}
	struct file *file = handle_new(fs, inode, path_fd, fi->flags);

	if (file == NULL) {
		return -ENOMEM;
	}
	watch_opened(fs, inode, path_fd);
	/* Who has it open looks at it without its name. */
	if (inode_moment_end(&fs->inodes, inode)) {
		watch_expire_attr(fs, inode, false);
	}
	int fd = -1;

	if (needs_now(file)) {
		fd = reopen(fs, path_fd, real_flags(fi->flags), file->pseudo, caller);
		if (fd < 0) {
			file_close(fs, file);
			return fd;
		}
		file->fd = fd;
	}
	if (fi->flags & OPEN_EXEC) {
		tool_starts(fs, caller->pid, fd);
	} else {
		tool_opens(fs, caller->pid);
	}
	hand_over(fs, file, fi);
	return 0;
}

/* Replies to an open, and to a create with ENTRY, of what FI has. */
static void reply_open(fuse_req_t req, struct fs *fs, const struct fuse_entry_param *entry,
	const struct fuse_file_info *fi)
{
	struct file *file = file_of(fi);
	struct inode *inode = file->inode;

	if (passthrough_reply(req, entry, fi, file->backing_id) != -ENOENT) {
		return;
	}
	/* The kernel had given up waiting. */
	file_close(fs, file);
	if (entry != NULL) {
		inode_forget(&fs->inodes, inode, 1);
	}
}

void file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);
	struct caller caller = name_caller(req);
	int r = -check_open(fs, caller.pid, fi->flags);

	/* The type of an inode never changes, so nothing that could block is opened. */
	if (r == 0 && inode->type != S_IFREG) {
		r = -EACCES;
	}
	if (r == 0) {
		r = open_inode(fs, inode, &caller, fi);
	}
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	reply_open(req, fs, NULL, fi);
}

/*
 * Takes the new open file FD, found as NAME in PARENT (NULL: it has none), into the table and into
 * a handle.
 */
static int take_new(struct fs *fs, struct inode *parent, const char *name, int *fd,
	struct fuse_file_info *fi, struct fuse_entry_param *entry)
{
	struct statx stx;
	_cleanup_close_ int path_fd = open(fs_fd_name(*fd).text, O_PATH | O_CLOEXEC);

	if (path_fd < 0 || statx(path_fd, "", AT_EMPTY_PATH, INODE_STATX_MASK, &stx) != 0) {
		return -errno;
	}
	struct inode *inode = inode_intern(&fs->inodes, parent, name, &stx, &path_fd);

	if (inode == NULL) {
		return -ENOMEM;
	}
	lookup_fill(fs, inode, &stx, entry);
	/* The open itself looks at them once more. */
	entry->attr_timeout = inode_moment_begin(&fs->inodes, inode) ? FS_MOMENT : 0;
	int r = inode_fd_get(&fs->inodes, inode);

	struct file *file = r < 0 ? NULL : handle_new(fs, inode, r, fi->flags);

	if (file == NULL) {
		inode_forget(&fs->inodes, inode, 1);
		return r < 0 ? r : -ENOMEM;
	}
	file->fd = steal_fd(fd);
	hand_over(fs, file, fi);
	return 0;
}

/* Makes a new file below DIR_FD in CALLER's name: NAME, or none with O_TMPFILE. */
static int open_new(struct fs *fs, int dir_fd, const char *name, int flags, mode_t mode,
	const struct caller *caller)
{
	uint32_t uid, gid;
	int r = name_owner(fs, dir_fd, caller, &uid, &gid);

	if (r < 0) {
		return r;
	}
	identity_assume(&fs->identity, uid, gid, caller->umask);
	int fd = openat(dir_fd, name, flags, mode);

	r = fd < 0 ? -errno : fd;
	identity_resume(&fs->identity);
	return r;
}

static int create(struct fs *fs, struct inode *parent, const char *name, mode_t mode,
	const struct caller *caller, struct fuse_file_info *fi, struct fuse_entry_param *entry,
	struct own_change *own)
{
	int dir = inode_fd_get(&fs->inodes, parent);
	int flags = real_flags(fi->flags & ~O_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW;

	if (dir < 0) {
		return dir;
	}
	watch_own_begin(fs, own, parent, name);
	_cleanup_close_ int fd = open_new(fs, dir, name, flags, mode, caller);

	if ((fd == -EMFILE || fd == -ENFILE) && inode_shed(&fs->inodes)) {
		fd = open_new(fs, dir, name, flags, mode, caller);
	}
	watch_own_end(fs, own, fd >= 0); /* the reply promises nothing */
	inode_fd_put(&fs->inodes, parent);
	if (fd == -EEXIST && !(fi->flags & O_EXCL)) {
		/* It came to be since the kernel looked, so that nobody has checked whether the
		 * caller may open it. ESTALE makes the kernel look again. */
		return -ESTALE;
	}
	return fd < 0 ? fd : take_new(fs, parent, name, &fd, fi, entry);
}

void file_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct caller caller = name_caller(req);
	struct fuse_entry_param entry;
	struct own_change own = { 0 };
	int r = -fs_check_name(name);

	if (r == 0) {
		r = -fs_check_change(fs, req);
	}
	if (r == 0) {
		r = create(fs, fs_inode(fs, parent), name, mode, &caller, fi, &entry, &own);
	}
	if (r < 0) {
		fuse_reply_err(req, -r);
	} else {
		reply_open(req, fs, &entry, fi);
	}
	watch_leave(fs, &own);
}

int file_tmpfile(struct fs *fs, struct inode *parent, const struct caller *caller, mode_t mode,
	struct fuse_file_info *fi, struct fuse_entry_param *entry)
{
	int dir = inode_fd_get(&fs->inodes, parent);
	int flags = (real_flags(fi->flags) & ~O_TMPFILE) | O_TMPFILE | (fi->flags & O_EXCL);

	if (dir < 0) {
		return dir;
	}
	_cleanup_close_ int fd = open_new(fs, dir, ".", flags, mode, caller);

	inode_fd_put(&fs->inodes, parent);
	return fd < 0 ? fd : take_new(fs, NULL, NULL, &fd, fi, entry);
}
