/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define NO_CAPABILITY UINT32_MAX
#define CAPABILITIES_MAX 24

/* For what each program holds which capability. */
static const uint32_t front_capabilities[CAPABILITIES_MAX] = {
	CAP_KILL,	   /* the session's processes, of any uid */
	CAP_SYS_PTRACE,	   /* which namespace a process lives in: /proc/PID/ns */
	CAP_AUDIT_WRITE,   /* the session's end */
	CAP_AUDIT_CONTROL, /* whether the kernel takes it: audit_request_status(3) */
	NO_CAPABILITY,
};

static const uint32_t gate_capabilities[CAPABILITIES_MAX] = {
	CAP_SYS_PTRACE,	     /* tools of any uid; /proc/PID of those who exec */
	CAP_SYS_ADMIN,	     /* PTRACE_O_SUSPEND_SECCOMP; oom_score_adj */
	CAP_SYS_RESOURCE,    /* hard limits of the container's above the tool's */
	CAP_SYS_NICE,	     /* scheduling of the container's */
	CAP_KILL,	     /* what is left of the session when its front was killed */
	CAP_DAC_READ_SEARCH, /* files that a tool of another uid wants to run */
	CAP_AUDIT_WRITE,     /* each transition */
	CAP_AUDIT_CONTROL,   /* whether the kernel takes it: audit_request_status(3) */
	NO_CAPABILITY,
};

static const uint32_t fs_capabilities[CAPABILITIES_MAX] = {
	CAP_DAC_OVERRIDE,
	CAP_DAC_READ_SEARCH, /* rights are those of the caller, by the kernel */
	CAP_CHOWN,
	CAP_FOWNER,
	CAP_FSETID, /* what the caller may, once he was checked */
	CAP_SETUID,
	CAP_SETGID,  /* to be the caller */
	CAP_SETPCAP, /* to keep capabilities while being him */
	CAP_MKNOD,
	CAP_SETFCAP,
	CAP_LINUX_IMMUTABLE,
	CAP_SYS_RESOURCE, /* reserved blocks, as root has them */
	CAP_SYS_ADMIN,	  /* trusted.* attributes, FUSE passthrough, fanotify */
	CAP_SYS_PTRACE, /* which namespace a caller lives in: /proc/PID/ns; ptrace(2) is filtered */
	CAP_SYS_NICE,	/* the threads that see to the caches: real-time */
	CAP_MAC_ADMIN,	/* security.* attributes that the loaded policy doesn't know */
	NO_CAPABILITY,
};

/* What sallyport-fs calls. Nothing that starts, traces, signals or connects to anything. */
static const char *const fs_syscalls[] = {
	/* requests and replies */
	"read",
	"readv",
	"write",
	"writev",
	"splice",
	"vmsplice",
	"tee",
	"pipe2",
	"poll",
	"ppoll",
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_wait",
	"eventfd2",
	"pidfd_open",
	"recvfrom",
	"recvmsg",
	"sendto",
	"sendmsg",
	"ioctl",
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
	/* files */
	"openat",
#ifdef __SANITIZE_THREAD__
	"open", /* /proc/self/maps, for its reports */
#endif
	"openat2",
	"open_by_handle_at",
	"name_to_handle_at",
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"fcntl",
	"pread64",
	"preadv",
	"preadv2",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"lseek",
	"copy_file_range",
	"sendfile",
	"ftruncate",
	"truncate",
	"fallocate",
	"fsync",
	"fdatasync",
	"sync_file_range",
	"syncfs",
	"fadvise64",
	"readahead",
	"flock",
	/* attributes */
	"stat",
	"lstat",
	"fstat",
	"newfstatat",
	"statx",
	"statfs",
	"fstatfs",
	"access",
	"faccessat",
	"faccessat2",
	"chmod",
	"fchmod",
	"fchmodat",
	"fchmodat2",
	"chown",
	"lchown",
	"fchown",
	"fchownat",
	"utimensat",
	"getxattr",
	"lgetxattr",
	"fgetxattr",
	"setxattr",
	"lsetxattr",
	"fsetxattr",
	"listxattr",
	"llistxattr",
	"flistxattr",
	"removexattr",
	"lremovexattr",
	"fremovexattr",
	"getxattrat",
	"setxattrat",
	"listxattrat",
	"removexattrat",
	/* names */
	"getdents64",
	"readlink",
	"readlinkat",
	"mknod",
	"mknodat",
	"mkdir",
	"mkdirat",
	"symlink",
	"symlinkat",
	"link",
	"linkat",
	"unlink",
	"rmdir",
	"unlinkat",
	"rename",
	"renameat",
	"renameat2",
	"chdir",
	"fchdir",
	"getcwd",
	"inotify_init1",
	"inotify_add_watch",
	"inotify_rm_watch",
	"fanotify_init",
	"fanotify_mark",
	/* identity of the caller */
	"umask",
	"setfsuid",
	"setfsgid",
	"setgroups",
	"capget",
	"capset",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	/* memory, threads, time */
	"brk",
	"mmap",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"futex",
	"set_robust_list",
	"rseq",
	"gettid",
	"getpid",
	"getppid",
	"sched_yield",
	"sched_getaffinity",
	"membarrier",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	"restart_syscall",
	"tgkill",
	"exit",
	"exit_group",
	"clock_gettime",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"gettimeofday",
	"time",
	"getrandom",
	"getrlimit",
	"setrlimit",
	"prlimit64",
	"sysinfo",
	"uname",
	"getcpu",
	NULL,
};

