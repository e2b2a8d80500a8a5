/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lets the kernel trust names and attributes for a while, and takes that back the moment they
 * change behind the view.
 *
 * A directory that is looked at again and again is watched (inotify(7)). What the kernel is told
 * about its entries from then on is a promise, remembered by name. An event on it withdraws the
 * promise and expires what the kernel has of it. The event is read by a real-time thread that is
 * bound to the processor on which the change was made: it runs before the system call that made the
 * change returns to its program, so that nobody who can know of the change finds the old state.
 * Where any of this can't be had, nothing is promised and the kernel asks each time.
 *
 * No event tells that a file got another name elsewhere (its count of links), was read (its time of
 * access) or written to through a mapping (its times, until that is closed): these may be as old as
 * attributes may be trusted. Contents that the kernel keeps are of the host's files
 * that nobody has written to for an hour. Where nothing is promised a lookup holds for the system
 * call that it is made for: until the file is opened, or for two of the kernel's ticks. So old may
 * be what fstat(2) says of a file that its caller has just made, or of an O_PATH descriptor.
 */
#ifndef FS_WATCH_H
#define FS_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "fs/mutex.h"

struct fs;
struct inode;
struct mount_line;
struct own_change;
struct watch;

#define WATCH_THREADS_MAX 16

struct watcher {
	struct mutex lock; /* taken before the table of inodes' */
	pthread_mutex_t drain;
	int inotify_fd;
	int wake_fds[WATCH_THREADS_MAX]; /* by processor; eventfd(2) */
	int n_threads;
	struct mount_line *mounts; /* of the host, sorted; with the drain lock held */
	size_t n_mounts;
	bool ready;		/* threads can be had; they are made when the first is needed: */
	atomic_int running;	/* 1; 0: not yet; -1: they couldn't be made */
	bool on;		/* ready, and the kernel knows how to expire */
	struct watch **buckets; /* by inotify's number */
	size_t n, max;
	uint32_t next_seq;
	struct own_change *own;
};

/* A look at a directory's entries, or at one inode's attributes. */
struct look {
	struct inode *dir; /* what is watched for them, by watch_look_at() alone, with a ref: the
			      inode itself or its directory; NULL: nothing to promise */
	uint32_t seq;
	bool promising;
};

/* So much the listing of a directory speaks for watching it: enough where nothing speaks against
 * it. Who lists one mostly looks at what is in it. */
#define WATCH_LISTED 8
/* And one opening of a file for watching that. */
#define WATCH_OPENED 4

/* A change of NAME in DIR that is being made through the view. */
struct own_change {
	struct own_change *next;
	struct inode *dir;
	const char *name;
	unsigned events;
	bool part;  /* of a rename in one directory, which counts as one */
	bool leave; /* DIR is to be watched no longer, and held: watch_leave() has to follow the
		       reply */
};

/* Finds out whether changes can be told; where they can't, nothing is promised. */
void watch_start(struct fs *fs);

/* The kernel speaks protocol 7.MINOR. */
void watch_negotiate(struct fs *fs, unsigned minor);

/* True where one more look at DIR, of that WEIGHT, speaks for watching it, by watch_look(). */
bool watch_worth(struct fs *fs, struct inode *dir, unsigned weight);

/* Is DIR listed, so that somebody may go on into the directories there? They are worth a watch each
 * at once, while there are plenty left. */
bool watch_is_walked(struct fs *fs, const struct inode *dir);

/*
 * Before the entries of DIR (descriptor DIR_FD) are looked at. WEIGHT says how much that speaks for
 * watching it.
 */
void watch_look(struct fs *fs, struct inode *dir, int dir_fd, unsigned weight, struct look *look);

/*
 * After that: seconds for which the kernel may trust that NAME is STX's file (NULL: that there is
 * none), and in ATTR (NULL with that) its attributes.
 */
double watch_promise(struct fs *fs, struct inode *dir, const struct look *look, const char *name,
	const struct statx *stx, double *attr);

/*
 * FILE (descriptor FD) is opened. One with several names, whose attributes the events of one
 * directory don't tell of, is watched itself where that happens again: where a system is deployed
 * by links (ostree), each program and library is one.
 */
void watch_opened(struct fs *fs, struct inode *file, int fd);

/* The kernel is about to be given some of DIR's listing. */
void watch_listing(struct fs *fs, struct inode *dir);

/* It has the rest, too, and is told to forget it all if anything has changed since LOOK. */
void watch_listed(struct fs *fs, struct inode *dir, const struct look *look);

/* Before and after a statx of INODE; the second returns the seconds. */
void watch_look_at(struct fs *fs, struct inode *inode, struct look *look);
double watch_promise_attr(
	struct fs *fs, struct inode *inode, struct look *look, const struct statx *stx);

/*
 * May the kernel keep what it reads of INODE, a file that is about to be opened to be read, until
 * it is told otherwise? *KEEP: and what it has.
 */
bool watch_pages(struct fs *fs, struct inode *inode, bool *keep);

/* What there was to a change by ourselves. */
enum own_result {
	OWN_ALONE,
	OWN_PROMISED, /* the name was promised: where the kernel moves it, at a rename, it keeps the
			 time that it had */
	OWN_RACED,    /* others changed it too: watch_expire() has to follow the reply */
};

/* Around a change of NAME in DIR by ourselves, which, where it was MADE, ends what was promised of
 * it. */
void watch_own_begin(struct fs *fs, struct own_change *own, struct inode *dir, const char *name);
enum own_result watch_own_end(struct fs *fs, struct own_change *own, bool made);

/* After the reply to OWN's request. */
void watch_leave(struct fs *fs, const struct own_change *own);

/* Tells the kernel to ask for INODE's attributes anew, and with PAGES for its contents or listing.
 */
void watch_expire_attr(struct fs *fs, const struct inode *inode, bool pages);

/* Tells the kernel to look NAME in DIR up anew. Not before its own request there is answered. */
void watch_expire(struct fs *fs, struct inode *dir, const char *name);

/* The kernel may have forgotten INODE, which the caller has a ref of. */
void watch_forget(struct fs *fs, struct inode *inode);

#endif
