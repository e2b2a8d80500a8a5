/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "launch/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/str.h"

#define KERNEL_NSIG 64

/* What rt_sigaction(2) takes on the architectures we know; SIG_DFL with no flags is all zero. */
struct kernel_sigaction {
	unsigned long words[4];
};

int apply_fresh_start(struct error *err)
{
	struct kernel_sigaction default_action = { 0 };
	uint64_t no_signals = 0;

	/* A process made with CLONE_FS could otherwise not change its mount namespace. */
	if (unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM) < 0) {
		return error_set(err, errno, "unshare the launcher from its parent");
	}
	/* Raw calls: glibc keeps two signals to itself, the caller may have ignored them too. */
	for (int sig = 1; sig <= KERNEL_NSIG; sig++) {
		syscall(SYS_rt_sigaction, sig, &default_action, NULL, sizeof(no_signals));
	}
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, NULL, sizeof(no_signals)) < 0) {
		return error_set(err, errno, "clear the signal mask");
	}
	prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	return 0;
}

/* ATTR_FD is /proc/thread-self/attr. Each content goes by one write(2): proc_pid_attr_write(). */
static int write_attribute(
	int attr_fd, const struct plan *plan, const struct plan_attribute *a, struct error *err)
{
	static const struct {
		int code;
		const char *hint;
	} hints[] = {
		{ ENOENT, "the profile has been unloaded: start the container anew" },
		{ EINVAL, "the policy that is loaded doesn't know it: start the container anew" },
		{ EACCES, "the launcher's domain may not: load sallyport's policy, see README" },
		{ EPERM, "the launcher's domain may not: load sallyport's policy, see README" },
	};
	const char *file = (const char *)plan + a->file_offset;
	const char *content = (const char *)plan + a->content_offset;
	const char *hint = NULL;
	int fd = openat(attr_fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	int code = fd < 0 || write(fd, content, a->content_size) < 0 ? errno : 0;

	if (fd >= 0) {
		close(fd);
	}
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		hint = hints[i].code == code ? hints[i].hint : hint;
	}
	return code == 0 ? 0
			 : error_set_hint(err, code, hint,
				   "write the container's label to attr/%s: %.256s", file, content);
}

/* What is late has its directory kept open: the container's /proc is not ours. */
static int late_attr_fd = -1;

static int write_attributes(int attr_fd, const struct plan *plan, uint32_t late, struct error *err)
{
	const struct plan_attribute *attributes =
		(const void *)((const char *)plan + plan->attributes_offset);
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < plan->n_attributes; i++) {
		if (attributes[i].late == late) {
			r = write_attribute(attr_fd, plan, &attributes[i], err);
		}
	}
	return r;
}

int apply_labels(const struct plan *plan, struct error *err)
{
	struct statfs fs;

	if (plan->n_attributes == 0) {
		return 0;
	}
	int attr_fd = open("/proc/thread-self/attr", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (attr_fd < 0 || fstatfs(attr_fd, &fs) < 0) {
		return error_set(err, errno, "open /proc/thread-self/attr");
	}
	if (fs.f_type != PROC_SUPER_MAGIC) {
		return error_set_hint(err, EXDEV, "what is mounted on the session's /proc?",
			"/proc is no proc file system: the container's label can't be set");
	}
	late_attr_fd = attr_fd; /* O_CLOEXEC */
	return write_attributes(attr_fd, plan, 0, err);
}

int apply_keyring(struct error *err)
{
	return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS
		       ? error_set(err, errno, "make a new session keyring")
		       : 0;
}

/* Why the kernel would not take a process into a cgroup: cgroups(7), cgroup-v2.rst. */
static const char *cgroup_reason(int code)
{
	static const struct {
		int code;
		const char *words;
	} reasons[] = {
		{ ENOSPC, "the cpuset has no processors or no memory nodes yet" },
		{ EBUSY, "the v2 cgroup hands controllers to its children: processes may be in its "
			 "leaves only" },
		{ EOPNOTSUPP,
			"it is below a threaded v2 cgroup, and invalid until made threaded too" },
		{ EPERM, "needs CAP_SYS_ADMIN, or a real-time process may not move" },
		{ EACCES, "needs to be root of the host" },
		{ EAGAIN, "the cgroup's pids.max is reached" },
		{ EINVAL, "a real-time process may not move into a cgroup without "
			  "cpu.rt_runtime_us" },
		{ ENODEV, "the cgroup was removed" },
		{ ENOENT, "the cgroup was removed" },
		{ ESRCH, "the process has ended" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].code == code) {
			return reasons[i].words;
		}
	}
	return NULL;
}

