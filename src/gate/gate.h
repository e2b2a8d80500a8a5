/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the front tells sallyport-gate at its start.
 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "audit/audit.h"
#include "base/plan.h"
#include "base/wire.h"
#include "lsm/lsm.h"
#include "policy/profile.h"

/* The descriptors of struct wire_gate_start; those of enum plan_fd follow. */
enum gate_fd {
	GATE_FD_VIEW,	/* the container view's mount, O_PATH */
	GATE_FD_LISTEN, /* the socket that is bound in the session's /.sallyport */
	GATE_FD_TOOLS,	/* where the host view's server tells what is executed, or fanotify */
	GATE_FD_PLAN,
};

struct wire_gate_start {
	struct wire_header header;
	char subject[256]; /* the container's name, for messages */
	uint32_t log_level;
	uint32_t notices;     /* 1: tell the front of each transition */
	uint32_t watch_view;  /* 1: the view is FUSE, and what is executed there a transition */
	uint32_t watch_tools; /* 1: no server tells what is executed, a fanotify group does */
	uint32_t run_uid; /* of the container's programs, as the initial user namespace has it */
	uint32_t n_keep;
	int32_t keep[WIRE_KEEP_FDS_MAX];
	int32_t exec_fd;	     /* as in struct wire_plan; for every transition */
	struct wire_callers callers; /* who gets through the gate */
	struct limits limits;
	struct lsm_labels labels; /* that a container process must have after its exec */
	struct audit_session audit;
};

#endif
