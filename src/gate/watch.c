/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/procfs.h"

#ifndef FAN_REPORT_TID
#define FAN_REPORT_TID 0x00000100 /* Linux 4.20 */
#endif

int watch_start(struct gate *gate, struct error *err)
{
	/*
	 * The queue is unlimited since an event that did not fit would be allowed. The mark on the
	 * whole file system also sees it through mounts that a tool makes of it.
	 */
	unsigned int mark = FAN_MARK_ADD | FAN_MARK_FILESYSTEM;

	if (!gate->start.watch_view) {
		return 0;
	}
	gate->watch_fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK |
					       FAN_UNLIMITED_QUEUE | FAN_REPORT_TID,
		O_RDONLY | O_LARGEFILE | O_CLOEXEC);
	if (gate->watch_fd < 0) {
		return error_set_hint(err, errno,
			errno == EMFILE ? "raise fs.fanotify.max_user_groups: sysctl(8)"
					: "needs CAP_SYS_ADMIN and Linux 5.0 with CONFIG_FANOTIFY",
			"start fanotify");
	}
	if (fanotify_mark(gate->watch_fd, mark, FAN_OPEN_EXEC_PERM, gate->view_fd, ".") < 0) {
		return error_set_hint(err, errno,
			"needs Linux 5.0 with CONFIG_FANOTIFY_ACCESS_PERMISSIONS",
			"watch the container view for FAN_OPEN_EXEC_PERM");
	}
	return 0;
}

static void answer(struct gate *gate, int event_fd, uint32_t response)
{
	struct fanotify_response message = { .fd = event_fd, .response = response };

	if (write(gate->watch_fd, &message, sizeof(message)) < 0) {
		log_error("answer to the kernel: %s", strerror(errno));
	}
}

/* Whatever happens, the answer is no: a host tool never runs the container's file itself. */
static void handle(struct gate *gate, const struct fanotify_event_metadata *event)
{
	_cleanup_close_ int fd = event->fd;
	struct error err = { 0 };
	struct stat st;
	_cleanup_free_ char *path = fd_path(fd);
	const char *file = path != NULL ? path : "";
	pid_t tgid;
	int r = caller_check(gate, event->pid, &tgid, &err);

	if (r == 0 && (path == NULL || fstat(fd, &st) < 0)) {
		r = error_set(&err, errno, "look at the file to be executed");
	}
	if (r == 0) {
		r = steps_begin(gate, event->pid, tgid, &st, file, &err);
	}
	answer(gate, fd, FAN_DENY);
	if (r < 0) {
		log_error("cannot run %s: %s", file, err.message);
		record_refused(gate, event->pid, file, &err);
	}
}

int watch_event(struct gate *gate, struct error *err)
{
	struct fanotify_event_metadata event;
	/* One at a time: each event is answered before the next can cost a descriptor. */
	ssize_t n = read(gate->watch_fd, &event, sizeof(event));

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	if (n < (ssize_t)sizeof(event)) {
		/* The file could not be opened for us; the kernel has denied the event. */
		return n < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
			       ? error_set(err, errno, "read from fanotify")
			       : 0;
	}
	if (event.vers != FANOTIFY_METADATA_VERSION) {
		return error_set(err, EPROTO, "fanotify metadata version %u", event.vers);
	}
	if (event.fd >= 0) {
		handle(gate, &event);
	}
	return 0;
}
