/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Standard input, output and error of a session that has no terminal: the operator's own, and pipes
 * in place of those that a recording has to see or that the container's label may not use.
 */
#ifndef SESSION_STREAMS_H
#define SESSION_STREAMS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "lsm/lsm.h"

#define STREAMS 3

struct streams {
	int own_fds[STREAMS]; /* the front's ends; -1: the operator's own goes along, or ends in the
				 same pipe as the one before */
	int child_fds[STREAMS];
};

#define STREAMS_NONE ((struct streams){ .own_fds = { -1, -1, -1 }, .child_fds = { -1, -1, -1 } })

/*
 * Makes the pipes that are needed, owned by UID: by /dev/stdout a program may open them again. Both
 * outputs get one where RECORDED, and each stream that LABELS may not use. Returns 0 or a negative
 * errno.
 */
int streams_open(struct streams *streams, const struct lsm_labels *labels, bool recorded, uid_t uid,
	struct error *err);

/* In the child: they become 0, 1 and 2. */
int streams_become(const struct streams *streams, struct error *err);

/* In the front, once the child has them: closes its ends, so that the end can be seen. */
void streams_started(struct streams *streams);

/* Closes the front's end of the stream NUMBER, so that who is at the other end learns of it. */
void streams_end(struct streams *streams, int number);

/* NULL is accepted. */
void streams_finish(struct streams *streams);

#endif
