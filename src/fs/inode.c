/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/inode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/mutex.h"
#include "fs/inode_fd.h"

#define FIRST_BUCKETS 1024
#define TRIM_MIN 16384 /* inodes */

static size_t bucket_of(const struct inode_table *table, const struct inode_key *key)
{
	uint64_t h = key->ino * 0x9e3779b97f4a7c15u;

	h ^= ((uint64_t)key->dev_major << 32 | key->dev_minor) * 0xc2b2ae3d27d4eb4fu;
	h ^= key->mnt * 0x165667b19e3779f9u;
	h ^= h >> 29;
	return (size_t)(h & (table->n_buckets - 1));
}

struct inode_key inode_key_of(const struct statx *stx)
{
	return (struct inode_key){ stx->stx_dev_major, stx->stx_dev_minor, stx->stx_ino,
		stx->stx_mnt_id };
}

bool inode_key_equal(const struct inode_key *a, const struct inode_key *b)
{
	return a->ino == b->ino && a->dev_minor == b->dev_minor && a->dev_major == b->dev_major &&
	       a->mnt == b->mnt;
}

/* With the key, tells a file from a later one with the same number. */
static bool same_birth(const struct inode *inode, const struct statx *stx)
{
	if (inode->type != (stx->stx_mode & S_IFMT)) {
		return false;
	}
	if (inode->birth.tv_sec == 0 || !(stx->stx_mask & STATX_BTIME)) {
		return true;
	}
	return inode->birth.tv_sec == stx->stx_btime.tv_sec &&
	       inode->birth.tv_nsec == stx->stx_btime.tv_nsec;
}

bool inode_matches(const struct inode *inode, const struct statx *stx)
{
	struct inode_key key = inode_key_of(stx);

	return inode_key_equal(&inode->key, &key) && same_birth(inode, stx);
}

void inode_table_lock(struct inode_table *table)
{
	mutex_lock(&table->lock);
}

void inode_table_unlock(struct inode_table *table)
{
	struct inode *dead = table->dead;

	table->dead = NULL;
	mutex_unlock(&table->lock);
	while (dead != NULL) {
		struct inode *next = dead->next;

		if (dead->fd >= 0) {
			close(dead->fd);
		}
		free(dead->name);
		free(dead);
		dead = next;
	}
}

/* All functions below, down to inode_table_init(), are called with the table's lock held. */

static void unhash(struct inode_table *table, struct inode *inode)
{
	if (!inode->hashed) {
		return;
	}
	struct inode **at = &table->buckets[bucket_of(table, &inode->key)];

	while (*at != inode) {
		at = &(*at)->next;
	}
	*at = inode->next;
	inode->hashed = false;
	table->n_inodes--;
}

static void resize(struct inode_table *table, size_t n_buckets)
{
	size_t old_n = table->n_buckets;
	struct inode **old = table->buckets;
	struct inode **buckets = calloc(n_buckets, sizeof(*buckets));

	if (buckets == NULL) {
		return;
	}
	table->buckets = buckets;
	table->n_buckets = n_buckets;
	for (size_t i = 0; i < old_n; i++) {
		struct inode *next;

		for (struct inode *inode = old[i]; inode != NULL; inode = next) {
			struct inode **bucket = &buckets[bucket_of(table, &inode->key)];

			next = inode->next;
			inode->next = *bucket;
			*bucket = inode;
		}
	}
	free(old);
}

static void hash(struct inode_table *table, struct inode *inode)
{
	if (table->n_inodes >= table->n_buckets) {
		resize(table, table->n_buckets * 2);
	}
	struct inode **bucket = &table->buckets[bucket_of(table, &inode->key)];

	inode->next = *bucket;
	*bucket = inode;
	inode->hashed = true;
	table->n_inodes++;
}

/* The one whose number was given to STX's file since is taken out of the table. */
static struct inode *find(struct inode_table *table, const struct statx *stx)
{
	struct inode_key key = inode_key_of(stx);

	for (struct inode *inode = table->buckets[bucket_of(table, &key)]; inode != NULL;
		inode = inode->next) {
		if (!inode_key_equal(&inode->key, &key)) {
			continue;
		}
		if (same_birth(inode, stx)) {
			return inode;
		}
		unhash(table, inode);
		return NULL;
	}
	return NULL;
}

/* Gives back one ref, and those that the freed ones held, upwards. */
void inode_unref_locked(struct inode_table *table, struct inode *inode)
{
	while (inode != NULL && --inode->refs == 0) {
		struct inode *parent = inode->parent;

		unhash(table, inode);
		inode_idle_remove(table, inode);
		inode->next = table->dead;
		table->dead = inode;
		inode = parent;
	}
}

