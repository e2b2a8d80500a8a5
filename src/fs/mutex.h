/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks that real-time threads take too: who holds one for them is real-time meanwhile.
 */
#ifndef FS_MUTEX_H
#define FS_MUTEX_H

#include <pthread.h>

static inline void mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}

#endif
