/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/str.h"
#include "probe/probe.h"

#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif
#ifndef PR_GET_MEMORY_MERGE
#define PR_GET_MEMORY_MERGE 68
#endif
#ifndef PR_GET_IO_FLUSHER
#define PR_GET_IO_FLUSHER 58
#endif

#define DESCRIPTORS_MAX 4096
#define SIGNALS 64

/* prctl(2) options that answer by their result. */
static const struct {
	const char *key;
	int option;
} answers[] = {
	{ "self.securebits", PR_GET_SECUREBITS },
	{ "self.keepcaps", PR_GET_KEEPCAPS },
	{ "self.dumpable", PR_GET_DUMPABLE },
	{ "self.no_new_privs", PR_GET_NO_NEW_PRIVS },
	{ "self.thp_disable", PR_GET_THP_DISABLE },
	{ "self.mdwe", PR_GET_MDWE },
	{ "self.memory_merge", PR_GET_MEMORY_MERGE },
	{ "self.io_flusher", PR_GET_IO_FLUSHER },
	{ "self.timing", PR_GET_TIMING },
	{ "self.mce_kill", PR_MCE_KILL_GET },
	{ "self.seccomp", PR_GET_SECCOMP },
	{ "self.timer_slack", PR_GET_TIMERSLACK },
};

/* ... and those that answer into an int. */
static const struct {
	const char *key;
	int option;
} fillers[] = {
	{ "self.pdeathsig", PR_GET_PDEATHSIG },
	{ "self.child_subreaper", PR_GET_CHILD_SUBREAPER },
	{ "self.tsc", PR_GET_TSC },
};

/* Where a child leaves its answer. */
static int *answer;

/* A prctl that a filter kills us for must not be the end of the probe: so each in a child. */
static int ask(const void *option)
{
	*answer = prctl(*(const int *)option, 0, 0, 0, 0);
	return *answer < 0 ? errno : 0;
}

static int ask_filler(const void *option)
{
	return prctl(*(const int *)option, answer, 0, 0, 0) < 0 ? errno : 0;
}

static void say_answer(const char *key, int (*fn)(const void *arg), const int *option)
{
	*answer = 0;
	int code = in_child(fn, option);
	if (code == 0) {
		say(key, "%d", *answer);
	} else if (code > 0) {
		say_code(key, code);
	} else {
		say(key, "killed by signal %d", -code);
	}
}

static void say_prctl(void)
{
	answer = mmap(
		NULL, sizeof(*answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (answer == MAP_FAILED) {
		say("self.securebits", "%s", code_name(errno));
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		say_answer(answers[i].key, ask, &answers[i].option);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fillers); i++) {
		say_answer(fillers[i].key, ask_filler, &fillers[i].option);
	}
}

static void say_signals(void)
{
	sigset_t set;
	uint64_t blocked = 0;
	uint64_t ignored = 0;

	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int sig = 1; sig <= SIGNALS; sig++) {
		struct sigaction action;

		if (sigismember(&set, sig) == 1) {
			blocked |= UINT64_C(1) << (sig - 1);
		}
		if (sigaction(sig, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
			ignored |= UINT64_C(1) << (sig - 1);
		}
	}
	say("self.signals_blocked", "%016jx", (uintmax_t)blocked);
	say("self.signals_ignored", "%016jx", (uintmax_t)ignored);
}

static void say_descriptors(void)
{
	char list[1024] = "";
	size_t n = 0;

	for (int fd = 0; fd < DESCRIPTORS_MAX && n + 16 < sizeof(list); fd++) {
		if (fcntl(fd, F_GETFD) >= 0) {
			n += (size_t)snprintf(
				list + n, sizeof(list) - n, "%s%d", n > 0 ? " " : "", fd);
		}
	}
	say("self.descriptors", "%s", list);
}

static void say_ids(void)
{
	uid_t uids[3];
	gid_t gids[3];
	gid_t groups[1024];
	char list[8192] = "";
	int count = getgroups(1024, groups);

	getresuid(&uids[0], &uids[1], &uids[2]);
	getresgid(&gids[0], &gids[1], &gids[2]);
	say("self.uids", "%u %u %u", uids[0], uids[1], uids[2]);
	say("self.gids", "%u %u %u", gids[0], gids[1], gids[2]);
	for (int i = 0; i < count; i++) {
		size_t n = strlen(list);

		snprintf(list + n, sizeof(list) - n, "%s%u", i > 0 ? " " : "", groups[i]);
	}
	say("self.groups", "%s", list);
}

/* The session keyring's type, owner, permissions and name. */
static int describe_keyring(const void *arg)
{
	char text[512] = "";
	long n = syscall(
		SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, sizeof(text) - 1);

	if (n < 0) {
		return errno;
	}
	(void)!write(*(const int *)arg, text, strlen(text));
	return 0;
}

static void say_keyring(void)
{
	char text[512];
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		return;
	}
	int code = in_child(describe_keyring, &pipe_fds[1]);
	close(pipe_fds[1]);
	ssize_t n = read(pipe_fds[0], text, sizeof(text) - 1);
	close(pipe_fds[0]);
	text[n > 0 ? n : 0] = '\0';
	if (code == 0) {
		say("self.session_keyring", "%s", text);
	} else {
		say("self.session_keyring", "%s", code > 0 ? code_name(code) : "no answer");
	}
}

static void say_place(void)
{
	struct utsname uts;
	struct stat st;
	char path[4096];

	say("self.cwd", "%s", getcwd(path, sizeof(path)) != NULL ? path : code_name(errno));
	if (stat("/", &st) == 0) {
		say("self.root_inode", "%ju", (uintmax_t)st.st_ino);
	}
	if (uname(&uts) == 0) {
		say("self.hostname", "%s", uts.nodename);
		say("self.domainname", "%s", uts.domainname);
		say("self.machine", "%s", uts.machine);
	}
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	say("self.controlling_terminal", "%s", tty >= 0 ? "yes" : "no");
	if (tty >= 0) {
		close(tty);
	}
}

void self_say(void)
{
	mode_t mask = umask(0);

	umask(mask);
	say_descriptors();
	say_ids();
	say_prctl();
	say_signals();
	say_keyring();
	say_place();
	say("self.umask", "%04o", mask);
	say("self.nice", "%d", getpriority(PRIO_PROCESS, 0));
	say("self.secure", "%lu", getauxval(AT_SECURE));
	say("self.parent_inside", "%s", getppid() == 0 ? "no" : "yes");
	say("self.mempolicy", "%s",
		syscall(SYS_get_mempolicy, &(int){ 0 }, NULL, 0, NULL, 0) == 0 ? "readable"
									       : code_name(errno));
}
