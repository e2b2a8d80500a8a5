/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors: bounded reads, whole writes, openat2, which file it is, passing them between
 * processes.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Reads the file at PATH below DIR_FD (AT_FDCWD for an absolute path) to its end, at most MAX
 * bytes. *DATA is allocated, one NUL follows the data, and the caller frees it. *SIZE may be NULL.
 * Returns 0 or a negative errno; -EFBIG where more than MAX bytes are there.
 */
int fd_read_file(
	int dir_fd, const char *path, size_t max, char **data, size_t *size, struct error *err);

/* The same from an open descriptor, from where it stands. NAME is what messages call it. */
int fd_read_all(int fd, const char *name, size_t max, char **data, size_t *size, struct error *err);

/* Writes all SIZE bytes, going on after EINTR and short writes. Returns 0 or a negative errno. */
int fd_write_all(int fd, const void *data, size_t size);

/*
 * Writes STRING in one write(2) to the file at PATH below DIR_FD, as files of /proc and cgroupfs
 * want it. Returns 0 or a negative errno.
 */
int fd_write_file(int dir_fd, const char *path, const char *string, struct error *err);

/*
 * openat2(2) with O_CLOEXEC added. RESOLVE is a set of RESOLVE_ flags of <linux/openat2.h>.
 * Returns the descriptor, which the caller closes, or a negative errno.
 */
int fd_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t resolve);

/*
 * Opens the regular file PATH below ROOT_FD as a process chrooted there would, for reading.
 * Whatever the owner of that tree put in its place (a fifo, a device, a link out of the root) can
 * neither block nor divert the caller. Returns the descriptor, which the caller closes, or a
 * negative errno; -EINVAL where it is no regular file.
 */
int fd_open_in_root(int root_fd, const char *path);

/* The target of the link at PATH below DIR_FD in a new string, which the caller frees. NULL and
 * errno on failure. */
char *fd_readlink(int dir_fd, const char *path);

/* What FD is open on, as /proc/self/fd has it: proc(5). The caller frees; NULL and errno on
 * failure. */
char *fd_path(int fd);

/* Raises RLIMIT_NOFILE of the calling process as far as it may. Returns what it is then. */
size_t fd_raise_limit(void);

/* True where A and B are of the same file. */
bool fd_stat_same(const struct stat *a, const struct stat *b);

/*
 * Sends SIZE bytes and N_FDS descriptors (at most FD_PASS_MAX) as one message over the Unix socket
 * SOCK. The descriptors stay the caller's. Returns 0 or a negative errno.
 */
int fd_send(int sock, const void *data, size_t size, const int *fds, size_t n_fds);

/*
 * Receives one message of at most SIZE bytes with at most MAX_FDS descriptors, O_CLOEXEC. *N_FDS
 * says how many came; they are the caller's. Returns the number of bytes (0: the peer is gone) or a
 * negative errno; -EMSGSIZE where data or descriptors did not fit, in which case all of them were
 * closed.
 */
ssize_t fd_receive(int sock, void *data, size_t size, int *fds, size_t max_fds, size_t *n_fds);
#define FD_PASS_MAX 64

#endif
