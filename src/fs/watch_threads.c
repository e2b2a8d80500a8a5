/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The threads that read the events, one for each processor, real-time and bound to it. As what they
 * call they never touch the files behind the view.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "fs/fs.h"
#include "fs/mutex.h"
#include "fs/watch_table.h"

#define WATCHES_MAX 32768
#define WATCHES_SHARE 4 /* of what inotify allows the user, one part in so many */

#define SPIN_MAX_NS 20000000 /* virtual processors may stand still for so long */
#define SPIN_SERVING_NS 300000

#define RUN_MAX_US 2000000 /* without once waiting */

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

			watch_dispatch(fs, event);
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
	mutex_real_time();
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
	mutex_init_inheriting(&watcher->drain);
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

void watch_run(struct fs *fs)
{
	struct watcher *watcher = &fs->watch;

	pthread_mutex_lock(&watcher->drain);
	if (atomic_load(&watcher->running) == 0) {
		atomic_store(&watcher->running, start_threads(fs) ? 1 : -1);
	}
	pthread_mutex_unlock(&watcher->drain);
}

void watch_negotiate(struct fs *fs, unsigned minor)
{
	fs->watch.on = fs->watch.ready && minor >= 38;
}
