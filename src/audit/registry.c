/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define PARENT "/run/sallyport"
#define RECORD_MAX (1u << 20)

/* The directory, which must be root's alone. MAKE: where it doesn't exist yet. */
static int open_directory(bool make, struct error *err)
{
	struct stat st;

	if (make && ((mkdir(PARENT, 0700) < 0 && errno != EEXIST) ||
			    (mkdir(REGISTRY_DIRECTORY, 0700) < 0 && errno != EEXIST))) {
		return error_set(err, errno, "make %s", REGISTRY_DIRECTORY);
	}
	_cleanup_close_ int fd =
		open(REGISTRY_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		return error_set(err, errno, "open %s", REGISTRY_DIRECTORY);
	}
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return error_set_hint(err, EACCES, "chown root: and chmod go-w: it",
			"%s is not root's alone", REGISTRY_DIRECTORY);
	}
	return steal_fd(&fd);
}

static bool is_id(const char *name)
{
	return strlen(name) == SESSION_ID_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == SESSION_ID_SIZE - 1;
}

/* Writes and locks it under another name first: who sees the id sees all of it, and its lock. */
static int write_record(struct registry *registry, int dir_fd, const char *text)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char temporary[SESSION_ID_SIZE + 1];

	snprintf(temporary, sizeof(temporary), ".%s", registry->id);
	registry->fd =
		openat(dir_fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (registry->fd < 0) {
		return -errno;
	}
	int r = fcntl(registry->fd, F_SETLK, &lock) < 0 ? -errno : 0;
	if (r == 0) {
		r = fd_write_all(registry->fd, text, strlen(text));
	}
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, registry->id) < 0) {
		r = -errno;
	}
	if (r < 0) {
		unlinkat(dir_fd, temporary, 0);
		close(registry->fd);
		registry->fd = -1;
	}
	return r;
}

static void forget(const char *name)
{
	_cleanup_close_ int dir_fd = open_directory(false, NULL);

	if (dir_fd < 0) {
		return;
	}
	unlinkat(dir_fd, name, 0);
	/* Nothing is left behind: not the directories either, once they are empty. */
	if (rmdir(REGISTRY_DIRECTORY) == 0 || errno == ENOENT) {
		rmdir(PARENT);
	}
}

void registry_leave(struct registry *registry)
{
	if (registry != NULL && registry->fd >= 0) {
		forget(registry->id);
		close(registry->fd);
		registry->fd = -1;
	}
}

/* Who holds the lock of FD: a pid, 0 where nobody does. */
static pid_t holder(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK) {
		return 0;
	}
	return lock.l_pid;
}

/* Removes what sessions have left of which every process was killed at once. A file that is being
 * written has no lock for a moment: its writer begins anew then. */
static void sweep(int dir_fd)
{
	int walk_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = walk_fd >= 0 ? fdopendir(walk_fd) : NULL;

	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		const char *name = entry->d_name;
		_cleanup_close_ int fd =
			is_id(name[0] == '.' ? name + 1 : name)
				? openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
				: -1;

		if (fd >= 0 && holder(fd) == 0) {
			unlinkat(dir_fd, name, 0);
		}
	}
}

int registry_enter(
	struct registry *registry, const char *id, struct json_object *record, struct error *err)
{
	int r = -ENOENT;

	*registry = (struct registry){ .fd = -1 };
	snprintf(registry->id, sizeof(registry->id), "%s", id);
	/* The last session of another may remove the directory just now. */
	for (int tries = 0; tries < 10 && r == -ENOENT; tries++) {
		_cleanup_close_ int dir_fd = open_directory(true, err);

		r = dir_fd;
		if (dir_fd >= 0) {
			sweep(dir_fd);
			r = write_record(registry, dir_fd,
				json_object_to_json_string_ext(record,
					JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
			error_set(err, -r, "write %s/%s", REGISTRY_DIRECTORY, id);
		}
	}
	if (r == 0) {
		error_clear(err);
	}
	return r;
}

void registry_forget_dead(const char *id)
{
	_cleanup_close_ int dir_fd = open_directory(false, NULL);
	_cleanup_close_ int fd =
		dir_fd >= 0 && is_id(id) ? openat(dir_fd, id, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;

	/* A process that is being killed closes its descriptors one after the other. */
	for (int tries = 0; fd >= 0 && tries < 50; tries++) {
		if (holder(fd) == 0) {
			forget(id);
			return;
		}
		usleep(10000);
	}
}

static int visit_one(int dir_fd, const char *name, registry_visit *visit, void *data)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fd_read_all(fd, name, RECORD_MAX, &text, NULL, NULL) < 0) {
		return 0;
	}
	pid_t front = holder(fd);
	if (front == 0) {
		forget(name);
		return 0;
	}
	struct json_object *record = json_tokener_parse(text);
	int r = json_object_is_type(record, json_type_object) ? visit(front, record, data) : 0;
	json_object_put(record);
	return r;
}

int registry_each(registry_visit *visit, void *data, struct error *err)
{
	int r = 0;
	_cleanup_close_ int dir_fd = open_directory(false, err);
	int walk_fd = dir_fd >= 0 ? dup(dir_fd) : -1;
	_cleanup_closedir_ DIR *dir = walk_fd >= 0 ? fdopendir(walk_fd) : NULL;

	if (dir_fd == -ENOENT) {
		error_clear(err);
		return 0;
	}
	if (dir == NULL) {
		return dir_fd < 0 ? dir_fd : error_set(err, errno, "read " REGISTRY_DIRECTORY);
	}
	for (struct dirent *entry; r == 0 && (entry = readdir(dir)) != NULL;) {
		if (is_id(entry->d_name)) {
			r = visit_one(dir_fd, entry->d_name, visit, data);
		}
	}
	return r;
}

int registry_open_front(const char *id, pid_t *front, struct error *err)
{
	_cleanup_close_ int dir_fd = open_directory(false, NULL);
	_cleanup_close_ int fd =
		dir_fd >= 0 && is_id(id) ? openat(dir_fd, id, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;

	*front = fd >= 0 ? holder(fd) : 0;
	if (*front == 0) {
		return error_set(err, ESRCH, "session %s", id);
	}
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, *front, 0);
	/* The pid may have been another's by then; the lock tells. */
	if (pidfd < 0 || holder(fd) != *front) {
		return error_set(err, ESRCH, "session %s", id);
	}
	return steal_fd(&pidfd);
}
