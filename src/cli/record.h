/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What attach and exec do around a session so that it is seen: its recording, and its entry among
 * the running ones.
 */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include "audit/conf.h"
#include "audit/digest.h"
#include "audit/registry.h"
#include "cli/options.h"

struct record {
	struct recording *recording; /* NULL: none */
	struct registry registry;
	char sha256[DIGEST_HEX_SIZE]; /* "" until record_end() */
};

/*
 * Opens the recording where the operator, the site by CONF or a rule wants one, and hands it to
 * OPTIONS->session; enters the session in the registry. Warnings are printed. Returns 0, or a
 * negative errno where the recording has to be and can't. RECORD is for record_end() either way.
 */
int record_begin(struct record *record, struct options *options, const struct target *target,
	const struct conf *conf, struct error *err);

/* The path of the recording, NULL for none. */
const char *record_path(const struct record *record);

/*
 * Ends both. Returns 0, or the negative errno of a recording that is not whole; RECORD->sha256 is
 * that of what there is.
 */
int record_end(struct record *record, struct error *err);

/* NULL is accepted. */
void record_finish(struct record *record);

#endif
