/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

#include "fs/fs.h"
#include "fs/inode_fd.h"
#include "fs/kind.h"
#include "fs/watch_table.h"

/* No change of a name goes untold; of attributes some do: watch.h. */
#define NAME_SECONDS 3600.0
#define ATTR_SECONDS 60.0
/* Of a directory, and of a file that was left alone for a day. */
#define ATTR_SECONDS_QUIET 600.0
#define QUIET_SECONDS 86400

/* So many looks speak for watching a directory; more after something was made or removed there
 * through the view, as the next may be soon, and with a watch costs more. */
#define LOOKS_MIN WATCH_LISTED
#define LOOKS_MIN_WORKED 24

#define OWN_WINDOW_MS 1000

/* Nobody has a file mapped to write to it that was left alone for so long. */
#define SETTLED_SECONDS 3600
#define KEPT_MAX (2 << 20) /* bytes; the pages are there twice, in the real file's cache too */

#define ATTR_EVENTS (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE)
/* A file that is renamed, by whichever name, has a new time of change. */
#define FILE_EVENTS (ATTR_EVENTS | IN_MOVE_SELF)
#define DIR_EVENTS (ATTR_EVENTS | NAME_EVENTS | IN_ONLYDIR | IN_EXCL_UNLINK)

static struct watch *add_watch(struct fs *fs, struct inode *inode, int fd)
{
	struct watcher *watcher = &fs->watch;

	if (atomic_load(&watcher->running) < 0 || watcher->n >= watcher->max ||
		kind_of(inode, fd) != KIND_LOCAL) {
		return NULL;
	}
	struct watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL) {
		return NULL;
	}
	watch->wd = inotify_add_watch(watcher->inotify_fd, fs_fd_name(fd).text,
		inode->type == S_IFDIR ? DIR_EVENTS : FILE_EVENTS);
	if (watch->wd < 0) {
		free(watch);
		return NULL;
	}
	watch->inode = inode;
	watch_table_add(fs, watch);
	return watch;
}

/* Counts looks at INODE by their WEIGHT. True where they now speak for watching it. With the
 * watcher's lock held. */
static bool count_look(struct inode *inode, unsigned weight)
{
	if (inode->watch != NULL || watch_now() < inode->quiet_until) {
		return false;
	}
	inode->looks += (int)weight;
	return inode->looks >= LOOKS_MIN;
}

/* INODE's watch, which it gets where one more look, of that WEIGHT, speaks for it; or NULL. With
 * the watcher's lock held, which may be given back meanwhile. */
static struct watch *consider(struct fs *fs, struct inode *inode, int fd, unsigned weight)
{
	struct watcher *watcher = &fs->watch;
	bool worth = count_look(inode, weight);

	if (worth && atomic_load(&watcher->running) == 0) {
		mutex_unlock(&watcher->lock);
		watch_run(fs);
		mutex_lock(&watcher->lock);
		worth = count_look(inode, 0);
	}
	if (!worth) {
		return inode->watch;
	}
	struct watch *watch = add_watch(fs, inode, fd);

	if (watch == NULL) {
		inode->quiet_until = watch_now() + QUIET_MS;
	}
	return watch;
}

void watch_look(struct fs *fs, struct inode *dir, int dir_fd, unsigned weight, struct look *look)
{
	struct watcher *watcher = &fs->watch;

	*look = (struct look){ 0 };
	if (!watcher->on || dir->type != S_IFDIR) {
		return;
	}
	mutex_lock(&watcher->lock);
	const struct watch *watch = consider(fs, dir, dir_fd, weight);

	if (watch != NULL && !watch->leaving) {
		look->promising = true;
		look->seq = watch->seq;
	}
	mutex_unlock(&watcher->lock);
}

void watch_opened(struct fs *fs, struct inode *file, int fd)
{
	if (!fs->watch.on || !atomic_load_explicit(&file->linked, memory_order_relaxed)) {
		return;
	}
	mutex_lock(&fs->watch.lock);
	consider(fs, file, fd, WATCH_OPENED);
	mutex_unlock(&fs->watch.lock);
}

