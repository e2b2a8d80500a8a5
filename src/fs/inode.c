/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/inode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FIRST_BUCKETS 1024
#define DEPTH_MAX 65536
#define WALK_RETRIES 16
#define EVICT_BATCH 32

static size_t bucket_of(const struct inode_table *table, const struct inode_key *key)
{
	uint64_t h = key->ino * 0x9e3779b97f4a7c15u;

	h ^= ((uint64_t)key->dev_major << 32 | key->dev_minor) * 0xc2b2ae3d27d4eb4fu;
	h ^= key->mnt * 0x165667b19e3779f9u;
	h ^= h >> 29;
	return (size_t)(h & (table->n_buckets - 1));
}

static struct inode_key key_of(const struct statx *stx)
{
	return (struct inode_key){ stx->stx_dev_major, stx->stx_dev_minor, stx->stx_ino,
		stx->stx_mnt_id };
}

static bool key_equal(const struct inode_key *a, const struct inode_key *b)
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
	struct inode_key key = key_of(stx);

	return key_equal(&inode->key, &key) && same_birth(inode, stx);
}

/* All functions below, down to the next such line, are called with the table's lock held. */

static void idle_remove(struct inode_table *table, struct inode *inode)
{
	if (inode->newer == NULL) {
		return;
	}
	inode->newer->older = inode->older;
	inode->older->newer = inode->newer;
	inode->newer = NULL;
	inode->older = NULL;
	table->n_idle--;
}

static void idle_add(struct inode_table *table, struct inode *inode)
{
	inode->newer = &table->idle;
	inode->older = table->idle.older;
	inode->older->newer = inode;
	table->idle.older = inode;
	table->n_idle++;
}

static int use_fd(struct inode_table *table, struct inode *inode)
{
	if (inode->fd_users++ == 0) {
		idle_remove(table, inode);
	}
	return inode->fd;
}

static void unuse_fd(struct inode_table *table, struct inode *inode)
{
	if (--inode->fd_users == 0) {
		idle_add(table, inode);
	}
}

/* Takes the oldest idle descriptors from their inodes, at most MAX, into FDS, until LIMIT are left.
 */
static size_t take_idle(struct inode_table *table, size_t limit, int *fds, size_t max)
{
	size_t n = 0;

	while (n < max && table->n_idle > limit) {
		struct inode *inode = table->idle.newer;

		idle_remove(table, inode);
		fds[n++] = steal_fd(&inode->fd);
	}
	return n;
}

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

