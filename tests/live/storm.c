/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * storm [-w WAY] COUNT WORKERS [PROGRAM ANSWER]...: starts COUNT programs in every way that there
 * is, or in the one WAY, from WORKERS processes at once. Each program gets one argument, "world",
 * and has to print its ANSWER and to exit with 0. Says what went wrong, then a line for all.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX 256
#define SECONDS_MAX 30 /* that one program may take, on a busy machine */

extern char **environ;

struct job {
	const char *path;
	char **argv;
	int out; /* its stdout */
};

static void child_exec(const struct job *job, bool by_descriptor)
{
	dup2(job->out, STDOUT_FILENO);
	if (by_descriptor) {
		int fd = open(job->path, O_RDONLY | O_CLOEXEC);

		fexecve(fd, job->argv, environ);
	} else {
		execve(job->path, job->argv, environ);
	}
	_exit(123);
}

static pid_t by_fork(const struct job *job)
{
	pid_t pid = fork();

	if (pid == 0) {
		child_exec(job, false);
	}
	return pid;
}

static pid_t by_vfork(const struct job *job)
{
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(job->out, STDOUT_FILENO);
		execve(job->path, job->argv, environ);
		_exit(123);
	}
	return pid;
}

static pid_t by_posix_spawn(const struct job *job)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, job->out, STDOUT_FILENO);
	errno = posix_spawn(&pid, job->path, &actions, NULL, job->argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return errno == 0 ? pid : -1;
}

static void *thread_exec(void *job)
{
	child_exec(job, false);
	return NULL;
}

/* A second thread execs while the first one is asleep: it becomes the leader. */
static pid_t by_thread(const struct job *job)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct job copy = *job;
		pthread_t thread;

		if (pthread_create(&thread, NULL, thread_exec, &copy) == 0) {
			pthread_join(thread, NULL);
		}
		_exit(124);
	}
	return pid;
}

static pid_t by_fexecve(const struct job *job)
{
	pid_t pid = fork();

	if (pid == 0) {
		child_exec(job, true);
	}
	return pid;
}

static pid_t by_execveat(const struct job *job)
{
	pid_t pid = fork();

	if (pid == 0) {
		char folder[256];
		const char *slash = strrchr(job->path, '/');

		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - job->path), job->path);
		int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
		dup2(job->out, STDOUT_FILENO);
		syscall(SYS_execveat, fd, slash + 1, job->argv, environ, 0);
		_exit(123);
	}
	return pid;
}

/* The 32-bit system call: everything that it points to has to be below 4 GiB. */
static pid_t by_int80(const struct job *job)
{
#ifdef __x86_64__
	pid_t pid = fork();

	if (pid == 0) {
		char *low = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		uint32_t *argv32 = (uint32_t *)(void *)low;
		char *text = low + 4096;
		long result;
		size_t i;

		if (low == MAP_FAILED) {
			_exit(125);
		}
		dup2(job->out, STDOUT_FILENO);
		for (i = 0; job->argv[i] != NULL; i++) {
			argv32[i] = (uint32_t)(uintptr_t)strcpy(text, job->argv[i]);
			text += strlen(text) + 1;
		}
		argv32[i] = 0;
		strcpy(text, job->path);
		__asm__ volatile("int $0x80"
				 : "=a"(result)
				 : "a"(11), "b"(text), "c"(argv32), "d"(argv32 + i)
				 : "memory", "r8", "r9", "r10", "r11");
		_exit(result == -ENOSYS ? 126 : 123);
	}
	return pid;
#else
	return by_fork(job);
#endif
}

static const struct way {
	const char *name;
	pid_t (*start)(const struct job *job);
} all_ways[] = {
	{ "fork", by_fork },
	{ "vfork", by_vfork },
	{ "posix_spawn", by_posix_spawn },
	{ "thread", by_thread },
	{ "fexecve", by_fexecve },
	{ "execveat", by_execveat },
	{ "int80", by_int80 },
};
/* How many of the ways there are: int80, the last, needs a kernel with 32-bit emulation. */
static unsigned int n_ways = sizeof(all_ways) / sizeof(all_ways[0]);
static const struct way *ways = all_ways;

