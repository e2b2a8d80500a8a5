/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The grammar of rules.h by recursive descent: one function for each of its lines, one token ahead.
 */
#include "audit/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/rules_lex.h"
#include "base/str.h"

#define LIST_MAX 256 /* values, conditions or subjects in one list */

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

static const char *const view_names[] = { "none", "ro", "rw" };

/* Words that a value has to quote: one that was meant to begin the next clause is no user's name.
 */
static const char *const reserved[] = { "allow", "deny", "anyone", "unset", "user", "group", "to",
	"on", "with", "because", "or", "and", "not", "anything", "any" };

struct parser {
	struct lexer lexer;
	struct token token; /* the next one, not taken yet */
	struct error *err;
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

static int take(struct parser *p)
{
	return lexer_next(&p->lexer, &p->token, p->err);
}

static bool is_word(const struct parser *p, const char *word)
{
	return p->token.kind == TOKEN_WORD && strcmp(p->token.text, word) == 0;
}

/* Takes WORD where it is the next token: 1; 0 where another is. */
static int accept(struct parser *p, const char *word)
{
	if (!is_word(p, word)) {
		return 0;
	}
	int r = take(p);
	return r < 0 ? r : 1;
}

static int accept_comma(struct parser *p)
{
	if (p->token.kind != TOKEN_COMMA) {
		return 0;
	}
	int r = take(p);
	return r < 0 ? r : 1;
}

static int expected(struct parser *p, const char *what)
{
	const struct token *token = &p->token;

	switch (token->kind) {
	case TOKEN_END:
		return lexer_error(&p->lexer, token, p->err,
			"%s is expected here, not the end of the file", what);
	case TOKEN_COMMA:
		return lexer_error(
			&p->lexer, token, p->err, "%s is expected here, not \",\"", what);
	case TOKEN_SEMICOLON:
		return lexer_error(
			&p->lexer, token, p->err, "%s is expected here, not \";\"", what);
	default:
		return lexer_error(&p->lexer, token, p->err, "%s is expected here, not \"%.64s\"",
			what, token->text);
	}
}

static int no_memory(struct parser *p)
{
	return error_set(p->err, ENOMEM, "%s", p->lexer.name);
}

/* Makes ARRAY one longer: the address of the new element, zeroed, or NULL with the error set. */
static void *grow(struct parser *p, void *array, size_t *count, size_t size, int *r)
{
	void **base = array;

	if (*count == LIST_MAX) {
		*r = lexer_error(
			&p->lexer, &p->token, p->err, "more than %d in one list", LIST_MAX);
		return NULL;
	}
	char *larger = reallocarray(*base, *count + 1, size);
	if (larger == NULL) {
		*r = no_memory(p);
		return NULL;
	}
	*base = larger;
	memset(larger + *count * size, 0, size);
	return larger + (*count)++ * size;
}

static int parse_value(struct parser *p, char **out)
{
	bool is_value = p->token.kind == TOKEN_STRING || p->token.kind == TOKEN_WORD;

	for (size_t i = 0; p->token.kind == TOKEN_WORD && i < ARRAY_SIZE(reserved); i++) {
		if (strcmp(p->token.text, reserved[i]) == 0) {
			return lexer_error(&p->lexer, &p->token, p->err,
				"a value is expected here; \"%s\" is a word of the language, quote "
				"it where it is one",
				reserved[i]);
		}
	}
	if (!is_value) {
		return expected(p, "a value");
	}
	*out = strdup(p->token.text);
	return *out == NULL ? no_memory(p) : take(p);
}

/* Values, each of which CHECK (may be NULL) looks at. */
static int parse_values(
	struct parser *p, struct rules_values *values, int (*check)(struct parser *, const char *))
{
	int r;

	do {
		char **value = grow(p, &values->items, &values->count, sizeof(*value), &r);

		if (value == NULL) {
			return r;
		}
		r = check != NULL && p->token.kind != TOKEN_SEMICOLON ? check(p, p->token.text) : 0;
		if (r == 0) {
			r = parse_value(p, value);
		}
		if (r == 0) {
			r = accept_comma(p);
		}
	} while (r > 0);
	return r;
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
		int r = accept(p, kinds[i].word);

