/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define ENTRIES_MAX 16384
#define MOUNTINFO_MAX (16u << 20)

int state_open(const struct place *place, const char *path, mode_t type, struct error *err)
{
	/* Crossing into a mount of the user's own could mean to wait for his FUSE server. */
	uint64_t resolve =
		place->owner == 0 ? 0 : RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
	_cleanup_close_ int fd = fd_openat2(place->fd, path, O_PATH, resolve);
	char self[64];
	struct stat st;

	if (fd < 0) {
		return error_set(err, -fd, "open %s", path);
	}
	if (fstat(fd, &st) < 0) {
		return error_set(err, errno, "stat %s", path);
	}
	if ((st.st_mode & S_IFMT) != type) {
		return error_set(err, 0, "%s is not of the type that an engine makes", path);
	}
	if (place->owner != 0 && st.st_uid != place->owner) {
		return error_set(err, EPERM, "%s does not belong to uid %u", path, place->owner);
	}
	if (type == S_IFSOCK) {
		return steal_fd(&fd);
	}
	/* Opened in earnest only now that it is known to be no fifo or device. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	int opened = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return opened < 0 ? error_set(err, errno, "open %s", path) : opened;
}

int state_read(
	const struct place *place, const char *path, char **data, size_t *size, struct error *err)
{
	_cleanup_close_ int fd = state_open(place, path, S_IFREG, err);

	return fd < 0 ? fd : fd_read_all(fd, path, STATE_MAX, data, size, err);
}

struct json_object *state_json(const struct place *place, const char *path, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	size_t size;

	if (state_read(place, path, &data, &size, err) < 0) {
		return NULL;
	}
	return json_parse(data, size, path, err);
}

int state_each(const struct place *place, const char *path,
	int (*visit)(const char *name, void *data), void *data, struct error *err)
{
	_cleanup_close_ int fd = state_open(place, path, S_IFDIR, err);
	struct dirent *entry;

	if (fd < 0) {
		return fd;
	}
	_cleanup_closedir_ DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		return error_set(err, errno, "read %s", path);
	}
	(void)steal_fd(&fd);
	for (int n = 0; n < ENTRIES_MAX && (entry = readdir(dir)) != NULL; n++) {
		int r = entry->d_name[0] == '.' ? 0 : visit(entry->d_name, data);

		if (r != 0) {
			return r;
		}
	}
	return 0;
}

bool state_is_absent(int error)
{
	return error == -ENOENT || error == -ENOTDIR;
}

/* The filesystem type of mount ID begins with "fuse": to look into it means to wait for whoever
 * serves it. */
static bool mount_is_fuse(uint64_t id)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;

	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, NULL) < 0) {
		return true;
	}
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		char *type = strstr(line, " - ");

		if (strtoull(line, NULL, 10) == id) {
			return type == NULL || str_starts_with(type + 3, "fuse");
		}
	}
	return true;
}

/* Opens the directory PATH of the user UID as a place. Returns its descriptor or -1. */
static int open_place(const char *path, uid_t uid)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statx st;

	/* What the kernel has cached is enough, and asks no FUSE server. */
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_UID | STATX_MNT_ID,
			      &st) < 0) {
		return -1;
	}
	if (st.stx_uid != uid || (st.stx_mask & STATX_MNT_ID) == 0 ||
		mount_is_fuse(st.stx_mnt_id)) {
		return -1;
	}
	return steal_fd(&fd);
}

static int visit_user(uid_t uid, int (*visit)(const struct user_place *, void *), void *data)
{
	char buffer[4096];
	char runtime_path[64];
	struct passwd entry;
	struct passwd *passwd = NULL;
	_cleanup_close_ int home_fd = -1;

	snprintf(runtime_path, sizeof(runtime_path), "/run/user/%u", uid);
	_cleanup_close_ int runtime_fd = open_place(runtime_path, uid);
	if (runtime_fd < 0) {
		return 0;
	}
	if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &passwd) == 0 && passwd != NULL) {
		home_fd = open_place(passwd->pw_dir, uid);
	}
	struct user_place user = {
		.uid = uid,
		.runtime = { .fd = runtime_fd, .owner = uid },
		.home = { .fd = home_fd, .owner = uid },
		.runtime_path = runtime_path,
		.home_path = passwd != NULL ? passwd->pw_dir : "",
	};
	return visit(&user, data);
}

int state_each_user(int (*visit)(const struct user_place *user, void *data), void *data)
{
	_cleanup_closedir_ DIR *dir = opendir("/run/user");
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		uint64_t uid;

		if (str_to_u64(entry->d_name, UINT32_MAX - 1, &uid) < 0 || uid == 0) {
			continue;
		}
		int r = visit_user((uid_t)uid, visit, data);
		if (r != 0) {
			return r;
		}
	}
	return 0;
}