static int join_cgroup(int fd, struct error *err)
{
	char name[32];
	char path[PATH_MAX] = "";
	ssize_t n;

	do {
		n = pwrite(fd, "0", 1, 0);
	} while (n < 0 && errno == EINTR);
	if (n == 1) {
		return 0;
	}
	int code = errno;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, sizeof(path) - 1);
	return error_set_hint(
		err, code, cgroup_reason(code), "join %s", n > 0 ? path : "the target's cgroup");
}

int apply_cgroups(const struct plan *plan, const int *cgroup_fds, struct error *err)
{
	for (uint32_t i = 0; i < plan->n_cgroups; i++) {
		int r = join_cgroup(cgroup_fds[i], err);

		if (r < 0) {
			return r;
		}
	}
	if (syscall(SYS_sched_setaffinity, 0, sizeof(plan->affinity), plan->affinity) < 0) {
		return error_set(err, errno, "set the CPU affinity");
	}
	return 0;
}

int apply_namespaces(const struct plan *plan, const int *ns_fds, int root_fd, struct error *err)
{
	static const struct {
		const char *name;
		int flag;
	} kinds[PLAN_NAMESPACES] = {
		[PLAN_NET] = { "net", CLONE_NEWNET },
		[PLAN_IPC] = { "ipc", CLONE_NEWIPC },
		[PLAN_UTS] = { "uts", CLONE_NEWUTS },
		[PLAN_CGROUP] = { "cgroup", CLONE_NEWCGROUP },
		[PLAN_TIME] = { "time", CLONE_NEWTIME },
		[PLAN_MNT] = { "mnt", CLONE_NEWNS },
	};

	for (int i = 0; i < PLAN_USER; i++) {
		if ((plan->namespaces & (1u << i)) != 0 && setns(ns_fds[i], kinds[i].flag) < 0) {
			return error_set(
				err, errno, "join the container's %s namespace", kinds[i].name);
		}
	}
	if (fchdir(root_fd) < 0 || chroot(".") < 0) {
		return error_set(err, errno, "enter the container's root directory");
	}
	return 0;
}

/* Sets the three sets of this thread. Numbers above CAP_LAST_CAP are cut off by the kernel. */
static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
			(uint32_t)(inheritable >> 32) },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int get_permitted(uint64_t *permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0) {
		return -errno;
	}
	*permitted = ((uint64_t)data[1].permitted << 32) | data[0].permitted;
	return 0;
}

int apply_credentials(const struct plan *plan, int user_fd, struct error *err)
{
	const void *groups = (const char *)plan + plan->groups_offset;
	uint64_t permitted = 0;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) {
		return error_set(err, errno, "keep capabilities over the change of uid");
	}
	if (syscall(SYS_setgroups, (size_t)plan->n_groups, groups) < 0) {
		return error_set(err, errno, "set %u supplementary groups", plan->n_groups);
	}
	if (syscall(SYS_setresgid, plan->rgid, plan->egid, plan->sgid) < 0) {
		return error_set(err, errno, "set the group id %u", plan->egid);
	}
	if (syscall(SYS_setresuid, plan->ruid, plan->euid, plan->suid) < 0) {
		return error_set(err, errno, "set the user id %u", plan->euid);
	}
	/* A uid other than 0 has emptied the effective set, the permitted one is kept. */
	int r = get_permitted(&permitted);
	if (r == 0) {
		r = set_capabilities(permitted, permitted, 0);
	}
	if (r < 0) {
		return error_set(err, -r, "raise capabilities after the change of uid");
	}
	if ((plan->namespaces & (1u << PLAN_USER)) != 0 && setns(user_fd, CLONE_NEWUSER) < 0) {
		return error_set(err, errno, "join the container's user namespace");
	}
	/* Of this user namespace, as the container's are; nothing goes back from a slave mount. */
	if (plan->throw_away != 0 && (unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0 ||
					     mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)) {
		return error_set(err, errno, "copy the container's mounts");
	}
	return 0;
}

/*
 * Before the filters: those that were loaded without SECCOMP_FILTER_FLAG_SPEC_ALLOW force the
 * mitigations themselves, on kernels that tie them together.
 */
