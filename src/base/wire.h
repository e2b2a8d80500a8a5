/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What our processes say to each other: messages over SOCK_SEQPACKET sockets, one struct per type,
 * each with the same header; descriptors come along by SCM_RIGHTS. A receiver knows which types it
 * may get in its state; anything else, and any wrong length, ends the connection.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/procfs.h"

#define WIRE_DIRECTORY "/.sallyport" /* the launcher's, in a session */
#define WIRE_LAUNCH_PATH WIRE_DIRECTORY "/launch"
#define WIRE_ENTER_PATH WIRE_DIRECTORY "/enter"
#define WIRE_GATE_PATH WIRE_DIRECTORY "/gate" /* the gate's socket */
#define WIRE_WHY_PATH WIRE_DIRECTORY "/why"
#define WIRE_ASK_PATH WIRE_DIRECTORY "/ask" /* the socket of who runs sallyport why for it */
#define WIRE_CONTAINER_PATH "/c"	    /* the container view */
/* What of the host's a session hides by mounts of its own. */
#define WIRE_OWN_MOUNTS "/dev", "/proc", "/sys"

#define WIRE_SOCKET_FD 3 /* where a helper program finds its socket to the front */
/* Its argument where it is to be two processes, and where it finds the second's socket then. */
#define WIRE_TWIN "twin"
#define WIRE_TWIN_FD 4

enum wire_type {
	WIRE_FS_START = 1, /* front to sallyport-fs; descriptors: FUSE device, root directory */
	WIRE_GATE_START,   /* front to sallyport-gate; descriptors: see struct wire_gate_start */
	WIRE_READY,	   /* fs or gate to front: it is up */
	WIRE_FAILED,	   /* fs or gate to front: it could not start; struct wire_failed */
	WIRE_ENTER,	   /* launcher to gate: asks for a transition of its own process */
	WIRE_PLAN,	   /* gate to launcher; descriptors: see struct wire_plan */
	WIRE_REFUSED,	   /* gate to launcher: struct wire_failed says why */
	WIRE_SESSION,	   /* front to gate and fs: struct wire_session */
	WIRE_TRANSITION,   /* gate to front: struct wire_transition */
	WIRE_TOOL,	   /* fs to gate: struct wire_tool */
	WIRE_TOOL_RUNS,	   /* fs to gate: struct wire_tool_runs */
	WIRE_WHY,	   /* launcher, as /.sallyport/why, to the front's process for it */
	WIRE_WHY_ENDED,	   /* back: struct wire_why_ended */
	WIRE_BORN,	   /* the second of WIRE_TWIN to front: struct wire_born */
};

struct wire_header {
	uint32_t type;
	uint32_t length; /* of the whole message */
};

struct wire_failed {
	struct wire_header header;
	uint32_t code; /* positive errno */
	char message[ERROR_MESSAGE_MAX];
};

struct wire_ready {
	struct wire_header header;
};

struct wire_born {
	struct wire_header header;
	int32_t pid; /* a child of the front */
};

enum wire_view {
	WIRE_VIEW_HOST = 1,
	WIRE_VIEW_CONTAINER,
};

struct wire_id_range {
	uint32_t inside;
	uint32_t outside;
	uint32_t count;
};
#define WIRE_ID_RANGES_MAX 340

/*
 * Whom our helpers serve: not who lives in the container's mount namespace (all zero: that is our
 * own), and only who lives in our user namespace.
 */
struct wire_callers {
	struct ns_id container_mnt;
	struct ns_id our_user;
};

/* Starts one view. Descriptors: [0] /dev/fuse of the mount, [1] its root, an O_PATH directory; for
 * the host view [2] the socket for struct wire_tool. */
struct wire_fs_start {
	struct wire_header header;
	uint32_t view; /* enum wire_view */
	uint32_t read_only;
	uint32_t owner_uid; /* host view: root's new files in directories of this uid belong to it;
			     */
	uint32_t owner_gid; /* UINT32_MAX: no such rule */
	struct wire_callers
		callers;       /* by a magic link, /proc/PID/fd, others could get at the view */
	uint32_t n_uid_ranges; /* 0: identity */
	uint32_t n_gid_ranges;
	struct wire_id_range uid_ranges[WIRE_ID_RANGES_MAX];
	struct wire_id_range gid_ranges[WIRE_ID_RANGES_MAX];
};

/* Asks the gate for a transition: what /.sallyport/enter was told to run, as its caller wrote it.
 */
