/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captures real processes that were made odd beforehand. Root is needed for most of it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "policy/profile.h"

/* A child that has run SETUP and waits to be killed. */
static pid_t start(void (*setup)(void))
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		setup();
		if (write(ready[1], "", 1) != 1) {
			_exit(1);
		}
		for (;;) {
			pause();
		}
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void capture(struct profile *profile, pid_t pid)
{
	struct error err = { 0 };

	if (profile_capture(profile, pid, 0, &err) < 0) {
		profile_finish(profile);
		fail_msg("%s", err.message);
	}
}

static void need_root(void)
{
	if (geteuid() != 0) {
		skip();
	}
}

static void nothing(void)
{
}

static struct sock_filter long_filter[1000];
static struct sock_filter errno_filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
static struct sock_filter allow_filter[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };

static void load(struct sock_filter *filter, size_t count, unsigned int flags)
{
	struct sock_fprog program = { .len = (unsigned short)count, .filter = filter };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) < 0) {
		_exit(1);
	}
}

static void load_three(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(long_filter) - 1; i++) {
		long_filter[i] =
			(struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, (uint32_t)i * 0x01010101u);
	}
	long_filter[ARRAY_SIZE(long_filter) - 1] = allow_filter[0];
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	load(errno_filter, ARRAY_SIZE(errno_filter), 0);
	load(long_filter, ARRAY_SIZE(long_filter), SECCOMP_FILTER_FLAG_LOG);
	load(allow_filter, ARRAY_SIZE(allow_filter), 0);
}

/* The filters come byte for byte, in the order in which they were loaded, with the flag. */
static void test_seccomp(void **state)
{
	need_root();
	pid_t pid = start(load_three);
	struct profile p;

	capture(&p, pid);
	/* In the child's memory: the same program made it. */
	for (size_t i = 0; i < ARRAY_SIZE(long_filter) - 1; i++) {
		long_filter[i] =
			(struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, (uint32_t)i * 0x01010101u);
	}
	long_filter[ARRAY_SIZE(long_filter) - 1] = allow_filter[0];
	assert_int_equal(p.seccomp.mode, 2);
	assert_int_equal(p.seccomp.count, 3);
	assert_int_equal(p.seccomp.filters[0].count, ARRAY_SIZE(errno_filter));
	assert_memory_equal(p.seccomp.filters[0].instructions, errno_filter, sizeof(errno_filter));
	assert_int_equal(p.seccomp.filters[1].count, ARRAY_SIZE(long_filter));
	assert_memory_equal(p.seccomp.filters[1].instructions, long_filter, sizeof(long_filter));
	assert_int_equal(p.seccomp.filters[2].count, 1);
	assert_int_equal(p.seccomp.filters[0].flags, 0);
	assert_int_equal(p.seccomp.filters[1].flags, SECCOMP_FILTER_FLAG_LOG);
	assert_false(p.seccomp.threads_differ);
	assert_true(p.capabilities.no_new_privs);
	assert_true(p.seccomp.stopped_ns > 0);
	profile_finish(&p);
	stop(pid);
}

static void load_many(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (int i = 0; i < 2000; i++) {
		load(allow_filter, 1, 0);
	}
}

static void test_seccomp_many(void **state)
{
	need_root();
	pid_t pid = start(load_many);
	struct profile p;

	capture(&p, pid);
	assert_int_equal(p.seccomp.count, 2000);
	profile_finish(&p);
	stop(pid);
}

static char process_state(pid_t pid)
{
	struct error err;
	char *status;
	int fd = procfs_open(pid, &err);

	assert_true(fd >= 0);
	assert_int_equal(procfs_status(fd, &status, &err), 0);
	char letter = *procfs_field(status, "State");
	free(status);
	close(fd);
	return letter;
}

/* A target that job control has stopped is so afterwards, and continues when told. */
static void test_stopped_target(void **state)
{
	need_root();
	pid_t pid = start(load_three);
	struct profile p;

	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	capture(&p, pid);
	assert_int_equal(p.seccomp.count, 3);
	profile_finish(&p);
	for (int i = 0; i < 100 && process_state(pid) != 'T'; i++) {
		usleep(10000);
	}
	assert_int_equal(process_state(pid), 'T');
	kill(pid, SIGCONT);
	for (int i = 0; i < 100 && process_state(pid) != 'S'; i++) {
		usleep(10000);
	}
	assert_int_equal(process_state(pid), 'S');
	stop(pid);
}

