/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call of every number of the native architecture that can do no harm: with arguments that no
 * call accepts, or that ask for what is there already.
 */
#ifndef PROBE_CALLS_H
#define PROBE_CALLS_H

#include <stdint.h>

#define CALLS_MAX 512 /* numbers from 0 on; the kernel has fewer */

/*
 * The arguments with which NR can be called, by a process that may lose its own state and ends
 * after it. Returns NULL, or why it can't be called at all.
 */
const char *calls_arguments(int nr, uint64_t args[6]);

#endif
