/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the process may do. Each row is one try in a process of its own, which ends after it: what
 * it gains, loses or makes ends with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/kcmp.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "probe/probe.h"

#define INIT 1
#define SOME_PORT 1013 /* privileged, and nobody's */
#define OTHER_UID 65534

/* A call's result as in_child() wants it. */
static int result(long r)
{
	return r < 0 ? errno : 0;
}

struct number {
	const char *key;
	uint64_t a, b, c;
};

/* socket(2) */
static const struct number sockets[] = {
	{ "can.socket.inet_raw_icmp", AF_INET, SOCK_RAW, IPPROTO_ICMP },
	{ "can.socket.inet_ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP },
	{ "can.socket.inet6_raw", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6 },
	{ "can.socket.tcp", AF_INET, SOCK_STREAM, 0 },
	{ "can.socket.packet", AF_PACKET, SOCK_RAW, 0 },
	{ "can.socket.unix", AF_UNIX, SOCK_STREAM, 0 },
	{ "can.socket.netlink_route", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE },
	{ "can.socket.netlink_audit", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT },
	{ "can.socket.netlink_netfilter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER },
	{ "can.socket.alg", AF_ALG, SOCK_SEQPACKET, 0 },
	{ "can.socket.vsock", AF_VSOCK, SOCK_STREAM, 0 },
	{ "can.socket.bluetooth", AF_BLUETOOTH, SOCK_RAW, 1 },
	{ "can.socket.key", AF_KEY, SOCK_RAW, 2 },
};

static int try_socket(const void *arg)
{
	const struct number *n = arg;

	return result(socket((int)n->a, (int)n->b | SOCK_CLOEXEC, (int)n->c));
}

static const struct number unshares[] = {
	{ "can.unshare.user", CLONE_NEWUSER, 0, 0 },
	{ "can.unshare.mnt", CLONE_NEWNS, 0, 0 },
	{ "can.unshare.net", CLONE_NEWNET, 0, 0 },
	{ "can.unshare.pid", CLONE_NEWPID, 0, 0 },
	{ "can.unshare.ipc", CLONE_NEWIPC, 0, 0 },
	{ "can.unshare.uts", CLONE_NEWUTS, 0, 0 },
	{ "can.unshare.cgroup", CLONE_NEWCGROUP, 0, 0 },
	{ "can.unshare.time", CLONE_NEWTIME, 0, 0 },
	{ "can.unshare.user_mnt", CLONE_NEWUSER | CLONE_NEWNS, 0, 0 },
	{ "can.unshare.user_net", CLONE_NEWUSER | CLONE_NEWNET, 0, 0 },
};

static int try_unshare(const void *arg)
{
	return result(unshare((int)((const struct number *)arg)->a));
}

/* personality(2): filters look at its argument */
static const struct number personalities[] = {
	{ "can.personality.no_randomize", ADDR_NO_RANDOMIZE, 0, 0 },
	{ "can.personality.linux32", PER_LINUX32, 0, 0 },
	{ "can.personality.uname26", UNAME26, 0, 0 },
	{ "can.personality.read_implies_exec", READ_IMPLIES_EXEC, 0, 0 },
};

static int try_personality(const void *arg)
{
	return result(personality(((const struct number *)arg)->a));
}

static int try_clone_user(const void *arg)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0) {
		_exit(0);
	}
	return result(pid);
}

/* glibc's way from clone3 to clone depends on the very errno. */
static int try_clone3(const void *arg)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = { .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		_exit(0);
	}
	return result(pid);
}

static int try_fork(const void *arg)
{
	long pid = syscall(SYS_fork);

	if (pid == 0) {
		_exit(0);
	}
	return result(pid);
}

static int try_uid_map(const void *arg)
{
	char map[64];
	unsigned int uid = geteuid();

	if (unshare(CLONE_NEWUSER) < 0) {
		return errno;
	}
	int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	snprintf(map, sizeof(map), "0 %u 1", uid);
	return fd < 0 ? errno : result(write(fd, map, strlen(map)));
}

/* A mount in a mount namespace of the child's own. */
static int try_mount(const void *arg)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		return errno;
	}
	return result(mount("none", "/", "tmpfs", 0, NULL));
}

static int try_trace_child(const void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		for (;;) {
			pause();
		}
	}
	int r = result(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return r;
}

