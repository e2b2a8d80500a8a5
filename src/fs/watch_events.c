/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the watched directories' events lead to, and the threads that read them. These never touch
 * the files behind the view: who made a change may still hold its directory's lock, and wait for
 * us.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "fs/fs.h"
#include "fs/mutex.h"
#include "fs/protocol.h"
#include "fs/watch_table.h"

#define NAME_EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

/* A directory with more events than this in a second isn't worth what they cost everybody. */
#define EVENTS_MAX 100
#define EVENTS_WINDOW_MS 1000

#define WATCHES_MAX 32768
#define SPIN_MAX_NS 20000000 /* virtual processors may stand still for so long */
#define SPIN_SERVING_NS 300000

#define RUN_MAX_US 2000000 /* without once waiting */

#define WATCHES_SHARE 4 /* of what inotify allows the user, one part in so many */

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
		give_order(fs, orders, hold(fs, watch->dir), "", true, true);
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
			give_order(fs, orders, hold(fs, watch->dir), at->name, false, false);
			if (at->attr || at->pages) {
				expire_child(fs, at, orders);
			}
		}
	}
	expire_dir(fs, watch, orders);
	expire_entry_of(fs, watch->dir, orders);
}

static void take_off(struct fs *fs, struct watch *watch)
{
	watch->dir->quiet_until = watch_now() + QUIET_MS;
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
		give_order(fs, orders, hold(fs, watch->dir), name, false, false);
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
	bool own = (event->mask & NAME_EVENTS) != 0 && is_own(fs, watch->dir, name);

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
	pthread_mutex_lock(&fs->watch.lock);
	if (own->dir->watch != NULL && own->dir->watch->leaving) {
		expire_all(fs, own->dir->watch, &orders);
	}
	pthread_mutex_unlock(&fs->watch.lock);
	carry_out(fs, &orders);
	pthread_mutex_lock(&fs->watch.lock);
	if (own->dir->watch != NULL && own->dir->watch->leaving) {
		take_off(fs, own->dir->watch);
	}
	pthread_mutex_unlock(&fs->watch.lock);
	inode_unref(&fs->inodes, own->dir);
}

void watch_name_anywhere(struct fs *fs, const char *name)
{
	struct orders orders = { .end = &orders.first };

	pthread_mutex_lock(&fs->watch.lock);
	for (struct watch *watch = NULL; (watch = watch_table_next(fs, watch)) != NULL;) {
		struct promise *promise = promise_take(watch, name);

		watch->seq++;
		if (promise != NULL) {
			give_order(fs, &orders, hold(fs, watch->dir), name, false, false);
			free(promise);
		}
	}
	pthread_mutex_unlock(&fs->watch.lock);
	carry_out(fs, &orders);
}

static void dispatch(struct fs *fs, const struct inotify_event *event)
{
	struct orders orders = { .end = &orders.first };
	struct watch *next;

	pthread_mutex_lock(&fs->watch.lock);
	if (event->mask & IN_Q_OVERFLOW) {
		give_up_all(fs, &orders);
	}
	for (struct watch *watch = watch_table_find(fs, event->wd, NULL); watch != NULL;
		watch = next) {
		next = watch_table_find(fs, event->wd, watch);
		take_event(fs, watch, event, &orders);
	}
	pthread_mutex_unlock(&fs->watch.lock);
	carry_out(fs, &orders);
}

/*
 * Takes what there is off the queue. Before that the other processors' threads are called: one that
 * the queue woke would find it empty and sleep on, inside poll(2), while we are still at work for
 * its processor's program. SELF is the number of the one that calls.
 */
static bool read_events(struct fs *fs, int self, char *buffer, size_t size, ssize_t *n)
{
	const uint64_t one = 1;
	int queued = 0;

	if (ioctl(fs->watch.inotify_fd, FIONREAD, &queued) != 0 || queued == 0) {
		return false;
	}
	for (int i = 0; i < fs->watch.n_threads; i++) {
		if (i != self && write(fs->watch.wake_fds[i], &one, sizeof(one)) < 0) {
			continue; /* full: it is awake */
		}
	}
	*n = read(fs->watch.inotify_fd, buffer, size);
	return *n > 0;
}

static void drain(struct fs *fs, int self)
{
	_Alignas(struct inotify_event) static char buffer[65536];
	ssize_t n;

	while (read_events(fs, self, buffer, sizeof(buffer), &n)) {
		for (const char *at = buffer; at < buffer + n;) {
			const struct inotify_event *event = (const void *)at;

			dispatch(fs, event);
			at += sizeof(*event) + event->len;
		}
	}
}

/*
 * Another processor's thread may have been quicker; what it does has to be done before this
 * processor's program goes on. Where a request is being served it may wait for that to end, and
 * then it needs us out of the way.
 */
