/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport-fs: one view of a directory tree, served through FUSE. This header is what its files
 * share: the context and the handlers of each concern.
 */
#ifndef FS_FS_H
#define FS_FS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/wire.h"
#include "fs/identity.h"
#include "fs/ids.h"
#include "fs/inode.h"
#include "fs/library.h"
#include "fs/lock.h"
#include "fs/passthrough.h"
#include "fs/tool.h"
#include "fs/walker.h"
#include "fs/watch.h"

/* Of what never changes, in seconds. */
#define FS_FOREVER 86400.0
/* Of a directory's attributes where nothing is promised: what the kernel has found out on its way
 * through it holds to the end of that way. It rounds up to its clock's ticks. */
#define FS_MOMENT 1e-6

/* Directories of the host view's root that only exist to be mounted on. */
enum fs_synthetic {
	FS_SYNTHETIC_CONTAINER, /* "c": the container view; listed */
	FS_SYNTHETIC_PRIVATE,	/* ".sallyport": the launcher's; not listed */
	FS_SYNTHETICS
};

#define FS_DEVICES_MAX 65534

/* dir.c: the directories that are being read. */
struct dir_streams {
	pthread_mutex_t lock;
	struct stream *idle; /* the newest first */
	size_t n_idle;
};

struct fs {
	bool container; /* the container view; else the host view */
	bool read_only;
	atomic_bool labels; /* files may have SELinux labels: xattr.c */
	uint32_t owner_uid, owner_gid;
	struct identity identity;
	struct id_map uids, gids;

	struct inode_table inodes;
	struct inode *synthetic[FS_SYNTHETICS]; /* host view */
	int root_fd;
	int proc_fd; /* /proc, O_PATH */
	int self_fd; /* /proc/self/fd: the working directory of the serving threads */
	struct lock_waiter waiter;
	struct passthrough passthrough;
	struct watcher watch;
	struct dir_streams streams;
	struct walkers walkers;
	struct tools tools;

	/* st_dev by their number in this view, see attr_ino() */
	pthread_mutex_t devices_lock;
	uint64_t *devices;
	size_t n_devices;

	struct fuse_session *session;
	atomic_int idle_threads;
	atomic_int threads;
};

/* An open file; struct fuse_file_info's fh. */
struct file {
	atomic_int fd; /* -1: not needed so far, see file_fd() */
	int flags;     /* of open(2), as they came */
	bool pseudo;   /* on a file system of the kernel's own data */
	bool local;    /* on a local one */
	bool writable;
	bool quiet;	     /* its closes aren't told: no FLUSH */
	bool keep;	     /* the pages that the kernel has */
	int32_t backing_id;  /* 0: reads and writes come to us */
	struct inode *inode; /* holds one use of its descriptor: */
	int path_fd;
};

/* The name of a descriptor in the serving threads' working directory (fs->self_fd). */
struct fd_name {
	char text[16];
};
struct fd_name fs_fd_name(int fd);

/*
 * Makes the view that START describes, of which root_fd, proc_fd, self_fd and tools are set, and
 * its session, which has no device yet; MAX_IDLE descriptors may be kept that nobody uses. To be
 * called before threads are made. Returns 0 or a negative errno; then the process should end.
 */
int fs_init(struct fs *fs, const struct wire_fs_start *start, size_t max_idle, struct error *err);

struct fs *fs_of(fuse_req_t req);
struct inode *fs_inode(struct fs *fs, fuse_ino_t ino);

/* 0, or the errno that refuses NAME as one component of a path. */
int fs_check_name(const char *name);

/* 0, or the errno (positive) that refuses a change of the tree for REQ: read-only view, or a caller
 * that has no business here. */
int fs_check_change(struct fs *fs, fuse_req_t req);

/* loop.c: starts the serving threads, which end the process when the kernel ends the connection. 0
 * or a negative errno. */
int loop_start(struct fs *fs);
/* Serves one request. */
void loop_process(struct fs *fs, const struct fuse_buf *buf);