static void forget_place(struct inode_table *table, struct inode *inode)
{
	struct inode *parent = inode->parent;

	free(inode->name);
	inode->name = NULL;
	inode->parent = NULL;
	inode_unref_locked(table, parent);
}

/* Keeps INODE's descriptor, for want of a name. */
static void make_orphan(struct inode_table *table, struct inode *inode)
{
	forget_place(table, inode);
	if (!inode->orphan && inode->fd >= 0) {
		inode_use_fd(table, inode);
		inode->orphan = true;
	}
}

/*
 * Renames that happened behind our back may leave places that contradict each other. Where INODE is
 * an ancestor of PARENT by what we think, the entry just below it is wrong.
 */
static void break_loop(struct inode_table *table, struct inode *inode, struct inode *parent)
{
	size_t depth = 0;

	for (struct inode *at = parent; at != NULL && depth < INODE_DEPTH_MAX;
		at = at->parent, depth++) {
		if (at == inode) {
			/* PARENT is INODE itself: nothing real; leave it without a place. */
			return;
		}
		if (at->parent == inode) {
			make_orphan(table, at);
			return;
		}
	}
}

static void set_place(
	struct inode_table *table, struct inode *inode, struct inode *parent, const char *name)
{
	if (inode == table->root || inode == parent) {
		return;
	}
	if (inode->parent == parent && inode->name != NULL && strcmp(inode->name, name) == 0) {
		return;
	}
	char *copy = strdup(name);

	if (copy == NULL) {
		return;
	}
	/* only one with children or a request under way can be above PARENT */
	if (inode->parent != parent && inode->refs > (inode->lookups > 0)) {
		break_loop(table, inode, parent);
	}
	parent->refs++;
	forget_place(table, inode);
	inode->parent = parent;
	inode->name = copy;
	if (inode->orphan) {
		inode->orphan = false;
		inode_unuse_fd(table, inode);
	}
}

int inode_table_init(struct inode_table *table, int root_fd, size_t max_idle, struct error *err)
{
	struct statx stx;

	if (statx(root_fd, "", AT_EMPTY_PATH, INODE_STATX_MASK, &stx) != 0) {
		return error_set(err, errno, "look at the root of the view");
	}
	if (!S_ISDIR(stx.stx_mode)) {
		return error_set(err, ENOTDIR, "look at the root of the view");
	}
	mutex_init(&table->lock);
	table->n_buckets = FIRST_BUCKETS;
	table->n_inodes = 0;
	table->buckets = calloc(table->n_buckets, sizeof(struct inode *));
	table->idle.newer = &table->idle;
	table->idle.older = &table->idle;
	table->n_idle = 0;
	table->max_idle = max_idle;
	table->root = calloc(1, sizeof(*table->root));
	if (table->buckets == NULL || table->root == NULL) {
		return error_set(err, ENOMEM, "make the table of inodes");
	}
	table->root->key = inode_key_of(&stx);
	table->root->type = S_IFDIR;
	table->root->refs = 1;
	table->root->fd = root_fd;
	table->root->fd_users = 1;
	hash(table, table->root);
	return 0;
}

struct inode *inode_new_synthetic(uint64_t number)
{
	struct inode *inode = calloc(1, sizeof(*inode));

	if (inode == NULL) {
		return NULL;
	}
	inode->key.ino = number;
	inode->type = S_IFDIR;
	inode->synthetic = true;
	inode->refs = 1;
	inode->fd = -1;
	return inode;
}

static struct inode *new_inode(const struct statx *stx)
{
	struct inode *inode = calloc(1, sizeof(*inode));

	if (inode == NULL) {
		return NULL;
	}
	inode->key = inode_key_of(stx);
	inode->type = stx->stx_mode & S_IFMT;
	if (stx->stx_mask & STATX_BTIME) {
		inode->birth = stx->stx_btime;
	}
	inode->fd = -1;
	return inode;
}

struct inode *inode_intern(struct inode_table *table, struct inode *parent, const char *name,
	const struct statx *stx, int *fd)
{
	inode_table_lock(table);
	struct inode *inode = find(table, stx);

	if (inode == NULL) {
		inode = new_inode(stx);
		if (inode == NULL) {
			inode_table_unlock(table);
			return NULL;
		}
		hash(table, inode);
	}
	if (inode->lookups++ == 0) {
		inode->refs++;
	}
	if (stx->stx_nlink > 1 && inode->type == S_IFREG) {
		atomic_store_explicit(&inode->linked, true, memory_order_relaxed);
	}
	if (*fd >= 0 && inode->fd < 0) {
		inode->fd = steal_fd(fd);
		inode_idle_add(table, inode);
	}
	if (parent != NULL) {
		set_place(table, inode, parent, name);
	} else if (inode->parent == NULL) {
		make_orphan(table, inode);
	}
	bool full = table->n_idle > table->max_idle;

	inode_table_unlock(table);
	if (full) {
		inode_evict(table);
	}
	return inode;
}

