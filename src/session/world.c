/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "session/helper.h"
#include "session/host.h"
#include "session/mounts.h"

int world_add(struct world *world, int fd, const char *path, struct error *err)
{
	if (world->count == WORLD_MOUNTS_MAX) {
		close(fd);
		return error_set(err, E2BIG, "more than %d mounts in a session", WORLD_MOUNTS_MAX);
	}
	char *copy = strdup(path);
	if (copy == NULL) {
		close(fd);
		return error_set(err, ENOMEM, "prepare the session's mounts");
	}
	world->mounts[world->count++] = (struct world_mount){ fd, copy };
	return 0;
}

static int copy_launcher(int dir_fd, struct error *err)
{
	char path[PATH_MAX];
	struct stat st;
	int r = helper_path("sallyport-launch", path, err);

	if (r < 0) {
		return r;
	}
	_cleanup_close_ int from = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int to =
		openat(dir_fd, "launch", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555);
	if (from < 0 || to < 0 || fstat(from, &st) < 0) {
		return error_set(err, errno, "copy %s into the session", path);
	}
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);

		if (n <= 0) {
			return error_set(
				err, n < 0 ? errno : EIO, "copy %s into the session", path);
		}
		left -= n;
	}
	if (linkat(dir_fd, "launch", dir_fd, "enter", 0) < 0 ||
		linkat(dir_fd, "launch", dir_fd, "why", 0) < 0) {
		return error_set(err, errno, "link the launcher");
	}
	return 0;
}

/* A name in the session's directory, by its descriptor: it is mounted nowhere yet. */
static int listen_at(int dir_fd, const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *name = strrchr(path, '/');
	_cleanup_close_ int sock =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d%s", dir_fd, name);
	if (sock < 0 || bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(sock, SOMAXCONN) < 0) {
		return error_set(err, errno, "make the socket %s", path);
	}
	return steal_fd(&sock);
}

/* The launcher's directory: a file system of its own, read-only once it is filled (CVE-2019-5736).
 */
static int add_launcher(struct world *world, struct error *err)
{
	struct mount_option options[] = {
		{ "source", "sallyport" },
		{ "mode", "0755" },
		{ NULL, NULL },
		{ NULL, NULL },
	};
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	/* Not nosuid: SELinux would not let the launcher change its domain from there. */
	_cleanup_close_ int fd =
		mounts_new_labelled("tmpfs", options, MOUNT_ATTR_NODEV, LSM_LAUNCHER, err);

	if (fd < 0) {
		return fd;
	}
	int r = copy_launcher(fd, err);
	if (r < 0) {
		return r;
	}
	world->listen_fd = listen_at(fd, WIRE_GATE_PATH, err);
	world->ask_fd = world->listen_fd < 0 ? -1 : listen_at(fd, WIRE_ASK_PATH, err);
	if (world->ask_fd < 0) {
		return -err->code;
	}
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0) {
		return error_set(err, errno, "make the launcher's directory read-only");
	}
	return world_add(world, steal_fd(&fd), WIRE_DIRECTORY, err);
}

/* Clones PATH of the host to the same place in the session. A path that can't be cloned is no
 * error. */
static int add_clone(struct world *world, const char *path, bool recursive, struct error *err)
{
	int fd = mounts_clone(AT_FDCWD, path, recursive, 0, NULL);

	return fd < 0 ? 0 : world_add(world, fd, path, err);
}

struct sys_mounts {
	struct world *world;
	char taken[PATH_MAX]; /* the last one; "": none */
};

static int add_sys_mount(const char *path, void *data, struct error *err)
{
	struct sys_mounts *mounts = data;

	if (!str_starts_with(path, "/sys/") ||
		(mounts->taken[0] != '\0' && mounts_is_below(path, mounts->taken))) {
		return 0;
	}
	strcpy(mounts->taken, path);
	return add_clone(mounts->world, path, true, err);
}

/*
 * A fresh sysfs shows the container's network, but what the host has mounted on its own (cgroups,
 * selinuxfs, tracefs) has to be taken over. Mounts below such mounts come along.
 */
static int add_sys_mounts(struct world *world, struct error *err)
{
	struct sys_mounts mounts = { .world = world };

	return mounts_each(add_sys_mount, &mounts, err);
}

