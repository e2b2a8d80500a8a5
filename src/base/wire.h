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

#define WIRE_SOCKET_FD 3 /* where a helper program finds its socket to the front */

enum wire_type {
	WIRE_FS_START = 1, /* front to sallyport-fs; descriptors: FUSE device, root directory */
	WIRE_GATE_START,   /* front to sallyport-gate; descriptors: see struct wire_gate_start */
	WIRE_READY,	   /* fs or gate to front: it is up */
	WIRE_FAILED,	   /* fs or gate to front: it could not start; struct wire_failed */
	WIRE_PLAN_REQUEST, /* launcher to gate */
	WIRE_PLAN,	   /* gate to launcher; descriptors: see struct wire_plan */
	WIRE_REFUSED,	   /* gate to launcher: struct wire_failed says why */
	WIRE_SESSION,	   /* front to gate: the session's mount namespace; struct wire_session */
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

struct wire_ns_id {
	uint64_t dev;
	uint64_t ino;
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

/* Starts one view. Descriptors: [0] /dev/fuse of the mount, [1] its root, an O_PATH directory. */
struct wire_fs_start {
	struct wire_header header;
	uint32_t view; /* enum wire_view */
	uint32_t read_only;
	uint32_t owner_uid; /* host view: root's new files in directories of this uid belong to it; */
	uint32_t owner_gid; /* UINT32_MAX: no such rule */
	/* Who must not get at the view by a descriptor's magic link (/proc/PID/fd): processes in
	 * this mount namespace, and those that are not in the user namespace below. */
	struct wire_ns_id container_mnt;
	struct wire_ns_id our_user;
	uint32_t n_uid_ranges; /* 0: identity */
	uint32_t n_gid_ranges;
	struct wire_id_range uid_ranges[WIRE_ID_RANGES_MAX];
	struct wire_id_range gid_ranges[WIRE_ID_RANGES_MAX];
};

/* Sends SIZE bytes at MESSAGE, whose header is filled in. Returns 0 or a negative errno. */
int wire_send(int sock, enum wire_type type, void *message, size_t size, const int *fds,
	size_t n_fds);

/*
 * Receives one message of exactly TYPE and SIZE with exactly N_FDS descriptors. A WIRE_FAILED that
 * comes instead fills ERR with the peer's own words. -EPIPE where the peer is gone.
 */
int wire_receive(int sock, enum wire_type type, void *message, size_t size, int *fds,
	size_t n_fds, struct error *err);

/* Tells the front that the program could not start: ERR's words. */
void wire_send_failed(int sock, enum wire_type type, const struct error *err);

#endif
