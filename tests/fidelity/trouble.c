/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trouble NAME: what a program did that failed in somebody's container. Prints the system call that
 * it failed at and the errno, or "works". Static: it runs in any container.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a try returns: 0, or -1 with errno. */

static int effective_access(void)
{
	return faccessat(AT_FDCWD, "/", R_OK, AT_EACCESS);
}

static void *nothing(void *arg)
{
	return arg;
}

static int start_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, nothing, NULL);
	if (errno != 0) {
		return -1;
	}
	pthread_join(thread, NULL);
	return 0;
}

static int close_descriptors(void)
{
	return close_range(1000, 1010, 0);
}

static int open_beneath(void)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_BENEATH };
	int root = open("/", O_PATH | O_DIRECTORY);

	return (int)syscall(SYS_openat2, root, ".", &how, sizeof(how));
}

static int extended_stat(void)
{
	struct statx st;

	return statx(AT_FDCWD, "/", 0, STATX_BTIME, &st);
}

static int ping(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int become_root(void)
{
	return setresuid(0, 0, 0);
}

static int open_foreign(void)
{
	return open("/foreign", O_RDONLY);
}

static int give_away(void)
{
	return chown("/tmp", 3000000, 3000000);
}

static int open_fuse(void)
{
	return open("/dev/fuse", O_RDWR);
}

static int take_ownership(void)
{
	return chown("/home/app", 0, 0);
}

static int bind_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(80) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

/* As a server does that drops root: its capabilities were permitted, never ambient. */
static int lose_ambient(void)
{
	if (getuid() == 0 && prctl(PR_CAPBSET_READ, 12) == 1) {
		return 0;
	}
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 12, 0, 0); /* CAP_NET_ADMIN */
}

static int trace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int make_ring(void)
{
	char params[120] = { 0 };

	return (int)syscall(SYS_io_uring_setup, 1, params);
}

static int unshare_user(void)
{
	return unshare(CLONE_NEWUSER);
}

static int add_key(void)
{
	return (int)syscall(SYS_add_key, "user", "trouble", "x", 1, -2);
}

static int no_randomization(void)
{
	return personality(ADDR_NO_RANDOMIZE);
}

static int raise_limit(void)
{
	struct rlimit limit = { 4096, 4096 };

	return setrlimit(RLIMIT_NOFILE, &limit);
}

static int fork_once(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		_exit(0);
	}
	return pid < 0 ? -1 : waitpid(pid, NULL, 0) < 0;
}

static int set_sysctl(void)
{
	return open("/proc/sys/net/ipv4/ip_forward", O_WRONLY);
}

/* An application's sandbox that forgets one of its files. */
static int sandbox_itself(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE };
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (rules < 0 || syscall(SYS_landlock_restrict_self, rules, 0) < 0) {
		return -1;
	}
	return open("/etc/passwd", O_RDONLY);
}

static const struct {
	const char *name;
	const char *call;
	int (*try)(void);
} troubles[] = {
	{ "faccessat2", "faccessat2", effective_access },
	{ "clone3", "clone3", start_thread },
	{ "close_range", "close_range", close_descriptors },
	{ "openat2", "openat2", open_beneath },
	{ "statx", "statx", extended_stat },
	{ "ping", "socket", ping },
	{ "setuid", "setresuid", become_root },
	{ "foreign", "openat", open_foreign },
	{ "chown", "chown", give_away },
	{ "fuse", "openat", open_fuse },
	{ "ownership", "chown", take_ownership },
	{ "port", "bind", bind_port },
	{ "ambient", "prctl", lose_ambient },
	{ "ptrace", "ptrace", trace },
	{ "io_uring", "io_uring_setup", make_ring },
	{ "unshare", "unshare", unshare_user },
	{ "add_key", "add_key", add_key },
	{ "gdb", "personality", no_randomization },
	{ "nofile", "prlimit64", raise_limit },
	{ "fork", "clone", fork_once },
	{ "sysctl", "openat", set_sysctl },
	{ "landlock", "openat", sandbox_itself },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		if (strcmp(troubles[i].name, argv[1]) == 0) {
			if (troubles[i].try() < 0) {
				printf("%s: %s\n", troubles[i].call, strerrorname_np(errno));
				return 1;
			}
			puts("works");
			return 0;
		}
	}
	fprintf(stderr, "usage: trouble NAME\n");
	return 2;
}
