/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Not a part of any program, but one that is run when they are built: it prints the filters of
 * sandbox.c as C. libseccomp takes two to four milliseconds to make one, at each start of a session
 * three times over.
 *
 * usage: sandbox-filters FILE
 */
#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

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

struct list {
	const char *name; /* of the array */
	const char *const *syscalls;
	const struct conditional *conditional;
};

static int add_rules(scmp_filter_ctx ctx, const struct list *list)
{
	int r = 0;

	for (size_t i = 0; r == 0 && list->syscalls[i] != NULL; i++) {
		int nr = seccomp_syscall_resolve_name(list->syscalls[i]);

		/* Not each library knows each name, nor each architecture each call. */
		if (nr >= 0) {
			r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
		}
	}
	for (const struct conditional *c = list->conditional; r == 0 && c->name != NULL; c++) {
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(c->name), 1,
			SCMP_CMP(c->argument, SCMP_CMP_MASKED_EQ, c->mask, c->value));
	}
	if (r == 0) {
		/* Its flags are in memory, where no filter looks; clone(2) is the way back. */
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	}
	return r;
}

/* The instructions of PROGRAM, a file, as an array. Returns 0 or a negative errno. */
static int print(FILE *out, const char *name, int program)
{
	struct sock_filter insn;
	ssize_t n;

	fprintf(out, "static const struct sock_filter %s[] = {\n", name);
	for (off_t at = 0; (n = pread(program, &insn, sizeof(insn), at)) > 0; at += n) {
		if (n != (ssize_t)sizeof(insn)) {
			return -EIO;
		}
		fprintf(out, "\t{ 0x%04x, %u, %u, 0x%08x },\n", insn.code, insn.jt, insn.jf,
			insn.k);
	}
	fprintf(out, "};\n");
	return n < 0 ? -errno : 0;
}

/* A call that is not listed kills: a session that ends is seen, one that goes on wrongly is not. */
static int make(FILE *out, const struct list *list)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int program = memfd_create(list->name, MFD_CLOEXEC);
	int r = ctx == NULL || program < 0 ? -ENOMEM : add_rules(ctx, list);

	if (r == 0) {
		/* A tree: fewer steps. */
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	}
	if (r == 0) {
		r = seccomp_export_bpf(ctx, program);
	}
	if (r == 0) {
		r = print(out, list->name, program);
	}
	if (program >= 0) {
		close(program);
	}
	if (ctx != NULL) {
		seccomp_release(ctx);
	}
	return r;
}

int main(int argc, char **argv)
{
	static const struct list lists[] = {
		{ "front_filter", front_syscalls, front_conditional },
		{ "fs_filter", fs_syscalls, fs_conditional },
	};
	FILE *out = argc == 2 ? fopen(argv[1], "we") : NULL;
	int r = out == NULL ? -EINVAL : 0;

	for (size_t i = 0; r == 0 && i < sizeof(lists) / sizeof(lists[0]); i++) {
		r = make(out, &lists[i]);
	}
	if (out != NULL && fclose(out) != 0 && r == 0) {
		r = -errno;
	}
	if (r < 0) {
		fprintf(stderr, "sandbox-filters: %s\n", strerror(-r));
	}
	return r < 0;
}
