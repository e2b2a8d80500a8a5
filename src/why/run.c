/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run of the program, in a child of ours that follows it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/str.h"
#include "why/observe.h"

static void redirect(int fd, int flags)
{
	int null_fd = open("/dev/null", flags | O_CLOEXEC);

	if (null_fd >= 0) {
		dup2(null_fd, fd);
		close(null_fd);
	}
}

/* In the child. */
__attribute__((noreturn)) static void run_child(struct run *run, const struct profile *profile,
	struct session_options options, bool quiet, const struct repetition *again)
{
	struct observation o = { .observer = { observe_begin, observe_take },
		.run = run,
		.again = again,
		.chain = &profile->seccomp };
	struct profile lifted = again != NULL ? lift(profile, again->lifts) : *profile;
	struct error err = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* It is run again and again: what is typed would be another's each time. */
	redirect(STDIN_FILENO, O_RDONLY);
	if (quiet || again != NULL) {
		redirect(STDOUT_FILENO, O_WRONLY);
		redirect(STDERR_FILENO, O_WRONLY);
	}
	o.threads = calloc(THREADS_MAX, sizeof(*o.threads));
	if (o.threads == NULL) {
		_exit(EXIT_OURS);
	}
	options.observer = &o.observer;
	int status = session_exec(&lifted, &options, &err);
	if (status < 0 && again == NULL) {
		log_error("%s", err.message);
	}
	fflush(NULL);
	_exit(status < 0 ? EXIT_OURS : status);
}

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* Those that end us are taken while a run is waited for: its end is recorded all the same. They
 * stay blocked; BEFORE is what was when they were not. */
static void block_signals(sigset_t *before)
{
	static sigset_t mask;
	static bool blocked;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
		sigaddset(&set, ending[i]);
	}
	sigprocmask(SIG_BLOCK, &set, blocked ? NULL : &mask);
	blocked = true;
	*before = mask;
}

/*
 * Waits for the end of PID. Returns 0, the signal that we were ended by meanwhile, or a negative
 * errno. A program that does not heed that signal is killed: PTRACE_O_EXITKILL.
 */
static int wait_for(pid_t pid, int *status)
{
	const struct timespec patience = { .tv_sec = 1 };
	sigset_t set;
	int ended_by = 0;
	pid_t r;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
		sigaddset(&set, ending[i]);
	}
	while ((r = waitpid(pid, status, WNOHANG)) == 0) {
		int sig = sigtimedwait(&set, NULL, ended_by != 0 ? &patience : NULL);

		if (sig == SIGCHLD || (sig < 0 && errno == EINTR)) {
			continue;
		}
		kill(pid, ended_by == 0 && sig > 0 ? sig : SIGKILL);
		ended_by = ended_by == 0 ? sig : ended_by;
	}
	return r < 0 ? -errno : ended_by;
}

int run_program(struct run **out, const struct profile *profile,
	const struct session_options *options, bool quiet, const struct repetition *again,
	struct error *err)
{
	int status;
	sigset_t before;
	struct run *run =
		mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*out = NULL;
	if (run == MAP_FAILED) {
		return error_set(err, errno, "make room for what is seen");
	}
	*out = run;
	if (again != NULL) {
		snprintf(run->watched, sizeof(run->watched), "%s", again->watched);
		run->seed = again->first->seed;
	} else if (getrandom(&run->seed, sizeof(run->seed), 0) != sizeof(run->seed)) {
		return error_set(err, errno, "get a random number");
	}
	block_signals(&before);
	fflush(NULL);
	run->since = time(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		run_child(run, profile, *options, quiet, again);
	}
	if (pid < 0) {
		return error_set(err, errno, "fork");
	}
	int r = wait_for(pid, &status);
	if (r < 0) {
		return error_set(err, -r, "wait for the program");
	}
	if (r > 0) {
		return error_set(err, EINTR, "it was ended by signal %d", r);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void run_free(struct run *run)
{
	if (run != NULL) {
		munmap(run, sizeof(*run));
	}
}
