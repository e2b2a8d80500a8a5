/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The records of attach and exec, from the first thing that is asked for to the last.
 */
#ifndef CLI_TRAIL_H
#define CLI_TRAIL_H

#include "audit/audit.h"
#include "audit/conf.h"
#include "policy/profile.h"
#include "target/target.h"

struct options;

struct cli_trail {
	struct conf conf;
	struct audit_session session;
	struct trail *trail; /* NULL: nothing is recorded */
};

/*
 * Reads the site's configuration, decides on the mode (--audit) and opens the trail for COMMAND,
 * so that what comes next can be recorded even where it is refused. Sets what OPTIONS' session
 * needs of it. T is for cli_trail_close() either way. Returns 0 or a negative errno.
 */
int cli_trail_open(
	struct cli_trail *t, struct options *options, const char *command, struct error *err);

/* The container is known now. */
void cli_trail_describe(struct cli_trail *t, const struct target *target);

/* And its label. */
void cli_trail_label(struct cli_trail *t, const struct profile *profile);

/* Records that the session begins, SYNC as audit_begin() has it; where that has to be and can't, a
 * negative errno. */
int cli_trail_begin(
	struct cli_trail *t, const struct options *options, bool sync, struct error *err);

/*
 * Records how it ended: RESULT is an exit status, or a negative errno with CAUSE. Where it had not
 * BEGUN it was refused. RECORDING is the path of the session's recording, NULL for none, and SHA256
 * its hash.
 */
void cli_trail_end(struct cli_trail *t, bool begun, int result, const struct error *cause,
	const char *recording, const char *sha256);

void cli_trail_close(struct cli_trail *t);

#endif