static void grow(struct inode_table *table)
{
	size_t old_n = table->n_buckets;
	struct inode **old = table->buckets;
	struct inode **buckets = calloc(old_n * 2, sizeof(*buckets));

	if (buckets == NULL) {
		return;
	}
	table->buckets = buckets;
	table->n_buckets = old_n * 2;
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
		grow(table);
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
	struct inode_key key = key_of(stx);

	for (struct inode *inode = table->buckets[bucket_of(table, &key)]; inode != NULL;
		inode = inode->next) {
		if (!key_equal(&inode->key, &key)) {
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
static void unref(struct inode_table *table, struct inode *inode)
{
	while (inode != NULL && --inode->refs == 0) {
		struct inode *parent = inode->parent;

		unhash(table, inode);
		idle_remove(table, inode);
		if (inode->fd >= 0) {
			close(inode->fd);
		}
		free(inode->name);
		free(inode);
		inode = parent;
	}
}

static void forget_place(struct inode_table *table, struct inode *inode)
{
	struct inode *parent = inode->parent;

	free(inode->name);
	inode->name = NULL;
	inode->parent = NULL;
	unref(table, parent);
}

/* Keeps INODE's descriptor, for want of a name. */
static void make_orphan(struct inode_table *table, struct inode *inode)
{
	forget_place(table, inode);
	if (!inode->orphan && inode->fd >= 0) {
		use_fd(table, inode);
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

	for (struct inode *at = parent; at != NULL && depth < DEPTH_MAX; at = at->parent, depth++) {
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
		unuse_fd(table, inode);
	}
}

/* With the lock not held: */

static void evict(struct inode_table *table)
{
	int fds[EVICT_BATCH];

	pthread_mutex_lock(&table->lock);
	size_t n = take_idle(table, table->max_idle, fds, EVICT_BATCH);

	pthread_mutex_unlock(&table->lock);
	for (size_t i = 0; i < n; i++) {
		close(fds[i]);
	}
}

bool inode_shed(struct inode_table *table)
{
	int fds[EVICT_BATCH];
	bool some = false;
	size_t n;

	do {
		pthread_mutex_lock(&table->lock);
		n = take_idle(table, 0, fds, EVICT_BATCH);
		pthread_mutex_unlock(&table->lock);
		for (size_t i = 0; i < n; i++) {
			close(fds[i]);
		}
		some |= n > 0;
	} while (n == EVICT_BATCH);
	return some;
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
	pthread_mutex_init(&table->lock, NULL);
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
	table->root->key = key_of(&stx);
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
	inode->key = key_of(stx);
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
	pthread_mutex_lock(&table->lock);
	struct inode *inode = find(table, stx);

	if (inode == NULL) {
		inode = new_inode(stx);
		if (inode == NULL) {
			pthread_mutex_unlock(&table->lock);
			return NULL;
		}
		hash(table, inode);
	}
	if (inode->lookups++ == 0) {
		inode->refs++;
	}
	if (*fd >= 0 && inode->fd < 0) {
		inode->fd = steal_fd(fd);
		idle_add(table, inode);
	}
	if (parent != NULL) {
		set_place(table, inode, parent, name);
	} else if (inode->parent == NULL) {
		make_orphan(table, inode);
	}
	bool full = table->n_idle > table->max_idle;

	pthread_mutex_unlock(&table->lock);
	if (full) {
		evict(table);
	}
	return inode;
}

struct inode *inode_find(struct inode_table *table, const struct statx *stx)
{
	pthread_mutex_lock(&table->lock);
	struct inode *inode = find(table, stx);

	if (inode != NULL) {
		inode->refs++;
	}
	pthread_mutex_unlock(&table->lock);
	return inode;
}

void inode_unref(struct inode_table *table, struct inode *inode)
{
	pthread_mutex_lock(&table->lock);
	unref(table, inode);
	pthread_mutex_unlock(&table->lock);
}

void inode_forget(struct inode_table *table, struct inode *inode, uint64_t n)
{
	if (inode == table->root || inode->synthetic) {
		return;
	}
	pthread_mutex_lock(&table->lock);
	inode->lookups -= n < inode->lookups ? n : inode->lookups;
	if (inode->lookups == 0) {
		unref(table, inode);
	}
	pthread_mutex_unlock(&table->lock);
}

void inode_fd_put(struct inode_table *table, struct inode *inode)
{
	pthread_mutex_lock(&table->lock);
	unuse_fd(table, inode);
	bool full = table->n_idle > table->max_idle;

	pthread_mutex_unlock(&table->lock);
	if (full) {
		evict(table);
	}
}

/* A way down: the inodes without descriptors from the wanted one up. */
struct walk {
	struct inode **steps; /* each with a ref */
	size_t n;
	size_t room;
	struct inode *base; /* its descriptor in use */
};

static bool walk_push(struct walk *walk, struct inode *inode)
{
	if (walk->n == walk->room) {
		size_t room = walk->room != 0 ? walk->room * 2 : 16;
		struct inode **steps = realloc(walk->steps, room * sizeof(*steps));

		if (steps == NULL) {
			return false;
		}
		walk->steps = steps;
		walk->room = room;
	}
	inode->refs++;
	walk->steps[walk->n++] = inode;
	return true;
}

/* Fills WALK; the lock is held. */
static int walk_up(struct inode_table *table, struct inode *inode, struct walk *walk)
{
	struct inode *at = inode;

	while (at->fd < 0) {
		if (at->parent == NULL || walk->n >= DEPTH_MAX) {
			return -ESTALE;
		}
		if (!walk_push(walk, at)) {
			return -ENOMEM;
		}
		at = at->parent;
	}
	use_fd(table, at);
	walk->base = at;
	return 0;
}

static int open_child(struct inode_table *table, int dir_fd, const char *name, uint32_t type)
{
	int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | (type == S_IFDIR ? O_DIRECTORY : 0);
	int fd = openat(dir_fd, name, flags);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE) && inode_shed(table)) {
		fd = openat(dir_fd, name, flags);
	}
	if (fd < 0) {
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? -ESTALE : -errno;
	}
	return fd;
}

/* Opens STEP below BASE, whose descriptor is in use, and leaves STEP's in use. -EAGAIN where STEP
 * has moved meanwhile. */
static int walk_down(struct inode_table *table, struct inode *base, struct inode *step)
{
	char name[NAME_MAX + 1];
	struct statx stx;

	pthread_mutex_lock(&table->lock);
	if (step->fd >= 0) {
		use_fd(table, step);
		pthread_mutex_unlock(&table->lock);
		return 0;
	}
	if (step->parent != base) {
		pthread_mutex_unlock(&table->lock);
		return -EAGAIN;
	}
	strncpy(name, step->name, sizeof(name) - 1);
	name[NAME_MAX] = '\0';
	pthread_mutex_unlock(&table->lock);

	_cleanup_close_ int fd = open_child(table, base->fd, name, step->type);

	if (fd < 0) {
		return fd;
	}
	if (statx(fd, "", AT_EMPTY_PATH, INODE_STATX_MASK, &stx) != 0) {
		return -errno;
	}
	if (!inode_matches(step, &stx)) {
		return -ESTALE;
	}
	pthread_mutex_lock(&table->lock);
	if (step->fd < 0) {
		step->fd = steal_fd(&fd);
		step->fd_users = 1;
	} else {
		use_fd(table, step);
	}
	pthread_mutex_unlock(&table->lock);
	return 0;
}

static void walk_finish(struct inode_table *table, struct walk *walk)
{
	pthread_mutex_lock(&table->lock);
	for (size_t i = 0; i < walk->n; i++) {
		unref(table, walk->steps[i]);
	}
	pthread_mutex_unlock(&table->lock);
	free(walk->steps);
}

static int fd_get_slow(struct inode_table *table, struct inode *inode)
{
	struct walk walk = { 0 };

	pthread_mutex_lock(&table->lock);
	int r = walk_up(table, inode, &walk);

	pthread_mutex_unlock(&table->lock);
	struct inode *base = walk.base;

	for (size_t i = walk.n; r == 0 && i > 0; i--) {
		r = walk_down(table, base, walk.steps[i - 1]);
		inode_fd_put(table, base);
		base = walk.steps[i - 1];
	}
	walk_finish(table, &walk);
	return r == 0 ? inode->fd : r;
}

int inode_fd_get(struct inode_table *table, struct inode *inode)
{
	int r = -EAGAIN;

	if (inode->synthetic) {
		return -EPERM;
	}
	for (int i = 0; r == -EAGAIN && i < WALK_RETRIES; i++) {
		pthread_mutex_lock(&table->lock);
		r = inode->fd >= 0 ? use_fd(table, inode) : -EAGAIN;
		pthread_mutex_unlock(&table->lock);
		if (r < 0) {
			r = fd_get_slow(table, inode);
		}
	}
	return r == -EAGAIN ? -ESTALE : r;
}

struct inode *inode_place(
	struct inode_table *table, struct inode *inode, char name[static NAME_MAX + 1])
{
	struct inode *parent = NULL;

	pthread_mutex_lock(&table->lock);
	if (inode->fd < 0 && inode->parent != NULL) {
		parent = inode->parent;
		parent->refs++;
		strncpy(name, inode->name, NAME_MAX);
		name[NAME_MAX] = '\0';
	}
	pthread_mutex_unlock(&table->lock);
	return parent;
}

void inode_moved(
	struct inode_table *table, struct inode *inode, struct inode *parent, const char *name)
{
	pthread_mutex_lock(&table->lock);
	set_place(table, inode, parent, name);
	pthread_mutex_unlock(&table->lock);
}

void inode_lost(
	struct inode_table *table, struct inode *inode, struct inode *parent, const char *name)
{
	pthread_mutex_lock(&table->lock);
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
	pthread_mutex_unlock(&table->lock);
}

int inode_path(struct inode_table *table, struct inode *inode, char *path, size_t size)
{
	size_t at = size;
	int r = 0;

	pthread_mutex_lock(&table->lock);
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
	pthread_mutex_unlock(&table->lock);
	if (r < 0) {
		return r;
	}
	memmove(path, path + at, size - at);
	path[size - at] = '\0';
	return (int)(size - at);
}
