/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/fd.h"
#include "base/str.h"
#include "why/why.h"

#define STRING_MAX 200

/* Which arguments are strings, and which of them is the file that the call is about. */
static const struct shape {
	const char *name;
	uint8_t strings; /* bit N: argument N */
	int8_t path;	 /* the argument, -1: none */
	int8_t dir; /* the directory descriptor that it is relative to; -1: the working directory */
} shapes[] = {
	{ "open", 1, 0, -1 },
	{ "openat", 2, 1, 0 },
	{ "openat2", 2, 1, 0 },
	{ "creat", 1, 0, -1 },
	{ "access", 1, 0, -1 },
	{ "faccessat", 2, 1, 0 },
	{ "faccessat2", 2, 1, 0 },
	{ "stat", 1, 0, -1 },
	{ "lstat", 1, 0, -1 },
	{ "newfstatat", 2, 1, 0 },
	{ "statx", 2, 1, 0 },
	{ "statfs", 1, 0, -1 },
	{ "readlink", 1, 0, -1 },
	{ "readlinkat", 2, 1, 0 },
	{ "execve", 1, 0, -1 },
	{ "execveat", 2, 1, 0 },
	{ "chdir", 1, 0, -1 },
	{ "chroot", 1, 0, -1 },
	{ "mkdir", 1, 0, -1 },
	{ "mkdirat", 2, 1, 0 },
	{ "rmdir", 1, 0, -1 },
	{ "unlink", 1, 0, -1 },
	{ "unlinkat", 2, 1, 0 },
	{ "rename", 3, 1, -1 },
	{ "renameat", 10, 3, 2 },
	{ "renameat2", 10, 3, 2 },
	{ "link", 3, 1, -1 },
	{ "linkat", 10, 3, 2 },
	{ "symlink", 3, 1, -1 },
	{ "symlinkat", 5, 2, 1 },
	{ "chmod", 1, 0, -1 },
	{ "fchmodat", 2, 1, 0 },
	{ "fchmodat2", 2, 1, 0 },
	{ "chown", 1, 0, -1 },
	{ "lchown", 1, 0, -1 },
	{ "fchownat", 2, 1, 0 },
	{ "truncate", 1, 0, -1 },
	{ "utime", 1, 0, -1 },
	{ "utimes", 1, 0, -1 },
	{ "utimensat", 2, 1, 0 },
	{ "mknod", 1, 0, -1 },
	{ "mknodat", 2, 1, 0 },
	{ "setxattr", 3, 0, -1 },
	{ "lsetxattr", 3, 0, -1 },
	{ "removexattr", 3, 0, -1 },
	{ "getxattr", 3, 0, -1 },
	{ "listxattr", 1, 0, -1 },
	{ "mount", 7, 1, -1 },
	{ "umount2", 1, 0, -1 },
	{ "pivot_root", 3, -1, -1 },
	{ "open_tree", 2, 1, 0 },
	{ "move_mount", 10, 3, 2 },
	{ "fsopen", 1, -1, -1 },
	{ "swapon", 1, 0, -1 },
	{ "swapoff", 1, 0, -1 },
	{ "acct", 1, 0, -1 },
	{ "sethostname", 1, -1, -1 },
	{ "setdomainname", 1, -1, -1 },
	{ "name_to_handle_at", 2, 1, 0 },
	{ "inotify_add_watch", 2, 1, -1 },
};

/* How many arguments say what is asked for, where it is not three: the others are addresses, or no
 * arguments at all but what happened to be in the registers. */
static const char *const shown[] = {
	" fork vfork sched_yield vhangup setsid munlockall ",
	" stat lstat statfs readlink execve chdir fchdir chroot rmdir unlink umask swapoff acct "
	"setuid setgid setgroups setfsuid setfsgid sysinfo times syslog unshare perf_event_open "
	"bpf "
	"clone clone3 personality utime utimes getpgid getsid sched_getscheduler mlockall close "
	"sched_get_priority_max sched_get_priority_min iopl inotify_init1 userfaultfd pidfd_open ",
	" open access creat mkdir chmod fchmod truncate ftruncate rename link symlink umount2 "
	"pivot_root fsopen swapon sethostname setdomainname newfstatat readlinkat execveat "
	"unlinkat "
	"kill tkill setns ioctl setreuid setregid setpgid getpriority getcpu getrusage listen "
	"memfd_create io_uring_setup mlock munlock mq_unlink clock_settime settimeofday faccessat2 "
	"removexattr lremovexattr fremovexattr utimensat ",
};

