/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container's programs that were started through this gate, until they end. They are no
 * children of ours: a pidfd tells that they have ended, and with what status where the kernel can
 * say it. Those that still run are ended with the session, as its host tools are.
 */
#include "gate/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/reap.h"

#define EVENTS_MAX 64

/* Linux 6.13, exit_code 6.15: linux/pidfd.h, of which this is the first version. */
struct pidfd_info_0 {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define PIDFD_GET_INFO_0 _IOWR(0xff, 11, struct pidfd_info_0)
#define PIDFD_INFO_EXIT_0 (UINT64_C(1) << 3)

int programs_start(struct gate *gate, struct error *err)
{
	fd_raise_limit();
	gate->ends_fd = epoll_create1(EPOLL_CLOEXEC);
	return gate->ends_fd < 0 ? error_set(err, errno, "epoll_create1") : 0;
}

struct program *programs_add(struct gate *gate, pid_t pid, struct error *err)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct program *program = pidfd >= 0 ? malloc(sizeof(*program)) : NULL;

	if (program == NULL) {
		error_set(err, errno, "follow process %d", pid);
		return NULL;
	}
	*program = (struct program){
		.next = gate->programs,
		.link = &gate->programs,
		.pid = pid,
		.pidfd = steal_fd(&pidfd),
	};
	if (program->next != NULL) {
		program->next->link = &program->next;
	}
	gate->programs = program;
	return program;
}

static void forget(struct gate *gate, struct program *program)
{
	/* Nothing may come of it any more, whoever else holds the descriptor. */
	epoll_ctl(gate->ends_fd, EPOLL_CTL_DEL, program->pidfd, NULL);
	*program->link = program->next;
	if (program->next != NULL) {
		program->next->link = program->link;
	}
	close(program->pidfd);
	free(program);
}

void programs_watch(struct gate *gate, struct program *program)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = program };

	if (epoll_ctl(gate->ends_fd, EPOLL_CTL_ADD, program->pidfd, &event) < 0) {
		log_warning("follow process %d: %s", program->pid, strerror(errno));
	}
}

/* Once its parent has waited for it. */
static bool status_of_reaped(const struct program *program, int *status)
{
	struct pidfd_info_0 info = { .mask = PIDFD_INFO_EXIT_0 };

	if (ioctl(program->pidfd, PIDFD_GET_INFO_0, &info) != 0 ||
		(info.mask & PIDFD_INFO_EXIT_0) == 0) {
		return false;
	}
	*status = info.exit_code;
	return true;
}

/* Before that. The signal fails where the number may be another's by now. */
static bool status_of_zombie(const struct program *program, int *status)
{
	_cleanup_close_ int proc_fd = procfs_open(program->pid, NULL);
	int64_t code;

	if (proc_fd < 0 || procfs_stat_field(proc_fd, 52, &code, NULL) < 0 ||
		syscall(SYS_pidfd_send_signal, program->pidfd, 0, NULL, 0) < 0) {
		return false;
	}
	*status = (int)code;
	return true;
}

bool programs_status(const struct program *program, int *status)
{
	/* Last again, as its parent may wait for it between the first two. */
	return status_of_reaped(program, status) || status_of_zombie(program, status) ||
	       status_of_reaped(program, status);
}

static void tell_end(struct gate *gate, const struct program *program)
{
	struct error err = { 0 };
	int status;

	if (program->number == 0) {
		return;
	}
	if (!programs_status(program, &status)) {
		status = -1;
	}
	if (audit_exit(gate->trail, program->number, program->pid, status, &err) < 0) {
		log_warning("%s", err.message);
	}
}

void programs_event(struct gate *gate)
{
	struct epoll_event events[EVENTS_MAX];
	int n;

	do {
		n = epoll_wait(gate->ends_fd, events, EVENTS_MAX, 0);
		for (int i = 0; i < n; i++) {
			tell_end(gate, events[i].data.ptr);
			forget(gate, events[i].data.ptr);
		}
	} while (n == EVENTS_MAX);
}

void programs_end(struct gate *gate)
{
	while (gate->programs != NULL) {
		reap_tree(gate->programs->pid, gate->programs->pidfd);
		forget(gate, gate->programs);
	}
}
