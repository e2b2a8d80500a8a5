/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the bytes of a rules file to the tokens of the language in rules.h.
 */
#ifndef AUDIT_RULES_LEX_H
#define AUDIT_RULES_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/rules.h"
#include "base/error.h"

enum token_kind {
	TOKEN_END, /* of the file */
	TOKEN_WORD,
	TOKEN_STRING,
	TOKEN_COMMA,
	TOKEN_SEMICOLON
};

struct token {
	enum token_kind kind;
	char text[RULES_WORD_MAX + 1]; /* of words and strings, escapes undone */
	unsigned int line;
	unsigned int column; /* in characters, from 1 */
};

struct lexer {
	const char *name; /* of the file, for messages */
	const char *at;
	const char *end;
	unsigned int line;
	unsigned int column;
};

void lexer_init(struct lexer *lexer, const char *name, const char *text, size_t size);

/* Reads the next token. Returns 0, or -EINVAL with ERR saying where and what. */
int lexer_next(struct lexer *lexer, struct token *token, struct error *err);

/* Sets ERR to "NAME:LINE:COLUMN: ..." for TOKEN's place. Returns -EINVAL. */
int lexer_error(const struct lexer *lexer, const struct token *token, struct error *err,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
