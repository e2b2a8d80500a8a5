/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of rules: whose they are, and in which order they count.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/rules.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define SUFFIX ".conf"

static int refuse(struct error *err, const char *path, const char *why, const char *hint)
{
	error_set_hint(err, 0, hint, "%s %s", path, why);
	if (err != NULL) {
		err->code = EACCES;
	}
	return -EACCES;
}

/* What others than root can write is no rule. An ACL that lets them shows in the group's bits. */
static int check_owner(int fd, const char *path, mode_t type, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return error_set(err, errno, "stat %s", path);
	}
	if ((st.st_mode & S_IFMT) != type) {
		return refuse(err, path, type == S_IFDIR ? "is no directory" : "is no regular file",
			NULL);
	}
	if (st.st_uid != 0) {
		return refuse(err, path, "doesn't belong to root", "chown root: it");
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return refuse(err, path, "can be written to by others than root", "chmod go-w: it");
	}
	return 0;
}

static int parse_fd(struct rules *rules, int fd, const char *path, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r = fd_read_all(fd, path, RULES_FILE_MAX, &text, &size, err);

	return r < 0 ? r : rules_parse(rules, path, text, size, err);
}

int rules_load_file(struct rules *rules, const char *path, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		return error_set(err, errno, "open %s", path);
	}
	return parse_fd(rules, fd, path, err);
}

static int load_entry(
	struct rules *rules, int dir_fd, const char *directory, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", directory, name);

	if (path == NULL) {
		return error_set(err, ENOMEM, "%s", directory);
	}
	_cleanup_close_ int fd =
		openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ELOOP) {
		return refuse(err, path, "is a symbolic link", "put the file itself there");
	}
	if (fd < 0) {
		return error_set(err, errno, "open %s", path);
	}
	int r = check_owner(fd, path, S_IFREG, err);
	return r < 0 ? r : parse_fd(rules, fd, path, err);
}

static int is_rules_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > strlen(SUFFIX) &&
	       strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) == 0;
}

/* By bytes, whatever the locale: the same order for everybody. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* The directory above holds the name of this one: who can write there can put another in place. */
static int check_parent(const char *directory, struct error *err)
{
	_cleanup_free_ char *parent = strdup(directory);
	char *slash = parent != NULL ? strrchr(parent, '/') : NULL;

	if (slash == NULL || slash == parent) {
		return parent == NULL ? error_set(err, ENOMEM, "%s", directory) : 0;
	}
	*slash = '\0';
	_cleanup_close_ int fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "open %s", parent)
		      : check_owner(fd, parent, S_IFDIR, err);
}

int rules_load(struct rules *rules, const char *directory, struct error *err)
{
	struct dirent **entries = NULL;
	_cleanup_close_ int dir_fd =
		open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	*rules = (struct rules){ 0 };
	if (dir_fd < 0) {
		return errno == ENOENT ? 0 : error_set(err, errno, "open %s", directory);
	}
	int r = check_owner(dir_fd, directory, S_IFDIR, err);
	r = r == 0 ? check_parent(directory, err) : r;
	if (r < 0) {
		return r;
	}
	int n = scandirat(dir_fd, ".", &entries, is_rules_file, by_name);
	if (n < 0) {
		return error_set(err, errno, "read %s", directory);
	}
	for (int i = 0; i < n; i++) {
		r = r == 0 ? load_entry(rules, dir_fd, directory, entries[i]->d_name, err) : r;
		free(entries[i]);
	}
	free(entries);
	return r;
}
