/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "fs/fs.h"

/* How often a lock is tried for those who wait: others than this view's users don't tell when they
 * unlock. */
#define RETRY_MIN_MS 1
#define RETRY_MAX_MS 32

/*
 * A close gives a flock back only with the RELEASE that the kernel sends when it gets round to it.
 * Who asks for a lock without waiting right after is not refused before that had time to come.
 */
#define GRACE_MS 8

/* One holder of POSIX locks of an inode: a process, or an open file description. */
struct lock_owner {
	struct lock_owner *next;
	uint64_t owner;
	pid_t pid;
	int fd;
	const struct file *file; /* through which it locked last; only compared */
};

struct lock_wait {
	struct lock_wait *next;
	fuse_req_t req;
	struct inode *inode;
	struct file *file;
	uint64_t owner;
	struct flock lock; /* POSIX */
	int op;		   /* flock; 0: POSIX */
	int64_t until;	   /* monotonic ms; 0: for ever */
};

/* All below, down to lock_init(), with the waiter's lock held. */

static struct lock_owner *find_owner(const struct inode *inode, uint64_t owner)
{
	struct lock_owner *at = inode->lock_owners;

	while (at != NULL && at->owner != owner) {
		at = at->next;
	}
	return at;
}

static int open_for_locks(struct fs *fs, struct inode *inode)
{
	static const int modes[] = { O_RDWR, O_RDONLY, O_WRONLY };
	int path_fd = inode_fd_get(&fs->inodes, inode);
	int fd = -1;

	if (path_fd < 0) {
		return path_fd;
	}
	for (size_t i = fs->read_only ? 1 : 0; i < ARRAY_SIZE(modes) && fd < 0; i++) {
		fd = open(fs_fd_name(path_fd).text, modes[i] | O_CLOEXEC);
	}
	int r = fd < 0 ? -errno : fd;

	inode_fd_put(&fs->inodes, inode);
	return r;
}

static struct lock_owner *make_owner(struct fs *fs, struct inode *inode, uint64_t owner, int *r)
{
	struct lock_owner *new = malloc(sizeof(*new));

	if (new == NULL) {
		*r = -ENOLCK;
		return NULL;
	}
	*new = (struct lock_owner){ .owner = owner, .fd = open_for_locks(fs, inode) };
	if (new->fd < 0) {
		*r = new->fd;
		free(new);
		return NULL;
	}
	new->next = inode->lock_owners;
	inode->lock_owners = new;
	return new;
}

/* Tries to take LOCK, or gives it up, for OWNER. */
static int try_posix(struct fs *fs, struct lock_wait *wait)
{
	int r = 0;
	struct flock *lock = &wait->lock;
	struct lock_owner *holder = find_owner(wait->inode, wait->owner);

	if (holder == NULL && lock->l_type == F_UNLCK) {
		return 0;
	}
	if (holder == NULL) {
		holder = make_owner(fs, wait->inode, wait->owner, &r);
	}
	if (holder == NULL) {
		return r;
	}
	holder->pid = fuse_req_ctx(wait->req)->pid;
	holder->file = wait->file;
	lock->l_pid = 0;
	return fcntl(holder->fd, F_OFD_SETLK, lock) == 0 ? 0 : -errno;
}

static bool still_waits(int r)
{
	return r == -EWOULDBLOCK || r == -EACCES;
}

/* Only who waits is interrupted by a signal, and only where the lock can't be had. */
static int try_wait(struct fs *fs, struct lock_wait *wait)
{
	int r = 0;

	if (wait->op == 0) {
		r = try_posix(fs, wait);
	} else if (flock(wait->file->fd, wait->op | LOCK_NB) < 0) {
		r = -errno;
	}
	return still_waits(r) && wait->until == 0 && fuse_req_interrupted(wait->req) ? -EINTR : r;
}

static void try_all(struct fs *fs)
{
	int64_t now = clock_ms();

	for (struct lock_wait **at = &fs->waiter.waits; *at != NULL;) {
		struct lock_wait *wait = *at;
		int r = try_wait(fs, wait);

		if (still_waits(r) && (wait->until == 0 || now < wait->until)) {
			at = &wait->next;
			continue;
		}
		*at = wait->next;
		fuse_reply_err(wait->req, still_waits(r) ? EAGAIN : -r);
		free(wait);
	}
}

static void *waiter_run(void *data)
{
	struct fs *fs = data;
	struct lock_waiter *waiter = &fs->waiter;
	long delay = RETRY_MIN_MS;

	pthread_mutex_lock(&waiter->lock);
	for (;;) {
		if (waiter->waits == NULL) {
			pthread_cond_wait(&waiter->some, &waiter->lock);
			delay = RETRY_MIN_MS;
		} else {
			struct timespec until;

			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += delay * 1000000;
			until.tv_sec += until.tv_nsec / 1000000000;
			until.tv_nsec %= 1000000000;
			if (pthread_cond_timedwait(&waiter->some, &waiter->lock, &until) == 0) {
				delay = RETRY_MIN_MS;
			} else if (delay < RETRY_MAX_MS) {
				delay *= 2;
			}
		}
		try_all(fs);
	}
	return NULL;
}