static int apply_speculation(const struct plan *plan, struct error *err)
{
	static const char *const names[PLAN_SPECULATION] = {
		[PR_SPEC_STORE_BYPASS] = "store bypass",
		[PR_SPEC_INDIRECT_BRANCH] = "indirect branches",
	};

	for (unsigned int i = 0; i < PLAN_SPECULATION; i++) {
		unsigned int want = plan->speculation[i];

		if (want == 0 ||
			prctl(PR_GET_SPECULATION_CTRL, i, 0, 0, 0) == (int)(want | PR_SPEC_PRCTL)) {
			continue;
		}
		if (prctl(PR_SET_SPECULATION_CTRL, i, want, 0, 0) < 0) {
			return error_set_hint(err, errno,
				errno == EPERM ? "what was forced on sallyport's caller lasts: "
						 "start it from another shell"
					       : NULL,
				"set the speculation of %s as the container has it", names[i]);
		}
	}
	return 0;
}

int apply_attributes(const struct plan *plan, struct error *err)
{
	umask((mode_t)plan->umask);
	if (personality(plan->personality) < 0) {
		return error_set(err, errno, "set the personality %#x", plan->personality);
	}
	if (prctl(PR_SET_THP_DISABLE, (unsigned long)plan->thp_disable, 0, 0, 0) < 0 &&
		plan->thp_disable != 0) {
		return error_set(err, errno, "disable transparent huge pages");
	}
	if (plan->timer_slack_ns != 0 &&
		prctl(PR_SET_TIMERSLACK, plan->timer_slack_ns, 0, 0, 0) < 0) {
		return error_set(err, errno, "set the timer slack");
	}
	return apply_speculation(plan, err);
}

static int load_filters(const struct plan *plan, struct error *err)
{
	const struct plan_filter *filters =
		(const void *)((const char *)plan + plan->filters_offset);

	for (uint32_t i = 0; i < plan->n_filters; i++) {
		struct sock_fprog program = {
			.len = (unsigned short)filters[i].count,
			.filter = (struct sock_filter *)((uintptr_t)plan + filters[i].offset),
		};

		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filters[i].flags, &program) < 0) {
			return error_set(
				err, errno, "load seccomp filter %u of %u", i + 1, plan->n_filters);
		}
	}
	return 0;
}

/* Inheritable and ambient before bounding: the kernel measures the first by the last. */
static int apply_capability_sets(const struct plan *plan, uint64_t permitted, struct error *err)
{
	int r = set_capabilities(permitted, permitted, plan->cap_inheritable);

	if (r < 0) {
		return error_set(err, -r, "set the inheritable capabilities");
	}
	for (int cap = 0; cap < 64; cap++) {
		if ((plan->cap_ambient >> cap & 1) != 0 &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) {
			return error_set(err, errno, "raise ambient capability %d", cap);
		}
	}
	for (int cap = 0; cap < 64; cap++) {
		bool wanted = (plan->cap_bounding >> cap & 1) != 0;
		r = prctl(wanted ? PR_CAPBSET_READ : PR_CAPBSET_DROP, cap, 0, 0, 0);

		/* Past the kernel's last one. Each kernel that has close_range(2), as this program
		 * needs it, has these; who is under a filter that refuses the call learns of
		 * none, and would keep all. */
		if (r < 0 && errno == EINVAL && cap > CAP_CHECKPOINT_RESTORE) {
			break;
		}
		/* What is not there needs no right to be dropped. */
		if (r < 0 && errno == EPERM && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 0) {
			continue;
		}
		if (r < 0) {
			return error_set(err, errno, "%s capability %d %s the bounding set",
				wanted ? "look for" : "drop", cap, wanted ? "in" : "from");
		}
		if (wanted && r == 0) {
			return error_set_hint(err, EPERM, "start sallyport with it",
				"the container has capability %d and sallyport's caller has not",
				cap);
		}
	}
	return 0;
}

int apply_privileges(const struct plan *plan, struct error *err)
{
	uint64_t permitted = 0;
	int r = get_permitted(&permitted);

	if (r < 0) {
		return error_set(err, -r, "read the capabilities");
	}
	r = apply_capability_sets(plan, permitted, err);
	if (r < 0) {
		return r;
	}
	if (plan->no_new_privs == 0) {
		r = load_filters(plan, err);
		if (r < 0) {
			return r;
		}
	}
	r = set_capabilities(plan->cap_effective & permitted, plan->cap_permitted & permitted,
		plan->cap_inheritable);
	if (r < 0) {
		return error_set(err, -r, "set the capabilities");
	}
	if (plan->no_new_privs != 0) {
		r = write_attributes(late_attr_fd, plan, 1, err);
		if (r < 0) {
			return r;
		}
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
			return error_set(err, errno, "set no_new_privs");
		}
		return load_filters(plan, err);
	}
	return 0;
}
