/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/str.h"
#include "policy/profile.h"

int capabilities_capture(struct capabilities *caps, const char *status, struct error *err)
{
	uint64_t no_new_privs = 0;
	const struct {
		const char *field;
		uint64_t *set;
		bool required; /* the others came with later kernels: without them, empty */
	} sets[] = {
		{ "CapInh", &caps->inheritable, true },
		{ "CapPrm", &caps->permitted, true },
		{ "CapEff", &caps->effective, true },
		{ "CapBnd", &caps->bounding, true },
		{ "CapAmb", &caps->ambient, false },
	};

	*caps = (struct capabilities){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		if (procfs_field_u64(status, sets[i].field, 16, sets[i].set) < 0 &&
			sets[i].required) {
			return error_set(err, 0, "/proc/PID/status has no %s", sets[i].field);
		}
	}
	if (procfs_field_u64(status, "NoNewPrivs", 10, &no_new_privs) == 0) {
		caps->no_new_privs = no_new_privs != 0;
	}
	return 0;
}
