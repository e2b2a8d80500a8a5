/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be read of a file that was refused: the flags of its mount, the rights of the
 * directories on the way to it, its own. Where there is an access control list the mode does not
 * tell who may do what: a run with cap_dac_override does.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "why/why.h"

/* The file or directory of PATH, or the nearest that is there; its path is cut to that. -1: none.
 */
static int open_nearest(int root_fd, char *path)
{
	for (;;) {
		int fd = fd_openat2(root_fd, path[0] != '\0' ? path : "/", O_PATH, RESOLVE_IN_ROOT);

		if (fd >= 0 || path[0] == '\0') {
			return fd;
		}
		char *slash = strrchr(path, '/');
		*(slash != NULL ? slash : path) = '\0';
	}
}

static bool in_groups(const struct credentials *credentials, gid_t gid)
{
	for (size_t i = 0; i < credentials->n_groups; i++) {
		if (credentials->groups[i] == gid) {
			return true;
		}
	}
	return false;
}

static bool has_acl(int fd)
{
	char link[64];

	/* FD is one of O_PATH: fgetxattr(2) refuses it. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return getxattr(link, "system.posix_acl_access", NULL, 0) > 0;
}

/* The rights (bits of 7) that the mode of ST gives to who was refused. */
static unsigned int rights(
	const struct stat *st, const struct profile *profile, const struct refusal *refusal)
{
	if (st->st_uid == refusal->uid) {
		return st->st_mode >> 6 & 7;
	}
	if (st->st_gid == refusal->gid || in_groups(&profile->credentials, st->st_gid)) {
		return st->st_mode >> 3 & 7;
	}
	return st->st_mode & 7;
}

/* "uid 1000" as the container has it. */
static const char *id_text(
	char *out, size_t size, const char *what, const struct id_map *map, uint32_t outside)
{
	uint32_t inside;

	if (id_map_to_inside(map, outside, &inside) < 0) {
		snprintf(out, size,
			"a %s that the container's user namespace does not have (%u on the host)",
			what, outside);
	} else {
		snprintf(out, size, "%s %u", what, inside);
	}
	return out;
}

static void tell_rights(struct verdict *verdict, const struct profile *profile,
	const struct refusal *refusal, const char *path, const struct stat *st, const char *lacks)
{
	const struct namespaces *ns = &profile->namespaces;
	char owner[128];
	char group[128];
	char who[128];

	uint32_t inside;
	bool foreign =
		ns->uid_map.count > 0 && id_map_to_inside(&ns->uid_map, st->st_uid, &inside) < 0;

	/* Whose owner is none of the container's is out of reach of its capabilities too. */
	verdict->cause = foreign ? CAUSE_USER_NAMESPACE : CAUSE_DAC;
	verdict->certainty = CERTAINTY_EXACT;
	snprintf(verdict->detail, sizeof(verdict->detail),
		"%s is mode %04o of %s, %s; the program is %s and may not %s", path,
		st->st_mode & 07777, id_text(owner, sizeof(owner), "uid", &ns->uid_map, st->st_uid),
		id_text(group, sizeof(group), "gid", &ns->gid_map, st->st_gid),
		id_text(who, sizeof(who), "uid", &ns->uid_map, refusal->uid), lacks);
	snprintf(verdict->change, sizeof(verdict->change),
		"the application's own: chown or chmod %s, or run as its owner (--user)", path);
}

/* The first directory on the way to PATH that may not be searched. */
static bool search_way(struct verdict *verdict, const struct profile *profile,
	const struct refusal *refusal, const char *path)
{
	char part[CALL_TEXT_MAX];
	struct stat st;

	for (const char *at = path; (at = strchr(at, '/')) != NULL; at++) {
		snprintf(part, sizeof(part), "%.*s", (int)(at == path ? 1 : at - path), path);
		_cleanup_close_ int fd =
			fd_openat2(profile->namespaces.root_fd, part, O_PATH, RESOLVE_IN_ROOT);
		if (fd < 0 || fstat(fd, &st) < 0 || has_acl(fd)) {
			return false;
		}
		if ((rights(&st, profile, refusal) & 1) == 0) {
			tell_rights(verdict, profile, refusal, part, &st, "enter it");
			return true;
		}
	}
	return false;
}

/* What the call NAME wants of its file (bits of 7), or of the directory that it is in. */
static unsigned int wanted(const struct call *call, const char *name, bool *parent)
{
	static const char changes[] =
		" mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 "
		"link linkat symlink symlinkat mknod mknodat creat ";
	char word[80];
	uint64_t flags = 0;

	snprintf(word, sizeof(word), " %s ", name);
	*parent = strstr(changes, word) != NULL;
	if (*parent) {
		return 3;
	}
	if (str_equal(name, "open") || str_equal(name, "openat")) {
		flags = call->args[str_equal(name, "open") ? 1 : 2];
		return (flags & O_ACCMODE) == O_RDONLY	 ? 4
		       : (flags & O_ACCMODE) == O_WRONLY ? 2
							 : 6;
	}
	if (str_equal(name, "access") || str_equal(name, "faccessat") ||
		str_equal(name, "faccessat2")) {
		return (unsigned int)call->args[str_equal(name, "access") ? 1 : 2] & 7;
	}
	if (str_equal(name, "execve") || str_equal(name, "execveat") || str_equal(name, "chdir")) {
		return 1;
	}
	return str_equal(name, "truncate") ? 2 : 0;
}

static bool look_at_mode(struct verdict *verdict, const struct profile *profile,
	const struct refusal *refusal, const char *name, const char *path)
{
	static const char *const words[] = { "", "execute or enter it", "write to it",
		"write to it and enter it", "read it", "read and enter it", "read and write it",
		"use it" };
	char at[CALL_TEXT_MAX];
	struct stat st;
	bool parent;
	bool overridden = (refusal->effective >> CAP_DAC_OVERRIDE & 1) != 0;
	unsigned int need = wanted(&refusal->call, name, &parent);

	snprintf(at, sizeof(at), "%s", path);
	_cleanup_close_ int fd =
		fd_openat2(profile->namespaces.root_fd, at, O_PATH, RESOLVE_IN_ROOT);
	/* What is to be made or taken away is the directory's. */
	if (parent || (fd < 0 && need != 0)) {
		char *slash = strrchr(at, '/');

		if (slash == NULL) {
			return false;
		}
		slash[slash == at ? 1 : 0] = '\0';
		cleanup_close(&fd);
		fd = fd_openat2(profile->namespaces.root_fd, at, O_PATH, RESOLVE_IN_ROOT);
		need = 3;
	}
	if (fd < 0 || fstat(fd, &st) < 0 || need == 0 || has_acl(fd)) {
		return false;
	}
	unsigned int lacking = need & ~rights(&st, profile, refusal);
	/* Not even cap_dac_override executes what nobody may execute. */
	bool never =
		str_starts_with(name, "execve") && S_ISREG(st.st_mode) && (st.st_mode & 0111) == 0;
	if (lacking == 0 || (overridden && !never)) {
		return false;
	}
	tell_rights(verdict, profile, refusal, at, &st, words[lacking]);
	if (never) {
		verdict->final = true;
		snprintf(verdict->change, sizeof(verdict->change),
			"the application's own: chmod +x %.400s", at);
	}
	return true;
}

static bool look_at_mount(struct verdict *verdict, const struct profile *profile,
	const struct refusal *refusal, const char *name, const char *path)
{
	char at[CALL_TEXT_MAX];
	struct statvfs vfs;
	struct stat st;
	const char *flag = NULL;

	snprintf(at, sizeof(at), "%s", path);
	_cleanup_close_ int fd = open_nearest(profile->namespaces.root_fd, at);
	if (refusal->error == EROFS) {
		/* Nothing else is said so, even where the file can't be looked at. */
		flag = "read-only";
	} else if (fd < 0 || fstatvfs(fd, &vfs) < 0 || fstat(fd, &st) < 0) {
		return false;
	} else if (refusal->error == EACCES && str_starts_with(name, "execve") &&
		   (vfs.f_flag & ST_NOEXEC) != 0) {
		flag = "noexec";
	} else if (refusal->error == EACCES && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) &&
		   (vfs.f_flag & ST_NODEV) != 0) {
		flag = "nodev";
	}
	if (flag == NULL) {
		return false;
	}
	verdict->cause = CAUSE_MOUNT;
	verdict->certainty = CERTAINTY_EXACT;
	snprintf(verdict->detail, sizeof(verdict->detail), "%s is on a mount that is %s",
		fd < 0		? path
		: at[0] != '\0' ? at
				: "/",
		flag);
	snprintf(verdict->change, sizeof(verdict->change), "%s",
		str_equal(flag, "read-only")
			? "a volume or --tmpfs at that place; without --read-only or :ro"
			: "a volume at that place that is mounted without this flag");
	if (str_equal(flag, "read-only")) {
		tell_forms(verdict,
			"securityContext.readOnlyRootFilesystem: false, or a volumeMount without "
			"readOnly",
			"root.readonly: false, or options of mounts without \"ro\"");
	} else {
		snprintf(verdict->oci, sizeof(verdict->oci), "options of mounts without \"%s\"",
			flag);
	}
	return true;
}