static volatile sig_atomic_t *counter;

static void count_signal(int sig)
{
	(*counter)++;
}

static void count_signals(void)
{
	signal(SIGRTMIN, count_signal);
	load_three();
}

/* Queued signals arrive as often as they were sent, whenever the target is stopped. */
static void test_signals_are_kept(void **state)
{
	enum { SIGNALS = 3000 };
	union sigval value = { 0 };
	int sent = 0;

	need_root();
	counter = mmap(
		NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal((void *)(uintptr_t)counter, MAP_FAILED);
	pid_t pid = start(count_signals);
	pid_t sender = fork();
	if (sender == 0) {
		for (; sent < SIGNALS; sent++) {
			while (sigqueue(pid, SIGRTMIN, value) < 0) {
				usleep(100);
			}
			usleep(50);
		}
		_exit(0);
	}
	for (int i = 0; i < 40; i++) {
		struct profile p;

		capture(&p, pid);
		assert_int_equal(p.seccomp.count, 3);
		profile_finish(&p);
	}
	assert_int_equal(waitpid(sender, NULL, 0), sender);
	for (int i = 0; i < 300 && *counter < SIGNALS; i++) {
		usleep(10000);
	}
	assert_int_equal(*counter, SIGNALS);
	stop(pid);
}

static void be_odd(void)
{
	const gid_t groups[] = { 7, 4000000000u, 12 };
	struct rlimit nofile = { 111, 222 };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	prctl(PR_SET_TIMERSLACK, 123456);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	personality(ADDR_NO_RANDOMIZE);
	umask(0137);
	setrlimit(RLIMIT_NOFILE, &nofile);
	if (chdir("/usr/bin") < 0 || setpriority(PRIO_PROCESS, 0, 5) < 0 ||
		sched_setaffinity(0, sizeof(one), &one) < 0 || setgroups(3, groups) < 0 ||
		setresgid(10, 11, 12) < 0 || setresuid(1000, 1001, 1002) < 0) {
		_exit(1);
	}
	prctl(PR_SET_DUMPABLE, 1);
}

static void test_credentials_and_limits(void **state)
{
	need_root();
	pid_t pid = start(be_odd);
	struct profile p;

	capture(&p, pid);
	assert_int_equal(p.credentials.ruid, 1000);
	assert_int_equal(p.credentials.euid, 1001);
	assert_int_equal(p.credentials.suid, 1002);
	assert_int_equal(p.credentials.rgid, 10);
	assert_int_equal(p.credentials.egid, 11);
	assert_int_equal(p.credentials.sgid, 12);
	assert_int_equal(p.credentials.n_groups, 3);
	assert_int_equal(p.credentials.groups[2], 4000000000u); /* the kernel sorts them */
	assert_int_equal(p.credentials.umask, 0137);
	assert_int_equal(p.credentials.personality, ADDR_NO_RANDOMIZE);
	assert_true(p.credentials.thp_disable ==
		    (access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0));
	assert_string_equal(p.credentials.cwd, "/usr/bin");
	assert_int_equal(p.capabilities.effective, 0);
	/* Of another uid: prlimit(2) may be refused, the file is read then. */
	assert_int_equal(p.limits.rlimits[RLIMIT_NOFILE].rlim_cur, 111);
	assert_int_equal(p.limits.rlimits[RLIMIT_NOFILE].rlim_max, 222);
	assert_int_equal(p.limits.nice, 5);
	assert_int_equal(p.limits.timer_slack_ns, 123456);
	assert_int_equal(CPU_COUNT(&p.limits.affinity), 1);
	profile_finish(&p);
	stop(pid);
}

/* Most machines leave a thread no choice: what the kernel writes on the others. */
static void test_credentials_speculation(void **state)
{
	static const struct {
		const char *store_bypass, *indirect_branch;
		uint32_t controls[CREDENTIALS_SPECULATION];
	} cases[] = {
		{ "vulnerable", "always enabled", { 0, 0 } },
		{ "not vulnerable", "not affected", { 0, 0 } },
		{ "globally mitigated", "always disabled", { 0, 0 } },
		{ "thread vulnerable", "conditional enabled", { PR_SPEC_ENABLE, PR_SPEC_ENABLE } },
		{ "thread mitigated", "conditional disabled",
			{ PR_SPEC_DISABLE, PR_SPEC_DISABLE } },
		{ "thread force mitigated", "conditional force disabled",
			{ PR_SPEC_FORCE_DISABLE, PR_SPEC_FORCE_DISABLE } },
		{ "thread mitigated in a way of the future", "unknown", { 0, 0 } },
	};
	int proc_fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(proc_fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct credentials creds;
		char status[512];

		snprintf(status, sizeof(status),
			"Umask:\t0022\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\n"
			"Speculation_Store_Bypass:\t%s\nSpeculationIndirectBranch:\t%s\n",
			cases[i].store_bypass, cases[i].indirect_branch);
		assert_int_equal(credentials_capture(&creds, proc_fd, status, NULL), 0);
		assert_memory_equal(
			creds.speculation, cases[i].controls, sizeof(creds.speculation));
		credentials_finish(&creds);
	}
	close(proc_fd);
}

/* limits_apply() makes another process the like of the first. */
static void test_limits_apply(void **state)
{
	need_root();
	pid_t odd = start(be_odd);
	pid_t plain = start(nothing);
	struct profile from, to;
	struct error err;
	char missed[256] = "";

	capture(&from, odd);
	assert_int_equal(limits_apply(&from.limits, plain, missed, sizeof(missed), &err), 0);
	capture(&to, plain);
	assert_int_equal(to.limits.rlimits[RLIMIT_NOFILE].rlim_cur, 111);
	assert_int_equal(to.limits.rlimits[RLIMIT_NOFILE].rlim_max, 222);
	assert_int_equal(to.limits.nice, 5);
	assert_int_equal(to.limits.timer_slack_ns, 123456);
	assert_string_equal(missed, "");

	/* What is refused is named, however small the room for it. */
	from.limits.rlimits[RLIMIT_NOFILE].rlim_max = RLIM_INFINITY;
	char tiny[4] = "";
	assert_int_equal(limits_apply(&from.limits, plain, tiny, sizeof(tiny), &err), 0);
	assert_string_equal(tiny, "nof");
	profile_finish(&from);
	profile_finish(&to);
	stop(odd);
	kill(plain, SIGKILL);
	waitpid(plain, NULL, 0);
	assert_int_equal(limits_apply(&from.limits, plain, missed, sizeof(missed), &err), -ESRCH);
}

static void chdir_outside(void)
{
	int fd = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (chroot("/var/tmp") < 0 || fchdir(fd) < 0) {
		_exit(1);
	}
}

/* A working directory outside of the root is not told: CVE-2024-21626. */
static void test_cwd_outside(void **state)
{
	need_root();
	pid_t pid = start(chdir_outside);
	struct profile p;

	capture(&p, pid);
	assert_string_equal(p.credentials.cwd, "/");
	profile_finish(&p);
	stop(pid);
}

static void chroot_inside(void)
{
	if (chroot("/usr") < 0 || chdir("/share") < 0) {
		_exit(1);
	}
}

static void test_cwd_in_chroot(void **state)
{
	need_root();
	pid_t pid = start(chroot_inside);
	struct profile p;

	capture(&p, pid);
	assert_string_equal(p.credentials.cwd, "/share");
	profile_finish(&p);
	stop(pid);
}

static void unshare_all(void)
{
	if (unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS) < 0) {
		_exit(1);
	}
}

