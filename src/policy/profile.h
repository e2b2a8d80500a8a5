/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The security profile of a target: all that a process of the container inherits from it. Each part
 * has a file of its own with its capture function; the gate's and the launcher's halves of applying
 * it are named beside each part. "Target" is the process whose profile is copied.
 */
#ifndef POLICY_PROFILE_H
#define POLICY_PROFILE_H

#include <linux/filter.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/procfs.h"
#include "lsm/lsm.h"

/* namespaces.c */

/* In the order in which a launcher joins them; user last: until then its capabilities are needed.
 */
enum namespace_kind {
	NAMESPACE_NET,
	NAMESPACE_IPC,
	NAMESPACE_UTS,
	NAMESPACE_CGROUP,
	NAMESPACE_TIME,
	NAMESPACE_PID,
	NAMESPACE_MNT,
	NAMESPACE_USER,
	NAMESPACE_COUNT
};

struct namespace
{
	int fd;		 /* /proc/PID/ns/NAME; -1 where the kernel has no such namespace */
	struct ns_id id; /* of fd */
	bool shared;	 /* it is our own process's namespace too: nothing to join */
};

/* "net", "ipc", ... as in /proc/PID/ns; "pid" and "time" are the target's own, not its children's.
 */
extern const char *const namespace_names[NAMESPACE_COUNT];

/* The CLONE_NEW* flag of each kind, for setns(2). */
extern const int namespace_flags[NAMESPACE_COUNT];

/* One line of /proc/PID/uid_map or gid_map as the initial user namespace reads it:
 * user_namespaces(7) */
struct id_range {
	uint32_t inside;
	uint32_t outside;
	uint32_t count;
};
#define ID_RANGES_MAX 340 /* UID_GID_MAP_MAX_EXTENTS, include/linux/user_namespace.h */

struct id_map {
	struct id_range *ranges; /* owned */
	size_t count;
};

struct namespaces {
	struct namespace ns[NAMESPACE_COUNT];
	int root_fd; /* /proc/PID/root, O_PATH: the target's root in its mount namespace */
	struct id_map uid_map; /* empty where the user namespace is our own */
	struct id_map gid_map;
};

int namespaces_capture(struct namespaces *ns, int proc_fd, struct error *err);
void namespaces_finish(struct namespaces *ns);

/* Maps ID by MAP; *OUT is untouched where it has none. An empty map is the identity. 0 or -ENOENT.
 */
int id_map_to_outside(const struct id_map *map, uint32_t inside, uint32_t *out);
int id_map_to_inside(const struct id_map *map, uint32_t outside, uint32_t *out);

/* cgroups.c; applied by the launcher */

#define CGROUPS_MAX 24

struct cgroup {
	char *hierarchy; /* "memory", "cpu,cpuacct", "name=systemd", ""  for v2; owned */
	char *path;	 /* below the hierarchy's root as our cgroup namespace has it; owned */
	int join_fd;	 /* who writes "0" here has joined it: v1 tasks, v2 cgroup.procs */
};

struct cgroups {
	struct cgroup list[CGROUPS_MAX];
	size_t count;
	bool frozen;	  /* by the v1 freezer or v2 cgroup.freeze: whoever joins stops */
	bool untraceable; /* by the v1 freezer: ptrace(2) would wait for ever, v2's lets it */
};

/*
 * Finds the target's cgroup in every mounted hierarchy, v1, v2 or hybrid (/proc/PID/cgroup,
 * /proc/self/mountinfo; cgroups(7)). A v1 hierarchy that is not mounted is an error: it could not
 * be joined.
 */
int cgroups_capture(struct cgroups *cg, int proc_fd, struct error *err);
/* The join_fd of each, for the launcher; they stay CG's. Returns how many. */
size_t cgroups_descriptors(const struct cgroups *cg, int fds[CGROUPS_MAX]);
void cgroups_finish(struct cgroups *cg);

