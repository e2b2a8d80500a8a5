/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which rule decides, and what its terms say. What isn't known counts against who asks.
 */
#include <errno.h>
#include <string.h>

#include "audit/rules.h"
#include "base/str.h"

enum answer { NO, YES, UNKNOWN };

/*
 * fnmatch(3) takes time exponential in the number of stars, and the strings are of any container's
 * choosing: here only the last star is ever tried again.
 */
bool rules_glob(const char *pattern, const char *string)
{
	const char *star = NULL;
	const char *again = NULL;

	while (*string != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			again = string;
		} else if (*pattern == '?' || *pattern == *string) {
			pattern++;
			string++;
		} else if (star != NULL) {
			pattern = star + 1;
			string = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*') {
		pattern++;
	}
	return *pattern == '\0';
}

static bool any_matches(const struct rules_values *values, const char *string)
{
	for (size_t i = 0; i < values->count; i++) {
		if (rules_glob(values->items[i], string)) {
			return true;
		}
	}
	return false;
}

/* True where one of VALUES is the number ID: of users and groups, digits mean the number. */
static bool any_is_id(const struct rules_values *values, uint32_t id)
{
	for (size_t i = 0; i < values->count; i++) {
		uint64_t number;

		if (str_to_u64(values->items[i], UINT32_MAX, &number) == 0 && number == id) {
			return true;
		}
	}
	return false;
}

static bool group_matches(const struct rules_values *values, const struct operator* operator)
{
	for (size_t i = 0; i < operator->n_groups; i++) {
		const struct operator_group *group = &operator->groups[i];

		if (any_is_id(values, group->gid) ||
			(group->name != NULL && any_matches(values, group->name))) {
			return true;
		}
	}
	return false;
}

static enum answer of_bool(bool yes)
{
	return yes ? YES : NO;
}

static enum answer subject_matches(
	const struct rules_subject *subject, const struct operator* operator, bool allow)
{
	bool unset = operator_is_unset(operator);

	switch (subject->kind) {
	case RULES_ANYONE:
		/* Nobody logged in: that is somebody to be kept out, not to be let in. */
		return of_bool(!unset || !allow);
	case RULES_UNSET:
		return of_bool(unset);
	case RULES_USER:
		if (unset) {
			return NO;
		}
		if (any_is_id(&subject->values, operator->uid)) {
			return YES;
		}
		return operator->name != NULL
			       ? of_bool(any_matches(&subject->values, operator->name))
			       : UNKNOWN;
	case RULES_GROUP:
	default:
		if (unset) {
			return NO;
		}
		return operator->name != NULL ? of_bool(group_matches(&subject->values, operator))
					      : UNKNOWN;
	}
}

static enum answer label_matches(const struct rules_values *values, char *const *labels)
{
	if (labels == NULL) {
		return UNKNOWN;
	}
	for (size_t i = 0; i < values->count; i++) {
		/* The key is no pattern: one with a "=" in it can't pass for another. */
		size_t key = strcspn(values->items[i], "=") + 1;

		for (char *const *label = labels; *label != NULL; label++) {
			if (strncmp(*label, values->items[i], key) == 0 &&
				rules_glob(values->items[i] + key, *label + key)) {
				return YES;
			}
		}
	}
	return NO;
}

static enum answer owner_matches(
	const struct rules_values *values, const struct rules_container *container)
{
	for (size_t i = 0; container->owner == 0 && i < values->count; i++) {
		if (strcmp(values->items[i], "system") == 0) {
			return YES;
		}
	}
	if (any_is_id(values, container->owner)) {
		return YES;
	}
	return container->owner_name == NULL ? UNKNOWN
					     : of_bool(any_matches(values, container->owner_name));
}

static enum answer condition_matches(
	const struct rules_condition *condition, const struct rules_container *container)
{
	const struct rules_values *values = &condition->values;
	enum answer answer = NO;

	switch (condition->kind) {
	case RULES_ENGINE:
		answer = of_bool(any_matches(values, container->engine));
		break;
	case RULES_NAME:
		answer = of_bool(any_matches(values, container->name));
		break;
	case RULES_ID:
		answer = of_bool(container->id != NULL && any_matches(values, container->id));
		break;
	case RULES_IMAGE:
		answer = container->image == NULL ? UNKNOWN
						  : of_bool(any_matches(values, container->image));
		break;
	case RULES_LABEL:
		answer = label_matches(values, container->labels);
		break;
	case RULES_OWNER:
	default:
		answer = owner_matches(values, container);
		break;
	}
	if (condition->negated && answer != UNKNOWN) {
		answer = answer == YES ? NO : YES;
	}
	return answer;
}

static bool counts(enum answer answer, bool allow)
{
	return answer == YES || (answer == UNKNOWN && !allow);
}

