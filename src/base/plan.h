/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: the launcher's half of a profile, laid flat in a sealed memfd that the launcher maps
 * read-only. Written once for each session (session/plan.c), read at each transition (launch/).
 * Offsets count from the plan's first byte.
 */
#ifndef BASE_PLAN_H
#define BASE_PLAN_H

#include <stdint.h>

/* Where a program without a slash is looked for, where the container's environment has no PATH. */
#define PLAN_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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

#define PLAN_CGROUPS_MAX 24
#define PLAN_SPECULATION 2 /* PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH of prctl(2) */
/* The descriptors that come with a plan, in this order: itself, the root, namespaces, cgroups. */
enum plan_fd {
	PLAN_FD_PLAN,
	PLAN_FD_ROOT,
	PLAN_FD_NAMESPACES,
	PLAN_FD_CGROUPS = PLAN_FD_NAMESPACES + PLAN_NAMESPACES,
	PLAN_FDS_MAX = PLAN_FD_CGROUPS + PLAN_CGROUPS_MAX
};

struct plan_filter {
	uint32_t offset; /* of its struct sock_filter array */
	uint32_t count;
	uint32_t flags; /* for seccomp(2), SECCOMP_SET_MODE_FILTER */
};

/* What gives the program its label: written to a file of /proc/thread-self/attr before the exec. */
struct plan_attribute {
	uint32_t file_offset; /* string: its name there, "exec" or "apparmor/exec" */
	uint32_t content_offset;
	uint32_t content_size;
	uint32_t late; /* right before no_new_privs is set, and in force at once */
};

struct plan {
	uint32_t magic;
	uint32_t size; /* of the whole plan */

	uint32_t namespaces; /* bit N: join enum plan_namespace N */

	/* files of the target's cgroups that take who writes "0": v1 tasks, v2 cgroup.procs */
	uint32_t n_cgroups;
	uint64_t affinity[16]; /* cpu_set_t */

	/* as the initial user namespace has them */
	uint32_t ruid, euid, suid;
	uint32_t rgid, egid, sgid;
	uint32_t n_groups;
	uint32_t groups_offset; /* uint32_t each */

	uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
	uint32_t no_new_privs;

	uint32_t n_filters;
	uint32_t filters_offset; /* struct plan_filter each, oldest first */

	uint32_t n_attributes;
	uint32_t attributes_offset; /* struct plan_attribute each */

	/* 1: mounts and host name are copies that end with the program */
	uint32_t throw_away;

	uint32_t umask;
	uint32_t personality;
	uint32_t thp_disable;
	uint32_t speculation[PLAN_SPECULATION]; /* PR_SPEC_*; 0: leave it */
	uint64_t timer_slack_ns;		/* 0: leave it */

	uint32_t n_env;
	uint32_t env_offset;   /* strings, each with its NUL */
	uint32_t cwd_offset;   /* string */
	uint32_t cwd_required; /* the operator named it: failing to enter it is an error */
};

#endif
