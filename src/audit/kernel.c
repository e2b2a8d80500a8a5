/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <libaudit.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/message.h"
#include "base/cleanup.h"

#define REPLY_TIMEOUT_MS 2000
/* A container that is denied much fills the queue; auditd has a moment to make room. */
#define ROOM_TIMEOUT_MS 1000
#define ROOM_POLL_MS 5
#define NETLINK_TABLE "/proc/net/netlink"

/* What the kernel says of its audit now. Replies to earlier requests are passed over. */
static int get_status(int fd, struct audit_status *status, struct error *err)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct audit_reply reply;

	if (audit_request_status(fd) < 0) {
		return error_set(err, errno, "ask the kernel's audit for its state");
	}
	for (;;) {
		int r = poll(&ready, 1, REPLY_TIMEOUT_MS);

		if (r < 0 && errno == EINTR) {
			continue;
		}
		if (r <= 0) {
			return error_set(err, r < 0 ? errno : ETIMEDOUT,
				"ask the kernel's audit for its state");
		}
		r = audit_get_reply(fd, &reply, GET_REPLY_NONBLOCKING, 0);
		if (r < 0 && r != -EAGAIN && r != -EINTR) {
			return error_set(err, -r, "ask the kernel's audit for its state");
		}
		if (r > 0 && reply.type == AUDIT_GET) {
			*status = *reply.status;
			return 0;
		}
		if (r > 0 && reply.type == NLMSG_ERROR && reply.error->error != 0) {
			return error_set(
				err, -reply.error->error, "ask the kernel's audit for its state");
		}
	}
}

int kernel_audit_open(struct error *err)
{
	int fd = audit_open();

	return fd < 0 ? error_set(err, errno, "open a socket to the kernel's audit") : fd;
}

bool kernel_audit_is_built(void)
{
	return true;
}

bool kernel_audit_enabled(void)
{
	_cleanup_close_ int fd = audit_open();
	struct audit_status status;

	return fd >= 0 && get_status(fd, &status, NULL) == 0 && status.enabled != 0;
}

/* Somebody reads along by multicast (systemd-journald): column 4 of the table is the groups. */
static bool is_listened_to(void)
{
	_cleanup_fclose_ FILE *table = fopen(NETLINK_TABLE, "re");
	char line[256];
	unsigned int protocol;
	unsigned int groups;

	while (table != NULL && fgets(line, sizeof(line), table) != NULL) {
		if (sscanf(line, "%*s %u %*s %x", &protocol, &groups) == 2 &&
			protocol == NETLINK_AUDIT && groups != 0) {
			return true;
		}
	}
	return false;
}

static bool is_full(const struct audit_status *status)
{
	return status->backlog_limit != 0 && status->backlog >= status->backlog_limit;
}

/* Waits until the queue has room, as *STATUS says then, but not for long. */
static int wait_for_room(int fd, struct audit_status *status, struct error *err)
{
	const struct timespec pause = { .tv_nsec = ROOM_POLL_MS * 1000000 };
	int r = 0;

	for (int ms = 0; r == 0 && is_full(status) && ms < ROOM_TIMEOUT_MS; ms += ROOM_POLL_MS) {
		nanosleep(&pause, NULL);
		r = get_status(fd, status, err);
	}
	return r;
}

/* What can be told before: whether a record would be collected, and now. */
static int check_before(const struct audit_status *status, struct error *err)
{
	if (status->enabled == 0) {
		return error_set_hint(
			err, ENOTCONN, "auditctl -e 1", "the kernel's audit is disabled");
	}
	if (status->pid == 0 && !is_listened_to()) {
		return error_set_hint(err, ENOTCONN, "start auditd, or --audit=journal",
			"nobody collects the records of the kernel's audit");
	}
	if (is_full(status)) {
		return error_set_hint(err, ENOBUFS,
			"see whether auditd can write, raise auditctl -b",
			"the queue of the kernel's audit is full: %u records", status->backlog);
	}
	return 0;
}

static int send_message(
	int fd, const struct message *message, const char *terminal, struct error *err)
{
	/* The kernel says EAGAIN or ENOBUFS where its receive queue is full for a moment. */
	for (int tries = 0;; tries++) {
		const struct timespec pause = { .tv_nsec = 1000000L << tries };
		int r;

		errno = 0;
		r = audit_log_user_message(fd, message->type, message->text, NULL, NULL,
			terminal[0] != '\0' ? terminal : "?", message->success);
		if (r > 0) {
			return 0;
		}
		int code = r < 0 ? -r : ECONNREFUSED;
		if (code == 1 && errno != 0) {
			code = errno;
		}
		if (tries == 4 || (code != EAGAIN && code != ENOBUFS && code != ENOMEM)) {
			return error_set(err, code, "write to the kernel's audit");
		}
		nanosleep(&pause, NULL);
	}
}

int kernel_audit_send(int fd, struct json_object *record, const struct journal_place *place,
	const char *terminal, bool certain, struct error *err)
{
	struct message message;
	struct audit_status before;
	struct audit_status after;
	int r;

	if (!message_make(&message, record, place)) {
		return 0;
	}
	r = get_status(fd, &before, err);
	if (r == 0 && certain) {
		r = wait_for_room(fd, &before, err);
	}
	if (r == 0) {
		r = check_before(&before, err);
	}
	if (r < 0 && !certain) {
		error_clear(err);
		return 0;
	}
	if (r == 0) {
		r = send_message(fd, &message, terminal, err);
	}
	if (r == 0 && message_make_binding(&message, record)) {
		r = send_message(fd, &message, terminal, err);
	}
	if (r == 0 && certain) {
		r = get_status(fd, &after, err);
	}
	/* The rate limit drops records that were taken: whose, the kernel doesn't tell. */
	if (r == 0 && certain && after.lost != before.lost) {
		return error_set_hint(err, ENOBUFS, "see auditctl -s",
			"the kernel's audit lost records while it took ours");
	}
	return r;
}
