/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/callers.h"

#include <errno.h>

int callers_check(const struct wire_callers *callers, int proc_fd, pid_t pid, struct error *err)
{
	struct ns_id mnt;
	struct ns_id user;
	int r = procfs_ns_id(proc_fd, "mnt", &mnt, err);

	if (r == 0) {
		r = procfs_ns_id(proc_fd, "user", &user, err);
	}
	if (r < 0) {
		return r;
	}
	if (ns_id_equal(&mnt, &callers->container_mnt) || !ns_id_equal(&user, &callers->our_user)) {
		return error_set(err, EACCES, "process %d is not a tool of the session", pid);
	}
	return 0;
}