/* What the front calls while it relays, and for the records of the end. Nothing that starts,
 * traces, mounts or connects to anything. */
static const char *const front_syscalls[] = {
	/* terminal, pipes, signals */
	"read",
	"readv",
	"write",
	"writev",
	"poll",
	"ppoll",
	"ioctl",
	"fcntl",
	"close",
	"recvmsg",
	"recvfrom",
	"sendto",
	"sendmsg",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"shutdown",
	"sigaltstack",
	"restart_syscall",
	"kill",
	"tgkill",
	"wait4",
	"waitid",
	"pidfd_open",
	"pidfd_send_signal",
	"getpgrp",
	"getpgid",
	"setpgid",
	/* journal, recording, registry; what is left of the session in /proc */
	"open",
	"openat",
	"openat2",
	"stat",
	"lstat",
	"fstat",
	"newfstatat",
	"statx",
	"fstatfs",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"getdents64",
	"lseek",
	"pread64",
	"pwrite64",
	"ftruncate",
	"fallocate",
	"fsync",
	"fdatasync",
	"flock",
	"fchmod",
	"mkdir",
	"mkdirat",
	"rename",
	"renameat",
	"renameat2",
	"link",
	"linkat",
	"unlink",
	"unlinkat",
	"rmdir",
	"umask",
	/* memory, time */
	"setitimer",
	"getitimer",
	"brk",
	"mmap",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"futex",
	"gettid",
	"getpid",
	"getppid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"exit",
	"exit_group",
	"clock_gettime",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"gettimeofday",
	"time",
	"getrandom",
	"uname",
	NULL,
};

/* What a program calls with certain arguments only: VALUE under MASK. */
struct conditional {
	const char *name; /* NULL: the end */
	unsigned int argument;
	uint64_t mask;
	uint64_t value;
};

static const struct conditional fs_conditional[] = {
	{ "clone", 0, CLONE_THREAD, CLONE_THREAD },
	{ "sched_setscheduler", 0, UINT32_MAX, 0 }, /* its own */
	{ "sched_setaffinity", 0, UINT32_MAX, 0 },
	{ "unshare", 0, ~(uint64_t)CLONE_FS, 0 }, /* each thread's own umask */
	{ "prctl", 0, UINT32_MAX, PR_SET_NAME },
	{ "prctl", 0, UINT32_MAX, PR_GET_SECUREBITS },
	{ "prctl", 0, UINT32_MAX, PR_SET_SECUREBITS },
	{ "prctl", 0, UINT32_MAX, 0x53564d41 /* PR_SET_VMA: names of the allocator's arenas */ },
	{ .name = NULL },
};

static const struct conditional front_conditional[] = {
	{ "prctl", 0, UINT32_MAX, 0x53564d41 },
	{ .name = NULL },
};

