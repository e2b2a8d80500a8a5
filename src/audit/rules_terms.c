/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terms of a rule: what it gives, or asks for, beyond the command itself.
 */
#include <string.h>

#include "audit/rules_parser.h"
#include "base/str.h"

static const char *const view_names[] = { "none", "ro", "rw" };

static int parse_view(struct parser *p, struct rule *rule)
{
	for (size_t i = 0; i < ARRAY_SIZE(view_names); i++) {
		if (parser_is_word(p, view_names[i])) {
			rule->terms.host_view = (enum rules_view)i;
			return parser_take(p);
		}
	}
	return parser_expected(p, "rw, ro or none");
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
			return parser_take(p);
		}
	}
	return parser_expected(
		p, "a uid as the container has it (N, N-M with N not above M, or any)");
}

static int parse_uids(struct parser *p, struct rule *rule)
{
	int r = parser_accept(p, "any");

	if (r != 0) {
		rule->terms.uid_any = true;
		return r < 0 ? r : 0;
	}
	do {
		struct rules_range *range =
			parser_grow(p, &rule->terms.uids, &rule->terms.n_uids, sizeof(*range), &r);

		if (range == NULL) {
			return r;
		}
		r = parse_range(p, range);
		if (r == 0) {
			r = parser_accept_comma(p);
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
	return parser_values(p, &rule->terms.shares, check_share);
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
		if (!parser_is_word(p, terms[i].word)) {
			continue;
		}
		/* Two of a kind contradict each other or are a slip of the pen. */
		if ((*seen >> i & 1) != 0) {
			return lexer_error(&p->lexer, &p->token, p->err,
				"\"%s\" stands twice in this rule", terms[i].word);
		}
		*seen |= 1u << i;
		int r = parser_take(p);
		return r < 0 ? r : terms[i].parse(p, rule);
	}
	return parser_expected(p,
		"a term (host-view, uid, share, like, degraded, without, record, record-input or "
		"reason)");
}

int parser_terms(struct parser *p, struct rule *rule)
{
	uint32_t seen = 0;
	int r;

	if (!rule->allow) {
		return lexer_error(&p->lexer, &p->token, p->err, "a deny rule has no terms");
	}
	do {
		r = parse_term(p, rule, &seen);
		if (r == 0) {
			r = parser_accept(p, "and");
		}
	} while (r > 0);
	return r;
}
