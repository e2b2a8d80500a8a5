/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scope-bound ownership: a variable declared with one of these attributes is released when its
 * scope ends.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f != NULL) {
		fclose(*f);
	}
}

static inline void cleanup_closedir(DIR **d)
{
	if (*d != NULL) {
		closedir(*d);
	}
}

#define _cleanup_(f) __attribute__((cleanup(f), unused))
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

/* Hands the descriptor in *FD to the caller and leaves -1 behind, so that the scope's end won't
 * close it. */
static inline int steal_fd(int *fd)
{
	int given = *fd;

	*fd = -1;
	return given;
}

/* Hands the pointer in *P to the caller and leaves NULL behind. P is the address of a pointer
 * variable. */
static inline void *steal_pointer(void *p)
{
	void *given = *(void **)p;

	*(void **)p = NULL;
	return given;
}

#endif