static int add_shares(struct world *world, char **shares, struct error *err)
{
	for (char **share = shares; share != NULL && *share != NULL; share++) {
		_cleanup_free_ char *path = realpath(*share, NULL);

		if (path == NULL) {
			return error_set(err, errno, "--share %s", *share);
		}
		int fd = mounts_clone(AT_FDCWD, path, true, 0, err);
		int r = fd < 0 ? fd : world_add(world, fd, path, err);
		if (r < 0) {
			return error_wrap(err, "--share %s", *share);
		}
	}
	return 0;
}

/*
 * /dev is the host's: had the container a say in what /dev/null is, a tool's redirection to it
 * could be turned against the host. What it shares with the container comes on top.
 */
static int add_dev(struct world *world, const struct tree *tree, const struct terminal *terminal,
	struct error *err)
{
	const struct {
		int fd;
		const char *path;
	} parts[] = {
		{ tree->pts_fd >= 0 || terminal == NULL ? tree->pts_fd : terminal->devpts_fd,
			"/dev/pts" },
		{ tree->shm_fd, "/dev/shm" },
		{ tree->mqueue_fd, "/dev/mqueue" },
	};
	int r = add_clone(world, "/dev", false, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
		if (parts[i].fd >= 0 && access(parts[i].path, F_OK) == 0) {
			int fd = fcntl(parts[i].fd, F_DUPFD_CLOEXEC, 0);

			r = fd < 0 ? error_set(err, errno, "dup")
				   : world_add(world, fd, parts[i].path, err);
		}
	}
	return r;
}

int world_prepare(struct world *world, int host_fd, int container_fd, const struct tree *tree,
	const struct terminal *terminal, const struct session_options *options, struct error *err)
{
	*world = (struct world){ .host_fd = host_fd, .listen_fd = -1, .ask_fd = -1 };
	int r = options->native_host ? host_add(world, options->read_only, err) : 0;
	int container = r == 0 ? fcntl(container_fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (r == 0) {
		r = container < 0 ? error_set(err, errno, "dup")
				  : world_add(world, container, WIRE_CONTAINER_PATH, err);
	}
	if (r == 0) {
		r = add_launcher(world, err);
	}
	if (r == 0) {
		r = add_dev(world, tree, terminal, err);
	}
	if (r == 0) {
		r = add_shares(world, options->shares, err);
	}
	if (r == 0) {
		r = add_sys_mounts(world, err);
	}
	return r;
}

/* Makes the mount HOST_FD the root of a new mount namespace: pivot_root(2), "pivot_root(".", ".")".
 */
static int change_root(int host_fd, struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0) {
		return error_set(err, errno, "make the session's mount namespace");
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		return error_set(err, errno, "make the session's mounts private");
	}
	/* Any directory serves as the place: it is left at once. */
	int r = mounts_attach(host_fd, "/proc", err);
	if (r < 0) {
		return r;
	}
	if (fchdir(host_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
		umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) {
		return error_set(err, errno, "make the host view the session's root");
	}
	return 0;
}

static int attach_new(const char *type, const char *path, struct error *err)
{
	const struct mount_option options[] = { { "source", type }, { NULL, NULL } };
	_cleanup_close_ int fd = mounts_new(
		type, options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);

	return fd < 0 ? fd : mounts_attach(fd, path, err);
}

int world_enter(const struct world *world, struct error *err)
{
	int r = change_root(world->host_fd, err);

	/*
	 * Fresh ones, of the namespaces that we are in: what the container has mounted on its own
	 * /proc may be masked, or made up.
	 */
	if (r == 0) {
		r = attach_new("proc", "/proc", err);
	}
	if (r == 0) {
		r = attach_new("sysfs", "/sys", err);
	}
	for (size_t i = 0; r == 0 && i < world->count; i++) {
		const struct world_mount *m = &world->mounts[i];

		r = mounts_attach(m->fd, m->path, err);
		/* The kernel may lack what the host had mounted there in another namespace. */
		if (r < 0 && str_starts_with(m->path, "/sys/")) {
			r = 0;
		}
	}
	return r;
}

void world_finish(struct world *world)
{
	if (world == NULL) {
		return;
	}
	cleanup_close(&world->listen_fd);
	cleanup_close(&world->ask_fd);
	for (size_t i = 0; i < world->count; i++) {
		close(world->mounts[i].fd);
		free(world->mounts[i].path);
	}
	*world = (struct world){ .host_fd = -1, .listen_fd = -1, .ask_fd = -1 };
}
