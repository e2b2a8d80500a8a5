/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Built without libaudit.
 */
#include "audit/kernel.h"

#include <errno.h>

static int refuse(struct error *err)
{
	return error_set(err, EOPNOTSUPP, "this sallyport was built without libaudit");
}

bool kernel_audit_is_built(void)
{
	return false;
}

bool kernel_audit_enabled(void)
{
	return false;
}

int kernel_audit_open(struct error *err)
{
	return refuse(err);
}

int kernel_audit_send(int fd, struct json_object *record, const struct journal_place *place,
	const char *terminal, bool certain, struct error *err)
{
	return certain ? refuse(err) : 0;
}