		if (r < 0) {
			return r;
		}
		if (r > 0) {
			struct rules_subject *subject =
				grow(p, &rule->subjects, &rule->n_subjects, sizeof(*subject), &r);

			if (subject == NULL) {
				return r;
			}
			subject->kind = kinds[i].kind;
			return kinds[i].has_values ? parse_values(p, &subject->values, NULL) : 0;
		}
	}
	return expected(p, "who (user, group, anyone or unset)");
}

static int parse_subjects(struct parser *p, struct rule *rule)
{
	int r;

	do {
		r = parse_subject(p, rule);
		if (r == 0) {
			r = accept(p, "or");
		}
	} while (r > 0);
	return r;
}

static int parse_commands(struct parser *p, struct rule *rule)
{
	int r = accept(p, "anything");

	if (r != 0) {
		rule->commands = (1u << RULES_COMMANDS) - 1;
		return r < 0 ? r : 0;
	}
	do {
		int command = p->token.kind == TOKEN_WORD ? rules_command_by_name(p->token.text)
							  : -ENOENT;

		if (command < 0) {
			return expected(p, "a command (attach, exec, inspect, diff, why, list, "
					   "sessions, kill, replay or anything)");
		}
		rule->commands |= 1u << command;
		r = take(p);
		if (r == 0) {
			r = accept_comma(p);
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
	int negated = accept(p, "not");

	if (negated < 0) {
		return negated;
	}
	for (int i = 0; i < RULES_KINDS; i++) {
		int r = accept(p, kind_names[i]);

		if (r < 0) {
			return r;
		}
		if (r > 0) {
			struct rules_condition *condition = grow(
				p, &rule->conditions, &rule->n_conditions, sizeof(*condition), &r);

			if (condition == NULL) {
				return r;
			}
			condition->kind = (enum rules_kind)i;
			condition->negated = negated > 0;
			return parse_values(
				p, &condition->values, i == RULES_LABEL ? check_label : NULL);
		}
	}
	return expected(p, "what of the container (engine, name, id, image, label or owner)");
}

static int parse_conditions(struct parser *p, struct rule *rule)
{
	int r = accept(p, "any");

	if (r != 0) {
		return r < 0 ? r : 0;
	}
	do {
		r = parse_condition(p, rule);
		if (r == 0) {
			r = accept(p, "and");
		}
	} while (r > 0);
	return r;
}

static int parse_view(struct parser *p, struct rule *rule)
{
	for (size_t i = 0; i < ARRAY_SIZE(view_names); i++) {
		if (is_word(p, view_names[i])) {
			rule->terms.host_view = (enum rules_view)i;
			return take(p);
		}
	}
	return expected(p, "rw, ro or none");
}

static int parse_number(char *text, uint32_t *out)
{
	uint64_t value;
	int r = str_to_u64(text, UINT32_MAX - 1, &value);

	*out = r == 0 ? (uint32_t)value : 0;
	return r;
}

static int parse_range(struct parser *p, struct rules_range *range)
{
	char *dash = strchr(p->token.text, '-');

	if (p->token.kind == TOKEN_WORD) {
		if (dash != NULL) {
			*dash = '\0';
		}
		bool valid = parse_number(p->token.text, &range->first) == 0 &&
			     (dash == NULL || parse_number(dash + 1, &range->last) == 0);
		if (dash != NULL) {
			*dash = '-';
		} else {
			range->last = range->first;
		}
		if (valid && range->first <= range->last) {
			return take(p);
		}
	}
	return expected(p, "a uid as the container has it (N, N-M with N not above M, or any)");
}

static int parse_uids(struct parser *p, struct rule *rule)
{
	int r = accept(p, "any");

	if (r != 0) {
		rule->terms.uid_any = true;
		return r < 0 ? r : 0;
	}
	do {
		struct rules_range *range =
			grow(p, &rule->terms.uids, &rule->terms.n_uids, sizeof(*range), &r);

		if (range == NULL) {
			return r;
		}
		r = parse_range(p, range);
		if (r == 0) {
			r = accept_comma(p);
		}
	} while (r > 0);
	return r;
}

static int check_share(struct parser *p, const char *value)
{
	return *value == '/' || p->token.kind == TOKEN_COMMA
		       ? 0
		       : lexer_error(&p->lexer, &p->token, p->err,
				 "a shared directory is an absolute path");
}

static int parse_shares(struct parser *p, struct rule *rule)
{
	return parse_values(p, &rule->terms.shares, check_share);
}

static int parse_like(struct parser *p, struct rule *rule)
{
	rule->terms.like = true;
	return 0;
}

static int parse_degraded(struct parser *p, struct rule *rule)
{
	rule->terms.degraded = true;
	return 0;
}

static int parse_without(struct parser *p, struct rule *rule)
{
	rule->terms.without = true;
	return 0;
}

static int parse_record(struct parser *p, struct rule *rule)
{
	rule->terms.record = true;
	return 0;
}

static int parse_record_input(struct parser *p, struct rule *rule)
{
	rule->terms.record = true;
	rule->terms.record_input = true;
	return 0;
}

static int parse_reason(struct parser *p, struct rule *rule)
{
	rule->terms.reason = true;
	return 0;
}

static const struct {
	const char *word;
	int (*parse)(struct parser *p, struct rule *rule);
} terms[] = {
	{ "host-view", parse_view },
	{ "uid", parse_uids },
	{ "share", parse_shares },
	{ "like", parse_like },
	{ "degraded", parse_degraded },
	{ "without", parse_without },
	{ "record", parse_record },
	{ "record-input", parse_record_input },
	{ "reason", parse_reason },
};

static int parse_term(struct parser *p, struct rule *rule, uint32_t *seen)
{
	for (size_t i = 0; i < ARRAY_SIZE(terms); i++) {
		if (!is_word(p, terms[i].word)) {
			continue;
		}
		/* Two of a kind contradict each other or are a slip of the pen. */
		if ((*seen >> i & 1) != 0) {
			return lexer_error(&p->lexer, &p->token, p->err,
				"\"%s\" stands twice in this rule", terms[i].word);
		}
		*seen |= 1u << i;
		int r = take(p);
		return r < 0 ? r : terms[i].parse(p, rule);
	}
	return expected(p,
		"a term (host-view, uid, share, like, degraded, without, record, record-input or "
		"reason)");
}

static int parse_terms(struct parser *p, struct rule *rule)
{
	uint32_t seen = 0;
	int r;

	if (!rule->allow) {
		return lexer_error(&p->lexer, &p->token, p->err, "a deny rule has no terms");
	}
	do {
		r = parse_term(p, rule, &seen);
		if (r == 0) {
			r = accept(p, "and");
		}
	} while (r > 0);
	return r;
}

/* [ "to" commands ] [ "on" containers ] */
static int parse_scope(struct parser *p, struct rule *rule)
{
	int r = accept(p, "to");

	if (r == 0 && rule->allow) {
		return expected(p, "\"to\" and what is allowed");
	}
	if (r == 0) {
		rule->commands = (1u << RULES_COMMANDS) - 1;
	} else if (r > 0) {
		r = parse_commands(p, rule);
	}
	if (r == 0) {
		r = accept(p, "on");
		if (r == 0 && rule->allow) {
			return expected(p, "\"on\" and which containers");
		}
		r = r > 0 ? parse_conditions(p, rule) : r;
	}
	return r;
}

static int parse_rule(struct parser *p, struct rule *rule)
{
	rule->line = p->token.line;
	rule->terms.host_view = RULES_VIEW_RW;
	int r = accept(p, "allow");
	rule->allow = r > 0;
	if (r == 0) {
		r = accept(p, "deny");
	}
	if (r == 0) {
		return expected(p, "a rule (allow or deny)");
	}
	r = r > 0 ? parse_subjects(p, rule) : r;
	r = r == 0 ? parse_scope(p, rule) : r;
	if (r == 0) {
		r = accept(p, "with");
		r = r > 0 ? parse_terms(p, rule) : r;
	}
	if (r == 0) {
		r = accept(p, "because");
		r = r > 0 ? parse_value(p, &rule->because) : r;
	}
	if (r == 0 && p->token.kind != TOKEN_SEMICOLON) {
		return expected(p, "\";\" at the end of the rule");
	}
	return r == 0 ? take(p) : r;
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
			return no_memory(p);
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
	int r = take(&parser);
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