/* capabilities.c; applied by the launcher */

struct capabilities {
	uint64_t inheritable, permitted, effective, bounding, ambient; /* bit N is capability N */
	bool no_new_privs;
};

int capabilities_capture(struct capabilities *caps, const char *status, struct error *err);

/* seccomp.c; applied by the launcher */

struct seccomp_filter {
	struct sock_filter *instructions; /* owned */
	uint16_t count;
	uint32_t flags;	 /* SECCOMP_FILTER_FLAG_LOG, as PTRACE_SECCOMP_GET_METADATA gives them; the
			    kernel tells of no other */
	bool user_notif; /* some path returns SECCOMP_RET_USER_NOTIF: its listener can't be copied
			  */
};

struct seccomp_chain {
	unsigned int mode;		/* 0 none, 1 strict, 2 filter: proc(5), Seccomp */
	struct seccomp_filter *filters; /* oldest first, as they are to be loaded; owned */
	size_t count;
	bool threads_differ; /* some thread of the target has another number of filters */
	uint64_t stopped_ns; /* how long the target was held to read them */
	bool spec_allow; /* loaded with SECCOMP_FILTER_FLAG_SPEC_ALLOW, as far as can be seen; else
			    the flag would have no effect or did not stand */
};

/*
 * Reads the filters of PID by PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_SECCOMP_GET_FILTER and
 * _GET_METADATA, then detaches. Nothing is stopped where the target has no filter. A target that
 * is stopped by job control stays so. -EPERM where it is traced by another (the message names the
 * tracer) or where we lack CAP_SYS_ADMIN or CAP_SYS_PTRACE.
 */
int seccomp_capture(
	struct seccomp_chain *chain, pid_t pid, int proc_fd, const char *status, struct error *err);
void seccomp_finish(struct seccomp_chain *chain);

/*
 * What the whole CHAIN answers to syscall NR of AUDIT_ARCH_* ARCH with ARGS, by running the BPF as
 * the kernel does (kernel/seccomp.c, seccomp_run_filters): the SECCOMP_RET_ value with its data.
 */
uint32_t seccomp_evaluate(
	const struct seccomp_chain *chain, uint32_t arch, int nr, const uint64_t args[6]);

/*
 * All that the whole CHAIN may answer to that syscall, whatever its arguments: bpf.h,
 * bpf_explore(). More than one answer: the arguments decide. Returns 0 or a negative errno.
 */
struct bpf_answers;
int seccomp_explore(
	const struct seccomp_chain *chain, uint32_t arch, int nr, struct bpf_answers *answers);

/* Which of two answers the kernel follows; where both are as strict, that of the NEWER filter. */
uint32_t seccomp_stricter(uint32_t newer, uint32_t older);

/* credentials.c; applied by the launcher */

#define CREDENTIALS_SPECULATION 2

struct credentials {
	/* as the initial user namespace has them */
	uid_t ruid, euid, suid, fsuid;
	gid_t rgid, egid, sgid, fsgid;
	gid_t *groups; /* owned */
	size_t n_groups;
	mode_t umask;
	uint32_t personality;
	bool thp_disable;
	/* PR_SPEC_ENABLE, _DISABLE or _FORCE_DISABLE of prctl(2) by PR_SPEC_STORE_BYPASS and
	 * PR_SPEC_INDIRECT_BRANCH; 0 where this machine leaves a thread no choice */
	uint32_t speculation[CREDENTIALS_SPECULATION];
	char *cwd; /* as the target itself has it, from its root; owned; "/" where it is outside */
};

int credentials_capture(
	struct credentials *creds, int proc_fd, const char *status, struct error *err);
/*
 * Makes CREDS those of USER, "NAME|UID[:GROUP|GID]", by the passwd and group files below ROOT_FD
 * as docker exec -u does; the first group is among the supplementary ones. Ids are the container's;
 * they are mapped by UID_MAP and GID_MAP. *HOME and *NAME (both may be NULL) are new strings that
 * the caller frees, or NULL where passwd has no such uid.
 */