static const struct sandbox {
	const char *name;
	const uint32_t *capabilities;
	const char *const *syscalls; /* NULL: all */
	const struct conditional *conditional;
} sandboxes[] = {
	[SANDBOX_FRONT] = { "sallyport", front_capabilities, front_syscalls, front_conditional },
	[SANDBOX_TRACER] = { "sallyport", front_capabilities, NULL, NULL },
	[SANDBOX_GATE] = { "sallyport-gate", gate_capabilities, NULL, NULL },
	[SANDBOX_FS] = { "sallyport-fs", fs_capabilities, fs_syscalls, fs_conditional },
};

static int keep_capabilities(const uint32_t *wanted, struct error *err)
{
	uint32_t kept[CAPABILITIES_MAX];
	size_t n = 0;

	if (capng_get_caps_process() != 0) {
		return error_set(err, EIO, "read our own capabilities");
	}
	/* The bounding set can only be lowered by who has this one. */
	bool bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;

	for (size_t i = 0; wanted[i] != NO_CAPABILITY; i++) {
		if (wanted[i] <= CAP_LAST_CAP &&
			capng_have_capability(CAPNG_PERMITTED, wanted[i]) != 0) {
			kept[n++] = wanted[i];
		}
	}
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++) {
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i]);
	}
	if (capng_apply(bounds ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS) != 0) {
		return error_set(err, errno != 0 ? errno : EPERM, "drop capabilities");
	}
	return 0;
}

static int add_rules(scmp_filter_ctx ctx, const struct sandbox *sandbox, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && sandbox->syscalls[i] != NULL; i++) {
		int nr = seccomp_syscall_resolve_name(sandbox->syscalls[i]);

		/* Not each library knows each name, nor each architecture each call. */
		if (nr >= 0) {
			r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
		}
	}
	for (const struct conditional *c = sandbox->conditional; r == 0 && c->name != NULL; c++) {
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(c->name), 1,
			SCMP_CMP(c->argument, SCMP_CMP_MASKED_EQ, c->mask, c->value));
	}
	if (r == 0) {
		/* Its flags are in memory, where no filter looks; clone(2) is the way back. */
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	}
	return r == 0 ? 0 : error_set(err, -r, "list the system calls of %s", sandbox->name);
}

/* The filter of each program, once it is made: classic BPF, as the kernel takes it. */
static struct sock_fprog filters[ARRAY_SIZE(sandboxes)];

static int export(scmp_filter_ctx ctx, struct sock_fprog *filter, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
	_cleanup_free_ char *program = NULL;
	size_t size;
	int r = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);

	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		return error_set(err, r < 0 ? -r : errno, "make a seccomp filter");
	}
	r = fd_read_all(fd, "the seccomp filter", BPF_MAXINSNS * sizeof(struct sock_filter),
		&program, &size, err);
	if (r == 0) {
		filter->len = (unsigned short)(size / sizeof(struct sock_filter));
		filter->filter = (struct sock_filter *)(void *)steal_pointer(&program);
	}
	return r;
}

/* A call that is not listed kills: a session that ends is seen, one that goes on wrongly is not. */
int sandbox_prepare(enum sandbox_program program, struct error *err)
{
	const struct sandbox *sandbox = &sandboxes[program];

	if (sandbox->syscalls == NULL || filters[program].filter != NULL) {
		return 0;
	}
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL) {
		return error_set(err, ENOMEM, "make a seccomp filter");
	}
	int r = add_rules(ctx, sandbox, err);
	if (r == 0) {
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: fewer steps */
		r = export(ctx, &filters[program], err);
	}
	seccomp_release(ctx);
	return r;
}

int sandbox_enter(enum sandbox_program program, struct error *err)
{
	const struct sandbox *sandbox = &sandboxes[program];
	int r = sandbox_prepare(program, err);

	if (r == 0) {
		r = keep_capabilities(sandbox->capabilities, err);
	}
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		r = error_set(err, errno, "set no_new_privs");
	}
	if (r == 0 && sandbox->syscalls != NULL &&
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filters[program]) < 0) {
		r = error_set(err, errno, "load the seccomp filter of %s", sandbox->name);
	}
	return r;
}