bool watch_is_walked(struct fs *fs, const struct inode *dir)
{
	struct watcher *watcher = &fs->watch;

	mutex_lock(&watcher->lock);
	bool walked = dir->watch != NULL && dir->watch->listed && watcher->n < watcher->max / 2;
	mutex_unlock(&watcher->lock);
	return walked;
}

bool watch_worth(struct fs *fs, struct inode *dir, unsigned weight)
{
	if (!fs->watch.on || dir->type != S_IFDIR || dir->synthetic) {
		return false;
	}
	mutex_lock(&fs->watch.lock);
	bool worth = count_look(dir, weight);
	mutex_unlock(&fs->watch.lock);
	return worth;
}

/* An attribute of a file with other names may change by those (see watch_opened()), and that of one
 * that is mounted here where it really is. */
static bool told_in(const struct inode *dir, const struct statx *stx)
{
	return !S_ISDIR(stx->stx_mode) && stx->stx_nlink == 1 && stx->stx_mnt_id == dir->key.mnt;
}

static bool left_alone(const struct statx_timestamp *changed, int64_t seconds)
{
	return time(NULL) - changed->tv_sec > seconds;
}

/* What is written to through a mapping changes its time each time that a page becomes dirty. */
static bool may_keep(const struct statx *stx)
{
	return S_ISREG(stx->stx_mode) && stx->stx_size <= KEPT_MAX &&
	       left_alone(&stx->stx_mtime, SETTLED_SECONDS);
}

/* A container may set its files' times as it likes. */
static double attr_seconds(const struct fs *fs, const struct statx *stx)
{
	bool quiet = !fs->container && left_alone(&stx->stx_mtime, QUIET_SECONDS) &&
		     left_alone(&stx->stx_ctime, QUIET_SECONDS);

	return quiet ? ATTR_SECONDS_QUIET : ATTR_SECONDS;
}

double watch_promise(struct fs *fs, struct inode *dir, const struct look *look, const char *name,
	const struct statx *stx, double *attr)
{
	struct watcher *watcher = &fs->watch;
	double seconds = 0;

	if (attr != NULL) {
		*attr = 0;
	}
	if (!look->promising) {
		return 0;
	}
	mutex_lock(&watcher->lock);
	if (dir->watch != NULL && dir->watch->seq == look->seq) {
		struct promise *promise = promise_make(dir->watch, name);

		if (promise != NULL) {
			seconds = NAME_SECONDS;
			promise->negative = stx == NULL;
		}
		if (promise != NULL && stx != NULL) {
			const struct inode_key key = inode_key_of(stx);

			promise->pages = promise->pages && inode_key_equal(&promise->key, &key);
			promise->key = key;
			promise->attr = told_in(dir, stx);
			promise->keepable = promise->attr && may_keep(stx);
			*attr = promise->attr ? attr_seconds(fs, stx) : 0;
		}
	}
	mutex_unlock(&watcher->lock);
	return seconds;
}

void watch_listing(struct fs *fs, struct inode *dir)
{
	if (!fs->watch.on) {
		return;
	}
	mutex_lock(&fs->watch.lock);
	if (dir->watch != NULL) {
		dir->watch->listed = true;
	}
	mutex_unlock(&fs->watch.lock);
}

/*
 * An event that came while the kernel was still taking the listing in could not yet make it forget
 * that. By the request that finds the directory's end it has taken in all.
 */
void watch_listed(struct fs *fs, struct inode *dir, const struct look *look)
{
	if (!fs->watch.on) {
		return;
	}
	mutex_lock(&fs->watch.lock);
	bool current = look->promising && dir->watch != NULL && dir->watch->seq == look->seq;
	mutex_unlock(&fs->watch.lock);
	if (!current) {
		watch_expire_attr(fs, dir, true);
	}
}

void watch_look_at(struct fs *fs, struct inode *inode, struct look *look)
{
	struct watcher *watcher = &fs->watch;

	*look = (struct look){ 0 };
	if (!watcher->on || inode->synthetic) {
		return;
	}
	mutex_lock(&watcher->lock);
	inode_table_lock(&fs->inodes);
	bool itself = inode->type == S_IFDIR || inode->watch != NULL;
	struct inode *dir = itself ? inode : inode->parent;

	if (dir != NULL && dir->watch != NULL && !dir->watch->leaving) {
		look->promising = true;
		look->seq = dir->watch->seq;
		look->dir = dir;
		dir->refs++;
	}
	inode_table_unlock(&fs->inodes);
	mutex_unlock(&watcher->lock);
}

