/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the watched directories' events lead to. Nothing here touches the files behind the view: who
 * made a change may still hold its directory's lock, and wait for us.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/uio.h>

#include "fs/fs.h"
#include "fs/protocol.h"
#include "fs/watch_table.h"

/* A directory with more events than this in a second isn't worth what they cost everybody. */
#define EVENTS_MAX 100
#define EVENTS_WINDOW_MS 1000

/* What is to be told to the kernel once the watcher's lock is given back: its answer may need the
 * server. */
struct order {
	struct order *next;
	struct inode *inode; /* with a ref */
	bool pages;	     /* of its listing or contents */
	bool attr;
	char name[]; /* "": none */
};

struct orders {
	struct order *first;
	struct order **end;
};

static uint64_t node_of(struct fs *fs, const struct inode *inode)
{
	return inode == fs->inodes.root ? FUSE_ROOT_ID : (uint64_t)(uintptr_t)inode;
}

/* Fails where the kernel doesn't know the inode or the name any more, which is as good. */
static void notify(struct fs *fs, int code, struct iovec *iov, int count)
{
	struct fuse_out_header header = { .error = code };
	size_t size = sizeof(header);

	iov[0] = (struct iovec){ &header, sizeof(header) };
	for (int i = 1; i < count; i++) {
		size += iov[i].iov_len;
	}
	header.len = (uint32_t)size;
	if (writev(fuse_session_fd(fs->session), iov, count) < 0) {
		return;
	}
}

void watch_expire_attr(struct fs *fs, const struct inode *inode, bool pages)
{
	struct fuse_notify_inval_inode_out out = { .ino = node_of(fs, inode),
		.off = pages ? 0 : -1 };
	struct iovec iov[2] = { [1] = { &out, sizeof(out) } };

	notify(fs, FUSE_NOTIFY_INVAL_INODE, iov, 2);
}

void watch_expire(struct fs *fs, struct inode *dir, const char *name)
{
	/* The third word is the flags. */
	const uint32_t lengths[2] = { (uint32_t)strlen(name), FUSE_EXPIRE_ONLY };
	uint64_t node = node_of(fs, dir);
	struct iovec iov[4] = { [1] = { &node, sizeof(node) },
		[2] = { (void *)(uintptr_t)lengths, sizeof(lengths) },
		[3] = { (void *)(uintptr_t)name, lengths[0] + 1 } };

	notify(fs, FUSE_NOTIFY_INVAL_ENTRY, iov, 4);
}

/* INODE's ref is taken. */
static void give_order(struct fs *fs, struct orders *orders, struct inode *inode, const char *name,
	bool attr, bool pages)
{
	size_t size = strlen(name) + 1;
	struct order *order = malloc(sizeof(*order) + size);

	if (order == NULL) {
		abort(); /* rather no view than one that shows what isn't there */
	}
	*order = (struct order){ .inode = inode, .attr = attr, .pages = pages };
	memcpy(order->name, name, size);
	*orders->end = order;
	orders->end = &order->next;
}

static void carry_out(struct fs *fs, struct orders *orders)
{
	struct order *next;

	for (struct order *order = orders->first; order != NULL; order = next) {
		next = order->next;
		if (order->name[0] != '\0') {
			watch_expire(fs, order->inode, order->name);
		}
		if (order->attr) {
			watch_expire_attr(fs, order->inode, order->pages);
		}
		inode_unref(&fs->inodes, order->inode);
		free(order);
	}
}

static struct inode *hold(struct fs *fs, struct inode *inode)
{
	inode_ref(&fs->inodes, inode);
	return inode;
}

/* With the watcher's lock held: */

static void expire_child(struct fs *fs, struct promise *promise, struct orders *orders)
{
	struct inode *inode = promise->negative ? NULL : inode_find_key(&fs->inodes, &promise->key);

	if (inode != NULL) {
		give_order(fs, orders, inode, "", true, promise->pages);
	}
	promise->attr = false;
	promise->keepable = false;
	promise->pages = false;
}

static void expire_dir(struct fs *fs, struct watch *watch, struct orders *orders)
{
	if (watch->attr || watch->listed) {
		watch->attr = false;
		watch->listed = false;
		give_order(fs, orders, hold(fs, watch->inode), "", true, true);
	}
}

/* An unwatched directory is looked up each time: see promise_dir(). */
static void expire_entry_of(struct fs *fs, struct inode *inode, struct orders *orders)
{
	inode_table_lock(&fs->inodes);
	if (inode->parent != NULL && inode->name != NULL) {
		inode->parent->refs++;
		give_order(fs, orders, inode->parent, inode->name, false, false);
	}
	inode_table_unlock(&fs->inodes);
}

/* Nothing of the directory may be trusted any more. */
static void expire_all(struct fs *fs, struct watch *watch, struct orders *orders)
{
	for (size_t i = 0; i < watch->n_buckets; i++) {
		for (struct promise *at = watch->promises[i]; at != NULL; at = at->next) {
			give_order(fs, orders, hold(fs, watch->inode), at->name, false, false);
			if (at->attr || at->pages) {
				expire_child(fs, at, orders);
			}
		}
	}
	expire_dir(fs, watch, orders);
	expire_entry_of(fs, watch->inode, orders);
}