/* What an allow rule has to say in so many words before it is about CONTAINER. */
static bool is_meant(const struct rule *rule, const struct rules_container *container)
{
	bool owner_said = container->owner == 0;
	bool engine_said =
		strcmp(container->engine, "pid") != 0 && strcmp(container->engine, "cgroup") != 0;

	for (size_t i = 0; i < rule->n_conditions; i++) {
		const struct rules_condition *condition = &rule->conditions[i];

		owner_said = owner_said || condition->kind == RULES_OWNER;
		for (size_t k = 0; k < condition->values.count && !condition->negated &&
				   condition->kind == RULES_ENGINE;
			k++) {
			engine_said = engine_said ||
				      strcmp(condition->values.items[k], container->engine) == 0;
		}
	}
	return owner_said && engine_said;
}

static bool rule_matches(const struct rule *rule, const struct operator* operator,
	enum rules_command command, const struct rules_container *container)
{
	bool is_subject = false;

	if ((rule->commands >> command & 1) == 0) {
		return false;
	}
	for (size_t i = 0; i < rule->n_subjects && !is_subject; i++) {
		is_subject = counts(
			subject_matches(&rule->subjects[i], operator, rule->allow), rule->allow);
	}
	if (!is_subject || (rule->allow && !is_meant(rule, container))) {
		return false;
	}
	for (size_t i = 0; i < rule->n_conditions; i++) {
		if (!counts(condition_matches(&rule->conditions[i], container), rule->allow)) {
			return false;
		}
	}
	return true;
}

const struct rule *rules_find(const struct rules *rules, const struct operator* operator,
	enum rules_command command, const struct rules_container *container)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (rule_matches(&rules->rules[i], operator, command, container)) {
			return &rules->rules[i];
		}
	}
	return NULL;
}

static int refuse(const struct rule *rule, struct error *err, const char *hint, const char *what)
{
	error_set_hint(err, 0, hint, "the rule %s:%u %s", rule->file, rule->line, what);
	if (err != NULL) {
		err->code = EACCES;
	}
	return -EACCES;
}

static int check_view(const struct rule *rule, const struct rules_wish *wish, struct error *err)
{
	enum rules_view allowed = rule->terms.host_view;

	if (allowed == RULES_VIEW_NONE) {
		return refuse(rule, err, "sallyport exec runs the container's own programs",
			"allows no view of the host");
	}
	if (wish->host_view_given && wish->host_view > allowed) {
		return refuse(rule, err, "--host-view ro", "allows the host's files read-only");
	}
	return 0;
}

static int check_shares(const struct rule *rule, const struct rules_wish *wish, struct error *err)
{
	for (char *const *share = wish->shares; share != NULL && *share != NULL; share++) {
		/* Bound natively, a shared directory can be written to whatever the view allows. */
		bool allowed = rule->terms.shares.count == 0
				       ? rule->terms.host_view == RULES_VIEW_RW
				       : any_matches(&rule->terms.shares, *share);

		if (!allowed || strstr(*share, "..") != NULL) {
			return refuse(rule, err, NULL, "doesn't allow this --share");
		}
	}
	return 0;
}

int rules_check_wish(const struct rule *rule, enum rules_command command,
	const struct rules_wish *wish, struct error *err)
{
	const struct rules_terms *terms = &rule->terms;

	if (wish->like && !terms->like) {
		return refuse(rule, err, NULL, "doesn't allow --like");
	}
	if (wish->degraded && !terms->degraded) {
		return refuse(rule, err, NULL, "doesn't allow --degraded");
	}
	if (wish->without && !terms->without) {
		return refuse(rule, err, NULL, "doesn't allow --without");
	}
	/* The others have no records that it could stand in. */
	bool is_session = command == RULES_ATTACH || command == RULES_EXEC;
	if (is_session && terms->reason &&
		(wish->reason == NULL || strspn(wish->reason, " \t\n") == strlen(wish->reason))) {
		return refuse(rule, err, "--reason TEXT", "wants a reason");
	}
	if (command != RULES_ATTACH) {
		return 0;
	}
	int r = check_view(rule, wish, err);
	return r < 0 ? r : check_shares(rule, wish, err);
}

int rules_check_uid(const struct rule *rule, uint32_t uid, bool own, struct error *err)
{
	const struct rules_terms *terms = &rule->terms;

	if (terms->uid_any || (terms->n_uids == 0 && own)) {
		return 0;
	}
	for (size_t i = 0; i < terms->n_uids; i++) {
		if (uid >= terms->uids[i].first && uid <= terms->uids[i].last) {
			return 0;
		}
	}
	return refuse(rule, err, "--user",
		terms->n_uids == 0 ? "allows the container's own user alone"
				   : "doesn't allow this user of the container");
}
