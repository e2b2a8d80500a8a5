/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/state.h"

#include <stdio.h>
#include <sys/socket.h>

void notice_transition(struct gate *gate, pid_t pid, const char *path, int code)
{
	struct wire_transition notice = {
		.header = { .type = WIRE_TRANSITION, .length = sizeof(notice) },
		.pid = pid,
		.code = (uint32_t)code,
		.lost = gate->notices_lost,
	};

	if (gate->start.notices == 0) {
		return;
	}
	snprintf(notice.path, sizeof(notice.path), "%s", path);
	ssize_t n = send(gate->front_fd, &notice, sizeof(notice), MSG_DONTWAIT | MSG_NOSIGNAL);
	gate->notices_lost = n < 0 ? gate->notices_lost + 1 : 0;
}
