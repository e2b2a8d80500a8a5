/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define PF_EXITING 0x4	    /* include/linux/sched.h */
#define ARGS_MAX (16 << 20) /* more than the kernel takes: execve(2) */

int procfs_open(pid_t pid, struct error *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		int code = errno == ENOENT ? ESRCH : errno;

		return error_set(err, code, "open %s", path);
	}
	return fd;
}

int procfs_status(int proc_fd, char **status, struct error *err)
{
	return fd_read_file(proc_fd, "status", 1 << 20, status, NULL, err);
}

const char *procfs_field(const char *status, const char *field)
{
	size_t length = strlen(field);

	for (const char *line = status; line != NULL && *line != '\0';) {
		if (strncmp(line, field, length) == 0 && line[length] == ':') {
			return line + length + 1 + strspn(line + length + 1, " \t");
		}
		line = strchr(line, '\n');
		if (line != NULL) {
			line++;
		}
	}
	return NULL;
}

int procfs_field_u64(const char *status, const char *field, int base, uint64_t *out)
{
	const char *value = procfs_field(status, field);
	char *end;

	if (value == NULL) {
		return -ENOENT;
	}
	errno = 0;
	uint64_t number = strtoull(value, &end, base);
	if (end == value || errno != 0) {
		return -ENOENT;
	}
	*out = number;
	return 0;
}

int procfs_args(int proc_fd, char **args, size_t *size, struct error *err)
{
	return fd_read_file(proc_fd, "cmdline", ARGS_MAX, args, size, err);
}

int procfs_image(int proc_fd, uint64_t *image)
{
	unsigned char auxv[1024];
	_cleanup_close_ int fd = openat(proc_fd, "auxv", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, auxv, sizeof(auxv)) : -1;

	if (n <= 0) {
		return n < 0 ? -errno : -ESRCH;
	}
	*image = 0;
	/* An empty one is its end alone: a pair of zeros. */
	if (n > (ssize_t)(2 * sizeof(long))) {
		/* FNV-1a */
		*image = UINT64_C(0xcbf29ce484222325);
		for (ssize_t i = 0; i < n; i++) {
			*image = (*image ^ auxv[i]) * UINT64_C(0x100000001b3);
		}
	}
	return 0;
}

int procfs_stat_number(const char *stat, int field, int64_t *out, struct error *err)
{
	/* The last parenthesis ends the name: no later field can hold one. */
	const char *p = strrchr(stat, ')');

	for (int i = 2; p != NULL && i < field; i++) {
		p = strchr(p + 1, ' ');
	}
	if (p == NULL) {
		return error_set(err, 0, "/proc/PID/stat has no field %d", field);
	}
	*out = strtoll(p, NULL, 10);
	return 0;
}

int procfs_stat_field(int proc_fd, int field, int64_t *out, struct error *err)
{
	_cleanup_free_ char *stat = NULL;
	int r = fd_read_file(proc_fd, "stat", 1 << 16, &stat, NULL, err);

	return r < 0 ? r : procfs_stat_number(stat, field, out, err);
}

int procfs_process(int proc_fd, pid_t *process, struct error *err)
{
	_cleanup_free_ char *status = NULL;
	uint64_t tgid = 0;
	int r = procfs_status(proc_fd, &status, err);

	if (r == 0 && procfs_field_u64(status, "Tgid", 10, &tgid) < 0) {
		r = error_set(err, EPROTO, "read the process of a thread");
	}
	if (r == 0) {
		*process = (pid_t)tgid;
	}
	return r;
}

int procfs_start_time(int proc_fd, uint64_t *ticks, struct error *err)
{
	int64_t value = 0;
	int r = procfs_stat_field(proc_fd, 22, &value, err);

	if (r == 0) {
		*ticks = (uint64_t)value;
	}
	return r;
}

bool procfs_is_exiting(int proc_fd)
{
	int64_t flags = 0;

	return procfs_stat_field(proc_fd, 9, &flags, NULL) < 0 || (flags & PF_EXITING) != 0;
}

int procfs_inner_pid(const char *status, pid_t *out)
{
	const char *value = procfs_field(status, "NSpid");
	long pid = 0;

	if (value == NULL) {
		return -ENOENT;
	}
	for (char *end = NULL;; value = end) {
		if (*value == '\n' || *value == '\0') {
			break;
		}
		long next = strtol(value, &end, 10);
		if (end == value) {
			break;
		}
		pid = next;
	}
	if (pid <= 0 || pid > INT_MAX) {
		return -ENOENT;
	}
	*out = (pid_t)pid;
	return 0;
}

int procfs_ns_id(int proc_fd, const char *name, struct ns_id *out, struct error *err)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "ns/%s", name);
	if (fstatat(proc_fd, path, &st, 0) < 0) {
		return error_set(err, errno, "stat /proc/PID/%s", path);
	}
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	return 0;
}

bool ns_id_equal(const struct ns_id *a, const struct ns_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}
