/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

int fd_read_all(int fd, const char *name, size_t max, char **data, size_t *size, struct error *err)
{
	size_t room = 4096;
	size_t used = 0;
	_cleanup_free_ char *buffer = malloc(room + 1);

	if (buffer == NULL) {
		return error_set(err, ENOMEM, "read %s", name);
	}
	for (;;) {
		if (used == room) {
			char *larger = realloc(buffer, 2 * room + 1);

			if (larger == NULL) {
				return error_set(err, ENOMEM, "read %s", name);
			}
			buffer = larger;
			room *= 2;
		}
		ssize_t n = read(fd, buffer + used, room - used);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return error_set(err, errno, "read %s", name);
		}
		if (n == 0) {
			break;
		}
		used += (size_t)n;
		if (used > max) {
			return error_set(err, EFBIG, "read %s: more than %zu bytes", name, max);
		}
	}
	buffer[used] = '\0';
	*data = steal_pointer(&buffer);
	if (size != NULL) {
		*size = used;
	}
	return 0;
}

int fd_read_file(
	int dir_fd, const char *path, size_t max, char **data, size_t *size, struct error *err)
{
	_cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		return error_set(err, errno, "open %s", path);
	}
	return fd_read_all(fd, path, max, data, size, err);
}

int fd_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_write_file(int dir_fd, const char *path, const char *string, struct error *err)
{
	_cleanup_close_ int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		return error_set(err, errno, "open %s", path);
	}
	if (write(fd, string, strlen(string)) < 0) {
		return error_set(err, errno, "write to %s", path);
	}
	return 0;
}

int fd_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };
	int fd;

	/* With RESOLVE_IN_ROOT and RESOLVE_BENEATH the kernel gives EAGAIN where a rename raced:
	 * openat2(2). */
	for (int tries = 0; tries < 64; tries++) {
		fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN) {
			break;
		}
	}
	return fd < 0 ? -errno : fd;
}

int fd_open_in_root(int root_fd, const char *path)
{
	uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	_cleanup_close_ int fd = fd_openat2(root_fd, path, O_PATH, resolve);
	struct stat st;
	char self[64];

	if (fd < 0) {
		return fd;
	}
	/* O_PATH first: opening a device can have effects, so its type is looked at before. */
	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (!S_ISREG(st.st_mode)) {
		return -EINVAL;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	int real = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return real < 0 ? -errno : real;
}

char *fd_readlink(int dir_fd, const char *path)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, path, target, sizeof(target) - 1);

	if (n < 0) {
		return NULL;
	}
	target[n] = '\0';
	return strdup(target);
}

char *fd_path(int fd)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return fd_readlink(AT_FDCWD, self);
}

size_t fd_raise_limit(void)
{
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

bool fd_stat_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int fd_send(int sock, const void *data, size_t size, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > FD_PASS_MAX) {
		return -EINVAL;
	}
	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
	}
	for (;;) {
		ssize_t n = sendmsg(sock, &message, MSG_NOSIGNAL);

		if (n >= 0) {
			return (size_t)n == size ? 0 : -EMSGSIZE;
		}
		if (errno != EINTR) {
			return -errno;
		}
	}
}

/* Takes the descriptors out of MESSAGE: the first MAX_FDS into FDS, the rest are closed. Returns
 * how many came. */
static size_t take_fds(struct msghdr *message, int *fds, size_t max_fds)
{
	size_t count = 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h != NULL; h = CMSG_NXTHDR(message, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			if (count < max_fds) {
				fds[count] = fd;
			} else {
				close(fd);
			}
			count++;
		}
	}
	return count;
}

ssize_t fd_receive(int sock, void *data, size_t size, int *fds, size_t max_fds, size_t *n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	*n_fds = 0;
	do {
		n = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return -errno;
	}
	size_t count = take_fds(&message, fds, max_fds);
	if (count > max_fds || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		for (size_t i = 0; i < count && i < max_fds; i++) {
			close(fds[i]);
		}
		return -EMSGSIZE;
	}
	*n_fds = count;
	return n;
}
