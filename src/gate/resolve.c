/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

/* Reads the string at ADDRESS of TID, page by page, so that what lies behind it needn't exist. */
static int read_string(pid_t tid, uint64_t address, char *out, size_t size, struct error *err)
{
	size_t used = 0;

	while (used < size) {
		size_t page_rest = 4096 - ((address + used) & 4095);
		struct iovec local = { .iov_base = out + used,
			.iov_len = page_rest < size - used ? page_rest : size - used };
		struct iovec remote = { .iov_base = (void *)(uintptr_t)(address + used),
			.iov_len = local.iov_len };
		ssize_t n = process_vm_readv(tid, &local, 1, &remote, 1, 0);

		if (n <= 0) {
			return error_set(
				err, n < 0 ? errno : EFAULT, "read the memory of thread %d", tid);
		}
		if (memchr(out + used, '\0', (size_t)n) != NULL) {
			return 0;
		}
		used += (size_t)n;
	}
	return error_set(err, ENAMETOOLONG, "the path that thread %d executes", tid);
}

/* The link NAME ("cwd", "root", "fd/3") of /proc/TID as our own root has it: "/c/usr". */
static int read_link(pid_t tid, const char *name, char *out, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	ssize_t n = readlink(path, out, size - 1);
	if (n < 0) {
		return -errno;
	}
	out[n] = '\0';
	return 0;
}

static bool has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")) != NULL; p += 2) {
		if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0')) {
			return true;
		}
	}
	return false;
}

static int copy(char *out, size_t size, const char *string)
{
	if (strlen(string) >= size) {
		return -ENAMETOOLONG;
	}
	strcpy(out, string);
	return 0;
}

/* The number N of "/proc/self/fd/N" or "/dev/fd/N", or -1. */
static int magic_fd(const char *path)
{
	static const char *const prefixes[] = { "/proc/self/fd/", "/proc/thread-self/fd/",
		"/dev/fd/" };
	uint64_t fd;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (str_starts_with(path, prefixes[i]) &&
			str_to_u64(path + strlen(prefixes[i]), INT32_MAX, &fd) == 0) {
			return (int)fd;
		}
	}
	return -1;
}

/* True where the thing that CALL named, PATH from BASE, is the very file of FILE_STAT. */
static bool names_file(
	pid_t tid, const char *path, const char *base, int dirfd, const struct stat *file_stat)
{
	char name[64];
	char whole[2 * PATH_MAX];
	struct stat st;
	int magic = path[0] == '\0' ? dirfd : magic_fd(path);

	if (magic >= 0) {
		snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)tid, magic);
		return stat(name, &st) == 0 && fd_stat_same(&st, file_stat);
	}
	snprintf(name, sizeof(name), "/proc/%d/root", (int)tid);
	snprintf(whole, sizeof(whole), "%s/%s", path[0] == '/' ? "" : base, path);
	_cleanup_close_ int root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd = root >= 0 ? fd_openat2(root, whole, O_PATH, RESOLVE_IN_ROOT) : -1;
	return fd >= 0 && fstat(fd, &st) == 0 && fd_stat_same(&st, file_stat);
}

/* The program's working directory: the tool's where that is in /c, else the plan's own. */
static void set_cwd(pid_t tid, struct wire_plan *plan)
{
	char cwd[PATH_MAX];
	const char *in = read_link(tid, "cwd", cwd, sizeof(cwd)) == 0 ? wire_inside(cwd) : NULL;

	plan->cwd[0] = '\0';
	if (in != NULL) {
		copy(plan->cwd, sizeof(plan->cwd), in);
	}
}

int resolve_exec(pid_t tid, const struct exec_call *call, const struct stat *file_stat,
	const char *file, struct wire_plan *plan, struct error *err)
{
	char path[PATH_MAX];
	char root[PATH_MAX];
	char base[PATH_MAX] = "";
	char whole[2 * PATH_MAX];
	char name[32] = "cwd";
	int r = read_string(tid, call->path, path, sizeof(path), err);

	if (r < 0) {
		return r;
	}
	if (wire_inside(file) == NULL) {
		return error_set_hint(err, EXDEV, "run it by its name below " WIRE_CONTAINER_PATH,
			"%s is a file of the container's under another name", file);
	}
	if (call->dirfd != AT_FDCWD && path[0] != '/') {
		snprintf(name, sizeof(name), "fd/%d", call->dirfd);
	}
	r = read_link(tid, "root", root, sizeof(root));
	if (r == 0 && path[0] != '/') {
		r = read_link(tid, name, base, sizeof(base));
	}
	if (r < 0) {
		return error_set(err, -r, "read /proc/%d/%s", tid, name);
	}
	set_cwd(tid, plan);
	/* What the caller wrote, from the session's root. A tool in chroot("/c") has root "/c". */
	snprintf(whole, sizeof(whole), "%s/%s",
		path[0] != '/'		 ? base
		: strcmp(root, "/") == 0 ? ""
					 : root,
		path[0] == '/' ? path + 1 : path);
	const char *in = wire_inside(whole);
	if (in != NULL && path[0] != '\0' && !has_dotdot(whole)) {
		bool relative = path[0] != '/' && strcmp(name, "cwd") == 0;

		r = copy(plan->path, sizeof(plan->path), relative ? path : in);
		return r < 0 ? error_set(err, -r, "%.64s...", path) : 0;
	}
	if (strcmp(root, "/") == 0 && !names_file(tid, path, base, call->dirfd, file_stat)) {
		return error_set_hint(err, ENOEXEC, "run the interpreter itself",
			"%s is a program of the host whose interpreter %s is the container's", path,
			file);
	}
	copy(plan->path, sizeof(plan->path), wire_inside(file));
	return 0;
}

int resolve_enter(pid_t pid, const char *path, struct wire_plan *plan, struct error *err)
{
	const char *in = wire_inside(path);

	if (path[0] == '\0') {
		return error_set(err, ENOENT, "an empty path");
	}
	set_cwd(pid, plan);
	plan->search = strchr(path, '/') == NULL;
	int r = copy(plan->path, sizeof(plan->path), in != NULL ? in : path);
	return r < 0 ? error_set(err, -r, "%.64s...", path) : 0;
}
