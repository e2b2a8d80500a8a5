/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The trail of a session: every session, transition, refusal and host tool leaves a record in the
 * journal (journal.h) and, where it is enabled, in the kernel's audit. Both get the same record: it
 * is built once, as a JSON object, and the kernel's message is made from that by a table (event.c).
 * sallyport-journal(5) documents the fields.
 *
 * Two processes write: the front (sessions) and the gate (transitions, tools). Neither lives in the
 * container, and no string of the container's reaches a record unencoded.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct conf;

enum trail_mode {
	TRAIL_OFF,
	TRAIL_JOURNAL, /* the journal alone; what can't be written is a warning */
	TRAIL_REQUIRED /* what can't be written doesn't happen */
};

#define SESSION_ID_SIZE 33 /* 32 hex digits and NUL */

/*
 * Who is in which container: the same in every record of a session. Of fixed size and without
 * pointers, since the front hands it on to the gate as it is.
 */
struct audit_session {
	char id[SESSION_ID_SIZE];
	char boot_id[37]; /* /proc/sys/kernel/random/boot_id: with pid and start_time, a process */
	uint32_t mode;	  /* enum trail_mode */
	uint32_t kernel;  /* 1: the kernel's audit takes part */
	uint32_t auid;	  /* loginuid, UINT32_MAX: unset */
	uint32_t ses;	  /* the login session's id, UINT32_MAX: unset */
	uint32_t uid;	  /* the front's real uid */
	uint32_t native;  /* 1: --container-view native */
	uint32_t native_host; /* 1: --host-view native */
	int32_t pid;	      /* the front */
	uint64_t start_time;
	uint64_t pid_ns;   /* inode of the pid namespace in which pid counts */
	char command[16];  /* "attach", "exec" */
	char terminal[64]; /* "pts/3", "" without one */
	char engine[32];   /* "" while the container isn't known */
	char container[256];
	char container_id[256];
	char label[512]; /* the target's LSM label, "" for none */
	int32_t container_pid;
	uint64_t container_start_time;
	char reason[512]; /* --reason */
};

/* What was typed, for a record: COMMAND's arguments as a block of strings, each with its NUL. */
struct audit_command {
	const char *args; /* NULL: not known */
	size_t args_size;
	const char *path; /* the file, as the container (of a tool: the host view) has it */
	const char *file; /* what the links of path led to, in the session; NULL: not known */
	const char *cwd;  /* NULL: not known */
	pid_t pid;
	uint32_t uid; /* as the initial user namespace has it, of the process that is made */
};

/* How a transition went. */
struct audit_outcome {
	bool done;	    /* the container's program runs */
	bool unknown;	    /* or it may: nobody was there to see */
	int code;	    /* positive errno where it doesn't; 0: not known */
	int status;	    /* wait status of the launcher where it ended; -1: it didn't */
	const char *reason; /* in words, NULL for none */
	const char *label;  /* the new process's LSM label, NULL: not known */
	const char *missed; /* parts of the profile that it didn't get, NULL or "": none */
	double ms;	    /* from the execve to here; 0: not known */
};

/* How a session ended. */
struct audit_end {
	int status;		      /* exit status, -1: not known */
	const char *cause;	      /* where it failed, NULL else */
	const char *recording;	      /* path, NULL: none */
	const char *recording_sha256; /* hex */
};

struct trail;

/* Fills a new id, the operator and this process into SESSION; the rest is the caller's to fill. */
int audit_session_describe(struct audit_session *session, const char *command, struct error *err);

/*
 * Opens the sinks that MODE and CONF ask for. *TRAIL is the caller's, for trail_close(). SESSION
 * and CONF are only borrowed and must outlive it; changes in SESSION show in later records. With
 * TRAIL_REQUIRED a sink that can't be opened is an error, else a warning in WARNING (SIZE bytes, ""
 * for none). FIRST: this is the front, which also recovers what dead sessions have left open.
 */
int trail_open(struct trail **trail, struct audit_session *session, const struct conf *conf,
	bool first, char *warning, size_t size, struct error *err);
void trail_close(struct trail *trail);

/*
 * The records. Each returns 0, or a negative errno where a sink did not take it: then, in required
 * mode, the caller must not let happen what it was about; in journal mode the caller warns.
 * A TRAIL of NULL (mode off) takes everything.
 *
 * audit_attempt(), and audit_begin() with SYNC, return only after the record is on disk, and all
 * before it. NUMBER names the transition within the session; the outcome and the end give it again.
 */
int audit_begin(
	struct trail *trail, const struct audit_command *command, bool sync, struct error *err);
int audit_end(struct trail *trail, const struct audit_end *end, struct error *err);
/* Something that was asked for and doesn't happen. COMMAND may be NULL: the session itself. */
int audit_refused(struct trail *trail, const struct audit_command *command,
	const struct error *cause, struct error *err);
int audit_degraded(struct trail *trail, const char *what, struct error *err);
/* WRITTEN tells whether the journal has it, also where this fails (the kernel's audit did not take
 * it): only then an outcome is wanted. */
int audit_attempt(struct trail *trail, uint64_t number, const struct audit_command *command,
	bool *written, struct error *err);
int audit_outcome(struct trail *trail, uint64_t number, const struct audit_command *command,
	const struct audit_outcome *outcome, struct error *err);
/* STATUS is a wait status, -1: the kernel didn't tell. */
int audit_exit(struct trail *trail, uint64_t number, pid_t pid, int status, struct error *err);
/* The gate is up: with that record a later session knows whether it lives. */
int audit_gate(struct trail *trail, struct error *err);
int audit_tool(struct trail *trail, const struct audit_command *command, struct error *err);
/* True where a record that can't be written must stop what it is about. NULL: false. */
bool trail_required(const struct trail *trail);
/* Anything else worth a line: "recording could not go on". */
int audit_note(struct trail *trail, const char *what, struct error *err);

/* "required", "journal" or "off" to an enum trail_mode; -EINVAL. And back. */
int trail_mode_parse(const char *word);
const char *trail_mode_name(enum trail_mode mode);

#endif