static void lock_drain(struct fs *fs)
{
	int64_t begin = clock_ns();

	while (pthread_mutex_trylock(&fs->watch.drain) != 0) {
		bool serving = atomic_load(&fs->idle_threads) < atomic_load(&fs->threads);

		if (clock_ns() - begin > (serving ? SPIN_SERVING_NS : SPIN_MAX_NS)) {
			pthread_mutex_lock(&fs->watch.drain);
			return;
		}
	}
}

struct start {
	struct fs *fs;
	int cpu;
	bool good;
	sem_t done;
};

static bool become_real_time(int cpu)
{
	const struct sched_param param = { .sched_priority = 1 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) == 0 &&
	       sched_setscheduler(0, SCHED_FIFO, &param) == 0;
}

static void *run(void *data)
{
	struct start *start = data;
	struct fs *fs = start->fs;
	int self = start->cpu;
	int wake_fd = fs->watch.wake_fds[self];
	bool good = become_real_time(self);

	start->good = good;
	sem_post(&start->done);
	if (!good) {
		return NULL;
	}
	/* Each its own: what poll(2) says of it is said once. The mounts of a container view are a
	 * copy of their own, which don't change. */
	int mounts = fs->container ? -1 : open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct pollfd fds[] = { { .fd = fs->watch.inotify_fd, .events = POLLIN },
		{ .fd = mounts, .events = POLLPRI }, { .fd = wake_fd, .events = POLLIN } };
	uint64_t calls;

	for (;;) {
		if (poll(fds, 3, -1) < 0) {
			continue;
		}
		lock_drain(fs);
		if (fds[1].revents != 0) {
			watch_mounts_changed(fs);
		}
		drain(fs, self);
		/* Last: it may have been called while it waited for the lock. */
		if (read(wake_fd, &calls, sizeof(calls)) < 0) {
			calls = 0;
		}
		pthread_mutex_unlock(&fs->watch.drain);
	}
	return NULL;
}

/* One that isn't real-time on its own processor, for want of the right, makes all of no use. */
static bool start_thread(struct fs *fs, int cpu)
{
	struct start start = { .fs = fs, .cpu = cpu };
	pthread_t thread;

	sem_init(&start.done, 0, 0);
	if (pthread_create(&thread, NULL, run, &start) != 0) {
		return false;
	}
	pthread_detach(thread);
	while (sem_wait(&start.done) != 0) {
	}
	return start.good;
}

static size_t watches_limit(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/fs/inotify/max_user_watches", "re");
	size_t all = 0;

	if (file == NULL || fscanf(file, "%zu", &all) != 1) {
		return 0;
	}
	return all / WATCHES_SHARE < WATCHES_MAX ? all / WATCHES_SHARE : WATCHES_MAX;
}

void watch_start(struct fs *fs)
{
	/* Should they ever run wild, the kernel ends us rather than have the host stand still. */
	const struct rlimit real_time = { RUN_MAX_US, RUN_MAX_US };
	struct watcher *watcher = &fs->watch;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	mutex_init(&watcher->lock);
	mutex_init(&watcher->drain);
	watcher->max = watches_limit();
	watcher->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watcher->inotify_fd < 0 || watcher->max == 0 || cpus < 1 || cpus > WATCH_THREADS_MAX ||
		!watch_table_init(fs) || setrlimit(RLIMIT_RTTIME, &real_time) != 0) {
		return;
	}
	watcher->n_threads = (int)cpus;
	watcher->ready = true;
}

static bool start_threads(struct fs *fs)
{
	struct watcher *watcher = &fs->watch;

	if (!fs->container) {
		watch_mounts_changed(fs);
	}
	/* All there before the first thread runs: each wakes the others. */
	for (int i = 0; i < watcher->n_threads; i++) {
		watcher->wake_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (watcher->wake_fds[i] < 0) {
			return false;
		}
	}
	for (int i = 0; i < watcher->n_threads; i++) {
		if (!start_thread(fs, i)) {
			return false;
		}
	}
	return true;
}

bool watch_running(struct fs *fs)
{
	struct watcher *watcher = &fs->watch;
	int running = atomic_load(&watcher->running);

	if (running == 0) {
		pthread_mutex_lock(&watcher->drain);
		running = atomic_load(&watcher->running);
		if (running == 0) {
			running = start_threads(fs) ? 1 : -1;
			atomic_store(&watcher->running, running);
		}
		pthread_mutex_unlock(&watcher->drain);
	}
	return running > 0;
}

void watch_negotiate(struct fs *fs, unsigned minor)
{
	fs->watch.on = fs->watch.ready && minor >= 38;
}

void watch_forget(struct fs *fs, struct inode *dir)
{
	struct watch *gone = NULL;

	pthread_mutex_lock(&fs->watch.lock);
	inode_table_lock(&fs->inodes);
	if (dir->watch != NULL && dir->lookups == 0) {
		gone = dir->watch;
		watch_table_take(fs, gone);
	}
	inode_table_unlock(&fs->inodes);
	pthread_mutex_unlock(&fs->watch.lock);
	if (gone != NULL) {
		watch_free(fs, gone);
	}
}
