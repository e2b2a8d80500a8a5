/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/rules_lex.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void lexer_init(struct lexer *lexer, const char *name, const char *text, size_t size)
{
	*lexer = (struct lexer){
		.name = name, .at = text, .end = text + size, .line = 1, .column = 1
	};
}

int lexer_error(const struct lexer *lexer, const struct token *token, struct error *err,
	const char *format, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	return error_set(err, 0, "%s:%u:%u: %s", lexer->name, token->line, token->column, what);
}

/* One more byte. Columns count characters: the bytes that go on with one don't. */
static void advance(struct lexer *lexer)
{
	if (*lexer->at == '\n') {
		lexer->line++;
		lexer->column = 1;
	} else if (((unsigned char)*lexer->at & 0xc0) != 0x80) {
		lexer->column++;
	}
	lexer->at++;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_of_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (unsigned char)c >= 0x80 || (c != '\0' && strchr("-_./:@=+%~*?", c) != NULL);
}

static void skip(struct lexer *lexer)
{
	while (lexer->at < lexer->end) {
		if (*lexer->at == '#') {
			while (lexer->at < lexer->end && *lexer->at != '\n') {
				advance(lexer);
			}
		} else if (is_blank(*lexer->at)) {
			advance(lexer);
		} else {
			return;
		}
	}
}

static int add(const struct lexer *lexer, struct token *token, size_t *n, char c, struct error *err)
{
	if (*n == RULES_WORD_MAX) {
		return lexer_error(lexer, token, err, "longer than %d characters", RULES_WORD_MAX);
	}
	token->text[(*n)++] = c;
	token->text[*n] = '\0';
	return 0;
}

static int read_word(struct lexer *lexer, struct token *token, struct error *err)
{
	size_t n = 0;

	token->kind = TOKEN_WORD;
	while (lexer->at < lexer->end && is_of_word(*lexer->at)) {
		int r = add(lexer, token, &n, *lexer->at, err);

		if (r < 0) {
			return r;
		}
		advance(lexer);
	}
	return 0;
}

static int read_string(struct lexer *lexer, struct token *token, struct error *err)
{
	size_t n = 0;

	token->kind = TOKEN_STRING;
	advance(lexer);
	while (lexer->at < lexer->end && *lexer->at != '"') {
		const struct token here = { .line = lexer->line, .column = lexer->column };

		if (*lexer->at == '\\') {
			advance(lexer);
			if (lexer->at == lexer->end || (*lexer->at != '"' && *lexer->at != '\\')) {
				return lexer_error(lexer, &here, err,
					"in quotes a backslash stands before \" or \\ only");
			}
		} else if ((unsigned char)*lexer->at < 0x20 || *lexer->at == 0x7f) {
			/* Most often a closing quote that was forgotten: say where it began. */
			return *lexer->at == '\n'
				       ? lexer_error(lexer, token, err,
						 "the closing quote is missing in this line")
				       : lexer_error(lexer, &here, err, "a control character");
		}
		int r = add(lexer, token, &n, *lexer->at, err);
		if (r < 0) {
			return r;
		}
		advance(lexer);
	}
	if (lexer->at == lexer->end) {
		return lexer_error(lexer, token, err, "the closing quote is missing");
	}
	advance(lexer);
	return n > 0 ? 0 : lexer_error(lexer, token, err, "an empty string means nothing");
}

int lexer_next(struct lexer *lexer, struct token *token, struct error *err)
{
	skip(lexer);
	token->text[0] = '\0';
	token->line = lexer->line;
	token->column = lexer->column;
	token->kind = TOKEN_END;
	if (lexer->at == lexer->end) {
		return 0;
	}
	char c = *lexer->at;
	if (c == ',' || c == ';') {
		token->kind = c == ',' ? TOKEN_COMMA : TOKEN_SEMICOLON;
		advance(lexer);
		return 0;
	}
	if (c == '"') {
		return read_string(lexer, token, err);
	}
	if (is_of_word(c)) {
		return read_word(lexer, token, err);
	}
	if ((unsigned char)c < 0x20 || c == 0x7f) {
		return lexer_error(
			lexer, token, err, "a control character (0x%02x)", (unsigned char)c);
	}
	return lexer_error(lexer, token, err, "\"%c\" has no meaning outside of quotes", c);
}
