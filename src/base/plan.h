/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: the launcher's half of a profile, laid flat in a sealed memfd that the launcher maps
 * read-only. Written once for each session (session/plan.c), read at each transition (launch/).
 * Offsets count from the plan's first byte.
 */
#ifndef BASE_PLAN_H
#define BASE_PLAN_H

#include <stdint.h>

#define PLAN_MAGIC 0x31504c53u /* "SLP1" */

/* The namespaces a launcher joins, in this order; pid is joined by being born there. */
enum plan_namespace {
	PLAN_NET,
	PLAN_IPC,
	PLAN_UTS,
	PLAN_CGROUP,
	PLAN_TIME,
	PLAN_MNT,
	PLAN_USER,
	PLAN_NAMESPACES
};

struct plan_filter {
	uint32_t offset; /* of its struct sock_filter array */
	uint32_t count;
	uint32_t flags; /* for seccomp(2), SECCOMP_SET_MODE_FILTER */
};

struct plan {
	uint32_t magic;
	uint32_t size; /* of the whole plan */

	uint32_t namespaces; /* bit N: join enum plan_namespace N */

	/* as the initial user namespace has them */
	uint32_t ruid, euid, suid;
	uint32_t rgid, egid, sgid;
	uint32_t n_groups;
	uint32_t groups_offset; /* uint32_t each */

	uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
	uint32_t no_new_privs;

	uint32_t n_filters;
	uint32_t filters_offset; /* struct plan_filter each, oldest first */

	uint32_t umask;
	uint32_t personality;
	uint32_t thp_disable;
	uint64_t timer_slack_ns; /* 0: leave it */

	uint32_t n_env;
	uint32_t env_offset;   /* strings, each with its NUL */
	uint32_t cwd_offset;   /* string */
	uint32_t cwd_required; /* the operator named it: failing to enter it is an error */
};

#endif
