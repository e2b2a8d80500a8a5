/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/callers.h"

#include <unistd.h>

#include "base/cleanup.h"

int callers_describe(struct wire_callers *callers, const struct namespaces *ns, struct error *err)
{
	const struct namespace *mnt = &ns->ns[NAMESPACE_MNT];
	_cleanup_close_ int self = procfs_open(getpid(), err);

	*callers = (struct wire_callers){ 0 };
	if (!mnt->shared) {
		callers->container_mnt = mnt->id;
	}
	return self < 0 ? self : procfs_ns_id(self, "user", &callers->our_user, err);
}