static bool is_in(const char *names, const char *name)
{
	char word[80];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(names, word) != NULL;
}

static const struct shape *find_shape(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		if (str_equal(shapes[i].name, name)) {
			return &shapes[i];
		}
	}
	return NULL;
}

const char *call_name(char *out, size_t size, uint32_t arch, int nr)
{
	/* libseccomp's tokens are the kernel's values but for x32, which shares x86_64's. */
	char *name = seccomp_syscall_resolve_num_arch(arch, nr);

	if (name != NULL) {
		snprintf(out, size, "%s", name);
	} else {
		snprintf(out, size, "#%d", nr);
	}
	free(name);
	return out;
}

bool call_is_refused(const struct call *call, int error)
{
	char name[64];

	switch (error) {
	case EPERM:
	case EACCES:
	case ENOSYS:
	case EROFS:
		return true;
	case EINVAL:
		return is_in(
			" chown lchown fchown fchownat setuid setreuid setresuid setgid setregid "
			"setresgid setgroups ",
			call_name(name, sizeof(name), call->arch, call->nr));
	case EAGAIN:
		return is_in(" clone clone3 fork vfork ",
			call_name(name, sizeof(name), call->arch, call->nr));
	default:
		return false;
	}
}

const char *call_error_name(int error)
{
	switch (error) {
	case 0:
		return "SIGSYS";
	case EPERM:
		return "EPERM";
	case EACCES:
		return "EACCES";
	case ENOSYS:
		return "ENOSYS";
	case EROFS:
		return "EROFS";
	default:
		return strerrorname_np(error) != NULL ? strerrorname_np(error) : "an error";
	}
}

/* The string at ADDRESS in TID's memory; false where there is none. A page at a time, so that the
 * end of what is mapped cuts nothing off. */
static bool read_string(pid_t tid, uint64_t address, char out[STRING_MAX])
{
	size_t got = 0;

	while (got < STRING_MAX - 1) {
		size_t left = 4096 - (address + got) % 4096;
		size_t want = left < STRING_MAX - 1 - got ? left : STRING_MAX - 1 - got;
		struct iovec to = { out + got, want };
		struct iovec from = { (void *)(uintptr_t)(address + got), want };
		ssize_t n = process_vm_readv(tid, &to, 1, &from, 1, 0);

		if (n <= 0) {
			break;
		}
		if (memchr(out + got, '\0', (size_t)n) != NULL) {
			return true;
		}
		got += (size_t)n;
	}
	out[got] = '\0';
	return got > 0;
}

static void append(char *out, size_t size, const char *text)
{
	size_t n = strlen(out);

	snprintf(out + n, size - n, "%s", text);
}

/* The path STRING of the call, from the root that its thread has. */
static void resolve(struct call *call, pid_t tid, const struct shape *shape, const char *string)
{
	char link[64] = "cwd";

	if (string[0] == '/') {
		snprintf(call->path, sizeof(call->path), "%s", string);
		return;
	}
	if (shape->dir >= 0 && (int32_t)call->args[shape->dir] >= 0) {
		snprintf(link, sizeof(link), "fd/%d", (int32_t)call->args[shape->dir]);
	}
	_cleanup_close_ int proc_fd = procfs_open(tid, NULL);
	_cleanup_free_ char *base = proc_fd >= 0 ? fd_readlink(proc_fd, link) : NULL;
	if (base != NULL && base[0] == '/') {
		snprintf(call->path, sizeof(call->path), "%.250s%s%.200s", base,
			base[1] == '\0' || string[0] == '\0' ? "" : "/", string);
	}
}