/* attr.c */
void attr_fill(struct fs *fs, const struct statx *stx, struct stat *st);
uint64_t attr_ino(struct fs *fs, const struct statx *stx, uint64_t ino);
/* The number of synthetic directory N. */
uint64_t attr_synthetic_ino(unsigned n);
/* statx(2) of INODE, which is verified to be the same still. Returns 0 or a negative errno. */
int attr_statx(struct fs *fs, struct inode *inode, struct statx *stx);
/* Counts a look of WEIGHT at the directory INODE, whose attributes can be promised where it is
 * watched. */
void attr_consider(struct fs *fs, struct inode *inode, unsigned weight);
void attr_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void attr_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set, struct fuse_file_info *fi);
void attr_statfs(fuse_req_t req, fuse_ino_t ino);

/* lookup.c */
/* ENTRY of INODE, as STX says that it is, of which nothing is promised. */
void lookup_fill(struct fs *fs, struct inode *inode, const struct statx *stx,
	struct fuse_entry_param *entry);
/* Looks NAME up in PARENT and counts one more reference of the kernel's. 0 or a negative errno. */
int lookup_entry(
	struct fs *fs, struct inode *parent, const char *name, struct fuse_entry_param *entry);
/* Ends a request that makes or finds a name: R is 0 or a negative errno. */
void lookup_reply(fuse_req_t req, struct fs *fs, int r, const struct fuse_entry_param *entry);
void lookup_name(fuse_req_t req, fuse_ino_t parent, const char *name);

/* name.c */
void name_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void name_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void name_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void name_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void name_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void name_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void name_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	const char *newname, unsigned flags);

/* Who sent REQ. */
struct caller name_caller(fuse_req_t req);
/* Whom CALLER's new files in the directory DIR_FD belong to. 0 or -EOVERFLOW: no such id there. */
int name_owner(
	struct fs *fs, int dir_fd, const struct caller *caller, uint32_t *uid, uint32_t *gid);

/* forget.c */
void forget_one(fuse_req_t req, fuse_ino_t ino, uint64_t n);
void forget_several(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);

/* symlink.c */
void symlink_read(fuse_req_t req, fuse_ino_t ino);

/* dir.c */
void dir_init(struct fs *fs);
void dir_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void dir_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void dir_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void dir_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
/* Nobody reads on in DIR, which the caller has a ref of (NULL: in any). */
void dir_forget(struct fs *fs, const struct inode *dir);
/* Opens the directory INO for who sent REQ. Returns a descriptor or a negative errno: -ENOTTY for a
 * synthetic one. */
int dir_open(fuse_req_t req, fuse_ino_t ino);

/* file.c: opening */
void file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void file_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *fi);
/* O_TMPFILE in PARENT for CALLER: fills ENTRY and FI. Returns 0 or a negative errno. */
int file_tmpfile(struct fs *fs, struct inode *parent, const struct caller *caller, mode_t mode,
	struct fuse_file_info *fi, struct fuse_entry_param *entry);
/* The descriptor of the real file, or a negative errno. */
int file_fd(struct fs *fs, struct file *file);
/* Ends what file_open() and its like began. */
void file_close(struct fs *fs, struct file *file);
struct file *file_of(const struct fuse_file_info *fi);
/* file_io.c: what is done with open files */
void file_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void file_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
	struct fuse_file_info *fi);
void file_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void file_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void file_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void file_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
	struct fuse_file_info *fi);
void file_copy_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in, struct fuse_file_info *fi_in,
	fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t len, int flags);
void file_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);

/* xattr.c */
/* Finds out whether the host knows SELinux. To be called while its files can be reached by name. */
void xattr_init(struct fs *fs);
void xattr_get(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void xattr_set(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
	int flags);
void xattr_list(fuse_req_t req, fuse_ino_t ino, size_t size);
void xattr_remove(fuse_req_t req, fuse_ino_t ino, const char *name);

/* ioctl.c */
void ioctl_handle(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg,
	struct fuse_file_info *fi, unsigned flags, const void *in, size_t in_size, size_t out_size);

#endif