static void take_off(struct fs *fs, struct watch *watch)
{
	watch->inode->quiet_until = watch_now() + QUIET_MS;
	watch_table_take(fs, watch);
	watch_free(fs, watch);
}

static void give_up(struct fs *fs, struct watch *watch, struct orders *orders)
{
	expire_all(fs, watch, orders);
	take_off(fs, watch);
}

static bool is_own(struct fs *fs, const struct inode *dir, const char *name)
{
	for (struct own_change *own = fs->watch.own; own != NULL; own = own->next) {
		if (own->dir == dir && strcmp(own->name, name) == 0) {
			own->events++;
			return true;
		}
	}
	return false;
}

static void name_changed(
	struct fs *fs, struct watch *watch, const char *name, struct orders *orders)
{
	expire_dir(fs, watch, orders);
	struct promise *promise = promise_take(watch, name);

	if (promise != NULL) {
		give_order(fs, orders, hold(fs, watch->inode), name, false, false);
		expire_child(fs, promise, orders);
		free(promise);
	}
}

static bool too_busy(struct watch *watch)
{
	int64_t now = watch_now();

	if (now - watch->window > EVENTS_WINDOW_MS) {
		watch->window = now;
		watch->events = 0;
	}
	return ++watch->events > EVENTS_MAX;
}

static void take_event(struct fs *fs, struct watch *watch, const struct inotify_event *event,
	struct orders *orders)
{
	const char *name = event->len > 0 ? event->name : "";
	bool own = (event->mask & NAME_EVENTS) != 0 && is_own(fs, watch->inode, name);

	watch->seq++;
	if (own) {
		return; /* the kernel knows what it asked for itself */
	}
	if (too_busy(watch) || (event->mask & (IN_IGNORED | IN_UNMOUNT))) {
		give_up(fs, watch, orders);
	} else if (event->mask & NAME_EVENTS) {
		name_changed(fs, watch, name, orders);
	} else if (name[0] == '\0') {
		expire_dir(fs, watch, orders);
	} else {
		struct promise *promise = promise_find(watch, name);

		if (promise != NULL && (promise->attr || promise->pages)) {
			expire_child(fs, promise, orders);
		}
	}
}

static void give_up_all(struct fs *fs, struct orders *orders)
{
	for (struct watch *watch; (watch = watch_table_next(fs, NULL)) != NULL;) {
		give_up(fs, watch, orders);
	}
}

/*
 * The watch stays until all that was promised has been taken back: changes by others are seen as
 * before. The real-time threads aren't troubled with it, as each word to the kernel may have to
 * wait for the directory's lock.
 */
void watch_leave(struct fs *fs, const struct own_change *own)
{
	struct orders orders = { .end = &orders.first };

	if (!own->leave) {
		return;
	}
	mutex_lock(&fs->watch.lock);
	if (own->dir->watch != NULL && own->dir->watch->leaving) {
		expire_all(fs, own->dir->watch, &orders);
	}
	mutex_unlock(&fs->watch.lock);
	carry_out(fs, &orders);
	mutex_lock(&fs->watch.lock);
	if (own->dir->watch != NULL && own->dir->watch->leaving) {
		take_off(fs, own->dir->watch);
	}
	mutex_unlock(&fs->watch.lock);
	inode_unref(&fs->inodes, own->dir);
}

void watch_name_anywhere(struct fs *fs, const char *name)
{
	struct orders orders = { .end = &orders.first };

	mutex_lock(&fs->watch.lock);
	for (struct watch *watch = NULL; (watch = watch_table_next(fs, watch)) != NULL;) {
		struct promise *promise = promise_take(watch, name);

		watch->seq++;
		if (promise != NULL) {
			give_order(fs, &orders, hold(fs, watch->inode), name, false, false);
			free(promise);
		}
	}
	mutex_unlock(&fs->watch.lock);
	carry_out(fs, &orders);
}

void watch_dispatch(struct fs *fs, const struct inotify_event *event)
{
	struct orders orders = { .end = &orders.first };
	struct watch *next;

	mutex_lock(&fs->watch.lock);
	if (event->mask & IN_Q_OVERFLOW) {
		give_up_all(fs, &orders);
	}
	for (struct watch *watch = watch_table_find(fs, event->wd, NULL); watch != NULL;
		watch = next) {
		next = watch_table_find(fs, event->wd, watch);
		take_event(fs, watch, event, &orders);
	}
	mutex_unlock(&fs->watch.lock);
	carry_out(fs, &orders);
}

void watch_forget(struct fs *fs, struct inode *inode)
{
	struct watch *gone = NULL;

	mutex_lock(&fs->watch.lock);
	inode_table_lock(&fs->inodes);
	if (inode->watch != NULL && inode->lookups == 0) {
		gone = inode->watch;
		watch_table_take(fs, gone);
	}
	inode_table_unlock(&fs->inodes);
	mutex_unlock(&fs->watch.lock);
	if (gone != NULL) {
		watch_free(fs, gone);
	}
}
