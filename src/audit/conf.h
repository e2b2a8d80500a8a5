/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/sallyport/sallyport.conf, what a site decides for all sessions: sallyport.conf(5). Lines of
 * `key = value`; the table in conf.c is the list of keys.
 */
#ifndef AUDIT_CONF_H
#define AUDIT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/error.h"

#define CONF_PATH "/etc/sallyport/sallyport.conf"

enum conf_record { CONF_RECORD_OFF, CONF_RECORD_ON, CONF_RECORD_REQUIRED };

struct conf_list {
	char **items; /* owned, each too */
	size_t count;
};

struct conf {
	int audit;	   /* enum trail_mode; -1: auto, by whether the kernel's audit is enabled */
	int audit_minimum; /* enum trail_mode that --audit can't go below */
	bool audit_kernel; /* required mode means the kernel's audit too, even where it is disabled
			    */
	bool audit_tools;  /* host tools are recorded */
	char *journal;	   /* path; owned */
	uint64_t journal_size;	/* bytes, at which it is rotated */
	uint64_t journal_count; /* of rotated files that are kept */
	bool redact_defaults;
	struct conf_list redact; /* extended regular expressions */
	struct conf_list redact_options;
	int record; /* enum conf_record */
	bool record_input;
	char *record_dir; /* owned */
};

/*
 * The configuration of this host: CONF_PATH, or the defaults where that doesn't exist. The file
 * must be root's and writable by nobody else. Errors name the line. CONF is for conf_finish()
 * either way. Returns 0 or a negative errno.
 */
int conf_load(struct conf *conf, struct error *err);

/* The same from TEXT, which messages call NAME. TEXT is changed. */
int conf_parse(struct conf *conf, char *text, const char *name, struct error *err);

void conf_finish(struct conf *conf);

/*
 * The mode of a session: WANTED, the operator's (NULL: none), else the site's, else by whether the
 * kernel's audit is enabled. -EPERM where WANTED is less than the site's minimum; -EINVAL where it
 * is no mode. Returns an enum trail_mode.
 */
int conf_mode(const struct conf *conf, const char *wanted, bool kernel_enabled, struct error *err);

#endif