static void test_namespaces(void **state)
{
	need_root();
	pid_t pid = start(unshare_all);
	struct profile p;

	capture(&p, pid);
	assert_false(p.namespaces.ns[NAMESPACE_UTS].shared);
	assert_false(p.namespaces.ns[NAMESPACE_IPC].shared);
	assert_false(p.namespaces.ns[NAMESPACE_MNT].shared);
	assert_true(p.namespaces.ns[NAMESPACE_NET].shared);
	assert_true(p.namespaces.ns[NAMESPACE_USER].shared);
	assert_int_equal(p.namespaces.uid_map.count, 0);
	assert_true(p.namespaces.root_fd >= 0);
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		assert_true((fcntl(p.namespaces.ns[i].fd, F_GETFD) & FD_CLOEXEC) != 0);
	}
	profile_finish(&p);
	assert_int_equal(p.namespaces.root_fd, -1);
	stop(pid);
}

static void test_traced_target(void **state)
{
	need_root();
	pid_t pid = start(load_three);
	struct error err = { 0 };
	struct profile p;

	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	assert_int_equal(profile_capture(&p, pid, 0, &err), -EPERM);
	assert_non_null(strstr(err.message, "cannot read the seccomp filter of pid"));
	assert_non_null(strstr(err.message, "traced by pid"));
	profile_finish(&p);
	stop(pid);
}

