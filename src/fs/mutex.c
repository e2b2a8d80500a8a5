/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/mutex.h"

#include <stdbool.h>

static _Thread_local bool real_time;

void mutex_init_inheriting(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}

void mutex_init(struct mutex *mutex)
{
	pthread_mutex_init(&mutex->queue, NULL);
	mutex_init_inheriting(&mutex->inheriting);
}

void mutex_real_time(void)
{
	real_time = true;
}

void mutex_lock(struct mutex *mutex)
{
	if (!real_time) {
		pthread_mutex_lock(&mutex->queue);
	}
	pthread_mutex_lock(&mutex->inheriting);
}

void mutex_unlock(struct mutex *mutex)
{
	pthread_mutex_unlock(&mutex->inheriting);
	if (!real_time) {
		pthread_mutex_unlock(&mutex->queue);
	}
}
