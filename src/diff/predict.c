/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diff/facts.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#include "probe/calls.h"

#define ERRNO_MAX 4095

/* What a process sees of the answer VALUE: kernel/seccomp.c, __seccomp_filter(). */
static void describe(uint32_t value, char *out, size_t size)
{
	uint32_t data = value & SECCOMP_RET_DATA;

	switch (value & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		snprintf(out, size, "allowed");
		break;
	case SECCOMP_RET_ERRNO: {
		const char *name = strerrorname_np((int)data);

		if (data == 0) {
			snprintf(out, size, "yes");
		} else if (name != NULL) {
			snprintf(out, size, "%s", name);
		} else {
			snprintf(out, size, "errno %u", data < ERRNO_MAX ? data : ERRNO_MAX);
		}
		break;
	}
	case SECCOMP_RET_TRACE:	     /* nobody traces the process */
	case SECCOMP_RET_USER_NOTIF: /* nobody listens */
		snprintf(out, size, "ENOSYS");
		break;
	default:
		snprintf(out, size, "SIGSYS");
		break;
	}
}

void facts_predict(struct facts *facts, const struct seccomp_chain *chain)
{
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		uint64_t args[6];
		char key[32];
		char value[64];

		if (calls_arguments(nr, args) != NULL) {
			continue;
		}
		snprintf(key, sizeof(key), "syscall.%d", nr);
		describe(
			seccomp_evaluate(chain, AUDIT_ARCH_X86_64, nr, args), value, sizeof(value));
		facts_add(facts, key, "%s", value);
	}
}
