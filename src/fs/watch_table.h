/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is watched, directories mostly, and what was promised of their entries. All with the
 * watcher's lock held.
 */
#ifndef FS_WATCH_TABLE_H
#define FS_WATCH_TABLE_H

#include <sys/inotify.h>

#include "fs/inode.h"
#include "fs/watch.h"

#define NAME_EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

/* So long a directory that changes much isn't watched. */
#define QUIET_MS 5000

struct promise {
	struct promise *next;
	struct inode_key key;
	bool negative; /* there is no such name */
	bool attr;     /* attributes too */
	bool keepable; /* small, and left alone for long */
	bool pages;    /* the kernel may have some of its contents */
	char name[];
};

struct watch {
	struct watch *next; /* in its bucket; the same inode may be mounted at two places */
	int wd;
	struct inode *inode; /* with a ref: a directory, or a file with several names */
	uint32_t seq;	     /* of events */
	bool attr;	     /* its own attributes are promised */
	bool listed;	     /* the kernel may have some of the listing */
	bool leaving;	     /* nothing more is promised */
	int64_t window;	     /* events are counted from here, monotonic ms */
	unsigned events;
	int64_t own_since; /* the last change through the view, monotonic ms */
	struct promise **promises;
	size_t n_promises, n_buckets;
};

int64_t watch_now(void);

bool watch_table_init(struct fs *fs);

/* Takes WATCH into the table and into its directory. */
void watch_table_add(struct fs *fs, struct watch *watch);

/* The first watch of inotify's number WD after AFTER (NULL: from the start), or NULL. */
struct watch *watch_table_find(struct fs *fs, int wd, struct watch *after);

/* Takes WATCH out and has inotify forget it, unless another has its number. It's the caller's then,
 * with its promises. */
void watch_table_take(struct fs *fs, struct watch *watch);
void watch_free(struct fs *fs, struct watch *watch);

/* The watch after AFTER (NULL: the first) of all, or NULL. */
struct watch *watch_table_next(struct fs *fs, struct watch *after);

/* watch_threads.c: starts the threads, unless that was tried: the watcher's running. Without its
 * lock. */
void watch_run(struct fs *fs);
/* watch_mounts.c: what is mounted on the host has changed. The drain lock is held. */
void watch_mounts_changed(struct fs *fs);
/* watch_events.c: NAME may lead elsewhere, in whatever directory. */
void watch_name_anywhere(struct fs *fs, const char *name);
/* EVENT was read; the drain lock is held. */
void watch_dispatch(struct fs *fs, const struct inotify_event *event);

struct promise *promise_find(struct watch *watch, const char *name);
/* Finds or makes. NULL where memory ran out, or there are too many. */
struct promise *promise_make(struct watch *watch, const char *name);
/* Takes it out; the caller frees it. NULL where there is none. */
struct promise *promise_take(struct watch *watch, const char *name);
/* True where there was one. */
bool promise_drop(struct watch *watch, const char *name);

#endif
