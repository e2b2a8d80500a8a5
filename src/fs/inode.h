/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inodes that the kernel knows, by the million, with a bounded number of descriptors. An inode
 * is known by where it is (its directory's inode and its name there) and by what it is (device,
 * number, mount, time of birth). Its O_PATH descriptor is made when needed, one component at a
 * time from the nearest ancestor that has one, checked, and kept while there is room.
 */
#ifndef FS_INODE_H
#define FS_INODE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "fs/kind.h"
#include "fs/mutex.h"

#define INODE_STATX_MASK (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID)

struct inode_key {
	uint32_t dev_major, dev_minor;
	uint64_t ino;
	uint64_t mnt; /* a directory bound to a second place is a second directory */
};

struct lock_owner;

struct inode {
	struct inode *next; /* in its bucket */
	struct inode_key key;
	struct statx_timestamp birth; /* zero: the file system doesn't say */
	uint32_t type;		      /* S_IFMT part of the mode */
	bool synthetic;		      /* has no file behind it */
	/* Any thread's. Not beside what is read without the lock: a compiler reads the two above in
	 * one, and their neighbours with them. */
	_Atomic enum kind kind; /* kind.c's */
	atomic_bool linked;	/* has been seen with several names */
	bool hashed;
	bool orphan;	  /* no name leads here: the descriptor is held till one does */
	bool moment;	  /* see inode_moment_begin() */
	uint32_t refs;	  /* the table's users: 1 for the kernel's, children, requests */
	uint64_t lookups; /* the kernel's */

	struct inode *parent; /* holds a ref; NULL: the root, or nowhere known */
	char *name;

	int fd;
	uint32_t fd_users;
	struct inode *newer, *older; /* among the descriptors nobody uses */

	/* What the page cache may be kept for: see file.c. */
	struct statx_timestamp cached_ctime;
	uint64_t cached_size;

	struct watch *watch; /* watch.c's, under its own lock, as the next two */
	int64_t quiet_until; /* not to be watched before, monotonic ms */
	int looks;
	atomic_int bare; /* whom its names were listed for without attributes: walker.c's */

	int32_t backing_id; /* passthrough.c's, under its own lock */
	uint32_t backing_users;

	struct lock_owner *lock_owners; /* lock.c's, under its own lock */
};

struct inode_table {
	struct mutex lock;
	struct inode **buckets;
	size_t n_buckets;
	size_t n_inodes;
	size_t n_peak; /* since inode_table_trim() */
	struct inode *root;
	struct inode idle; /* head of the ring of idle descriptors: .older is the newest */
	size_t n_idle, max_idle;
	struct inode *dead; /* out of the table, but not yet freed */
};

/* ROOT_FD stays the caller's and must live as long. Returns 0 or a negative errno. */
int inode_table_init(struct inode_table *table, int root_fd, size_t max_idle, struct error *err);

/* The second frees what has died meanwhile: to close the last descriptor of a file that was removed
 * is to give its blocks back, which nobody should have to wait for. */
void inode_table_lock(struct inode_table *table);
void inode_table_unlock(struct inode_table *table);

/* A directory that nothing is behind, never freed. NULL where memory ran out. */
struct inode *inode_new_synthetic(uint64_t number);

struct inode_key inode_key_of(const struct statx *stx);
bool inode_key_equal(const struct inode_key *a, const struct inode_key *b);

/* True where STX describes INODE. */
bool inode_matches(const struct inode *inode, const struct statx *stx);

/*
 * The inode of STX, which was found as NAME in PARENT (NULL, NULL: nowhere, and *FD is then
 * needed), with one more lookup. *FD, where it isn't -1, is an O_PATH descriptor of it, which is
 * taken. NULL where memory ran out.
 */
struct inode *inode_intern(struct inode_table *table, struct inode *parent, const char *name,
	const struct statx *stx, int *fd);

/* The inode of STX if the kernel knows it, with a ref that the caller gives back; or NULL. */
struct inode *inode_find(struct inode_table *table, const struct statx *stx);
struct inode *inode_find_key(struct inode_table *table, const struct inode_key *key);
void inode_ref(struct inode_table *table, struct inode *inode);
void inode_unref(struct inode_table *table, struct inode *inode);

/* The kernel dropped N lookups. The second is called with the table's lock held. */
void inode_forget_locked(struct inode_table *table, struct inode *inode, uint64_t n);
void inode_forget(struct inode_table *table, struct inode *inode, uint64_t n);

/*
 * Inodes were forgotten. True each time that half of them are: then the heap may be given back,
 * which takes as long as there is of it.
 */
bool inode_table_trim(struct inode_table *table);

/*
 * An O_PATH descriptor of INODE, which is the table's; inode_fd_put() says when it's no longer
 * used. Returns a negative errno where it can't be had: -ESTALE where the inode isn't at its place
 * any more.
 */
int inode_fd_get(struct inode_table *table, struct inode *inode);
void inode_fd_put(struct inode_table *table, struct inode *inode);

/*
 * Where INODE has no descriptor: its directory and, in NAME, its name there, so that a look at it
 * needs none. The parent comes with a ref. NULL where it has a descriptor, or no place.
 */
struct inode *inode_place(
	struct inode_table *table, struct inode *inode, char name[static NAME_MAX + 1]);

/* INODE is now NAME in PARENT. */
void inode_moved(
	struct inode_table *table, struct inode *inode, struct inode *parent, const char *name);

/* NAME in PARENT no longer leads to INODE, of which the caller uses the descriptor. */
void inode_lost(
	struct inode_table *table, struct inode *inode, struct inode *parent, const char *name);

/*
 * Attributes of INODE that a lookup found may be trusted for a moment, as long as who opens it is
 * told anew: false where somebody has it open already. The second, when it is being opened, its
 * descriptor in use, says whether any may be.
 */
bool inode_moment_begin(struct inode_table *table, struct inode *inode);
bool inode_moment_end(struct inode_table *table, struct inode *inode);

/* Closes all idle descriptors: the process has run out of them. True where there were some. */
bool inode_shed(struct inode_table *table);

/* The path of INODE from the root, "" for the root itself. Returns its length or a negative errno.
 */
int inode_path(struct inode_table *table, struct inode *inode, char *path, size_t size);

#endif