/* Is INODE still what was promised under its name in DIR? */
static struct promise *promised(struct inode *dir, const struct inode *inode)
{
	struct promise *promise = inode->parent == dir && inode->name != NULL
					  ? promise_find(dir->watch, inode->name)
					  : NULL;

	return promise != NULL && !promise->negative && inode_key_equal(&promise->key, &inode->key)
		       ? promise
		       : NULL;
}

double watch_promise_attr(
	struct fs *fs, struct inode *inode, struct look *look, const struct statx *stx)
{
	struct watcher *watcher = &fs->watch;
	double seconds = 0;

	if (look->dir == NULL) {
		return 0;
	}
	mutex_lock(&watcher->lock);
	inode_table_lock(&fs->inodes);
	struct watch *watch = look->dir->watch;

	if (stx != NULL && watch != NULL && watch->seq == look->seq) {
		if (look->dir == inode) {
			watch->attr = true;
			seconds =
				inode->type == S_IFDIR ? ATTR_SECONDS_QUIET : attr_seconds(fs, stx);
		} else if (told_in(look->dir, stx)) {
			struct promise *promise = promised(look->dir, inode);

			if (promise != NULL) {
				promise->attr = true;
				seconds = attr_seconds(fs, stx);
			}
		}
	}
	inode_unref_locked(&fs->inodes, look->dir);
	inode_table_unlock(&fs->inodes);
	mutex_unlock(&watcher->lock);
	look->dir = NULL;
	return seconds;
}

bool watch_pages(struct fs *fs, struct inode *inode, bool *keep)
{
	struct watcher *watcher = &fs->watch;
	struct promise *promise = NULL;

	*keep = false;
	if (!watcher->on) {
		return false;
	}
	mutex_lock(&watcher->lock);
	inode_table_lock(&fs->inodes);
	struct inode *dir = inode->parent;

	if (dir != NULL && dir->watch != NULL && !dir->watch->leaving) {
		promise = promised(dir, inode);
	}
	bool trusted = promise != NULL && promise->keepable;

	if (trusted) {
		*keep = promise->pages;
		promise->pages = true;
	}
	inode_table_unlock(&fs->inodes);
	mutex_unlock(&watcher->lock);
	return trusted;
}

void watch_own_begin(struct fs *fs, struct own_change *own, struct inode *dir, const char *name)
{
	*own = (struct own_change){ .dir = dir, .name = name };
	if (!fs->watch.on) {
		return;
	}
	mutex_lock(&fs->watch.lock);
	own->next = fs->watch.own;
	fs->watch.own = own;
	dir->looks = LOOKS_MIN - LOOKS_MIN_WORKED;
	mutex_unlock(&fs->watch.lock);
}

/* Two changes soon after each other mean that more will come, each with an event that says nothing
 * new and costs everybody. With the watcher's lock held. */
static void consider_leaving(struct fs *fs, struct own_change *own)
{
	struct watch *watch = own->dir->watch;
	int64_t now = watch_now();

	if (!watch->leaving && now - watch->own_since < OWN_WINDOW_MS) {
		watch->leaving = true;
		watch->seq++;
		own->leave = true;
		inode_ref(&fs->inodes, own->dir);
	}
	watch->own_since = now;
}

enum own_result watch_own_end(struct fs *fs, struct own_change *own, bool made)
{
	enum own_result result = OWN_ALONE;

	if (!fs->watch.on) {
		return OWN_ALONE;
	}
	mutex_lock(&fs->watch.lock);
	for (struct own_change **at = &fs->watch.own; *at != NULL; at = &(*at)->next) {
		if (*at == own) {
			*at = own->next;
			break;
		}
	}
	if (made && own->dir->watch != NULL && promise_drop(own->dir->watch, own->name)) {
		result = OWN_PROMISED;
	}
	if (made && own->dir->watch != NULL && !own->part) {
		consider_leaving(fs, own);
	}
	if (own->events > made) {
		result = OWN_RACED;
	}
	mutex_unlock(&fs->watch.lock);
	return result;
}
