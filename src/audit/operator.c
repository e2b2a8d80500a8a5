/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/operator.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define LOOKUP_ROOM 65536
#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */

/* The number in the file PATH of /proc; OPERATOR_UNSET where there is no such file. */
static int read_number(const char *path, uint32_t *out, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	uint64_t value;
	int r = fd_read_file(AT_FDCWD, path, 32, &text, NULL, err);

	*out = OPERATOR_UNSET;
	if (r == -ENOENT) {
		error_clear(err);
		return 0; /* a kernel without audit */
	}
	if (r < 0) {
		return r;
	}
	text[strcspn(text, "\n")] = '\0';
	if (str_to_u64(text, UINT32_MAX, &value) < 0) {
		return error_set(err, EINVAL, "%s", path);
	}
	*out = (uint32_t)value;
	return 0;
}

static int add_group(struct operator* operator, gid_t gid, struct error *err)
{
	char room[LOOKUP_ROOM];
	struct group entry;
	struct group *found = NULL;
	struct operator_group *group = &operator->groups[operator->n_groups];
	int code = getgrgid_r(gid, &entry, room, sizeof(room), &found);

	/* What can't be looked up now could be the group that a rule refuses. */
	if (found == NULL && code != 0 && code != ENOENT && code != ESRCH) {
		return error_set(err, code, "look up group %u", gid);
	}
	*group = (struct operator_group){ .gid = gid };
	if (found != NULL && (group->name = strdup(found->gr_name)) == NULL) {
		return error_set(err, ENOMEM, "look up group %u", gid);
	}
	operator->n_groups++;
	return 0;
}

static int add_groups(struct operator* operator, gid_t primary, struct error *err)
{
	int n = 64;
	_cleanup_free_ gid_t *gids = NULL;

	for (;;) {
		gid_t *larger = reallocarray(gids, (size_t)n, sizeof(*larger));

		if (larger == NULL) {
			return error_set(err, ENOMEM, "groups of %s", operator->name);
		}
		gids = larger;
		int room = n;
		if (getgrouplist(operator->name, primary, gids, &n) >= 0) {
			break;
		}
		if (n <= room || n > GROUPS_MAX) {
			return error_set(err, E2BIG, "groups of %s", operator->name);
		}
	}
	operator->groups = calloc((size_t)n, sizeof(*operator->groups));
	if (operator->groups == NULL) {
		return error_set(err, ENOMEM, "groups of %s", operator->name);
	}
	for (int i = 0; i < n; i++) {
		int r = add_group(operator, gids[i], err);

		if (r < 0) {
			return r;
		}
	}
	return 0;
}

static int take_entry(struct operator* operator, const struct passwd * entry, struct error *err)
{
	operator->uid = entry->pw_uid;
	operator->name = strdup(entry->pw_name);
	if (operator->name == NULL) {
		return error_set(err, ENOMEM, "look up user %u", entry->pw_uid);
	}
	return add_groups(operator, entry->pw_gid, err);
}

/* Name and groups of the uid that OPERATOR has; none is no error. */
static int look_up_uid(struct operator* operator, struct error * err)
{
	char room[LOOKUP_ROOM];
	struct passwd entry;
	struct passwd *found = NULL;
	int code = getpwuid_r(operator->uid, &entry, room, sizeof(room), &found);

	if (found == NULL) {
		return code == 0 || code == ENOENT || code == ESRCH
			       ? 0
			       : error_set(err, code, "look up user %u", operator->uid);
	}
	return take_entry(operator, found, err);
}

int operator_ids(uint32_t *uid, uint32_t *session, struct error *err)
{
	int r = read_number("/proc/self/loginuid", uid, err);
	int s = read_number("/proc/self/sessionid", session, r < 0 ? NULL : err);

	return r < 0 ? r : s;
}

int operator_self(struct operator* operator, struct error * err)
{
	*operator=(struct operator){ .uid = OPERATOR_UNSET, .session = OPERATOR_UNSET };
	int r = operator_ids(&operator->uid, &operator->session, err);

	return r < 0 || operator_is_unset(operator) ? r : look_up_uid(operator, err);
}

int operator_named(struct operator* operator, const char * user, struct error *err)
{
	char room[LOOKUP_ROOM];
	struct passwd entry;
	struct passwd *found = NULL;
	uint64_t number;

	*operator=(struct operator){ .uid = OPERATOR_UNSET, .session = OPERATOR_UNSET };
	if (strcmp(user, "unset") == 0) {
		return 0;
	}
	int code = getpwnam_r(user, &entry, room, sizeof(room), &found);
	if (found != NULL) {
		return take_entry(operator, found, err);
	}
	if (str_to_u64(user, UINT32_MAX - 1, &number) == 0) {
		operator->uid =(uid_t) number;
		return look_up_uid(operator, err);
	}
	return error_set(err, code != 0 ? code : ENOENT, "user %s", user);
}

void operator_finish(struct operator* operator)
{
	if (operator== NULL) {
		return;
	}
	for (size_t i = 0; i < operator->n_groups; i++) {
		free(operator->groups[i].name);
	}
	free(operator->groups);
	free(operator->name);
	*operator=(struct operator){ .uid = OPERATOR_UNSET, .session = OPERATOR_UNSET };
}
