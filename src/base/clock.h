/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock that nobody sets: CLOCK_MONOTONIC.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds since some time before the start of this process. */
static inline int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Milliseconds of the same. */
static inline int64_t clock_ms(void)
{
	return clock_ns() / 1000000;
}

#endif
