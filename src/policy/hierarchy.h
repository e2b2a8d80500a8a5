/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a cgroup hierarchy is mounted: /proc/self/mountinfo, proc(5).
 */
#ifndef POLICY_HIERARCHY_H
#define POLICY_HIERARCHY_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Opens the directory (O_PATH) of the cgroup PATH, as a line of /proc/PID/cgroup gives it, in the
 * hierarchy of CONTROLLERS ("" for v2). MOUNTINFO is the text of /proc/self/mountinfo. Bind mounts
 * of a part of the hierarchy, co-mounted controllers in any order and mounts that are hidden below
 * others are seen through. Returns the descriptor, which the caller closes; -ENXIO where the
 * hierarchy is mounted nowhere (ERR is not filled then); or another negative errno.
 */
int hierarchy_open(
	const char *mountinfo, const char *controllers, const char *path, struct error *err);

#endif