struct inode *inode_find(struct inode_table *table, const struct statx *stx)
{
	inode_table_lock(table);
	struct inode *inode = find(table, stx);

	if (inode != NULL) {
		inode->refs++;
	}
	inode_table_unlock(table);
	return inode;
}

struct inode *inode_find_key(struct inode_table *table, const struct inode_key *key)
{
	inode_table_lock(table);
	struct inode *inode = table->buckets[bucket_of(table, key)];

	while (inode != NULL && !inode_key_equal(&inode->key, key)) {
		inode = inode->next;
	}
	if (inode != NULL) {
		inode->refs++;
	}
	inode_table_unlock(table);
	return inode;
}

bool inode_moment_begin(struct inode_table *table, struct inode *inode)
{
	inode_table_lock(table);
	bool nobody = inode->fd_users == 0;

	inode->moment |= nobody;
	inode_table_unlock(table);
	return nobody;
}

bool inode_moment_end(struct inode_table *table, struct inode *inode)
{
	inode_table_lock(table);
	bool some = inode->moment;

	inode->moment = false;
	inode_table_unlock(table);
	return some;
}

void inode_ref(struct inode_table *table, struct inode *inode)
{
	inode_table_lock(table);
	inode->refs++;
	inode_table_unlock(table);
}

void inode_unref(struct inode_table *table, struct inode *inode)
{
	inode_table_lock(table);
	inode_unref_locked(table, inode);
	inode_table_unlock(table);
}

void inode_forget_locked(struct inode_table *table, struct inode *inode, uint64_t n)
{
	if (inode == table->root || inode->synthetic) {
		return;
	}
	inode->lookups -= n < inode->lookups ? n : inode->lookups;
	if (inode->lookups == 0) {
		inode_unref_locked(table, inode);
	}
}

void inode_forget(struct inode_table *table, struct inode *inode, uint64_t n)
{
	inode_table_lock(table);
	inode_forget_locked(table, inode, n);
	inode_table_unlock(table);
}

bool inode_table_trim(struct inode_table *table)
{
	inode_table_lock(table);
	size_t n = table->n_inodes;
	bool worth = table->n_peak >= TRIM_MIN && n < table->n_peak / 2;

	if (worth || n > table->n_peak) {
		table->n_peak = n;
	}
	size_t n_buckets = table->n_buckets;

	while (worth && n_buckets > FIRST_BUCKETS && n < n_buckets / 4) {
		n_buckets /= 2;
	}
	if (n_buckets != table->n_buckets) {
		resize(table, n_buckets);
	}
	inode_table_unlock(table);
	return worth;
}

struct inode *inode_place(
	struct inode_table *table, struct inode *inode, char name[static NAME_MAX + 1])
{
	struct inode *parent = NULL;

	inode_table_lock(table);
	if (inode->fd < 0 && inode->parent != NULL) {
		parent = inode->parent;
		parent->refs++;
		strncpy(name, inode->name, NAME_MAX);
		name[NAME_MAX] = '\0';
	}
	inode_table_unlock(table);
	return parent;
}

void inode_moved(
	struct inode_table *table, struct inode *inode, struct inode *parent, const char *name)
{
	inode_table_lock(table);
	set_place(table, inode, parent, name);
	inode_table_unlock(table);
}

void inode_lost(
	struct inode_table *table, struct inode *inode, struct inode *parent, const char *name)
{
	inode_table_lock(table);
	if (inode->parent == parent && strcmp(inode->name, name) == 0) {
		/*
		 * A removed directory is empty for good: its descriptor may go like any idle one.
		 * Were it held, a tool that stands in a deep tree which it removes would use them
		 * up.
		 */
		if (inode->type == S_IFDIR) {
			forget_place(table, inode);
		} else {
			make_orphan(table, inode);
		}
	}
	inode_table_unlock(table);
}

int inode_path(struct inode_table *table, struct inode *inode, char *path, size_t size)
{
	size_t at = size;
	int r = 0;

	inode_table_lock(table);
	for (; inode != table->root && r == 0; inode = inode->parent) {
		size_t length = inode->name != NULL ? strlen(inode->name) : 0;

		if (inode->parent == NULL) {
			r = -ESTALE;
			break;
		}
		if (length + 1 >= at) {
			r = -ENAMETOOLONG;
			break;
		}
		at -= length;
		memcpy(path + at, inode->name, length);
		path[--at] = '/';
	}
	inode_table_unlock(table);
	if (r < 0) {
		return r;
	}
	memmove(path, path + at, size - at);
	path[size - at] = '\0';
	return (int)(size - at);
}
