/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The site's rules: who may use which command on which container, and with what. Read from the
 * files *.conf of RULES_DIRECTORY in the order of their names; the first rule that matches decides;
 * where none does the answer is no. Where there is no such file at all nothing is ruled.
 *
 *   file       = { rule } .
 *   rule       = effect subjects [ "to" commands ] [ "on" containers ] [ "with" terms ]
 *                [ "because" value ] ";" .
 *   effect     = "allow" | "deny" .
 *   subjects   = subject { "or" subject } .
 *   subject    = "anyone" | "unset" | "user" values | "group" values .
 *   commands   = "anything" | command { "," command } .
 *   containers = "any" | condition { "and" condition } .
 *   condition  = [ "not" ] ( "engine" | "name" | "id" | "image" | "label" | "owner" ) values .
 *   terms      = term { "and" term } .
 *   term       = "host-view" ( "rw" | "ro" | "none" ) | "uid" ( "any" | range { "," range } ) |
 *                "share" values | "like" | "degraded" | "without" | "record" | "record-input" |
 *                "reason" .
 *   range      = NUMBER | NUMBER "-" NUMBER .
 *   values     = value { "," value } .
 *   value      = WORD | STRING .
 *
 * A WORD is made of letters, digits and - _ . / : @ = + % ~ * ? and bytes of UTF-8; those in
 * quotation marks above are none. A STRING stands between double quotes, where \" and \\ are the
 * only escapes. "#" begins a comment. In values * is any run of characters and ? any one; in a
 * STRING as well. A comma means "or", "and" means both. `to` and `on` may be left out after `deny`
 * alone, which then means anything and any; `with` belongs to `allow`.
 *
 * What an engine doesn't tell of a container (its image, its labels) neither lets an `allow` rule
 * match nor keeps a `deny` rule from it. Of `allow` rules, only those that say `engine pid` or
 * `engine cgroup` are about what no engine told of, and only those with `owner` about the
 * containers of users, who choose names, images and labels themselves.
 */
#ifndef AUDIT_RULES_H
#define AUDIT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "audit/operator.h"
#include "base/error.h"

#define RULES_DIRECTORY "/etc/sallyport/rules.d"
#define RULES_FILE_MAX (1u << 20) /* bytes */
#define RULES_MAX 8192
#define RULES_WORD_MAX 1024

enum rules_command {
	RULES_ATTACH,
	RULES_EXEC,
	RULES_INSPECT,
	RULES_DIFF,
	RULES_WHY,
	RULES_LIST,
	RULES_SESSIONS, /* see sessions */
	RULES_KILL,	/* sessions --kill */
	RULES_REPLAY,
	RULES_COMMANDS
};

/* As rules write them. */
extern const char *const rules_command_names[RULES_COMMANDS];

/* The command NAME, or -ENOENT. */
int rules_command_by_name(const char *name);

enum rules_view {
	RULES_VIEW_NONE, /* no host tool at all */
	RULES_VIEW_RO,
	RULES_VIEW_RW
};

enum rules_kind {
	RULES_ENGINE,
	RULES_NAME,
	RULES_ID,
	RULES_IMAGE,
	RULES_LABEL,
	RULES_OWNER,
	RULES_KINDS
};

enum rules_subject_kind {
	RULES_ANYONE, /* who is logged in */
	RULES_UNSET,
	RULES_USER,
	RULES_GROUP
};

struct rules_values {
	char **items; /* owned */
	size_t count;
};

struct rules_subject {
	enum rules_subject_kind kind;
	struct rules_values values;
};

struct rules_condition {
	enum rules_kind kind;
	bool negated;
	struct rules_values values;
};

struct rules_range {
	uint32_t first;
	uint32_t last;
};

struct rules_terms {
	enum rules_view host_view;
	bool uid_any;
	struct rules_range *uids; /* owned; none: the container's own user alone */
	size_t n_uids;
	struct rules_values shares;
	bool like;
	bool degraded;
	bool without;
	bool record;
	bool record_input;
	bool reason;
};

struct rule {
	const char *file; /* the struct rules' */
	unsigned int line;
	bool allow;
	struct rules_subject *subjects;
	size_t n_subjects;
	uint32_t commands;		    /* bit N: enum rules_command N */
	struct rules_condition *conditions; /* none: any */
	size_t n_conditions;
	struct rules_terms terms;
	char *because; /* NULL: not said */
};

struct rules {
	bool in_force; /* there is a file */
	struct rule *rules;
	size_t count;
	size_t room;
	char **files; /* their paths, which rules point to */
	size_t n_files;
};

/*
 * Reads all files of DIRECTORY. It and they must belong to root and be writable by nobody else, and
 * be no links. Returns 0, or a negative errno with ERR naming file, line and column: then nobody
 * may do anything. RULES is for rules_finish() either way.
 */
int rules_load(struct rules *rules, const char *directory, struct error *err);

/* Adds the rules of the one file PATH, whoever it belongs to. As above. */
int rules_load_file(struct rules *rules, const char *path, struct error *err);

/* Adds the rules in the SIZE bytes at TEXT; NAME is what messages and rules call the file. */
int rules_parse(
	struct rules *rules, const char *name, const char *text, size_t size, struct error *err);

/* NULL is accepted. */
void rules_finish(struct rules *rules);

/* What is asked for, and of whom. Strings stay the caller's. */
struct rules_container {
	const char *engine;
	const char *name;
	const char *id;		/* NULL: it has none */
	const char *image;	/* NULL: unknown */
	char *const *labels;	/* "KEY=VALUE" each, NULL-terminated; NULL: unknown */
	uid_t owner;		/* 0: the system's */
	const char *owner_name; /* NULL: unknown */
};

/* The first rule of RULES that matches. NULL: none does, which means no. */
const struct rule *rules_find(const struct rules *rules, const struct operator* operator,
	enum rules_command command, const struct rules_container *container);

/* What the operator asked for, to be measured by a rule's terms. */
struct rules_wish {
	bool host_view_given;
	enum rules_view host_view; /* where given */
	bool like;
	bool degraded;
	bool without;
	char *const *shares; /* NULL-terminated; NULL: none */
	const char *reason;  /* NULL: none */
};

/*
 * Whether RULE, which allows, lets WISH pass. Returns 0, or -EACCES with ERR saying what is amiss
 * and which rule says so.
 */
int rules_check_wish(const struct rule *rule, enum rules_command command,
	const struct rules_wish *wish, struct error *err);

/*
 * Likewise whether programs may run as UID (as the container numbers its users), which is the
 * container's own user where OWN.
 */
int rules_check_uid(const struct rule *rule, uint32_t uid, bool own, struct error *err);

/* True where PATTERN (* and ?) matches all of STRING, in time linear in each of them. */
bool rules_glob(const char *pattern, const char *string);

#endif
