/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs inside the containers of the tests: static, needs nothing of the root filesystem.
 *
 *   probe init [KEY=NUMBER...]
 *		a container's pid 1: sets umask, slack (ns), personality, nice and more as
 *		given (see settings_known), then reaps its children until SIGTERM; at SIGUSR1 it
 *starts a program, see spawn() probe show [STATUS] prints all that it can see of itself as sorted
 *key=value lines probe wait the same, then "ready", then waits for the end of its input
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES_MAX 512

static char *lines[LINES_MAX];
static size_t n_lines;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (n_lines == LINES_MAX || vasprintf(&lines[n_lines++], format, args) < 0) {
		_exit(99);
	}
	va_end(args);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Nothing that the container's root filesystem holds may spoil a line: control characters go. */
static void flush_lines(void)
{
	qsort(lines, n_lines, sizeof(lines[0]), compare);
	for (size_t i = 0; i < n_lines; i++) {
		for (char *c = lines[i]; *c != '\0'; c++) {
			if ((unsigned char)*c < ' ') {
				*c = '?';
			}
		}
		puts(lines[i]);
	}
	fflush(stdout);
}

static void say_status(void)
{
	static const char *const wanted[] = { "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff",
		"CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Umask",
		"TracerPid", "SigBlk", "SigIgn", "NSpid", "Threads" };
	char line[1024];
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *colon = strchr(line, ':');

		if (colon == NULL) {
			continue;
		}
		*colon = '\0';
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
			if (strcmp(line, wanted[i]) == 0) {
				char *value = colon + 1 + strspn(colon + 1, " \t\n");

				value[strcspn(value, "\n")] = '\0';
				say("status.%s=%s", line, value);
			}
		}
	}
	if (f != NULL) {
		fclose(f);
	}
}

static void say_file(const char *key, const char *path)
{
	char data[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof(data) - 1);

	if (n < 0) {
		say("%s=?%s", key, strerrorname_np(errno));
	} else {
		data[n] = '\0';
		data[strcspn(data, "\n")] = '\0';
		say("%s=%s", key, data);
	}
	if (fd >= 0) {
		close(fd);
	}
}

static void say_links(const char *key, const char *folder, bool targets)
{
	char target[1024];
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' ||
			(strcmp(key, "fd") == 0 && atoi(entry->d_name) == dirfd(dir))) {
			continue;
		}
		ssize_t n =
			targets ? readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1)
				: 0;
		target[n > 0 ? n : 0] = '\0';
		say("%s.%s=%s", key, entry->d_name, target);
	}
	if (dir != NULL) {
		closedir(dir);
	}
}

/* Which descriptors are open, also where there is no /proc. */
static void say_descriptors(void)
{
	struct stat st;

	for (int fd = 0; fd < 1024; fd++) {
		if (fstat(fd, &st) == 0) {
			say("fd.%03d=%o %u:%u", fd, st.st_mode & S_IFMT, major(st.st_dev),
				minor(st.st_dev));
		}
	}
}

static void say_system_calls(void)
{
	struct utsname uts;
	struct stat st;
	gid_t groups[256];
	char text[4096] = "";
	sigset_t set;
	uint64_t bounding = 0;
	mode_t mask = umask(0);
	int n = getgroups(256, groups);

	umask(mask);
	for (int i = 0; i < n; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", i ? " " : "",
			groups[i]);
	}
	say("call.groups=%s", text);
	say("call.uid=%u %u", getuid(), geteuid());
	say("call.gid=%u %u", getgid(), getegid());
	say("call.umask=%04o", mask);
	say("call.no_new_privs=%d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("call.securebits=%d", prctl(PR_GET_SECUREBITS));
	say("call.keepcaps=%d", prctl(PR_GET_KEEPCAPS));
	say("call.timerslack=%d", prctl(PR_GET_TIMERSLACK));
	say("call.thp_disable=%d", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	say("call.pdeathsig=%d", prctl(PR_GET_PDEATHSIG, &n) == 0 ? n : -1);
	say("call.personality=%x", (unsigned int)personality(0xffffffff));
	say("call.nice=%d", getpriority(PRIO_PROCESS, 0));
	say("pid=%d", getpid());
	say("ppid=%d", getppid());
	say("session=%d", getsid(0));
	for (int cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) {
			bounding |= UINT64_C(1) << cap;
		}
	}
	say("call.bounding=%016jx", (uintmax_t)bounding);
	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int sig = 1; sig < 65; sig++) {
		struct sigaction action;

		if (sigismember(&set, sig) == 1) {
			say("signal.blocked.%02d=1", sig);
		}
		if (sigaction(sig, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
			say("signal.ignored.%02d=1", sig);
		}
	}
	if (stat("/", &st) == 0) {
		say("root=%u:%u %ju", major(st.st_dev), minor(st.st_dev), (uintmax_t)st.st_ino);
	}
	say("call.cwd=%s", getcwd(text, sizeof(text)) != NULL ? text : strerrorname_np(errno));
	if (uname(&uts) == 0) {
		say("call.hostname=%s", uts.nodename);
	}
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit;

		getrlimit(i, &limit);
		say("limit.%02d=%jd %jd", i, (intmax_t)limit.rlim_cur, (intmax_t)limit.rlim_max);
	}
}

