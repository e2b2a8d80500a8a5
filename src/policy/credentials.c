/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "policy/passwd.h"
#include "policy/profile.h"

#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */

/* "Uid:	real effective saved fs" */
static int parse_four_ids(
	const char *status, const char *field, uint32_t *ids[4], struct error *err)
{
	const char *value = procfs_field(status, field);

	if (value == NULL || sscanf(value, "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32, ids[0],
				     ids[1], ids[2], ids[3]) != 4) {
		return error_set(err, 0, "/proc/PID/status has no %s line of four ids", field);
	}
	return 0;
}

static int parse_groups(struct credentials *creds, const char *status, struct error *err)
{
	const char *p = procfs_field(status, "Groups");
	size_t room = 0;

	while (p != NULL && *p != '\n' && *p != '\0') {
		char *end;
		unsigned long id = strtoul(p, &end, 10);

		if (end == p || id > UINT32_MAX || creds->n_groups == GROUPS_MAX) {
			return error_set(err, 0, "the target's groups can't be understood");
		}
		if (creds->n_groups == room) {
			room = room == 0 ? 32 : 2 * room;
			gid_t *larger = realloc(creds->groups, room * sizeof(gid_t));
			if (larger == NULL) {
				return error_set(err, ENOMEM, "read the target's groups");
			}
			creds->groups = larger;
		}
		creds->groups[creds->n_groups++] = (gid_t)id;
		p = end + strspn(end, " \t");
	}
	return 0;
}

static int capture_personality(struct credentials *creds, int proc_fd, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	int r = fd_read_file(proc_fd, "personality", 64, &text, NULL, err);

	if (r < 0) {
		return error_wrap(err, "read the target's personality");
	}
	creds->personality = (uint32_t)strtoul(text, NULL, 16);
	return 0;
}

static bool thp_disabled(const char *status)
{
	uint64_t enabled;

	/* A kernel without them says 0 for everybody. */
	return procfs_field_u64(status, "THP_enabled", 10, &enabled) == 0 && enabled == 0 &&
	       access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;
}

/* As fs/proc/array.c, task_seccomp(), puts in words what prctl(2) has set. */
static uint32_t parse_speculation(const char *status, const char *field)
{
	static const struct {
		const char *words;
		uint32_t control;
	} known[] = {
		{ "thread force mitigated\n", PR_SPEC_FORCE_DISABLE },
		{ "thread mitigated\n", PR_SPEC_DISABLE },
		{ "thread vulnerable\n", PR_SPEC_ENABLE },
		{ "conditional force disabled\n", PR_SPEC_FORCE_DISABLE },
		{ "conditional disabled\n", PR_SPEC_DISABLE },
		{ "conditional enabled\n", PR_SPEC_ENABLE },
	};
	const char *value = procfs_field(status, field);

	for (size_t i = 0; value != NULL && i < ARRAY_SIZE(known); i++) {
		if (str_starts_with(value, known[i].words)) {
			return known[i].control;
		}
	}
	return 0;
}

/* True where PATH from the root ROOT_FD is the directory that /proc/PID/cwd is. */
static bool is_cwd(int proc_fd, int root_fd, const char *path)
{
	_cleanup_close_ int fd = fd_openat2(
		root_fd, path, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	struct stat cwd, st;

	return fd >= 0 && fstat(fd, &st) == 0 && fstatat(proc_fd, "cwd", &cwd, 0) == 0 &&
	       fd_stat_same(&st, &cwd);
}

/*
 * The link is written as seen from our root: it may lie in another mount namespace, begin with the
 * path of a chroot, be unreachable or deleted. So it is a guess, to be checked against the
 * directory itself; a working directory outside the root (CVE-2024-21626) must not be had this way.
 */
static char *find_cwd(int proc_fd)
{
	_cleanup_close_ int root_fd = openat(proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *link = fd_readlink(proc_fd, "cwd");
	_cleanup_free_ char *root = fd_readlink(proc_fd, "root");

	if (root_fd < 0 || link == NULL || root == NULL || link[0] != '/') {
		return strdup("/");
	}
	size_t length = strlen(root);
	const char *inside = link;
	if (length > 1 && strncmp(link, root, length) == 0 &&
		(link[length] == '/' || link[length] == '\0')) {
		inside = link[length] == '\0' ? "/" : link + length;
	}
	return strdup(is_cwd(proc_fd, root_fd, inside) ? inside : "/");
}

int credentials_capture(
	struct credentials *creds, int proc_fd, const char *status, struct error *err)
{
	uint32_t *uids[] = { &creds->ruid, &creds->euid, &creds->suid, &creds->fsuid };
	uint32_t *gids[] = { &creds->rgid, &creds->egid, &creds->sgid, &creds->fsgid };
	uint64_t umask = 0022;

	*creds = (struct credentials){ 0 };
	int r = parse_four_ids(status, "Uid", uids, err);
	if (r == 0) {
		r = parse_four_ids(status, "Gid", gids, err);
	}
	if (r == 0) {
		r = parse_groups(creds, status, err);
	}
	if (r == 0) {
		r = capture_personality(creds, proc_fd, err);
	}
	if (r < 0) {
		return r;
	}
	procfs_field_u64(status, "Umask", 8, &umask);
	creds->umask = (mode_t)(umask & 0777);
	creds->thp_disable = thp_disabled(status);
	creds->speculation[PR_SPEC_STORE_BYPASS] =
		parse_speculation(status, "Speculation_Store_Bypass");
	creds->speculation[PR_SPEC_INDIRECT_BRANCH] =
		parse_speculation(status, "SpeculationIndirectBranch");
	creds->cwd = find_cwd(proc_fd);
	return creds->cwd != NULL ? 0 : error_set(err, ENOMEM, "read the working directory");
}

void credentials_finish(struct credentials *creds)
{
	if (creds == NULL) {
		return;
	}
	free(creds->groups);
	free(creds->cwd);
	*creds = (struct credentials){ 0 };
}
