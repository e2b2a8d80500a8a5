/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks that real-time threads take too: who holds one for them is real-time meanwhile
 * (PTHREAD_PRIO_INHERIT). The kernel hands such a lock to who waits for it, and until he has woken
 * up nobody has it: threads that come meanwhile wait, too, and from then on each for another's
 * waking. So all that aren't real-time queue before it, at a lock that is whose who comes first.
 */
#ifndef FS_MUTEX_H
#define FS_MUTEX_H

#include <pthread.h>

struct mutex {
	pthread_mutex_t queue;
	pthread_mutex_t inheriting;
};

void mutex_init(struct mutex *mutex);

/* One whose holder inherits alone: for few threads. */
void mutex_init_inheriting(pthread_mutex_t *mutex);

/* The calling thread is a real-time one from here on. */
void mutex_real_time(void);

void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

#endif
