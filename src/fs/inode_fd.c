/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The descriptors of inodes: the ring of those that nobody uses, and the way down to one that has
 * to be opened again.
 */
#include "fs/inode_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define WALK_RETRIES 16
#define EVICT_BATCH 32

void inode_idle_remove(struct inode_table *table, struct inode *inode)
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

void inode_idle_add(struct inode_table *table, struct inode *inode)
{
	inode->newer = &table->idle;
	inode->older = table->idle.older;
	inode->older->newer = inode;
	table->idle.older = inode;
	table->n_idle++;
}

int inode_use_fd(struct inode_table *table, struct inode *inode)
{
	if (inode->fd_users++ == 0) {
		inode_idle_remove(table, inode);
	}
	return inode->fd;
}

void inode_unuse_fd(struct inode_table *table, struct inode *inode)
{
	if (--inode->fd_users == 0) {
		inode_idle_add(table, inode);
	}
}

/* Takes the oldest idle descriptors from their inodes, at most MAX, into FDS, until LIMIT are left.
 */
static size_t take_idle(struct inode_table *table, size_t limit, int *fds, size_t max)
{
	size_t n = 0;

	while (n < max && table->n_idle > limit) {
		struct inode *inode = table->idle.newer;

		inode_idle_remove(table, inode);
		fds[n++] = steal_fd(&inode->fd);
	}
	return n;
}

void inode_evict(struct inode_table *table)
{
	int fds[EVICT_BATCH];

	inode_table_lock(table);
	size_t n = take_idle(table, table->max_idle, fds, EVICT_BATCH);

	inode_table_unlock(table);
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
		inode_table_lock(table);
		n = take_idle(table, 0, fds, EVICT_BATCH);
		inode_table_unlock(table);
		for (size_t i = 0; i < n; i++) {
			close(fds[i]);
		}
		some |= n > 0;
	} while (n == EVICT_BATCH);
	return some;
}

void inode_fd_put(struct inode_table *table, struct inode *inode)
{
	inode_table_lock(table);
	inode_unuse_fd(table, inode);
	bool full = table->n_idle > table->max_idle;

	inode_table_unlock(table);
	if (full) {
		inode_evict(table);
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
		if (at->parent == NULL || walk->n >= INODE_DEPTH_MAX) {
			return -ESTALE;
		}
		if (!walk_push(walk, at)) {
			return -ENOMEM;
		}
		at = at->parent;
	}
	inode_use_fd(table, at);
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

	inode_table_lock(table);
	if (step->fd >= 0) {
		inode_use_fd(table, step);
		inode_table_unlock(table);
		return 0;
	}
	if (step->parent != base) {
		inode_table_unlock(table);
		return -EAGAIN;
	}
	strncpy(name, step->name, sizeof(name) - 1);
	name[NAME_MAX] = '\0';
	inode_table_unlock(table);

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
	inode_table_lock(table);
	if (step->fd < 0) {
		step->fd = steal_fd(&fd);
		step->fd_users = 1;
	} else {
		inode_use_fd(table, step);
	}
	inode_table_unlock(table);
	return 0;
}

static void walk_finish(struct inode_table *table, struct walk *walk)
{
	inode_table_lock(table);
	for (size_t i = 0; i < walk->n; i++) {
		inode_unref_locked(table, walk->steps[i]);
	}
	inode_table_unlock(table);
	free(walk->steps);
}

static int fd_get_slow(struct inode_table *table, struct inode *inode)
{
	struct walk walk = { 0 };

	inode_table_lock(table);
	int r = walk_up(table, inode, &walk);

	inode_table_unlock(table);
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
		inode_table_lock(table);
		r = inode->fd >= 0 ? inode_use_fd(table, inode) : -EAGAIN;
		inode_table_unlock(table);
		if (r < 0) {
			r = fd_get_slow(table, inode);
		}
	}
	return r == -EAGAIN ? -ESTALE : r;
}