static void show(int argc, char **argv, char **env)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	char cgroups[4096];
	int fd;

	for (int i = 0; i < argc; i++) {
		say("argv.%d=%s", i, argv[i]);
	}
	for (char **var = env; *var != NULL; var++) {
		for (char *c = *var; *c != '\0'; c++) {
			hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
		}
		say("env.%s", *var);
	}
	say("environ=%016jx", (uintmax_t)hash);
	say("execfn=%s", (const char *)getauxval(AT_EXECFN)); // NOLINT
	say("secure=%lu", getauxval(AT_SECURE));
	say_descriptors();
	say_status();
	say_system_calls();
	say_links("ns", "/proc/self/ns", true);
	say_file("oom_score_adj", "/proc/self/oom_score_adj");
	say_file("coredump_filter", "/proc/self/coredump_filter");
	say_file("label", "/proc/self/attr/current");
	say_file("loginuid", "/proc/self/loginuid");
	say_file("world", "/etc/sallyport-test-world");
	fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, cgroups, sizeof(cgroups) - 1);
	cgroups[n > 0 ? n : 0] = '\0';
	for (char *line = strtok(cgroups, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		say("cgroup.%s", line);
	}
	if (fd >= 0) {
		close(fd);
	}
	flush_lines();
}

static volatile sig_atomic_t ended;

static void end(int sig)
{
	ended = sig;
}

static void write_number(const char *file, unsigned long value)
{
	char text[32];
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	snprintf(text, sizeof(text), "%lu", value);
	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		perror(file);
	}
	close(fd);
}

static void set_umask(unsigned long value)
{
	umask((mode_t)value);
}

static void set_slack(unsigned long value)
{
	prctl(PR_SET_TIMERSLACK, value);
}

static void set_personality(unsigned long value)
{
	personality(value);
}

static void set_nice(unsigned long value)
{
	setpriority(PRIO_PROCESS, 0, (int)value);
}

static void set_oom(unsigned long value)
{
	write_number("/proc/self/oom_score_adj", value);
}

static void set_core(unsigned long value)
{
	write_number("/proc/self/coredump_filter", value);
}

static void set_autogroup(unsigned long value)
{
	write_number("/proc/self/autogroup", value);
}

static void set_ioprio(unsigned long value)
{
	syscall(SYS_ioprio_set, 1, 0, value);
}

static void set_thp(unsigned long value)
{
	prctl(PR_SET_THP_DISABLE, value, 0, 0, 0);
}

static void set_dumpable(unsigned long value)
{
	prctl(PR_SET_DUMPABLE, value);
}

static void set_nofile(unsigned long value)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = value;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* SCHED_BATCH, SCHED_IDLE */
static void set_policy(unsigned long value)
{
	struct sched_param param = { 0 };

	sched_setscheduler(0, (int)value, &param);
}

static void set_cpus(unsigned long value)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = 0; cpu < 64; cpu++) {
		if ((value >> cpu & 1) != 0) {
			CPU_SET(cpu, &set);
		}
	}
	sched_setaffinity(0, sizeof(set), &set);
}

/* PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH: PR_SPEC_DISABLE */
static void set_speculation(unsigned long value)
{
	prctl(PR_SET_SPECULATION_CTRL, 0, value, 0, 0);
	prctl(PR_SET_SPECULATION_CTRL, 1, value, 0, 0);
}

/* PR_SET_MDWE: no other process can see it, so nothing outside can copy it. */
static void set_mdwe(unsigned long value)
{
	prctl(65, value, 0, 0, 0);
}

static const struct {
	const char *name;
	void (*set)(unsigned long value);
} settings_known[] = {
	{ "umask", set_umask },
	{ "slack", set_slack },
	{ "personality", set_personality },
	{ "nice", set_nice },
	{ "oom", set_oom },
	{ "core", set_core },
	{ "autogroup", set_autogroup },
	{ "ioprio", set_ioprio },
	{ "thp", set_thp },
	{ "dump", set_dumpable },
	{ "nofile", set_nofile },
	{ "policy", set_policy },
	{ "cpus", set_cpus },
	{ "speculation", set_speculation },
	{ "mdwe", set_mdwe },
};

static void set(const char *setting)
{
	size_t length = strcspn(setting, "=");
	unsigned long value = setting[length] == '=' ? strtoul(setting + length + 1, NULL, 0) : 0;

	for (size_t i = 0; i < sizeof(settings_known) / sizeof(settings_known[0]); i++) {
		if (strlen(settings_known[i].name) == length &&
			strncmp(settings_known[i].name, setting, length) == 0) {
			settings_known[i].set(value);
		}
	}
}

/* Where who started the container finds the pipes of spawn(): /proc/PID/fd. */
#define REQUESTS_FD 40
#define ANSWERS_FD 41

/*
 * A process that the container started by itself: the program whose path comes as a line through
 * the pipe of requests, with that and the pipe of answers as its 0 and 1. No shell is needed.
 */
static void spawn(void)
{
	static char name[] = "sallyport-probe";
	char path[256];
	char *argv[] = { name, NULL };
	sigset_t none;
	size_t n = 0;

	if (fork() != 0) {
		return;
	}
	while (n < sizeof(path) - 1 && read(REQUESTS_FD, path + n, 1) == 1 && path[n] != '\n') {
		n++;
	}
	path[n] = '\0';
	dup2(REQUESTS_FD, STDIN_FILENO);
	dup2(ANSWERS_FD, STDOUT_FILENO);
	close_range(3, ~0U, 0);
	sigemptyset(&none);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(path, argv);
	_exit(127);
}

static void make_pipes(void)
{
	int requests[2];
	int answers[2];

	if (pipe(requests) == 0 && pipe(answers) == 0) {
		dup2(requests[0], REQUESTS_FD);
		dup2(answers[1], ANSWERS_FD);
		for (int i = 0; i < 2; i++) {
			close(requests[i]);
			close(answers[i]);
		}
	}
}

static int init(char **settings)
{
	sigset_t all;

	for (; *settings != NULL; settings++) {
		set(*settings);
	}
	signal(SIGTERM, end);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	sigaddset(&all, SIGTERM);
	sigaddset(&all, SIGUSR1);
	make_pipes();
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		int sig = 0;

		sigwait(&all, &sig);
		if (sig == SIGTERM) {
			return 0;
		}
		if (sig == SIGUSR1) {
			spawn();
		}
		while (waitpid(-1, NULL, WNOHANG) > 0) {
		}
	}
}

static void wait_for_end_of_input(void)
{
	char byte;

	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0) {
	}
}

int main(int argc, char **argv, char **env)
{
	const char *mode = argc > 1 ? argv[1] : "show";

	if (strcmp(mode, "init") == 0) {
		return init(argv + 2);
	}
	if (strcmp(mode, "world") == 0) {
		puts(access("/etc/sallyport-test-world", F_OK) == 0 ? "container" : "host");
		return 0;
	}
	show(argc, argv, env);
	if (strcmp(mode, "wait") == 0) {
		wait_for_end_of_input();
	}
	return strcmp(mode, "show") == 0 && argc > 2 ? atoi(argv[2]) : 0;
}
