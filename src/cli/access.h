/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the operator may do what he asks for: the site's rules (audit/rules.h) asked by the
 * commands, before anything is started.
 */
#ifndef CLI_ACCESS_H
#define CLI_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/operator.h"
#include "audit/rules.h"
#include "target/target.h"

struct access {
	struct rules rules;
	struct operator operator;
	enum rules_command command;
	const struct rule *rule; /* the one that allows; NULL: nothing is ruled on this host */
};

/*
 * Reads the rules and who is at work, for COMMAND. Must come before a container is looked up: where
 * rules are in force, the environment no longer says where engines are. Returns 0, or a negative
 * errno where nobody may do anything. ACCESS is for access_finish() either way.
 */
int access_open(struct access *access, enum rules_command command, struct error *err);

/*
 * Whether the command may be used on TARGET, which becomes the canonical one: target_canonical().
 * Returns 0, or -EACCES with ERR saying which rule refuses.
 */
int access_check(struct access *access, struct target *target, struct error *err);

/* The same without words, for a TARGET as target_list() gave it: what a list may show. */
bool access_shows(const struct access *access, const struct target *target);

/* Both for a container as its session had it: rules_container. */
int access_check_container(
	struct access *access, const struct rules_container *container, struct error *err);
bool access_allows(const struct access *access, const struct rules_container *container);

/* Whether WISH and the user UID, of which rules_check_wish() and rules_check_uid() tell, are within
 * the terms of the rule that allowed. Returns 0 or -EACCES. */
int access_check_wish(
	const struct access *access, const struct rules_wish *wish, struct error *err);
int access_check_uid(const struct access *access, uint32_t uid, bool own, struct error *err);

/* What the rules know of TARGET. OWNER_NAME has OWNER_NAME_SIZE bytes. */
#define OWNER_NAME_SIZE 256
void access_describe(
	struct rules_container *container, const struct target *target, char *owner_name);

/* NULL is accepted. */
void access_finish(struct access *access);

#endif