int credentials_set_user(struct credentials *creds, int root_fd, const struct id_map *uid_map,
	const struct id_map *gid_map, const char *user, char **home, char **name,
	struct error *err);
void credentials_finish(struct credentials *creds);

/* limits.c; applied by the gate, the affinity by the launcher */

struct limits {
	struct rlimit rlimits[RLIM_NLIMITS];
	int oom_score_adj;
	int policy; /* SCHED_*, with SCHED_RESET_ON_FORK */
	int nice;
	unsigned int rt_priority;
	uint64_t deadline_runtime, deadline_period, deadline_deadline; /* SCHED_DEADLINE, ns */
	cpu_set_t affinity;
	int ioprio;
	uint64_t timer_slack_ns;  /* 0: not readable */
	uint32_t coredump_filter; /* LIMITS_NO_COREDUMP_FILTER: the kernel writes no dumps */
};
#define LIMITS_NO_COREDUMP_FILTER UINT32_MAX

/* "nofile", "nproc", ...: what setrlimit(2) names RESOURCE, in small letters. Static. */
const char *limits_name(int resource);

int limits_capture(struct limits *limits, pid_t pid, int proc_fd, struct error *err);
/*
 * Gives PID the LIMITS. What the kernel refuses for want of CAP_SYS_RESOURCE or CAP_SYS_NICE (a
 * raised hard limit, a negative oom_score_adj, a real-time policy) is no failure: its name is
 * added to MISSED (SIZE bytes, comma-separated; it holds a string already, at first ""), the rest
 * goes on. A process that is gone is one. The affinity is the launcher's to set: joining a cpuset
 * resets it.
 */
int limits_apply(
	const struct limits *limits, pid_t pid, char *missed, size_t size, struct error *err);

/* environment.c; applied by the launcher */

struct environment {
	char **vars; /* "NAME=VALUE", NULL-terminated; owned */
	size_t count;
	size_t room; /* of vars; environment.c's own */
};

/* The target's initial environment: /proc/PID/environ. */
int environment_capture(struct environment *env, int proc_fd, struct error *err);
/* Sets NAME to VALUE, replacing one that is there. Returns 0 or -ENOMEM. */
int environment_set(struct environment *env, const char *name, const char *value);
const char *environment_get(const struct environment *env, const char *name);
/*
 * HOME and USER by the passwd file below ROOT_FD for the container's uid INSIDE_UID: HOME is "/"
 * where it has no such uid and the target has none; USER is only set where the target had one.
 */
int environment_set_home(struct environment *env, int root_fd, uid_t inside_uid);
void environment_finish(struct environment *env);

/* profile.c */

struct profile {
	pid_t pid;	     /* in our pid namespace */
	pid_t inner_pid;     /* in its own */
	uint64_t start_time; /* clock ticks since boot; with pid it names the process */
	int pidfd;
	int proc_fd; /* /proc/PID, O_PATH */
	struct namespaces namespaces;
	struct cgroups cgroups;
	struct capabilities capabilities;
	struct seccomp_chain seccomp;
	struct credentials credentials;
	struct limits limits;
	struct environment environment;
	struct lsm_labels labels; /* applied by the launcher */
	/* Never captured: mount and UTS namespace of the program's own, copies of the target's. */
	bool throw_away;
};

/*
 * Captures all parts of the process PID. START_TIME is what the caller knows of it, 0 for
 * nothing; where the process there is another one, or ends or execs meanwhile, the error is ESRCH
 * and names it. Returns 0 or a negative errno; PROFILE can be given to profile_finish() either way.
 */
int profile_capture(struct profile *profile, pid_t pid, uint64_t start_time, struct error *err);
void profile_finish(struct profile *profile);

#endif
