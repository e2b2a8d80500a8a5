/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the front tells sallyport-gate at its start.
 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "base/plan.h"
#include "base/wire.h"
#include "policy/profile.h"

/* The descriptors of struct wire_gate_start; the target's cgroup.procs files follow. */
enum gate_fd {
	GATE_FD_VIEW,	/* the container view's mount, O_PATH */
	GATE_FD_LISTEN, /* the socket that is bound in the session's /.sallyport */
	GATE_FD_PLAN,
	GATE_FD_ROOT,
	GATE_FD_NAMESPACES,
	GATE_FD_CGROUPS = GATE_FD_NAMESPACES + PLAN_NAMESPACES
};

struct wire_gate_start {
	struct wire_header header;
	char subject[256]; /* the container's name, for messages */
	uint32_t log_level;
	uint32_t n_cgroups;
	uint32_t n_keep;
	int32_t keep[WIRE_KEEP_FDS_MAX];
	struct wire_callers callers; /* who gets through the gate */
	struct limits limits;
};

#endif
