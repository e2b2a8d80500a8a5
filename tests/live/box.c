/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * box ROOTFS CGROUP CMD [ARG...]: the smallest container that has everything a session has to copy:
 * namespaces of its own, a cgroup in every hierarchy, docker's default capabilities, two seccomp
 * filters, limits, an environment, a pivoted root, and where SELinux is active the labels that an
 * engine would give. No engine knows it. Prints the pid of its init, then waits for it.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cap-ng.h>
#include <seccomp.h>

static const int kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL,
	CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_CHROOT,
	CAP_MKNOD, CAP_AUDIT_WRITE, CAP_SETFCAP };

/* A file's and a process's; the two categories are the container's own. */
#define FILE_CONTEXT "system_u:object_r:container_file_t:s0:c1,c2"
#define PROCESS_CONTEXT "system_u:system_r:container_t:s0:c1,c2"

static bool selinux;

static void check(int r, const char *what)
{
	if (r < 0) {
		err(1, "%s", what);
	}
}

/* The directories named CGROUP right below each hierarchy's root. */
static void each_cgroup(const char *name, void (*act)(const char *dir))
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[4096];
	char where[1024];
	char type[64];
	char dir[2048];

	while (mounts != NULL && fgets(line, sizeof(line), mounts) != NULL) {
		if (sscanf(line, "%*s %1023s %63s", where, type) == 2 &&
			(strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0)) {
			snprintf(dir, sizeof(dir), "%s/%s", where, name);
			act(dir);
		}
	}
	if (mounts != NULL) {
		fclose(mounts);
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		err(1, "%s", path);
	}
	close(fd);
}

/* A new cpuset has no processors; it takes its parent's. */
static void copy_cpuset(const char *dir, const char *name)
{
	char path[4096];
	char value[256];

	snprintf(path, sizeof(path), "%s/../%s", dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	ssize_t n = read(fd, value, sizeof(value) - 1);
	close(fd);
	if (n > 0) {
		value[n] = '\0';
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		write_file(path, value);
	}
}

static void make_cgroup(const char *dir)
{
	char path[4096];

	if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
		err(1, "mkdir %s", dir);
	}
	if (strstr(dir, "cpuset") != NULL) {
		copy_cpuset(dir, "cpuset.cpus");
		copy_cpuset(dir, "cpuset.mems");
	}
	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	write_file(path, "0");
}

static void remove_cgroup(const char *dir)
{
	rmdir(dir);
}

static void load_filter(uint32_t action, const int *calls, size_t n)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (filter == NULL) {
		errx(1, "seccomp_init");
	}
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	for (size_t i = 0; i < n; i++) {
		seccomp_rule_add(filter, action, calls[i], 0);
	}
	if (seccomp_load(filter) < 0) {
		errx(1, "seccomp_load");
	}
	seccomp_release(filter);
}

static bool has_selinux(void)
{
	return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

static int label_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	check(lsetxattr(path, "security.selinux", FILE_CONTEXT, sizeof(FILE_CONTEXT), 0), path);
	return 0;
}

/* A file system of the container's own, with its label. */
static void mount_new(const char *type, const char *where, unsigned long flags, const char *options)
{
	char all[512];

	snprintf(all, sizeof(all), "%s%s", options, selinux ? ",context=\"" FILE_CONTEXT "\"" : "");
	check(mount(type, where, type, flags, all), where);
}

static void enter_root(const char *rootfs)
{
	static const struct {
		const char *name;
		int minor;
	} nodes[] = { { "dev/null", 3 }, { "dev/zero", 5 }, { "dev/full", 7 }, { "dev/random", 8 },
		{ "dev/urandom", 9 } };

	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	check(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), rootfs);
	check(chdir(rootfs), rootfs);
	check(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "proc");
	mount_new("tmpfs", "dev", MS_NOSUID, "mode=755");
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		mode_t old = umask(0);

		check(mknod(nodes[i].name, S_IFCHR | 0666,
			      makedev(1, (unsigned int)nodes[i].minor)),
			nodes[i].name);
		umask(old);
	}
	check(mkdir("dev/pts", 0755), "dev/pts");
	mount_new("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC,
		"newinstance,ptmxmode=0666,mode=0620,gid=5");
	check((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(umount2(".", MNT_DETACH), "umount");
	check(chdir("/"), "/");
}

static void set_profile(void)
{
	static const int denied[] = { SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(keyctl),
		SCMP_SYS(add_key), SCMP_SYS(bpf), SCMP_SYS(perf_event_open) };
	static const int unknown[] = { SCMP_SYS(io_uring_setup), SCMP_SYS(userfaultfd) };
	const struct rlimit files = { 512, 1024 };

	check(setrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE");
	umask(027);
	load_filter(SCMP_ACT_ERRNO(EPERM), denied, sizeof(denied) / sizeof(denied[0]));
	load_filter(SCMP_ACT_ERRNO(ENOSYS), unknown, sizeof(unknown) / sizeof(unknown[0]));
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		capng_update(CAPNG_ADD, CAPNG_PERMITTED | CAPNG_EFFECTIVE | CAPNG_BOUNDING_SET,
			(unsigned int)kept[i]);
	}
	if (capng_apply(CAPNG_SELECT_BOTH) < 0) {
		errx(1, "capng_apply");
	}
}

int main(int argc, char **argv)
{
	static char path[] = "PATH=/usr/bin:/bin";
	static char home[] = "HOME=/root";
	static char greeting[] = "GREETING=from the container";
	char *env[] = { path, home, greeting, NULL };
	int status = 0;

	if (argc < 4) {
		errx(1, "usage: box ROOTFS CGROUP CMD [ARG...]");
	}
	selinux = has_selinux();
	if (selinux && nftw(argv[1], label_file, 16, FTW_PHYS) < 0) {
		err(1, "label %s", argv[1]);
	}
	pid_t outer = fork();
	if (outer == 0) {
		setsid();
		each_cgroup(argv[2], make_cgroup);
		check(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			      CLONE_NEWUTS | CLONE_NEWCGROUP),
			"unshare");
		pid_t init = fork();
		if (init == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			check(sethostname("box", 3), "hostname");
			/* A shell's background job ignores some; a container's init doesn't. */
			for (int sig = 1; sig < NSIG; sig++) {
				signal(sig, SIG_DFL);
			}
			enter_root(argv[1]);
			if (selinux) {
				write_file("/proc/thread-self/attr/exec", PROCESS_CONTEXT);
			}
			set_profile();
			execve(argv[3], argv + 3, env);
			err(1, "%s", argv[3]);
		}
		printf("%d\n", init);
		fflush(stdout);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		waitpid(init, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	signal(SIGTERM, SIG_IGN);
	waitpid(outer, &status, 0);
	each_cgroup(argv[2], remove_cgroup);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
