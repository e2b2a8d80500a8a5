/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exit statuses that are not the command's own.
 */
#ifndef BASE_EXIT_H
#define BASE_EXIT_H

#include <errno.h>

#define EXIT_OURS 125 /* sallyport itself failed */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

/* The status for an execve(2) that failed with errno CODE, as shells have it. */
static inline int exit_of_exec(int code)
{
	return code == ENOENT || code == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

#endif