/* Whom no capability of the container's helps: the file's owner has no id there. */
static bool look_at_map(struct verdict *verdict, const struct profile *profile, const char *path)
{
	const struct namespaces *ns = &profile->namespaces;
	char at[CALL_TEXT_MAX];
	char owner[128];
	struct stat st;
	uint32_t inside;

	if (ns->uid_map.count == 0) {
		return false;
	}
	snprintf(at, sizeof(at), "%s", path);
	_cleanup_close_ int fd = open_nearest(ns->root_fd, at);
	if (fd < 0 || fstat(fd, &st) < 0 ||
		(id_map_to_inside(&ns->uid_map, st.st_uid, &inside) == 0 &&
			id_map_to_inside(&ns->gid_map, st.st_gid, &inside) == 0)) {
		return false;
	}
	verdict->cause = CAUSE_USER_NAMESPACE;
	verdict->certainty = CERTAINTY_EXACT;
	snprintf(verdict->detail, sizeof(verdict->detail),
		"%s belongs to %s: no capability that the container has counts for it",
		at[0] != '\0' ? at : "/",
		id_text(owner, sizeof(owner), "uid", &ns->uid_map, st.st_uid));
	snprintf(verdict->change, sizeof(verdict->change),
		"on the host: chown %.300s to an id of the container's; or a volume with idmap",
		at);
	return true;
}

