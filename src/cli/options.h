/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What attach and exec have in common: their options, and the way from a name to a profile.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>

#include "cli/access.h"
#include "cli/trail.h"
#include "policy/profile.h"
#include "session/session.h"
#include "target/target.h"
#include "why/lift.h"

#define OPTIONS_LIST_MAX 64

struct options {
	const char *engine;		 /* -t */
	const char *user;		 /* -u */
	const char *like;		 /* --like */
	char *env[OPTIONS_LIST_MAX + 1]; /* -e, as given */
	size_t n_env;
	char *shares[OPTIONS_LIST_MAX + 1]; /* --share */
	size_t n_shares;
	const char *audit; /* --audit */
	const char *container;
	enum rules_command command; /* for which the rules are asked */
	bool host_view_given;	    /* --host-view */
	bool lifts;		    /* of why: programs are given more than the container has */
	bool plan;		    /* --plan */
	const char *without;	    /* --without: so they are, by the operator's word; NULL: none */
	struct lifts lifted;	    /* what that comes to */
	struct access access;
	struct cli_trail *trail; /* NULL: this command leaves no records */
	struct session_options session;
};

/*
 * Parses the arguments of `attach` (VIEWS: with the options about views) or `exec`. Returns -1
 * where the command shall go on, else the exit status: 0 after --help, EXIT_OURS after a wrong use,
 * which is printed.
 */
int options_parse(struct options *options, int argc, char **argv, bool views);

/*
 * From OPTIONS to a target and its profile, with user, directory and variables as asked for, all of
 * it checked. TARGET and PROFILE are for their finishers either way. 0 or a negative errno.
 */
int options_capture(
	struct options *options, struct target *target, struct profile *profile, struct error *err);

/* NULL is accepted. */
void options_finish(struct options *options);

#endif
