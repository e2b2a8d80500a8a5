/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that asked for a transition by /.sallyport/enter, from their plan to their exec. Nobody
 * of ours traces them, so their label is looked at once the launcher's socket has closed: at its
 * exec or its end.
 */
#include "gate/state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/procfs.h"
#include "lsm/lsm.h"

int enter_begin(struct gate *gate, struct transition *t, struct error *err)
{
	if (gate->n_entering == ENTERING_MAX) {
		return error_set_hint(err, EAGAIN, "let some of them go on",
			"%d programs are being started already", ENTERING_MAX);
	}
	_cleanup_close_ int proc_fd = procfs_open(t->tgid, err);
	if (proc_fd < 0) {
		return proc_fd;
	}
	struct program *program = programs_add(gate, t->tgid, err);
	if (program == NULL) {
		return -err->code;
	}
	gate->entering[gate->n_entering++] = (struct entering){
		.transition = t, .program = program, .proc_fd = steal_fd(&proc_fd)
	};
	return 0;
}

static void end(struct gate *gate, const struct entering *e, const struct error *cause)
{
	syscall(SYS_pidfd_send_signal, e->program->pidfd, SIGKILL, NULL, 0);
	log_error("%s was killed at its beginning: %s", e->transition->plan.path, cause->message);
	record_failed(gate, e->transition, -1, cause);
}

/* Nobody saw its exec: what can be told of it now is recorded. */
static void tell(struct gate *gate, const struct entering *e)
{
	struct transition *t = e->transition;
	struct pollfd ended = { .fd = e->program->pidfd, .events = POLLIN };
	struct error err = { 0 };
	char byte;
	int status;

	if (recv(t->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
		record_failed(gate, t, -1, NULL);
		return;
	}
	/* The launcher would have said why it ended; only a signal leaves no word. */
	if (poll(&ended, 1, 0) == 1 && programs_status(e->program, &status) &&
		WIFSIGNALED(status)) {
		record_unknown(gate, t, status);
		return;
	}
	if (record_done(gate, t, &err) < 0) {
		end(gate, e, &err);
		return;
	}
	e->program->number = t->number;
}

void enter_finished(struct gate *gate, size_t index)
{
	struct entering *e = &gate->entering[index];
	struct error err = { 0 };
	char program[64];

	/* One that has ended has no program any more: its own words have said why. */
	if (readlinkat(e->proc_fd, "exe", program, sizeof(program)) >= 0 &&
		lsm_verify(&gate->start.labels, e->proc_fd, &err) == -EACCES) {
		end(gate, e, &err);
	} else {
		tell(gate, e);
	}
	programs_watch(gate, e->program);
	transition_free(e->transition);
	close(e->proc_fd);
	*e = gate->entering[--gate->n_entering];
}