struct wire_enter {
	struct wire_header header;
	char path[PATH_MAX];
};

#define WIRE_KEEP_FDS_MAX 16

/*
 * What the launcher needs for one transition besides the plan (plan.h), which is the same for all
 * of a session. Descriptors: enum plan_fd; where the plan doesn't name one of the namespaces, its
 * place holds a spare.
 */
struct wire_plan {
	struct wire_header header;
	char subject[256];   /* the container, for messages */
	char path[PATH_MAX]; /* as the container has it */
	char cwd[PATH_MAX];  /* as the container has it; "": the plan's */
	uint32_t in_session; /* argv[0] may begin with /c, which means nothing in the container */
	uint32_t search;     /* path has no slash: look for it in the container's PATH */
	uint32_t skip_args; /* how many of the launcher's own arguments come before the program's */
	uint32_t n_keep;    /* descriptors besides 0, 1 and 2 that the program gets */
	int32_t keep[WIRE_KEEP_FDS_MAX];
	int32_t exec_fd; /* above 2: the program is this descriptor of the launcher's; PATH isn't */
};

/* The session's own mount namespace, which host tools live in. */
struct wire_session {
	struct wire_header header;
	struct ns_id mnt;
};

#define WIRE_TRANSITION_PATH_MAX 1024

/* How a transition went, for the session's recording; told where struct wire_gate_start asks. */
struct wire_transition {
	struct wire_header header;
	int32_t pid;
	uint32_t code; /* positive errno where it was refused or failed; 0: the program runs */
	uint32_t lost; /* transitions before this one that the front was too slow to be told of */
	char path[WIRE_TRANSITION_PATH_MAX]; /* as the container has it; cut where it is longer */
};

/* A file of the host view is opened to be executed. Told while the process still waits for that. */
struct wire_tool {
	struct wire_header header;
	uint64_t image; /* what the process was before: procfs_image(); 0: not looked at */
	int32_t pid;
	uint32_t lost;	     /* how many before this one could not be told */
	char path[PATH_MAX]; /* its NUL ends the message */
};

#define WIRE_TOOL_ARGS_MAX (256 << 10)

/* A process has become what it executed, and waits for a file that it opens. */
struct wire_tool_runs {
	struct wire_header header;
	uint64_t image; /* of the process now; 0: not looked at */
	int32_t pid;
	uint32_t lost;	    /* as above */
	uint32_t path_size; /* with its NUL; 0: a struct wire_tool has told of it already */
	uint32_t cwd_size;  /* 0: not known */
	uint32_t exe_size;  /* the same */
	/* The file that was executed, the working directory, the program's file (a script's
	 * interpreter), the arguments: each with its NUL. */
	char strings[];
};

#define WIRE_WHY_ARGS_MAX (64 << 10)

/* What /.sallyport/why was told to run. Descriptors: standard input, output and error. */
struct wire_why {
	struct wire_header header;
	uint32_t flags;		      /* WIRE_WHY_* */
	uint32_t n_args;	      /* at least one */
	char cwd[PATH_MAX];	      /* as the container has it; "": by the profile */
	char args[WIRE_WHY_ARGS_MAX]; /* each with its NUL */
};
#define WIRE_WHY_VERBOSE 1u
#define WIRE_WHY_JSON 2u
#define WIRE_WHY_NO_RERUN 4u

struct wire_why_ended {
	struct wire_header header;
	int32_t status; /* the exit status of sallyport why */
};

/* Sends SIZE bytes at MESSAGE, whose header is filled in. Returns 0 or a negative errno. */
int wire_send(
	int sock, enum wire_type type, void *message, size_t size, const int *fds, size_t n_fds);

/*
 * Receives one message of exactly TYPE and SIZE with exactly N_FDS descriptors. A WIRE_FAILED that
 * comes instead fills ERR with the peer's own words. -EPIPE where the peer is gone.
 */
int wire_receive(int sock, enum wire_type type, void *message, size_t size, int *fds, size_t n_fds,
	struct error *err);

/* The same with up to MAX_FDS descriptors. Returns how many came, or a negative errno. */
int wire_receive_some(int sock, enum wire_type type, void *message, size_t size, int *fds,
	size_t max_fds, struct error *err);

/* PATH of a session as the container has it: what follows /c, a part of PATH or "/". NULL where it
 * is not below /c. */
const char *wire_inside(const char *path);

/* Tells the front that the program could not start: ERR's words. */
void wire_send_failed(int sock, enum wire_type type, const struct error *err);

#endif
