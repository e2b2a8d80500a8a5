/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/rules_parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define LIST_MAX 256 /* values, conditions or subjects in one list */

/* Words that a value has to quote: one that was meant to begin the next clause is no user's name.
 */
static const char *const reserved[] = { "allow", "deny", "anyone", "unset", "user", "group", "to",
	"on", "with", "because", "or", "and", "not", "anything", "any" };

int parser_take(struct parser *p)
{
	return lexer_next(&p->lexer, &p->token, p->err);
}

bool parser_is_word(const struct parser *p, const char *word)
{
	return p->token.kind == TOKEN_WORD && strcmp(p->token.text, word) == 0;
}

int parser_accept(struct parser *p, const char *word)
{
	if (!parser_is_word(p, word)) {
		return 0;
	}
	int r = parser_take(p);
	return r < 0 ? r : 1;
}

int parser_accept_comma(struct parser *p)
{
	if (p->token.kind != TOKEN_COMMA) {
		return 0;
	}
	int r = parser_take(p);
	return r < 0 ? r : 1;
}

int parser_expected(struct parser *p, const char *what)
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

int parser_no_memory(struct parser *p)
{
	return error_set(p->err, ENOMEM, "%s", p->lexer.name);
}

void *parser_grow(struct parser *p, void *array, size_t *count, size_t size, int *r)
{
	void **base = array;

	if (*count == LIST_MAX) {
		*r = lexer_error(
			&p->lexer, &p->token, p->err, "more than %d in one list", LIST_MAX);
		return NULL;
	}
	char *larger = reallocarray(*base, *count + 1, size);
	if (larger == NULL) {
		*r = parser_no_memory(p);
		return NULL;
	}
	*base = larger;
	memset(larger + *count * size, 0, size);
	return larger + (*count)++ * size;
}

int parser_value(struct parser *p, char **out)
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
		return parser_expected(p, "a value");
	}
	*out = strdup(p->token.text);
	return *out == NULL ? parser_no_memory(p) : parser_take(p);
}

int parser_values(
	struct parser *p, struct rules_values *values, int (*check)(struct parser *, const char *))
{
	int r;

	do {
		char **value = parser_grow(p, &values->items, &values->count, sizeof(*value), &r);

		if (value == NULL) {
			return r;
		}
		r = check != NULL && p->token.kind != TOKEN_SEMICOLON ? check(p, p->token.text) : 0;
		if (r == 0) {
			r = parser_value(p, value);
		}
		if (r == 0) {
			r = parser_accept_comma(p);
		}
	} while (r > 0);
	return r;
}
