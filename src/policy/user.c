/* SPDX-License-Identifier: GPL-2.0-or-later */
/* credentials_set_user(): another user of the container, by its own passwd and group files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "policy/passwd.h"
#include "policy/profile.h"

#define USER_GROUPS_MAX 1024

/* What USER means inside the container. */
struct account {
	uint32_t uid;
	uint32_t gid;
	char *name; /* NULL where passwd doesn't have it; owned */
	char *home;
	uint32_t groups[USER_GROUPS_MAX];
	size_t n_groups;
};

static void account_free(struct account **account)
{
	if (*account != NULL) {
		free((*account)->name);
		free((*account)->home);
		free(*account);
	}
}

/* The first line that has USER as its name or its number; a number may be without one. */
static int find_user(struct account *account, int root_fd, const char *user, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct passwd_entry entry;
	uint64_t number = 0;
	bool numeric = str_to_u64(user, UINT32_MAX - 1, &number) == 0;
	int r = passwd_read(root_fd, "etc/passwd", &text, err);

	if (r < 0) {
		return r;
	}
	for (char *cursor = text; passwd_next(&cursor, &entry);) {
		if (!str_equal(entry.name, user) && !(numeric && entry.uid == number)) {
			continue;
		}
		account->uid = entry.uid;
		account->gid = entry.gid;
		account->name = strdup(entry.name);
		account->home = strdup(entry.home);
		return account->name != NULL && account->home != NULL
			       ? 0
			       : error_set(err, ENOMEM, "read the container's etc/passwd");
	}
	if (!numeric) {
		return error_set(
			err, 0, "the container has no user \"%s\" in its /etc/passwd", user);
	}
	account->uid = (uint32_t)number;
	account->gid = 0;
	return 0;
}

static int find_group(struct account *account, int root_fd, const char *group, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct group_entry entry;
	uint64_t number = 0;
	bool numeric = str_to_u64(group, UINT32_MAX - 1, &number) == 0;
	int r = passwd_read(root_fd, "etc/group", &text, err);

	if (r < 0) {
		return r;
	}
	for (char *cursor = text; group_next(&cursor, &entry);) {
		if (str_equal(entry.name, group) || (numeric && entry.gid == number)) {
			account->gid = entry.gid;
			return 0;
		}
	}
	if (!numeric) {
		return error_set(
			err, 0, "the container has no group \"%s\" in its /etc/group", group);
	}
	account->gid = (uint32_t)number;
	return 0;
}

static int add_group(struct account *account, uint32_t gid, struct error *err)
{
	for (size_t i = 0; i < account->n_groups; i++) {
		if (account->groups[i] == gid) {
			return 0;
		}
	}
	if (account->n_groups == USER_GROUPS_MAX) {
		return error_set(err, E2BIG, "more than %d supplementary groups", USER_GROUPS_MAX);
	}
	account->groups[account->n_groups++] = gid;
	return 0;
}

/* The groups that list the user as a member. */
static int find_memberships(struct account *account, int root_fd, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct group_entry entry;
	int r = passwd_read(root_fd, "etc/group", &text, err);

	if (r < 0) {
		return r;
	}
	for (char *cursor = text; r == 0 && group_next(&cursor, &entry);) {
		if (group_has_member(&entry, account->name)) {
			r = add_group(account, entry.gid, err);
		}
	}
	return r;
}

static int find_account(struct account *account, int root_fd, const char *user, struct error *err)
{
	_cleanup_free_ char *name = strdup(user);

	if (name == NULL) {
		return error_set(err, ENOMEM, "look up a user");
	}
	char *group = strchr(name, ':');
	if (group != NULL) {
		*group++ = '\0';
	}
	if (name[0] == '\0' || (group != NULL && group[0] == '\0')) {
		return error_set(err, 0, "\"%s\" is no user, it should be USER[:GROUP]", user);
	}
	int r = find_user(account, root_fd, name, err);
	if (r == 0 && group != NULL) {
		r = find_group(account, root_fd, group, err);
	}
	/* The own group is a supplementary one as well, or setgroups(2) could take a denial by
	 * group away: CVE-2022-36109. */
	if (r == 0) {
		r = add_group(account, account->gid, err);
	}
	if (r == 0 && group == NULL && account->name != NULL) {
		r = find_memberships(account, root_fd, err);
	}
	return r;
}

static int map_id(const struct id_map *map, const char *kind, uint32_t *id, struct error *err)
{
	if (id_map_to_outside(map, *id, id) < 0) {
		return error_set(err, 0, "the container's user namespace has no %s %u", kind, *id);
	}
	return 0;
}

int credentials_set_user(struct credentials *creds, int root_fd, const struct id_map *uid_map,
	const struct id_map *gid_map, const char *user, char **home, char **name, struct error *err)
{
	_cleanup_(account_free) struct account *account = calloc(1, sizeof(*account));

	if (account == NULL) {
		return error_set(err, ENOMEM, "look up a user");
	}
	int r = find_account(account, root_fd, user, err);
	if (r == 0) {
		r = map_id(uid_map, "uid", &account->uid, err);
	}
	if (r == 0) {
		r = map_id(gid_map, "gid", &account->gid, err);
	}
	for (size_t i = 0; r == 0 && i < account->n_groups; i++) {
		r = map_id(gid_map, "gid", &account->groups[i], err);
	}
	if (r < 0) {
		return r;
	}
	gid_t *groups = calloc(account->n_groups, sizeof(gid_t));
	if (groups == NULL) {
		return error_set(err, ENOMEM, "look up a user");
	}
	memcpy(groups, account->groups, account->n_groups * sizeof(gid_t));
	free(creds->groups);
	creds->groups = groups;
	creds->n_groups = account->n_groups;
	creds->ruid = creds->euid = creds->suid = creds->fsuid = account->uid;
	creds->rgid = creds->egid = creds->sgid = creds->fsgid = account->gid;
	if (home != NULL) {
		*home = steal_pointer(&account->home);
	}
	if (name != NULL) {
		*name = steal_pointer(&account->name);
	}
	return 0;
}
