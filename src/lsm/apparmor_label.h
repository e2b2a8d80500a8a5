/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The grammar of AppArmor's labels as the kernel shows them (security/apparmor/label.c):
 *	LABEL ["(" MODE ")"]	LABEL: COMPONENT ["//&" COMPONENT]...
 *	COMPONENT: PROFILE | ":" NAMESPACE ":" ["//"] PROFILE
 * Both kinds of names may hold blanks, parentheses and slashes.
 */
#ifndef LSM_APPARMOR_LABEL_H
#define LSM_APPARMOR_LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "lsm/lsm.h"

/*
 * Fills LABEL from TEXT, a line of /proc/PID/attr/current. Returns 0 or -EINVAL where it is empty
 * or too long.
 */
int apparmor_label_parse(struct lsm_label *label, const char *text);

struct apparmor_component {
	char space[LSM_LABEL_MAX]; /* the policy namespace as seen from ours; "": ours */
	char name[LSM_LABEL_MAX];  /* the profile */
};

/*
 * Takes the component that *TEXT begins with and moves *TEXT behind it, to NULL after the last.
 * Returns 0, or -EINVAL where it is none.
 */
int apparmor_label_next(struct apparmor_component *component, const char **text);

/*
 * Whether PROFILES, the text of apparmorfs' file of that name, lists COMPONENT. "unconfined" is in
 * no list.
 */
bool apparmor_label_loaded(const struct apparmor_component *component, const char *profiles);

#endif
