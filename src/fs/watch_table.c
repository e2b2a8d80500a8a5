/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/watch_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

#include "fs/fs.h"

#define WATCH_BUCKETS 16384 /* a power of two */
#define FIRST_BUCKETS 8
#define PROMISES_MAX 65536 /* of one directory */

int64_t watch_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

bool watch_table_init(struct fs *fs)
{
	fs->watch.buckets = calloc(WATCH_BUCKETS, sizeof(struct watch *));
	return fs->watch.buckets != NULL;
}

static struct watch **bucket_of(struct fs *fs, int wd)
{
	return &fs->watch.buckets[(unsigned)wd & (WATCH_BUCKETS - 1)];
}

void watch_table_add(struct fs *fs, struct watch *watch)
{
	struct watch **bucket = bucket_of(fs, watch->wd);

	watch->next = *bucket;
	*bucket = watch;
	/* Not that of one which the directory had before, and whose looks are still under way. */
	watch->seq = fs->watch.next_seq += 0x10000;
	watch->inode->watch = watch;
	inode_ref(&fs->inodes, watch->inode);
	fs->watch.n++;
}

struct watch *watch_table_find(struct fs *fs, int wd, struct watch *after)
{
	struct watch *watch = after != NULL ? after->next : *bucket_of(fs, wd);

	while (watch != NULL && watch->wd != wd) {
		watch = watch->next;
	}
	return watch;
}

void watch_table_take(struct fs *fs, struct watch *watch)
{
	struct watch **at = bucket_of(fs, watch->wd);

	while (*at != watch) {
		at = &(*at)->next;
	}
	*at = watch->next;
	watch->inode->watch = NULL;
	watch->inode->looks = 0;
	fs->watch.n--;
	if (watch_table_find(fs, watch->wd, NULL) == NULL) {
		inotify_rm_watch(fs->watch.inotify_fd, watch->wd);
	}
}

struct watch *watch_table_next(struct fs *fs, struct watch *after)
{
	size_t i = 0;

	/* The table is larger than all else that a session touches which looks at nothing. */
	if (fs->watch.n == 0) {
		return NULL;
	}
	if (after != NULL && after->next != NULL) {
		return after->next;
	}
	if (after != NULL) {
		i = ((unsigned)after->wd & (WATCH_BUCKETS - 1)) + 1;
	}
	while (i < WATCH_BUCKETS && fs->watch.buckets[i] == NULL) {
		i++;
	}
	return i < WATCH_BUCKETS ? fs->watch.buckets[i] : NULL;
}

void watch_free(struct fs *fs, struct watch *watch)
{
	for (size_t i = 0; i < watch->n_buckets; i++) {
		struct promise *next;

		for (struct promise *at = watch->promises[i]; at != NULL; at = next) {
			next = at->next;
			free(at);
		}
	}
	inode_unref(&fs->inodes, watch->inode);
	free(watch->promises);
	free(watch);
}

static size_t hash_of(const char *name)
{
	size_t h = 0xcbf29ce484222325u;

	for (; *name != '\0'; name++) {
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	}
	return h ^ h >> 32;
}

static void grow(struct watch *watch)
{
	size_t n = watch->n_buckets != 0 ? watch->n_buckets * 2 : FIRST_BUCKETS;
	struct promise **promises = calloc(n, sizeof(*promises));

	if (promises == NULL) {
		return;
	}
	for (size_t i = 0; i < watch->n_buckets; i++) {
		struct promise *next;

		for (struct promise *at = watch->promises[i]; at != NULL; at = next) {
			struct promise **bucket = &promises[hash_of(at->name) & (n - 1)];

			next = at->next;
			at->next = *bucket;
			*bucket = at;
		}
	}
	free(watch->promises);
	watch->promises = promises;
	watch->n_buckets = n;
}

/* Where the pointer to NAME's promise is, or to the end of its bucket; NULL where there are none.
 */
static struct promise **place_of(struct watch *watch, const char *name)
{
	if (watch->n_buckets == 0) {
		return NULL;
	}
	struct promise **at = &watch->promises[hash_of(name) & (watch->n_buckets - 1)];

	while (*at != NULL && strcmp((*at)->name, name) != 0) {
		at = &(*at)->next;
	}
	return at;
}

struct promise *promise_find(struct watch *watch, const char *name)
{
	struct promise **at = place_of(watch, name);

	return at != NULL ? *at : NULL;
}

struct promise *promise_make(struct watch *watch, const char *name)
{
	struct promise *promise = promise_find(watch, name);

	if (promise != NULL) {
		return promise;
	}
	if (watch->n_promises >= watch->n_buckets) {
		grow(watch);
	}
	size_t size = strlen(name) + 1;

	promise = watch->n_buckets != 0 && watch->n_promises < PROMISES_MAX
			  ? malloc(sizeof(*promise) + size)
			  : NULL;
	if (promise == NULL) {
		return NULL;
	}
	struct promise **at = place_of(watch, name);

	memset(promise, 0, sizeof(*promise));
	memcpy(promise->name, name, size);
	promise->next = *at;
	*at = promise;
	watch->n_promises++;
	return promise;
}

struct promise *promise_take(struct watch *watch, const char *name)
{
	struct promise **at = place_of(watch, name);
	struct promise *promise = at != NULL ? *at : NULL;

	if (promise != NULL) {
		*at = promise->next;
		watch->n_promises--;
	}
	return promise;
}

bool promise_drop(struct watch *watch, const char *name)
{
	struct promise *promise = promise_take(watch, name);

	free(promise);
	return promise != NULL;
}
