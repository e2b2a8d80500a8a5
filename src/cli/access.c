/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/access.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

/* Where engines and their files are is not for the one who is ruled to say. */
static void scrub_environment(void)
{
	static const char *const variables[] = { "DOCKER_HOST", "CONTAINERS_STORAGE_CONF",
		"CONTAINERD_ADDRESS" };

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		unsetenv(variables[i]);
	}
}

int access_open(struct access *access, enum rules_command command, struct error *err)
{
	*access = (struct access){ .command = command, .operator= { .uid = OPERATOR_UNSET } };
	int r = rules_load(&access->rules, RULES_DIRECTORY, err);

	if (r == 0 && access->rules.in_force) {
		scrub_environment();
		r = operator_self(&access->operator, err);
	}
	return r < 0 ? error_wrap(err, "nothing is allowed while the rules can't be read") : 0;
}

void access_describe(
	struct rules_container *container, const struct target *target, char *owner_name)
{
	static char *none[] = { NULL };
	char room[16384];
	struct passwd entry;
	struct passwd *found = NULL;

	*container = (struct rules_container){
		.engine = target->engine,
		.name = target->name,
		.id = target->id,
		.image = target->image,
		.labels = target->labels,
		.owner = target->owner,
	};
	if (target->labels == NULL && !target_tells_labels(target->engine)) {
		container->labels = none;
	}
	if (getpwuid_r(target->owner, &entry, room, sizeof(room), &found) == 0 && found != NULL) {
		snprintf(owner_name, OWNER_NAME_SIZE, "%s", found->pw_name);
		container->owner_name = owner_name;
	}
}

static void name_operator(const struct operator* operator, char * out, size_t size)
{
	if (operator_is_unset(operator)) {
		snprintf(out, size, "who never logged in (no loginuid)");
	} else if (operator->name != NULL) {
		snprintf(out, size, "%s", operator->name);
	} else {
		snprintf(out, size, "uid %u", operator->uid);
	}
}

static int refuse(const struct access *access, const struct rule *rule, struct error *err)
{
	const char *command = rules_command_names[access->command];
	char who[128];

	name_operator(&access->operator, who, sizeof(who));
	if (rule == NULL) {
		error_set_hint(err, 0, "the rules are in " RULES_DIRECTORY,
			"no rule allows %s to %s here", who, command);
	} else if (rule->because != NULL) {
		error_set(err, 0, "%s may not %s here: %s (%s:%u)", who, command, rule->because,
			rule->file, rule->line);
	} else {
		error_set(err, 0, "%s may not %s here, by the rule %s:%u", who, command, rule->file,
			rule->line);
	}
	if (err != NULL) {
		err->code = EACCES;
	}
	return -EACCES;
}

int access_check_container(
	struct access *access, const struct rules_container *container, struct error *err)
{
	if (!access->rules.in_force) {
		return 0;
	}
	const struct rule *rule =
		rules_find(&access->rules, &access->operator, access->command, container);
	if (rule == NULL || !rule->allow) {
		return refuse(access, rule, err);
	}
	access->rule = rule;
	return 0;
}

int access_check(struct access *access, struct target *target, struct error *err)
{
	char owner_name[OWNER_NAME_SIZE];
	struct rules_container container;

	if (!access->rules.in_force) {
		return 0;
	}
	int r = target_canonical(target, err);
	if (r < 0) {
		return r;
	}
	access_describe(&container, target, owner_name);
	return access_check_container(access, &container, err);
}

bool access_allows(const struct access *access, const struct rules_container *container)
{
	if (!access->rules.in_force) {
		return true;
	}
	const struct rule *rule =
		rules_find(&access->rules, &access->operator, access->command, container);
	return rule != NULL && rule->allow;
}

bool access_shows(const struct access *access, const struct target *target)
{
	char owner_name[OWNER_NAME_SIZE];
	struct rules_container container;

	access_describe(&container, target, owner_name);
	return access_allows(access, &container);
}

int access_check_wish(const struct access *access, const struct rules_wish *wish, struct error *err)
{
	return access->rule != NULL ? rules_check_wish(access->rule, access->command, wish, err)
				    : 0;
}

int access_check_uid(const struct access *access, uint32_t uid, bool own, struct error *err)
{
	return access->rule != NULL ? rules_check_uid(access->rule, uid, own, err) : 0;
}

void access_finish(struct access *access)
{
	if (access != NULL) {
		rules_finish(&access->rules);
		operator_finish(&access->operator);
	}
}