static void load_one(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	load(allow_filter, 1, 0);
}

/* Under a filter of our own the kernel shows no other's: said in words. */
static void test_own_filter(void **state)
{
	need_root();
	pid_t target = start(load_one);
	pid_t child = fork();
	if (child == 0) {
		struct error err = { 0 };
		struct profile p;

		load_one();
		int r = profile_capture(&p, target, 0, &err);
		profile_finish(&p);
		_exit(r == -EACCES && strstr(err.message, "our own process") != NULL ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	stop(target);
}

/* Strict mode leaves read, write and _exit: the child waits in a read(2) for ever. */
static void test_strict_target(void **state)
{
	int ready[2];
	int forever[2];
	char byte;
	struct profile p;

	need_root();
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(forever), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
		if (write(ready[1], "", 1) == 1 && read(forever[0], &byte, 1) == 1) {
			syscall(SYS_exit, 0);
		}
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	capture(&p, pid);
	assert_int_equal(p.seccomp.mode, 1);
	assert_int_equal(p.seccomp.count, 0);
	profile_finish(&p);
	stop(pid);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(forever[i]);
	}
}

static void test_gone(void **state)
{
	struct error err = { 0 };
	struct profile p;
	pid_t pid = start(nothing);

	capture(&p, pid);
	uint64_t start_time = p.start_time;
	profile_finish(&p);
	assert_int_equal(profile_capture(&p, pid, start_time + 1, &err), -ESRCH);
	profile_finish(&p);
	kill(pid, SIGKILL);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(profile_capture(&p, pid, start_time, &err), -ESRCH); /* a zombie */
	profile_finish(&p);
	stop(pid);
	assert_int_equal(profile_capture(&p, pid, start_time, &err), -ESRCH);
	profile_finish(&p);
	assert_int_equal(profile_capture(&p, 0, 0, &err), -ESRCH);
	profile_finish(&p);
	assert_int_equal(profile_capture(&p, -5, 0, &err), -ESRCH);
	profile_finish(&p);
	profile_finish(NULL);
}

/* Nothing of a capture stays open. */
static void test_no_leak(void **state)
{
	need_root();
	pid_t pid = start(load_three);
	struct profile p;

	capture(&p, pid);
	profile_finish(&p);
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(before);
	for (int i = 0; i < 20; i++) {
		capture(&p, pid);
		profile_finish(&p);
	}
	int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(after);
	assert_int_equal(before, after);
	stop(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_seccomp_many),
		cmocka_unit_test(test_stopped_target),
		cmocka_unit_test(test_signals_are_kept),
		cmocka_unit_test(test_credentials_and_limits),
		cmocka_unit_test(test_credentials_speculation),
		cmocka_unit_test(test_limits_apply),
		cmocka_unit_test(test_cwd_outside),
		cmocka_unit_test(test_cwd_in_chroot),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_traced_target),
		cmocka_unit_test(test_own_filter),
		cmocka_unit_test(test_strict_target),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_no_leak),
	};

	return cmocka_run_group_tests_name("policy: profile", tests, NULL, NULL);
}
