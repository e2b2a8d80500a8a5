/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define USER_NS_DEPTH_MAX 33 /* the kernel allows 32 levels: user_namespaces(7) */
#define CGROUP_FILE_MAX (256 * 1024)
#define STAT_MAX (64 * 1024)
#define ARGUMENTS_MAX (128 * 1024)

static int read_number(const char *status, const char *field, uint64_t *out)
{
	return procfs_field_u64(status, field, 10, out);
}

/* NSpid has one number for each pid namespace from ours to the process's own. */
static unsigned int count_levels(const char *status)
{
	const char *value = procfs_field(status, "NSpid");
	unsigned int n = 0;

	while (value != NULL && *value != '\n' && *value != '\0') {
		size_t blanks = strspn(value, " \t");
		size_t digits = strspn(value + blanks, "0123456789");

		if (digits == 0) {
			break;
		}
		n++;
		value += blanks + digits;
	}
	return n > 0 ? n : 1;
}

int process_read(int proc_fd, struct process *process, struct error *err)
{
	_cleanup_free_ char *status = NULL;
	_cleanup_free_ char *stat = NULL;
	uint64_t pid;
	uint64_t tgid;
	uint64_t ppid;
	uint64_t uid;
	int64_t start_time;
	int64_t flags;
	const char *state;
	int r = procfs_status(proc_fd, &status, err);

	*process = (struct process){ 0 };
	if (r == 0) {
		r = fd_read_file(proc_fd, "stat", STAT_MAX, &stat, NULL, err);
	}
	if (r == 0) {
		r = procfs_stat_number(stat, 22, &start_time, err);
	}
	if (r == 0) {
		r = procfs_stat_number(stat, 9, &flags, err);
	}
	if (r < 0) {
		return r;
	}
	state = procfs_field(status, "State");
	/* "Uid" begins with the real one. */
	if (state == NULL || read_number(status, "Pid", &pid) < 0 ||
		read_number(status, "Tgid", &tgid) < 0 || read_number(status, "PPid", &ppid) < 0) {
		return error_set(err, 0, "/proc/PID/status has no State, Pid, Tgid or PPid");
	}
	const char *uids = procfs_field(status, "Uid");
	uid = uids != NULL ? strtoul(uids, NULL, 10) : 0;
	const char *name = procfs_field(status, "Name");
	if (name != NULL) {
		snprintf(process->comm, sizeof(process->comm), "%.*s", (int)strcspn(name, "\n"),
			name);
	}
	process->pid = (pid_t)pid;
	process->tgid = (pid_t)tgid;
	process->ppid = (pid_t)ppid;
	process->uid = (uid_t)uid;
	process->state = *state;
	process->start_time = (uint64_t)start_time;
	process->kernel_thread = (flags & PROCESS_FLAG_KTHREAD) != 0;
	process->levels = count_levels(status);
	if (procfs_inner_pid(status, &process->inner_pid) < 0) {
		process->inner_pid = process->pid;
	}
	return 0;
}

bool process_is_dead(const struct process *process)
{
	return process->state == 'Z' || process->state == 'X' || process->state == 'x';
}

/* 1: the same, 0: another, -1: one of them can't be read (/proc/1's, where it is not ours). */
static int compare_ns(int proc_fd, const char *name)
{
	_cleanup_close_ int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct ns_id theirs;
	struct ns_id ours;

	if (self < 0 || procfs_ns_id(proc_fd, name, &theirs, NULL) < 0 ||
		procfs_ns_id(self, name, &ours, NULL) < 0) {
		return -1;
	}
	return ns_id_equal(&theirs, &ours);
}

bool process_shares(int proc_fd, const char *name)
{
	return compare_ns(proc_fd, name) == 1;
}

bool process_is_apart(int proc_fd, const char *name)
{
	return compare_ns(proc_fd, name) == 0;
}

int process_user_ns_owner(int proc_fd, uid_t *owner)
{
	_cleanup_close_ int ns = openat(proc_fd, "ns/user", O_RDONLY | O_CLOEXEC);

	if (ns < 0 || ioctl(ns, NS_GET_OWNER_UID, owner) < 0) {
		return -errno;
	}
	return 0;
}

bool process_belongs_to(int proc_fd, const struct process *process, uid_t uid)
{
	int ns;
	bool belongs = false;

	if (process_shares(proc_fd, "user")) {
		return process->uid == uid;
	}
	ns = openat(proc_fd, "ns/user", O_RDONLY | O_CLOEXEC);
	/* NS_GET_PARENT ends with EPERM above our own namespace: ioctl_ns(2). */
	for (int depth = 0; ns >= 0 && !belongs && depth < USER_NS_DEPTH_MAX; depth++) {
		uid_t owner;

		belongs = ioctl(ns, NS_GET_OWNER_UID, &owner) == 0 && owner == uid;
		int parent = belongs ? -1 : ioctl(ns, NS_GET_PARENT);
		close(ns);
		ns = parent;
	}
	if (ns >= 0) {
		close(ns);
	}
	return belongs;
}

