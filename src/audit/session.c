/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "audit/digest.h"
#include "audit/operator.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/str.h"

static const char *const mode_names[] = {
	[TRAIL_OFF] = "off",
	[TRAIL_JOURNAL] = "journal",
	[TRAIL_REQUIRED] = "required",
};

int trail_mode_parse(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(mode_names); i++) {
		if (strcmp(word, mode_names[i]) == 0) {
			return (int)i;
		}
	}
	return -EINVAL;
}

const char *trail_mode_name(enum trail_mode mode)
{
	return mode_names[mode];
}

static void find_terminal(char *out, size_t size)
{
	char name[128];

	*out = '\0';
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (ttyname_r(fd, name, sizeof(name)) == 0 && str_starts_with(name, "/dev/") &&
			strlen(name) - strlen("/dev/") < size) {
			strcpy(out, name + strlen("/dev/"));
			return;
		}
	}
}

int audit_session_describe(struct audit_session *session, const char *command, struct error *err)
{
	_cleanup_close_ int self = procfs_open(getpid(), err);
	_cleanup_free_ char *boot_id = NULL;
	unsigned char id[(SESSION_ID_SIZE - 1) / 2];
	struct ns_id pid_ns;

	*session = (struct audit_session){
		.uid = getuid(),
		.pid = getpid(),
	};
	/* What can't be read is unset, as it is where the kernel has no audit. */
	operator_ids(&session->auid, &session->ses, NULL);
	if (self < 0) {
		return self;
	}
	int r = procfs_start_time(self, &session->start_time, err);
	if (r == 0) {
		r = procfs_ns_id(self, "pid", &pid_ns, err);
	}
	if (r == 0) {
		r = fd_read_file(
			AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot_id, NULL, err);
	}
	if (r < 0) {
		return r;
	}
	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id)) {
		return error_set(err, errno, "make a session's id");
	}
	session->pid_ns = pid_ns.ino;
	digest_hex(id, sizeof(id), session->id);
	boot_id[strcspn(boot_id, "\n")] = '\0';
	snprintf(session->boot_id, sizeof(session->boot_id), "%s", boot_id);
	snprintf(session->command, sizeof(session->command), "%s", command);
	find_terminal(session->terminal, sizeof(session->terminal));
	return 0;
}