void call_describe(struct call *call, pid_t tid)
{
	char name[64];
	const struct shape *shape = find_shape(call_name(name, sizeof(name), call->arch, call->nr));
	uint8_t strings = shape != NULL ? shape->strings : 0;
	int n = 0;

	while (n < (int)ARRAY_SIZE(shown) && !is_in(shown[n], name)) {
		n++;
	}

	snprintf(call->text, sizeof(call->text), "%s(", name);
	call->path[0] = '\0';
	call->cut = false;
	for (int i = 0; i < n || strings >> i != 0; i++) {
		char string[STRING_MAX];
		char word[4 * STRING_MAX + 8] = "...";

		if ((strings >> i & 1) != 0 && read_string(tid, call->args[i], string)) {
			char escaped[4 * STRING_MAX + 1];

			str_escape(escaped, sizeof(escaped), string);
			call->cut = call->cut || strlen(string) == STRING_MAX - 1;
			snprintf(word, sizeof(word), "\"%s\"", escaped);
			if (shape->path == i) {
				resolve(call, tid, shape, string);
			}
		} else if ((strings >> i & 1) == 0 && (int32_t)call->args[i] == -100) {
			snprintf(word, sizeof(word), "AT_FDCWD");
		} else if ((strings >> i & 1) == 0 && call->args[i] < 0x100000) {
			/* Numbers, flags; what is larger is an address, another in each run. */
			snprintf(word, sizeof(word), "%llu", (unsigned long long)call->args[i]);
		}
		append(call->text, sizeof(call->text), i > 0 ? ", " : "");
		append(call->text, sizeof(call->text), word);
	}
	append(call->text, sizeof(call->text), n > 0 ? ", ...)" : "...)");
	call->cut = call->cut || strlen(call->text) == sizeof(call->text) - 1;
}

uint64_t call_hash(const struct call *call, uint64_t seed)
{
	uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (const char *c = call->text; *c != '\0'; c++) {
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	}
	hash = (hash ^ call->arch) * UINT64_C(0x100000001b3);
	return hash != 0 ? hash : 1;
}

#define CAP(name) (UINT64_C(1) << (CAP_##name))
#define FILE_CAPS (CAP(DAC_OVERRIDE) | CAP(DAC_READ_SEARCH))

/* capabilities(7), and where the kernel's source says more. */
static const struct {
	uint64_t mask;
	const char *names; /* with a blank on both sides of each */
} asked[] = {
	{ CAP(SYS_ADMIN),
		" mount umount2 pivot_root sethostname setdomainname unshare setns open_tree "
		"move_mount fsopen fsmount fsconfig fspick mount_setattr swapon swapoff quotactl "
		"fanotify_init lookup_dcookie bpf perf_event_open keyctl clone prctl ioctl syslog "
		"setxattr lsetxattr fsetxattr sched_setattr " },
	{ CAP(PERFMON), " perf_event_open bpf " },
	{ CAP(BPF), " bpf " },
	{ CAP(SYS_CHROOT), " chroot setns " },
	{ CAP(NET_RAW), " socket sendto sendmsg setsockopt bind " },
	{ CAP(NET_ADMIN), " ioctl setsockopt sendto sendmsg socket " },
	{ CAP(NET_BIND_SERVICE), " bind " },
	{ CAP(CHOWN), " chown lchown fchown fchownat " },
	{ CAP(FOWNER),
		" chmod fchmod fchmodat fchmodat2 utime utimes utimensat unlink unlinkat rename "
		"renameat renameat2 rmdir link linkat setxattr fsetxattr open openat ioctl " },
	{ CAP(SETFCAP), " setxattr lsetxattr fsetxattr write " },
	{ CAP(MKNOD), " mknod mknodat " },
	{ CAP(SETUID), " setuid setreuid setresuid setfsuid write " },
	{ CAP(SETGID), " setgid setregid setresgid setfsgid setgroups write " },
	{ CAP(SETPCAP), " capset prctl " },
	{ CAP(KILL),
		" kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal ioctl " },
	{ CAP(SYS_PTRACE),
		" ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise "
		"userfaultfd readlink readlinkat open openat get_robust_list " },
	{ CAP(SYS_MODULE), " init_module finit_module delete_module " },
	{ CAP(SYS_BOOT), " reboot kexec_load kexec_file_load " },
	{ CAP(SYS_TIME), " settimeofday clock_settime clock_adjtime adjtimex stime ioctl " },
	{ CAP(SYS_NICE),
		" setpriority nice sched_setscheduler sched_setparam sched_setattr "
		"sched_setaffinity ioprio_set migrate_pages move_pages mbind set_mempolicy " },
	{ CAP(SYS_RESOURCE), " setrlimit prlimit64 fcntl ioctl write mq_open " },
	{ CAP(SYSLOG), " syslog open openat " },
	{ CAP(SYS_PACCT), " acct " },
	{ CAP(IPC_LOCK), " mlock mlock2 mlockall shmctl mmap shmget memfd_create " },
	{ CAP(IPC_OWNER), " msgget msgctl msgsnd msgrcv semget semctl semop shmget shmctl shmat " },
	{ CAP(SYS_RAWIO), " iopl ioperm open openat ioctl " },
	{ CAP(SYS_TTY_CONFIG), " vhangup ioctl " },
	{ CAP(LEASE), " fcntl " },
	{ CAP(LINUX_IMMUTABLE), " ioctl " },
	{ CAP(DAC_READ_SEARCH), " open_by_handle_at " },
	{ CAP(AUDIT_WRITE), " sendto sendmsg " },
	{ CAP(AUDIT_CONTROL), " sendto sendmsg " },
	{ FILE_CAPS,
		" open openat openat2 creat access faccessat faccessat2 stat lstat newfstatat "
		"statx "
		"statfs readlink readlinkat execve execveat chdir mkdir mkdirat rmdir unlink "
		"unlinkat rename renameat renameat2 link linkat symlink symlinkat chmod fchmodat "
		"chown lchown fchownat truncate mknod mknodat connect bind inotify_add_watch "
		"getxattr listxattr getdents64 " },
};