static bool has_int80(void)
{
	int status = 1;
#ifdef __x86_64__
	pid_t pid = fork();

	if (pid == 0) {
		long result;

		__asm__ volatile("int $0x80" /* getpid */
				 : "=a"(result)
				 : "a"(20)
				 : "memory", "r8", "r9", "r10", "r11");
		_exit(result != getpid());
	}
	waitpid(pid, &status, 0);
#endif
	return status == 0;
}

/* Starts PATH the WAY and compares its one line with EXPECTED. Says what is wrong. */
static int once(const struct way *way, const char *path, const char *mode, const char *expected)
{
	char answer[ANSWER_MAX];
	char *argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)mode, NULL };
	struct job job = { .path = path, .argv = argv };
	size_t length = 0;
	ssize_t n;
	int pipe_fds[2];
	int status = 0;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		return -1;
	}
	job.out = pipe_fds[1];
	alarm(SECONDS_MAX);
	pid_t pid = way->start(&job);
	close(pipe_fds[1]);
	while (pid > 0 && length < sizeof(answer) - 1 &&
		(n = read(pipe_fds[0], answer + length, sizeof(answer) - 1 - length)) > 0) {
		length += (size_t)n;
	}
	answer[length] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	close(pipe_fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		printf("wrong: %s of %s: %s\n", way->name, path, strerror(errno));
		return -1;
	}
	alarm(0);
	if (status != 0 || strcmp(answer, expected) != 0) {
		printf("wrong: %s of %s: status %x, \"%s\" instead of \"%s\"\n", way->name, path,
			status, answer, expected);
		return -1;
	}
	return 0;
}

/* PATHS are pairs of a program and what it prints, NULL at the end. */
static int worker(unsigned int number, unsigned int count, char **paths)
{
	size_t n_paths = 0;
	int wrong = 0;

	while (paths[2 * n_paths] != NULL) {
		n_paths++;
	}
	for (unsigned int i = 0; i < count; i++) {
		const struct way *way = &ways[(i + number) % n_ways];
		char **pair = &paths[2 * ((i / n_ways + i + number) % n_paths)];

		wrong += once(way, pair[0], "world", pair[1]) < 0;
		fflush(stdout);
	}
	return wrong > 0;
}

/* Takes the one way NAME alone. */
static bool choose_way(const char *name)
{
	for (unsigned int i = 0; i < n_ways; i++) {
		if (strcmp(all_ways[i].name, name) == 0) {
			ways = &all_ways[i];
			n_ways = 1;
			return true;
		}
	}
	return false;
}

static void hung(int sig)
{
	static const char message[] = "wrong: a program hangs\n";

	(void)!write(STDOUT_FILENO, message, sizeof(message) - 1);
	_exit(2);
}

int main(int argc, char **argv)
{
	bool one_way = argc > 2 && strcmp(argv[1], "-w") == 0;
	int failed = 0;
	int status;

	if (!has_int80()) {
		n_ways--;
	}
	if (one_way && !choose_way(argv[2])) {
		fprintf(stderr, "storm: there is no way %s here\n", argv[2]);
		return 2;
	}
	argc -= one_way ? 2 : 0;
	argv += one_way ? 2 : 0;
	unsigned int count = argc > 4 ? (unsigned int)atoi(argv[1]) : 0;
	unsigned int workers = argc > 4 ? (unsigned int)atoi(argv[2]) : 0;
	if (count == 0 || workers == 0 || argc % 2 == 0) {
		fprintf(stderr, "usage: storm [-w WAY] COUNT WORKERS [PROGRAM ANSWER]...\n");
		return 2;
	}
	for (unsigned int i = 0; i < workers; i++) {
		if (fork() == 0) {
			signal(SIGALRM, hung);
			_exit(worker(i, count / workers, argv + 3));
		}
	}
	while (wait(&status) > 0) {
		failed |= status;
	}
	printf("%s: %u programs in %u ways\n", failed == 0 ? "all well" : "not well",
		count / workers * workers, n_ways);
	return failed != 0;
}
