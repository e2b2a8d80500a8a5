/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is taken for a secret where the site says nothing else. Too much rather than too little: a
 * word too many that is hidden costs a look into the container, one too few a password.
 */
#ifndef AUDIT_REDACT_RULES_H
#define AUDIT_REDACT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A pattern that finds secrets anywhere in a text, whatever they are called. */
struct redact_pattern {
	const char *needle; /* no match without it: spares the expression */
	int group;	    /* of the expression that is the secret */
	bool icase;	    /* both in any case */
	const char *regex;  /* extended */
};
extern const struct redact_pattern redact_patterns[];
extern const size_t redact_n_patterns;

/*
 * True where NAME, of SIZE bytes, is what a secret would be called: a variable's or an option's
 * name, without dashes before it. "DB_PASSWORD", "auth-token"; not "password-file".
 */
bool redact_name(const char *name, size_t size);

/* Programs whose short options take secrets. */
enum redact_form {
	REDACT_NEXT = 1,     /* "-p SECRET" */
	REDACT_ATTACHED = 2, /* "-pSECRET" */
	REDACT_BOTH = 3
};
struct redact_program {
	const char *name; /* the program's; one that ends in "*" is a prefix */
	const char *option;
	enum redact_form form;
};
extern const struct redact_program redact_programs[];
extern const size_t redact_n_programs;

#endif