static int try_be_traced(const void *arg)
{
	return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

/* The same check as PTRACE_ATTACH's, and nothing happens to the init: EFAULT is "you may". */
static int try_read_init(const void *arg)
{
	char byte;
	struct iovec local = { &byte, 1 };
	struct iovec remote = { NULL, 1 };

	long r = process_vm_readv(INIT, &local, 1, &remote, 1, 0);
	return r < 0 && errno == EFAULT ? 0 : result(r);
}

static int try_compare_init(const void *arg)
{
	return result(syscall(SYS_kcmp, getpid(), INIT, KCMP_FILES, 0, 0));
}

static int try_open(const void *path)
{
	return result(open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
}

static int try_link(const void *path)
{
	char target[16];

	return result(readlink(path, target, sizeof(target)));
}

static int try_signal_init(const void *arg)
{
	return result(kill(INIT, 0));
}

/* The answer is that of the youngest process that did not give EPERM (kill_something_info() of the
 * kernel): with a label, which gives EACCES, that of whoever was started last on the host. */
static int try_signal_all(const void *arg)
{
	int r = result(kill(-1, 0));

	return r == EACCES ? 0 : r;
}

static int try_pidfd(const void *arg)
{
	return result(syscall(SYS_pidfd_open, INIT, 0));
}

static int try_pidfd_getfd(const void *arg)
{
	int pidfd = (int)syscall(SYS_pidfd_open, INIT, 0);

	return pidfd < 0 ? errno : result(syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

static int try_port(const void *arg)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(SOME_PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? errno : result(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

static int try_bpf_map(const void *arg)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

	return result(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int try_perf(const void *arg)
{
	const struct number *n = arg;
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.exclude_kernel = n->a == 0,
		.exclude_hv = 1 };

	return result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static const struct number perfs[] = {
	{ "can.perf.user", 0, 0, 0 },
	{ "can.perf.kernel", 1, 0, 0 },
};

static int try_add_key(const void *arg)
{
	return result(
		syscall(SYS_add_key, "user", "sallyport-probe", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int try_keyctl(const void *arg)
{
	return result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
}

static int try_userfaultfd(const void *arg)
{
	return result(syscall(SYS_userfaultfd, O_CLOEXEC));
}

static int try_io_uring(const void *arg)
{
	char params[120] = { 0 }; /* struct io_uring_params */

	return result(syscall(SYS_io_uring_setup, 1, params));
}

static int try_fanotify(const void *arg)
{
	return result(syscall(SYS_fanotify_init, 0, O_RDONLY));
}

static int try_memfd(const void *arg)
{
	return result(memfd_create("probe", MFD_CLOEXEC));
}

static int try_memfd_secret(const void *arg)
{
	return result(syscall(SYS_memfd_secret, 0));
}

static int try_landlock(const void *arg)
{
	return result(
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION));
}

static int try_filter(const void *arg)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };

	return result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static int try_chroot(const void *arg)
{
	return result(chroot("/"));
}

static int try_handle(const void *arg)
{
	struct {
		struct file_handle head;
		unsigned char bytes[128];
	} handle = { .head.handle_bytes = sizeof(handle.bytes) };
	int mount_id;
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (name_to_handle_at(root, ".", &handle.head, &mount_id, 0) < 0) {
		return errno;
	}
	return result(open_by_handle_at(root, &handle.head, O_RDONLY | O_CLOEXEC));
}

static int try_hostname(const void *arg)
{
	char name[65] = "";

	gethostname(name, sizeof(name) - 1);
	return result(sethostname(name, strlen(name))); /* what it is already */
}

static int try_setuid(const void *arg)
{
	return result(syscall(SYS_setuid, ((const struct number *)arg)->a));
}

static int try_setgid(const void *arg)
{
	return result(syscall(SYS_setgid, ((const struct number *)arg)->a));
}

static const struct number ids[] = {
	{ "0", 0, 0, 0 },
	{ "1000", 1000, 0, 0 },
	{ "nobody", OTHER_UID, 0, 0 },
	{ "beyond_maps", 0x7ffffff0, 0, 0 },
};

static int try_setgroups(const void *arg)
{
	return result(syscall(SYS_setgroups, 0, NULL));
}

static int try_nice(const void *arg)
{
	return result(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) - 1));
}

static int try_realtime(const void *arg)
{
	struct sched_param param = { .sched_priority = 1 };

	return result(sched_setscheduler(0, SCHED_FIFO, &param));
}

static int try_oom(const void *arg)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? errno : result(write(fd, "-1000", 5));
}

/* Soft limits up to the hard one, and one more than that. */
static int try_raise_limit(const void *arg)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return errno;
	}
	limit.rlim_max++;
	return result(setrlimit(RLIMIT_NOFILE, &limit));
}

static int try_mlock(const void *arg)
{
	size_t size = 16 << 20;
	void *memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? errno : result(mlock(memory, size));
}

static int try_iopl(const void *arg)
{
	return result(iopl(3));
}

static int try_klog(const void *arg)
{
	return result(klogctl(10, NULL, 0)); /* SYSLOG_ACTION_SIZE_BUFFER */
}

/* Memory that is made executable after it was written: MDWE, SELinux's execmem. */
static int try_write_exec(const void *arg)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? errno : result(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int try_map_zero(const void *arg)
{
	void *memory = mmap((void *)4096, 4096, PROT_READ,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	return memory == MAP_FAILED ? errno : 0;
}

/* What the 32-bit and the x32 entries answer: filters know them by their architecture. */
static int try_ia32(const void *arg)
{
	long r = (long)((const struct number *)arg)->a;

	__asm__ volatile("int $0x80"
			 : "+a"(r)
			 : "b"(-1), "c"(-1), "d"(-1)
			 : "memory", "r8", "r9", "r10", "r11");
	return r < 0 && r > -4096 ? (int)-r : 0;
}

static const struct number ia32_calls[] = {
	{ "can.ia32.getpid", 20, 0, 0 },
	{ "can.ia32.mount", 21, 0, 0 },
	{ "can.ia32.ptrace", 26, 0, 0 },
	{ "can.ia32.personality", 136, 0, 0 },
	{ "can.ia32.keyctl", 288, 0, 0 },
	{ "can.ia32.clone3", 435, 0, 0 },
};

static int try_x32(const void *arg)
{
	return result(syscall(0x40000000 | SYS_getpid));
}

/* A soft limit, a dumpable process: would a crash be written down? Asked without a crash. */
static int try_core(const void *arg)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) < 0) {
		return errno;
	}
	return limit.rlim_cur == 0 ? EFBIG : prctl(PR_GET_DUMPABLE) == 1 ? 0 : EPERM;
}

static const struct {
	const char *key;
	int (*try)(const void *arg);
	const void *arg;
} tries[] = {
	{ "can.clone.user", try_clone_user, NULL },
	{ "can.clone3", try_clone3, NULL },
	{ "can.fork", try_fork, NULL },
	{ "can.user_namespace.map", try_uid_map, NULL },
	{ "can.mount", try_mount, NULL },
	{ "can.ptrace.child", try_trace_child, NULL },
	{ "can.ptrace.be_traced", try_be_traced, NULL },
	{ "can.init.read_memory", try_read_init, NULL },
	{ "can.init.compare", try_compare_init, NULL },
	{ "can.init.open_memory", try_open, "/proc/1/mem" },
	{ "can.init.environ", try_open, "/proc/1/environ" },
	{ "can.init.root", try_link, "/proc/1/root" },
	{ "can.init.exe", try_link, "/proc/1/exe" },
	{ "can.init.namespace", try_link, "/proc/1/ns/mnt" },
	{ "can.init.signal", try_signal_init, NULL },
	{ "can.init.pidfd", try_pidfd, NULL },
	{ "can.init.pidfd_getfd", try_pidfd_getfd, NULL },
	{ "can.signal_all", try_signal_all, NULL },
	{ "can.privileged_port", try_port, NULL },
	{ "can.bpf.map", try_bpf_map, NULL },
	{ "can.keys.add", try_add_key, NULL },
	{ "can.keys.session", try_keyctl, NULL },
	{ "can.userfaultfd", try_userfaultfd, NULL },
	{ "can.io_uring", try_io_uring, NULL },
	{ "can.fanotify", try_fanotify, NULL },
	{ "can.memfd", try_memfd, NULL },
	{ "can.memfd_secret", try_memfd_secret, NULL },
	{ "can.landlock", try_landlock, NULL },
	{ "can.seccomp_filter", try_filter, NULL },
	{ "can.chroot", try_chroot, NULL },
	{ "can.open_by_handle", try_handle, NULL },
	{ "can.hostname", try_hostname, NULL },
	{ "can.setgroups", try_setgroups, NULL },
	{ "can.nice", try_nice, NULL },
	{ "can.realtime", try_realtime, NULL },
	{ "can.oom_score_adj", try_oom, NULL },
	{ "can.raise_limit", try_raise_limit, NULL },
	{ "can.mlock_16m", try_mlock, NULL },
	{ "can.iopl", try_iopl, NULL },
	{ "can.kernel_log", try_klog, NULL },
	{ "can.memory.write_then_exec", try_write_exec, NULL },
	{ "can.memory.map_low", try_map_zero, NULL },
	{ "can.x32.getpid", try_x32, NULL },
	{ "can.core_dump", try_core, NULL },
	{ "can.sysctl.read", try_open, "/proc/sys/kernel/random/boot_id" },
};

static void say_numbers(
	const struct number *numbers, size_t n, const char *prefix, int (*try)(const void *arg))
{
	for (size_t i = 0; i < n; i++) {
		char key[64];

		snprintf(key, sizeof(key), "%s%s", prefix, numbers[i].key);
		say_child(key, try, &numbers[i]);
	}
}

void can_say(void)
{
	say_numbers(sockets, ARRAY_SIZE(sockets), "", try_socket);
	say_numbers(unshares, ARRAY_SIZE(unshares), "", try_unshare);
	say_numbers(personalities, ARRAY_SIZE(personalities), "", try_personality);
	say_numbers(perfs, ARRAY_SIZE(perfs), "", try_perf);
	say_numbers(ids, ARRAY_SIZE(ids), "can.setuid.", try_setuid);
	say_numbers(ids, ARRAY_SIZE(ids), "can.setgid.", try_setgid);
	say_numbers(ia32_calls, ARRAY_SIZE(ia32_calls), "", try_ia32);
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		say_child(tries[i].key, tries[i].try, tries[i].arg);
	}
}