/* Whose file or directory it is where the owner alone may do something: chmod(2), unlink(2). */
static bool look_at_owner(struct verdict *verdict, const struct profile *profile,
	const struct refusal *refusal, const char *name, const char *path)
{
	static const char owners[] = " chmod fchmodat fchmodat2 utime utimes utimensat ";
	static const char removers[] = " unlink unlinkat rmdir rename renameat renameat2 ";
	const struct namespaces *ns = &profile->namespaces;
	char word[80];
	char at[CALL_TEXT_MAX];
	char owner[128];
	char who[128];
	struct stat st;
	struct stat dir;

	snprintf(word, sizeof(word), " %s ", name);
	bool removes = strstr(removers, word) != NULL;
	if (!removes && strstr(owners, word) == NULL) {
		return false;
	}
	if ((refusal->effective >> CAP_FOWNER & 1) != 0) {
		return look_at_map(verdict, profile, path);
	}
	snprintf(at, sizeof(at), "%s", path);
	_cleanup_close_ int fd =
		fd_openat2(ns->root_fd, at, O_PATH | (removes ? O_NOFOLLOW : 0), RESOLVE_IN_ROOT);
	if (fd < 0 || fstat(fd, &st) < 0) {
		return false;
	}
	if (removes) {
		char *slash = strrchr(at, '/');

		slash[slash == at ? 1 : 0] = '\0';
		_cleanup_close_ int dir_fd = fd_openat2(ns->root_fd, at, O_PATH, RESOLVE_IN_ROOT);
		if (dir_fd < 0 || fstat(dir_fd, &dir) < 0 || (dir.st_mode & S_ISVTX) == 0 ||
			dir.st_uid == refusal->uid) {
			return false;
		}
	}
	if (st.st_uid == refusal->uid) {
		return false;
	}
	verdict->cause = CAUSE_DAC;
	verdict->certainty = CERTAINTY_EXACT;
	snprintf(verdict->detail, sizeof(verdict->detail),
		"%s is %s's, the program is %s: its owner alone may do that%s", path,
		id_text(owner, sizeof(owner), "uid", &ns->uid_map, st.st_uid),
		id_text(who, sizeof(who), "uid", &ns->uid_map, refusal->uid),
		removes ? ", since the directory has the sticky bit" : "");
	snprintf(verdict->change, sizeof(verdict->change),
		"the application's own: run as its owner (--user), or let the image own it "
		"rightly");
	return true;
}

