/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * turncoat MODE: a container's program that knows when `sallyport why` runs it with something
 * lifted, and behaves otherwise then. What it could do is written to /tmp/log, which it opens in
 * each run; all words have four letters, so that the calls are alike. Static.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TMPFS 0x01021994

static int log_fd;
static bool lifted;

static void say(const char word[5])
{
	if (write(log_fd, word, 4) != 4) {
		_exit(3);
	}
}

/* A line of /proc/self/status. */
static unsigned long long status_of(const char *field, int base)
{
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	char *at = strstr(text, field);
	return at != NULL ? strtoull(at + strlen(field), NULL, base) : 0;
}

static int try_mount(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL);
}

/* A call that lasts and needs nothing that is lifted; the first run does without it. */
static void make(void)
{
	mkdir("/tmp/made", 0755);
	close(open("/tmp/made-file", O_WRONLY | O_CREAT, 0644));
}

static void before(void)
{
	if (lifted) {
		make();
	}
	try_mount();
}

static void after(void)
{
	if (try_mount() == 0) {
		make();
	}
}

static char *shared; /* a file that stays: to write there takes no system call */

static void *wait_for_mount(void *arg)
{
	struct statfs st;

	for (;;) {
		if (statfs("/mnt", &st) == 0 && st.f_type == TMPFS) {
			memcpy(shared, "seen", 4);
		}
	}
	return arg;
}

/* The mount is thrown away with the process; others of its threads wait for it. */
static void thread(void)
{
	pthread_t others[4];
	int fd = open("/tmp/shared", O_RDWR);

	shared = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED) {
		return;
	}
	memcpy(shared, "none", 4);
	for (int i = 0; i < 4; i++) {
		pthread_create(&others[i], NULL, wait_for_mount, NULL);
	}
	usleep(50000);
	try_mount();
	usleep(50000);
}

static void *wait_for_lock(void *arg)
{
	flock(open("/tmp/log", O_RDONLY), LOCK_EX);
	return arg;
}

/* Another thread is inside of a call that is no wait, and does not come back. */
static void busy(void)
{
	pthread_t other;

	flock(log_fd, LOCK_EX);
	pthread_create(&other, NULL, wait_for_lock, NULL);
	usleep(50000);
	try_mount();
	_exit(1);
}

/* Some runs don't come to the call. */
static void moody(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (lifted && (now.tv_nsec / 1000 & 1) != 0) {
		_exit(1);
	}
	try_mount();
}

static void untraced(void)
{
	long pid = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		if (lifted) {
			make();
		}
		_exit(0);
	}
	say(pid < 0 ? "none" : "kid.");
	if (pid > 0) {
		waitpid((pid_t)pid, NULL, __WALL);
	}
	try_mount();
}

static void ring(void)
{
	char params[120] = { 0 };

	say(syscall(SYS_io_uring_setup, 1, params) < 0 ? "none" : "ring");
	try_mount();
}

/* The 32-bit entry of the kernel has its own numbers: 39 is mkdir. */
static void foreign(void)
{
	static const char path[] = "/tmp/made";

	if (lifted) {
		long r;

		__asm__ volatile("int $0x80"
				 : "=a"(r)
				 : "a"(39L), "b"((long)(uintptr_t)path), "c"(0755L)
				 : "memory");
	}
	try_mount();
}

/* What the filter refuses is not what is looked into. */
static void filter(void)
{
	if (status_of("Seccomp:", 10) == 0) {
		say(chmod("/tmp/log", 0600) < 0 ? "safe" : "gone");
	}
	chroot("/none");
}

static char flipping[] = "/nonA";

static void *flip(void *arg)
{
	for (;;) {
		flipping[4] ^= 'A' ^ 'B';
	}
	return arg;
}

static void changing(void)
{
	pthread_t other;

	pthread_create(&other, NULL, flip, NULL);
	for (int i = 0; i < 2000; i++) {
		sethostname(flipping, sizeof(flipping) - 1);
	}
}

static void forks(void)
{
	try_mount();
	for (int i = 0; i < 3000; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			try_mount();
			_exit(0);
		}
		if (i % 50 == 49) {
			while (waitpid(-1, NULL, 0) > 0) {
			}
		}
	}
}

static void refusals(void)
{
	char path[32];

	for (int i = 0; i < 100000; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		sethostname(path, strlen(path));
	}
}

static void addresses(void)
{
	static const uintptr_t bad[] = { 1, 4095, 0x7ffffffff000, UINTPTR_MAX, 0xffffffff81000000 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		syscall(SYS_sethostname, bad[i], 4);
		syscall(SYS_mount, bad[i], "/mnt", bad[i], 0, 0);
	}
}

static void names(void)
{
	prctl(PR_SET_NAME, "\033]0;x\007\n");
	mount("no\033[2Jne\302\233", "/mnt", "tmpfs", 0, NULL);
	close(open("/tmp/\033[31m\nfake: line", O_RDONLY));
}

static void *execute(void *arg)
{
	static char program[] = "/turncoat";
	static char mode[] = "after";
	char *argv[] = { program, mode, NULL };

	execv(argv[0], argv);
	return arg;
}

/* The thread that executes takes the place of the first one. */
static void other_thread_executes(void)
{
	pthread_t other;

	pthread_create(&other, NULL, execute, NULL);
	pthread_join(other, NULL);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "before", before },
	{ "after", after },
	{ "thread", thread },
	{ "busy", busy },
	{ "moody", moody },
	{ "untraced", untraced },
	{ "ring", ring },
	{ "foreign", foreign },
	{ "filter", filter },
	{ "changing", changing },
	{ "forks", forks },
	{ "refusals", refusals },
	{ "addresses", addresses },
	{ "names", names },
	{ "execute", other_thread_executes },
};

int main(int argc, char **argv)
{
	log_fd = open("/tmp/log", O_WRONLY | O_APPEND);
	/* CAP_SYS_ADMIN is 21 */
	lifted = (status_of("CapEff:", 16) >> 21 & 1) != 0;
	say(lifted ? "more" : "same");
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) == 0) {
			modes[i].run();
			return 1;
		}
	}
	fprintf(stderr, "usage: turncoat MODE\n");
	return 2;
}
