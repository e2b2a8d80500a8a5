/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one moment at which a target is stopped: its seccomp filters are read through ptrace(2), by a
 * helper process, so that the target goes on by itself whatever happens to us.
 */
#ifndef POLICY_SECCOMP_READER_H
#define POLICY_SECCOMP_READER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* The kernel admits no longer chain: MAX_INSNS_PER_PATH, kernel/seccomp.c, where every filter costs
 * 4 instructions more than it has. */
#define SECCOMP_CHAIN_INSTRUCTIONS 32768
#define SECCOMP_CHAIN_FILTERS (SECCOMP_CHAIN_INSTRUCTIONS / 5)

/* Memory that is shared with the helper; its pages are there before the target is stopped. */
struct seccomp_reading {
	int code; /* positive errno of the step that failed, 0 */
	int step; /* enum seccomp_step */
	uint64_t stopped_ns;
	uint32_t count;
	struct {
		uint16_t length;
		uint32_t flags;
	} filters[SECCOMP_CHAIN_FILTERS]; /* oldest first, as the kernel numbers them */
	/* One after the other. The last that fits may be as long as a program can be. */
	struct sock_filter instructions[SECCOMP_CHAIN_INSTRUCTIONS + BPF_MAXINSNS];
};

/*
 * Reads the filters of PID, which PROC_FD pins, into a new *READING, to be given to
 * seccomp_reading_free(). Returns 0 or a negative errno.
 */
int seccomp_read(struct seccomp_reading **reading, pid_t pid, int proc_fd, struct error *err);
void seccomp_reading_free(struct seccomp_reading *reading);

#endif
