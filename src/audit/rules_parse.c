/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The grammar of rules.h by recursive descent: one function for each of its lines, one token ahead.
 */
#include "audit/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/rules_parser.h"
#include "base/str.h"

const char *const rules_command_names[RULES_COMMANDS] = {
	[RULES_ATTACH] = "attach",
	[RULES_EXEC] = "exec",
	[RULES_INSPECT] = "inspect",
	[RULES_DIFF] = "diff",
	[RULES_WHY] = "why",
	[RULES_LIST] = "list",
	[RULES_SESSIONS] = "sessions",
	[RULES_KILL] = "kill",
	[RULES_REPLAY] = "replay",
};

static const char *const kind_names[RULES_KINDS] = {
	[RULES_ENGINE] = "engine",
	[RULES_NAME] = "name",
	[RULES_ID] = "id",
	[RULES_IMAGE] = "image",
	[RULES_LABEL] = "label",
	[RULES_OWNER] = "owner",
};

int rules_command_by_name(const char *name)
{
	for (int i = 0; i < RULES_COMMANDS; i++) {
		if (strcmp(name, rules_command_names[i]) == 0) {
			return i;
		}
	}
	return -ENOENT;
}

static int parse_subject(struct parser *p, struct rule *rule)
{
	static const struct {
		const char *word;
		enum rules_subject_kind kind;
		bool has_values;
	} kinds[] = {
		{ "anyone", RULES_ANYONE, false },
		{ "unset", RULES_UNSET, false },
		{ "user", RULES_USER, true },
		{ "group", RULES_GROUP, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int r = parser_accept(p, kinds[i].word);

		if (r < 0) {
			return r;
		}
		if (r > 0) {
			struct rules_subject *subject = parser_grow(
				p, &rule->subjects, &rule->n_subjects, sizeof(*subject), &r);

			if (subject == NULL) {
				return r;
			}
			subject->kind = kinds[i].kind;
			return kinds[i].has_values ? parser_values(p, &subject->values, NULL) : 0;
		}
	}
	return parser_expected(p, "who (user, group, anyone or unset)");
}

static int parse_subjects(struct parser *p, struct rule *rule)
{
	int r;

	do {
		r = parse_subject(p, rule);
		if (r == 0) {
			r = parser_accept(p, "or");
		}
	} while (r > 0);
	return r;
}

static int parse_commands(struct parser *p, struct rule *rule)
{
	int r = parser_accept(p, "anything");

	if (r != 0) {
		rule->commands = (1u << RULES_COMMANDS) - 1;
		return r < 0 ? r : 0;
	}
	do {
		int command = p->token.kind == TOKEN_WORD ? rules_command_by_name(p->token.text)
							  : -ENOENT;

		if (command < 0) {
			return parser_expected(p,
				"a command (attach, exec, inspect, diff, why, list, "
				"sessions, kill, replay or anything)");
		}
		rule->commands |= 1u << command;
		r = parser_take(p);
		if (r == 0) {
			r = parser_accept_comma(p);
		}
	} while (r > 0);
	return r;
}

static int check_label(struct parser *p, const char *value)
{
	const char *equals = strchr(value, '=');

	if (equals == NULL || equals == value) {
		return lexer_error(&p->lexer, &p->token, p->err,
			"a label is written KEY=VALUE (KEY=* for any)");
	}
	if (strcspn(value, "*?") < (size_t)(equals - value)) {
		return lexer_error(&p->lexer, &p->token, p->err, "a label's key has no * and no ?");
	}
	return 0;
}

static int parse_condition(struct parser *p, struct rule *rule)
{
	int negated = parser_accept(p, "not");

	if (negated < 0) {
		return negated;
	}
	for (int i = 0; i < RULES_KINDS; i++) {
		int r = parser_accept(p, kind_names[i]);

		if (r < 0) {
			return r;
		}
		if (r > 0) {
			struct rules_condition *condition = parser_grow(
				p, &rule->conditions, &rule->n_conditions, sizeof(*condition), &r);

			if (condition == NULL) {
				return r;
			}
			condition->kind = (enum rules_kind)i;
			condition->negated = negated > 0;
			return parser_values(
				p, &condition->values, i == RULES_LABEL ? check_label : NULL);
		}
	}
	return parser_expected(
		p, "what of the container (engine, name, id, image, label or owner)");
}

static int parse_conditions(struct parser *p, struct rule *rule)
{
	int r = parser_accept(p, "any");

	if (r != 0) {
		return r < 0 ? r : 0;
	}
	do {
		r = parse_condition(p, rule);
		if (r == 0) {
			r = parser_accept(p, "and");
		}
	} while (r > 0);
	return r;
}

/* [ "to" commands ] [ "on" containers ] */
static int parse_scope(struct parser *p, struct rule *rule)
{
	int r = parser_accept(p, "to");

	if (r == 0 && rule->allow) {
		return parser_expected(p, "\"to\" and what is allowed");
	}
	if (r == 0) {
		rule->commands = (1u << RULES_COMMANDS) - 1;
	} else if (r > 0) {
		r = parse_commands(p, rule);
	}
	if (r == 0) {
		r = parser_accept(p, "on");
		if (r == 0 && rule->allow) {
			return parser_expected(p, "\"on\" and which containers");
		}
		r = r > 0 ? parse_conditions(p, rule) : r;
	}
	return r;
}

static int parse_rule(struct parser *p, struct rule *rule)
{
	rule->line = p->token.line;
	rule->terms.host_view = RULES_VIEW_RW;
	int r = parser_accept(p, "allow");
	rule->allow = r > 0;
	if (r == 0) {
		r = parser_accept(p, "deny");
	}
	if (r == 0) {
		return parser_expected(p, "a rule (allow or deny)");
	}
	r = r > 0 ? parse_subjects(p, rule) : r;
	r = r == 0 ? parse_scope(p, rule) : r;
	if (r == 0) {
		r = parser_accept(p, "with");
		r = r > 0 ? parser_terms(p, rule) : r;
	}
	if (r == 0) {
		r = parser_accept(p, "because");
		r = r > 0 ? parser_value(p, &rule->because) : r;
	}
	if (r == 0 && p->token.kind != TOKEN_SEMICOLON) {
		return parser_expected(p, "\";\" at the end of the rule");
	}
	return r == 0 ? parser_take(p) : r;
}

static int new_rule(struct rules *rules, struct parser *p, struct rule **out)
{
	if (rules->count == RULES_MAX) {
		return lexer_error(&p->lexer, &p->token, p->err, "more than %d rules", RULES_MAX);
	}
	if (rules->count == rules->room) {
		size_t room = rules->room == 0 ? 16 : 2 * rules->room;
		struct rule *larger = reallocarray(rules->rules, room, sizeof(*larger));

		if (larger == NULL) {
			return parser_no_memory(p);
		}
		rules->rules = larger;
		rules->room = room;
	}
	*out = &rules->rules[rules->count++];
	**out = (struct rule){ .file = rules->files[rules->n_files - 1] };
	return 0;
}

int rules_parse(
	struct rules *rules, const char *name, const char *text, size_t size, struct error *err)
{
	struct parser parser = { .err = err };
	char **files = reallocarray(rules->files, rules->n_files + 1, sizeof(*files));
	struct rule *rule = NULL;

	if (files == NULL) {
		return error_set(err, ENOMEM, "%s", name);
	}
	rules->files = files;
	files[rules->n_files] = strdup(name);
	if (files[rules->n_files] == NULL) {
		return error_set(err, ENOMEM, "%s", name);
	}
	rules->n_files++;
	rules->in_force = true;
	lexer_init(&parser.lexer, name, text, size);
	int r = parser_take(&parser);
	while (r == 0 && parser.token.kind != TOKEN_END) {
		r = new_rule(rules, &parser, &rule);
		if (r == 0) {
			r = parse_rule(&parser, rule);
		}
	}
	return r;
}

static void values_finish(struct rules_values *values)
{
	for (size_t i = 0; i < values->count; i++) {
		free(values->items[i]);
	}
	free(values->items);
}

static void rule_finish(struct rule *rule)
{
	for (size_t i = 0; i < rule->n_subjects; i++) {
		values_finish(&rule->subjects[i].values);
	}
	for (size_t i = 0; i < rule->n_conditions; i++) {
		values_finish(&rule->conditions[i].values);
	}
	free(rule->subjects);
	free(rule->conditions);
	free(rule->terms.uids);
	values_finish(&rule->terms.shares);
	free(rule->because);
}

void rules_finish(struct rules *rules)
{
	if (rules == NULL) {
		return;
	}
	for (size_t i = 0; i < rules->count; i++) {
		rule_finish(&rules->rules[i]);
	}
	for (size_t i = 0; i < rules->n_files; i++) {
		free(rules->files[i]);
	}
	free(rules->rules);
	free(rules->files);
	*rules = (struct rules){ 0 };
}
