/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A record as a message of the kernel's audit, in the fields which ausearch(8) and aureport(8)
 * know: vm=, uuid=, vm-pid=, cmd=, cwd=, ...
 */
#ifndef AUDIT_MESSAGE_H
#define AUDIT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "audit/journal.h"

/*
 * The kernel takes 8560 bytes of a user message (AUDIT_MESSAGE_TEXT_MAX) and libaudit adds exe=,
 * hostname=, addr=, terminal= and res=.
 */
#define MESSAGE_MAX 7900

struct message {
	int type; /* AUDIT_VIRT_CONTROL, AUDIT_USER_CMD, ... */
	bool success;
	char text[MESSAGE_MAX];
};

/*
 * Fills MESSAGE from RECORD. Values that a container or an operator chose are encoded as libaudit
 * does, and also where they hold "=" or "'": then even a search for "res=" in the whole line finds
 * ours alone. Long ones are cut; their whole length and SHA-256 are told, and the journal has them
 * whole. False where RECORD is not for the kernel.
 */
bool message_make(
	struct message *message, struct json_object *record, const struct journal_place *place);

/* The binding of the container's label to it, which goes with the record of a session's beginning.
 * False where it has none. */
bool message_make_binding(struct message *message, struct json_object *record);

#endif
