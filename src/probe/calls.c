/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/calls.h"

#include <stddef.h>
#include <sys/syscall.h>

#include "base/str.h"

#define NOBODY 0x7fffffff /* above any pid, and any key of an IPC object that we'd like to meet */

/* What is not called with all bits set: why not at all, or with what. */
static const struct {
	int nr;
	const char *never;
	uint64_t args[6];
} special[] = {
	{ SYS_exit, "it doesn't return", { 0 } },
	{ SYS_exit_group, "it doesn't return", { 0 } },
	{ SYS_rt_sigreturn, "it jumps to where the stack says", { 0 } },
	{ SYS_pause, "it waits for a signal", { 0 } },
	{ SYS_vfork, "its child shares our stack", { 0 } },
	{ SYS_sync, "it waits for every disk", { 0 } },
	/* Linux lets them pass by all filters: they are for code that it has put there itself. */
	{ 335, "filters are not asked", { 0 } }, /* uretprobe */
	{ 336, "filters are not asked", { 0 } }, /* uprobe */
	/* all bits set would be all processes */
	{ SYS_kill, NULL, { NOBODY, 0 } },
	{ SYS_tkill, NULL, { NOBODY, 0 } },
	{ SYS_tgkill, NULL, { NOBODY, NOBODY, 0 } },
	/* all bits set would be "make it" */
	{ SYS_msgget, NULL, { NOBODY, 0 } },
	{ SYS_semget, NULL, { NOBODY, 0, 0 } },
	{ SYS_shmget, NULL, { NOBODY, 0, 0 } },
	{ SYS_init_module, NULL, { 0, 0, 0 } },
	{ SYS_ptrace, NULL, { UINT64_MAX, NOBODY, 0, 0 } },
	{ SYS_fork, NULL, { 0 } },
};

const char *calls_arguments(int nr, uint64_t args[6])
{
	for (int i = 0; i < 6; i++) {
		args[i] = UINT64_MAX;
	}
	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		if (special[i].nr == nr) {
			for (int a = 0; a < 6; a++) {
				args[a] = special[i].args[a];
			}
			return special[i].never;
		}
	}
	return NULL;
}
