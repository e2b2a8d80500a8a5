/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's audit, by libaudit (kernel.c), or by nothing where Sallyport was built without
 * (kernel_none.c).
 */
#ifndef AUDIT_KERNEL_H
#define AUDIT_KERNEL_H

#include <stdbool.h>

#include <json-c/json.h>

#include "audit/journal.h"
#include "base/error.h"

/* False in a build without libaudit: then it is taken as disabled, and can't be opened. */
bool kernel_audit_is_built(void);

/* True where the kernel's audit is enabled and we can write to it. */
bool kernel_audit_enabled(void);

/* Returns a descriptor for the functions below, which the caller closes, or a negative errno. */
int kernel_audit_open(struct error *err);

/*
 * Sends what RECORD says, after its line in the journal came to stand at PLACE. Does not wait for a
 * full queue. CERTAIN: fails where the record may have been dropped, or nobody collects it (no
 * auditd), or audit is disabled; else such is taken as sent. Returns 0 or a negative errno.
 */
int kernel_audit_send(int fd, struct json_object *record, const struct journal_place *place,
	const char *terminal, bool certain, struct error *err);

#endif