uint64_t call_capabilities(const char *name)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		mask |= is_in(asked[i].names, name) ? asked[i].mask : 0;
	}
	return mask;
}

bool call_lasts(const struct call *call, const char *name)
{
	static const char always[] =
		/* the host */
		" reboot kexec_load kexec_file_load init_module finit_module delete_module "
		"settimeofday "
		"clock_settime adjtimex clock_adjtime stime swapon swapoff acct iopl ioperm "
		"quotactl "
		"quotactl_fd vhangup "
		/* files */
		"creat mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat "
		"symlink "
		"symlinkat mknod mknodat chmod fchmod fchmodat fchmodat2 chown lchown fchown "
		"fchownat "
		"truncate ftruncate fallocate utime utimes utimensat futimesat setxattr lsetxattr "
		"fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat write "
		"pwrite64 "
		"writev pwritev pwritev2 copy_file_range ioctl "
		/* other processes, what they share */
		"kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal "
		"process_vm_writev "
		"process_madvise move_pages migrate_pages pidfd_getfd msgctl semctl shmctl "
		"mq_unlink "
		"sendto sendmsg sendmmsg ";
	if (is_in(always, name)) {
		return true;
	}
	if (str_equal(name, "open")) {
		return (call->args[1] & (O_CREAT | O_TRUNC)) != 0;
	}
	if (str_equal(name, "openat")) {
		return (call->args[2] & (O_CREAT | O_TRUNC)) != 0;
	}
	/* Its flags are in memory; BPF_MAP_CREATE and BPF_PROG_LOAD end with their descriptor;
	 * PTRACE_TRACEME is about itself; syslog(2): reading. */
	return str_equal(name, "openat2") ||
	       (str_equal(name, "bpf") && call->args[0] != 0 && call->args[0] != 5) ||
	       (str_equal(name, "ptrace") && call->args[0] != 0) ||
	       (str_equal(name, "syslog") && call->args[0] != 2 && call->args[0] != 3 &&
		       call->args[0] != 9 && call->args[0] != 10) ||
	       ((str_equal(name, "setpriority") || str_equal(name, "sched_setscheduler") ||
			str_equal(name, "sched_setparam") || str_equal(name, "sched_setattr") ||
			str_equal(name, "sched_setaffinity") || str_equal(name, "prlimit64")) &&
		       call->args[str_equal(name, "setpriority") ? 1 : 0] != 0);
}
