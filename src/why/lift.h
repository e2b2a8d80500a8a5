/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layers of a profile, and a profile without some of them.
 */
#ifndef WHY_LIFT_H
#define WHY_LIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/profile.h"

/* A layer of the profile that can be lifted. */
enum layer {
	LAYER_SECCOMP,
	LAYER_CAPABILITIES, /* those of a mask */
	LAYER_NO_NEW_PRIVS,
	LAYER_LSM,
	LAYER_CGROUP,
	LAYER_LANDLOCK, /* of the program itself: the profile has none of it */
	LAYER_COUNT
};

/* What is lifted of a profile. */
struct lifts {
	bool layers[LAYER_COUNT];
	uint64_t capabilities; /* that are given in addition */
};

/* "seccomp", "capabilities", ... Static. */
extern const char *const layer_names[LAYER_COUNT];

/*
 * Parses TEXT, layers as an operator names them, commas between: "seccomp", "caps" (all
 * capabilities that we may have are given), "no_new_privs", "lsm", "cgroup". Returns 0 or a
 * negative errno.
 */
int lifts_parse(const char *text, struct lifts *lifts, struct error *err);
/* 0, or a negative errno where PROFILE has nothing of a layer of LIFTS. */
int lifts_check(const struct lifts *lifts, const struct profile *profile, struct error *err);

/* True where PROFILE has something of LAYER to lift. */
bool lift_possible(const struct profile *profile, enum layer layer);
/*
 * A copy of PROFILE without what LIFTS names; it borrows all else from PROFILE, and needs no
 * finisher.
 */
struct profile lift(const struct profile *profile, const struct lifts *lifts);
/* "without seccomp, with cap_net_raw". Returns OUT. */
char *lift_describe(char *out, size_t size, const struct lifts *lifts);

#endif
