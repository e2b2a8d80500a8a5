/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session from its beginning to its end: what `attach` and `exec` do once the target is known and
 * its profile captured.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/audit.h"
#include "audit/recording.h"
#include "base/error.h"
#include "base/wire.h"
#include "policy/profile.h"

#define SESSION_REASON_MAX 500 /* bytes of --reason */
#define SESSION_WHY_MAX 16

/* Whether the session's terminal, or its output where it has none, is recorded. */
struct session_record {
	bool asked;    /* by the operator */
	bool wanted;   /* by him, the site or a rule */
	bool ruled;    /* by a rule: where, is not for the operator to say */
	bool required; /* the session ends where it can't go on */
	bool input;    /* what is typed too */
	bool input_required;
	const char *file; /* NULL: one in the site's directory, by the session's id */
};

/*
 * Follows the program by ptrace(2), and all that it starts, where it would else be let go. Of
 * `exec` alone.
 */
struct session_observer {
	/* PID is traced and in its stop after the exec of the container's program: lets it go on.
	 * Returns 0, or a negative errno where it must not. */
	int (*begin)(struct session_observer *observer, pid_t pid, struct error *err);
	/* Takes all stops that there are. True where PID's end is among them; *STATUS is that. */
	bool (*take)(struct session_observer *observer, pid_t pid, int *status);
};

struct session_options {
	const char *subject; /* the container's name */
	char **argv;	     /* the tool or the container's command, NULL-terminated */
	const char *cwd;    /* -w: the program's directory in the container; NULL: by the profile */
	bool read_only;	    /* --host-view ro, native-ro */
	bool native_host;   /* --host-view native, native-ro */
	bool native_view;   /* --container-view native */
	bool degraded;	    /* go on where a part of the profile can't be copied */
	char **shares;	    /* --share: host directories, NULL-terminated */
	const char *reason; /* --reason, NULL: none */
	const char *container; /* as the operator named it */
	/* The command line of /.sallyport/why up to the container, NULL-terminated. */
	char *why[SESSION_WHY_MAX + 1];
	struct session_record record;
	struct recording *recording;	   /* NULL: none; the caller's */
	const struct audit_session *audit; /* who is where, for records; NULL where trail is */
	struct trail *trail;		   /* NULL: nothing is recorded */
	int keep[WIRE_KEEP_FDS_MAX];
	size_t n_keep;
	int exec_fd;	/* above 2: in place of what argv[0] names, or a tool finds below /c, this
			   descriptor is executed; the caller's, close-on-exec or not */
	int init_pidfd; /* of the container's init: a session ends with it; -1: not watched */
	struct session_observer *observer; /* NULL: the program is let go */
	unsigned int n_before; /* programs that this session of ours has run before this one */
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

/*
 * Starts the servers of a session_attach() with OPTIONS that will follow: they load on another
 * processor while the target is looked at.
 */
void session_start_early(const struct session_options *options);

/* Ends what was started early for a session that did not come to be, and waits for what one that
 * has ended has left ending. */
void session_finish(void);

#endif