/* An id that the container's user namespace does not have. */
static bool look_at_ids(
	struct verdict *verdict, const struct profile *profile, const struct refusal *refusal)
{
	const struct namespaces *ns = &profile->namespaces;

	verdict->cause = CAUSE_USER_NAMESPACE;
	verdict->certainty = CERTAINTY_EXACT;
	snprintf(verdict->detail, sizeof(verdict->detail),
		"an id that the container's user namespace does not have: it has %zu ranges, the "
		"first "
		"of %u ids from %u on",
		ns->uid_map.count, ns->uid_map.count > 0 ? ns->uid_map.ranges[0].count : 0,
		ns->uid_map.count > 0 ? ns->uid_map.ranges[0].inside : 0);
	snprintf(verdict->change, sizeof(verdict->change),
		"more ids for it: /etc/subuid and /etc/subgid, --uidmap, --gidmap");
	tell_forms(verdict, "hostUsers: true", "linux.uidMappings, linux.gidMappings");
	return refusal->error == EINVAL && ns->uid_map.count > 0;
}

bool files_explain(
	struct verdict *verdict, const struct profile *profile, const struct refusal *refusal)
{
	char name[64];
	const char *path = refusal->call.path;

	call_name(name, sizeof(name), refusal->call.arch, refusal->call.nr);
	if (refusal->error == EINVAL) {
		return look_at_ids(verdict, profile, refusal);
	}
	if (path[0] != '/') {
		if (refusal->error != EROFS) {
			return false;
		}
		verdict->cause = CAUSE_MOUNT;
		verdict->certainty = CERTAINTY_EXACT;
		snprintf(verdict->detail, sizeof(verdict->detail), "its mount is read-only");
		return true;
	}
	if (look_at_mount(verdict, profile, refusal, name, path)) {
		return true;
	}
	if (refusal->error == EPERM) {
		return look_at_owner(verdict, profile, refusal, name, path);
	}
	return refusal->error == EACCES && files_explain_rights(verdict, profile, refusal);
}

bool files_explain_rights(
	struct verdict *verdict, const struct profile *profile, const struct refusal *refusal)
{
	char name[64];
	const char *path = refusal->call.path;

	call_name(name, sizeof(name), refusal->call.arch, refusal->call.nr);
	if (path[0] != '/') {
		return false;
	}
	if ((refusal->effective >> CAP_DAC_OVERRIDE & 1) != 0) {
		return look_at_map(verdict, profile, path) ||
		       look_at_mode(verdict, profile, refusal, name, path);
	}
	return search_way(verdict, profile, refusal, path) ||
	       look_at_mode(verdict, profile, refusal, name, path);
}

bool files_explain_label(
	struct verdict *verdict, const struct profile *profile, const struct refusal *refusal)
{
	char at[CALL_TEXT_MAX];
	char name[64];
	bool parent;
	struct lsm_denial denial;

	call_name(name, sizeof(name), refusal->call.arch, refusal->call.nr);
	unsigned int may = wanted(&refusal->call, name, &parent);
	if (refusal->call.path[0] != '/' || may == 0) {
		return false;
	}
	snprintf(at, sizeof(at), "%s", refusal->call.path);
	if (parent) {
		char *slash = strrchr(at, '/');

		slash[slash == at ? 1 : 0] = '\0';
	}
	_cleanup_close_ int fd =
		fd_openat2(profile->namespaces.root_fd, at, O_PATH, RESOLVE_IN_ROOT);
	/* AppArmor asks for the name of what is made, SELinux for its directory. */
	if (fd < 0 || !lsm_denies_file(&profile->labels, fd, parent ? refusal->call.path : at,
			      parent ? W_OK : may, &denial)) {
		return false;
	}
	tell_denial(verdict, &denial);
	verdict->certainty = CERTAINTY_EXACT;
	return true;
}
