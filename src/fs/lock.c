/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/syscall.h>
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
	struct inode *inode;
	int pidfd;	 /* whose end is waited for; -1: closes are told */
	uint64_t number; /* of those that are waited for */
	struct lock_owner *next_ending;
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

/* All below, down to lock_init(), with the waiter's lock held, but for what the threads run. */

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
	*new = (struct lock_owner){
		.owner = owner, .inode = inode, .pidfd = -1, .fd = open_for_locks(fs, inode)
	};
	if (new->fd < 0) {
		*r = new->fd;
		free(new);
		return NULL;
	}
	new->next = inode->lock_owners;
	inode->lock_owners = new;
	return new;
}

static void free_owner(struct fs *fs, struct lock_owner *gone)
{
	if (gone->pidfd >= 0) {
		struct lock_owner **at = &fs->waiter.ending;

		while (*at != gone) {
			at = &(*at)->next_ending;
		}
		*at = gone->next_ending;
		close(gone->pidfd);
	}
	close(gone->fd);
	free(gone);
}

/* Takes OWNER's locks of INODE. False where it has none. */
static bool drop(struct fs *fs, struct inode *inode, uint64_t owner)
{
	struct lock_owner **at = &inode->lock_owners;

	while (*at != NULL && (*at)->owner != owner) {
		at = &(*at)->next;
	}
	struct lock_owner *gone = *at;

	if (gone == NULL) {
		return false;
	}
	*at = gone->next;
	free_owner(fs, gone);
	return true;
}

static void ended(struct fs *fs, uint64_t number)
{
	pthread_mutex_lock(&fs->waiter.lock);
	struct lock_owner *at = fs->waiter.ending;

	while (at != NULL && at->number != number) {
		at = at->next_ending;
	}
	if (at != NULL) {
		drop(fs, at->inode, at->owner);
		pthread_cond_signal(&fs->waiter.some);
	}
	pthread_mutex_unlock(&fs->waiter.lock);
}

static void *ends_run(void *data)
{
	struct fs *fs = data;
	struct epoll_event event;

	for (;;) {
		if (epoll_wait(fs->waiter.ends_fd, &event, 1, -1) == 1) {
			ended(fs, event.data.u64);
		}
	}
	return NULL;
}

/* Most sessions need neither thread. Starts the one that RUN is where it doesn't run yet. */
static bool ensure(struct fs *fs, bool *runs, void *(*run)(void *))
{
	pthread_t thread;

	if (!*runs && pthread_create(&thread, NULL, run, fs) == 0) {
		pthread_detach(thread);
		*runs = true;
	}
	return *runs;
}

/*
 * A close need not be told (file.c, closes_quietly()): who locked the file keeps the lock until he
 * gives it up, the open file is closed by all who have it, or he ends.
 */
static void await_end(struct fs *fs, struct lock_owner *holder, pid_t tid)
{
	struct epoll_event event = { .events = EPOLLIN };
	int pidfd = (int)syscall(SYS_pidfd_open, tool_process(fs, tid), 0);

	if (pidfd < 0) {
		return;
	}
	event.data.u64 = ++fs->waiter.n_ending;
	if (!ensure(fs, &fs->waiter.hears_ends, ends_run) ||
		epoll_ctl(fs->waiter.ends_fd, EPOLL_CTL_ADD, pidfd, &event) != 0) {
		close(pidfd);
		return;
	}
	holder->pidfd = pidfd;
	holder->number = event.data.u64;
	holder->next_ending = fs->waiter.ending;
	fs->waiter.ending = holder;
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
	if (fcntl(holder->fd, F_OFD_SETLK, lock) != 0) {
		return -errno;
	}
	if (wait->file->quiet && holder->pidfd < 0 && lock->l_type != F_UNLCK) {
		await_end(fs, holder, holder->pid);
	}
	return 0;
}

static int try_flock(struct fs *fs, const struct lock_wait *wait)
{
	int fd = file_fd(fs, wait->file);

	return fd < 0 ? fd : flock(fd, wait->op | LOCK_NB) == 0 ? 0 : -errno;
}

static bool still_waits(int r)
{
	return r == -EWOULDBLOCK || r == -EACCES;
}

/* Only who waits is interrupted by a signal, and only where the lock can't be had. */
static int try_wait(struct fs *fs, struct lock_wait *wait)
{
	int r = wait->op == 0 ? try_posix(fs, wait) : try_flock(fs, wait);

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
	pthread_mutex_init(&fs->waiter.lock, NULL);
	pthread_cond_init(&fs->waiter.some, NULL);
	fs->waiter.ends_fd = epoll_create1(EPOLL_CLOEXEC);
	if (fs->waiter.ends_fd < 0) {
		return error_set(err, errno, "make the list of those who hold locks");
	}
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

bool lock_any(struct fs *fs, const struct inode *inode)
{
	pthread_mutex_lock(&fs->waiter.lock);
	bool any = inode->lock_owners != NULL;

	pthread_mutex_unlock(&fs->waiter.lock);
	return any;
}

void lock_drop(struct fs *fs, struct inode *inode, uint64_t owner)
{
	pthread_mutex_lock(&fs->waiter.lock);
	if (drop(fs, inode, owner)) {
		pthread_cond_signal(&fs->waiter.some);
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
		free_owner(fs, gone);
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
	int fd = holder != NULL ? holder->fd : file_fd(fs, file_of(fi));

	lock->l_pid = 0;
	int r = fd < 0 ? -fd : fcntl(fd, F_OFD_GETLK, lock) == 0 ? 0 : errno;

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

	if (waits && !ensure(fs, &fs->waiter.retries, waiter_run)) {
		waits = false;
		r = -ENOLCK;
	}
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
