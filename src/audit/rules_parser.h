/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the functions for the grammar's lines (rules_parse.c, rules_terms.c) have in common: the
 * next token, and lists. All return 0 or a negative errno with the parser's error set, where
 * nothing else is said.
 */
#ifndef AUDIT_RULES_PARSER_H
#define AUDIT_RULES_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/rules.h"
#include "audit/rules_lex.h"

struct parser {
	struct lexer lexer;
	struct token token; /* the next one, not taken yet */
	struct error *err;
};

/* Goes on to the next token. */
int parser_take(struct parser *p);

/* Is WORD the next token? */
bool parser_is_word(const struct parser *p, const char *word);

/* Takes WORD, or a comma, where that is the next token: 1; 0 where another is. */
int parser_accept(struct parser *p, const char *word);
int parser_accept_comma(struct parser *p);

/* The error that WHAT stands where another token does. */
int parser_expected(struct parser *p, const char *what);
int parser_no_memory(struct parser *p);

/*
 * Makes an array of COUNT elements of SIZE bytes, of which ARRAY is the address of the pointer, one
 * longer: the address of the new element, zeroed, or NULL with *R a negative errno.
 */
void *parser_grow(struct parser *p, void *array, size_t *count, size_t size, int *r);

/* One value, which is the caller's to free; and a list of them, each of which CHECK (may be NULL)
 * looks at first. */
int parser_value(struct parser *p, char **out);
int parser_values(
	struct parser *p, struct rules_values *values, int (*check)(struct parser *, const char *));

/* rules_terms.c: what follows "with". */
int parser_terms(struct parser *p, struct rule *rule);

#endif