static bool file_says(const char *directory, const char *path, const char *file, const char *word)
{
	_cleanup_free_ char *name = str_format("%s%s/%s", directory, path, file);
	_cleanup_free_ char *text = NULL;

	return name != NULL && fd_read_file(AT_FDCWD, name, 4096, &text, NULL, NULL) == 0 &&
	       strstr(text, word) != NULL;
}

bool process_is_frozen(int proc_fd)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;

	if (fd_read_file(proc_fd, "cgroup", CGROUP_FILE_MAX, &text, NULL, NULL) < 0) {
		return false;
	}
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');
		char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

		if (path == NULL) {
			continue;
		}
		*path++ = '\0';
		controllers++;
		if (strcmp(controllers, "freezer") == 0 &&
			(file_says("/sys/fs/cgroup/freezer", path, "freezer.state", "FROZEN") ||
				file_says("/sys/fs/cgroup/freezer", path, "freezer.state",
					"FREEZING"))) {
			return true;
		}
		if (*controllers == '\0' &&
			(file_says("/sys/fs/cgroup", path, "cgroup.events", "frozen 1") ||
				file_says("/sys/fs/cgroup/unified", path, "cgroup.events",
					"frozen 1"))) {
			return true;
		}
	}
	return false;
}

bool process_cgroup_has(int proc_fd, const char *id)
{
	_cleanup_free_ char *text = NULL;

	return *id != '\0' &&
	       fd_read_file(proc_fd, "cgroup", CGROUP_FILE_MAX, &text, NULL, NULL) == 0 &&
	       strstr(text, id) != NULL;
}

bool process_read_called(int proc_fd, const char *comm, struct process *process)
{
	return process_read(proc_fd, process, NULL) == 0 && strcmp(process->comm, comm) == 0;
}

struct child_search {
	pid_t parent;
	bool any;
	pid_t best;
	uint64_t best_start;
};

static int look_at_child(int proc_fd, void *data)
{
	struct child_search *search = data;
	struct process process;

	if (process_read(proc_fd, &process, NULL) < 0 || process.ppid != search->parent ||
		process_is_dead(&process)) {
		return 0;
	}
	if (!search->any && (process.inner_pid != 1 || process.levels < 2)) {
		return 0;
	}
	if (search->best == 0 || process.start_time < search->best_start) {
		search->best = process.pid;
		search->best_start = process.start_time;
	}
	return 0;
}

pid_t process_child(pid_t parent, bool any)
{
	struct child_search search = { .parent = parent, .any = any };

	process_each(NULL, NULL, look_at_child, &search, NULL);
	return search.best;
}

int process_arguments(int proc_fd, char **arguments, size_t *size)
{
	int r = fd_read_file(proc_fd, "cmdline", ARGUMENTS_MAX, arguments, size, NULL);

	return r;
}

const char *process_next_argument(const char *arguments, size_t size, const char *argument)
{
	const char *next = argument == NULL ? arguments : argument + strlen(argument) + 1;

	return next < arguments + size ? next : NULL;
}

/* The sentry's root is a tmpfs with at most a few mount points. A container whose init has such a
 * name, to be left alone, has more. */
static bool root_is_bare(int proc_fd)
{
	_cleanup_close_ int fd = openat(proc_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	struct dirent *entry;
	int n = 0;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC) {
		return false;
	}
	_cleanup_closedir_ DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		return false;
	}
	(void)steal_fd(&fd);
	while (n < 8 && (entry = readdir(dir)) != NULL) {
		n++;
	}
	return n < 8; /* with "." and ".." */
}

bool process_is_gvisor(int proc_fd)
{
	_cleanup_free_ char *exe = fd_readlink(proc_fd, "exe");
	_cleanup_free_ char *arguments = NULL;
	size_t size = 0;
	const char *name = exe != NULL ? strrchr(exe, '/') : NULL;

	bool named = name != NULL && str_starts_with(name + 1, "runsc");
	if (!named && process_arguments(proc_fd, &arguments, &size) == 0 && size > 0) {
		named = str_starts_with(arguments, "runsc-sandbox") ||
			str_starts_with(arguments, "runsc-gofer");
	}
	return named && root_is_bare(proc_fd);
}
