/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session from its beginning to its end: what `attach` and `exec` do once the target is known and
 * its profile captured.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/wire.h"
#include "policy/profile.h"

struct session_options {
	const char *subject; /* the container's name */
	char **argv;	     /* the tool or the container's command, NULL-terminated */
	const char *cwd; /* -w: the program's directory in the container; NULL: by the profile */
	bool read_only;	 /* --host-view ro */
	bool degraded;	 /* go on where a part of the profile can't be copied */
	char **shares;	 /* --share: host directories, NULL-terminated */
	int keep[WIRE_KEEP_FDS_MAX];
	size_t n_keep;
	int init_pidfd; /* of the container's init: a session ends with it; -1: not watched */
};

/*
 * What this process and this host must fulfil before anything is captured: capabilities, no seccomp
 * filter on ourselves, ptrace not forbidden. Returns 0 or a negative errno that names it.
 */
int session_check_host(struct error *err);

/*
 * What the target must fulfil: no filter with a listener, no strict mode, no frozen cgroup. With
 * DEGRADED those that only cost fidelity are named in WARNING (SIZE bytes, "" for none) instead.
 */
int session_check(const struct profile *profile, bool degraded, char *warning, size_t size,
	struct error *err);

/*
 * Runs a program of the container under its profile, no views. Returns its exit status (128+n for
 * signal n; 126 and 127 as shells have them), or a negative errno where the session itself failed.
 */
int session_exec(
	const struct profile *profile, const struct session_options *options, struct error *err);

/* Runs a host tool in the container's namespaces, host view at /, container view at /c. As above.
 */
int session_attach(
	const struct profile *profile, const struct session_options *options, struct error *err);

#endif