int lock_init(struct fs *fs, struct error *err)
{
	pthread_t thread;

	pthread_mutex_init(&fs->waiter.lock, NULL);
	pthread_cond_init(&fs->waiter.some, NULL);
	int r = pthread_create(&thread, NULL, waiter_run, fs);

	if (r != 0) {
		return error_set(err, r, "start the thread that waits for locks");
	}
	pthread_detach(thread);
	return 0;
}

void lock_kick(struct fs *fs)
{
	pthread_mutex_lock(&fs->waiter.lock);
	if (fs->waiter.waits != NULL) {
		pthread_cond_signal(&fs->waiter.some);
	}
	pthread_mutex_unlock(&fs->waiter.lock);
}

void lock_drop(struct fs *fs, struct inode *inode, uint64_t owner)
{
	pthread_mutex_lock(&fs->waiter.lock);
	for (struct lock_owner **at = &inode->lock_owners; *at != NULL; at = &(*at)->next) {
		struct lock_owner *gone = *at;

		if (gone->owner == owner) {
			*at = gone->next;
			close(gone->fd);
			free(gone);
			pthread_cond_signal(&fs->waiter.some);
			break;
		}
	}
	pthread_mutex_unlock(&fs->waiter.lock);
}

void lock_drop_file(struct fs *fs, const struct file *file)
{
	pthread_mutex_lock(&fs->waiter.lock);
	for (struct lock_owner **at = &file->inode->lock_owners; *at != NULL;) {
		struct lock_owner *gone = *at;

		if (gone->file != file) {
			at = &gone->next;
			continue;
		}
		*at = gone->next;
		close(gone->fd);
		free(gone);
	}
	pthread_mutex_unlock(&fs->waiter.lock);
}

/* The kernel names no process for a lock of an open file description; another owner that we know is
 * the best guess. */
static void name_holder(const struct inode *inode, uint64_t asking, struct flock *lock)
{
	if (lock->l_type == F_UNLCK || lock->l_pid != -1) {
		return;
	}
	for (const struct lock_owner *at = inode->lock_owners; at != NULL; at = at->next) {
		if (at->owner != asking) {
			lock->l_pid = at->pid;
			return;
		}
	}
}

void lock_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = fs_inode(fs, ino);

	pthread_mutex_lock(&fs->waiter.lock);
	const struct lock_owner *holder = find_owner(inode, fi->lock_owner);
	int fd = holder != NULL ? holder->fd : file_of(fi)->fd;

	lock->l_pid = 0;
	int r = fcntl(fd, F_OFD_GETLK, lock) == 0 ? 0 : errno;

	if (r == 0) {
		name_holder(inode, fi->lock_owner, lock);
	}
	pthread_mutex_unlock(&fs->waiter.lock);
	if (r != 0) {
		fuse_reply_err(req, r);
		return;
	}
	fuse_reply_lock(req, lock);
}

/* Replies to WAIT's request, or puts a copy of WAIT in the queue. */
static void take(struct fs *fs, const struct lock_wait *wait, bool sleep)
{
	struct lock_wait *copy = malloc(sizeof(*copy));

	if (copy == NULL) {
		fuse_reply_err(wait->req, ENOLCK);
		return;
	}
	*copy = *wait;
	copy->until = sleep ? 0 : clock_ms() + GRACE_MS;
	pthread_mutex_lock(&fs->waiter.lock);
	int r = try_wait(fs, copy);
	/* POSIX locks are given back with the close itself */
	bool waits = still_waits(r) && (sleep || wait->op != 0);

	if (waits) {
		copy->next = fs->waiter.waits;
		fs->waiter.waits = copy;
	}
	/* A lock taken may be a lock changed to a weaker one. */
	if (fs->waiter.waits != NULL) {
		pthread_cond_signal(&fs->waiter.some);
	}
	pthread_mutex_unlock(&fs->waiter.lock);
	if (!waits) {
		free(copy);
		fuse_reply_err(wait->req, still_waits(r) ? EAGAIN : -r);
	}
}

void lock_setlk(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock, int sleep)
{
	struct fs *fs = fs_of(req);
	const struct lock_wait wait = { .req = req,
		.inode = fs_inode(fs, ino),
		.file = file_of(fi),
		.owner = fi->lock_owner,
		.lock = *lock };

	take(fs, &wait, sleep);
}

void lock_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op)
{
	struct fs *fs = fs_of(req);
	const struct lock_wait wait = {
		.req = req, .inode = fs_inode(fs, ino), .file = file_of(fi), .op = op & ~LOCK_NB
	};

	take(fs, &wait, !(op & LOCK_NB));
}
