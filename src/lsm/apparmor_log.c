/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lsm/apparmor_log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define AUDITD_LOG "/var/log/audit/audit.log"
#define KERNEL_LOG "/dev/kmsg"
/* How much of auditd's log is read, from its end; how long a record of the kernel's may be. */
#define TAIL_MAX (256 << 10)
#define RECORD_MAX 8192
#define RULES "in the profile: "
/* auditd writes a record a moment after the kernel has made it. */
#define TRIES 5
#define TRY_MS 40

/* Decodes SIZE hexadecimal digits at TEXT in place of OUT; false where they are none. */
static bool decode(const char *text, size_t size, char *out, size_t out_size)
{
	size_t n = 0;

	if (size == 0 || size % 2 != 0) {
		return false;
	}
	for (size_t i = 0; i < size; i += 2) {
		char digits[3] = { text[i], text[i + 1], '\0' };

		if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1])) {
			return false;
		}
		if (n + 1 < out_size) {
			out[n++] = (char)strtoul(digits, NULL, 16);
		}
	}
	out[n] = '\0';
	return true;
}

/* The value of KEY in LINE: quoted, or bare up to a blank; a NAME that is bare is in hexadecimal
 * digits (audit_log_untrustedstring()). OUT is "" where there is none. */
static const char *field(const char *line, const char *key, char *out, size_t size)
{
	char wanted[32];

	out[0] = '\0';
	snprintf(wanted, sizeof(wanted), " %s=", key);
	const char *at = strstr(line, wanted);
	if (at == NULL) {
		return out;
	}
	at += strlen(wanted);
	bool quoted = *at == '"';
	at += quoted ? 1 : 0;
	size_t length = strcspn(at, quoted ? "\"\n" : " \n");
	bool untrusted =
		str_equal(key, "name") || str_equal(key, "srcname") || str_equal(key, "peer");
	if (quoted || !untrusted || !decode(at, length, out, size)) {
		snprintf(out, size, "%.*s", (int)(length < size ? length : size - 1), at);
	}
	return out;
}

/*
 * Whether the kernel itself wrote LINE: programs may write to both logs, to auditd's as other types
 * than these, to the kernel's with a facility other than its own, 0, in the bits above the third.
 */
static bool is_kernels(const char *line)
{
	const char *text = strchr(line, ';');

	if (str_starts_with(line, "type=AVC ") || str_starts_with(line, "type=APPARMOR")) {
		return true;
	}
	return isdigit((unsigned char)*line) && strtoul(line, NULL, 10) < 8 && text != NULL &&
	       str_starts_with(text, ";audit: type=1400 ");
}

/* "audit(1795826724.438:1745)": the first number. */
static bool is_since(const char *line, int64_t since)
{
	const char *at = strstr(line, "audit(");

	return at != NULL && strtoll(at + strlen("audit("), NULL, 10) >= since;
}

struct record {
	char operation[64], name[256], source[256], mask[64], peer[256], kind[64], more[64];
};

/* TEXT at the end of RULE, where there is any. */
static void add_part(
	char *rule, size_t size, const char *before, const char *text, const char *after)
{
	size_t used = strlen(rule);

	if (text[0] != '\0') {
		snprintf(rule + used, size - used, "%s%s%s", before, text, after);
	}
}

/* The rule that would allow what R was denied: apparmor.d(5). "": none that this page knows. */
static void find_rule(const char *line, struct record *r, char *rule, size_t size)
{
	rule[0] = '\0';
	if (str_equal(r->operation, "capable")) {
		snprintf(rule, size, "capability %s,",
			field(line, "capname", r->kind, sizeof(r->kind)));
	} else if (str_equal(r->operation, "mount")) {
		field(line, "fstype", r->kind, sizeof(r->kind));
		field(line, "flags", r->more, sizeof(r->more));
		snprintf(rule, size, "mount");
		add_part(rule, size, " fstype=(", r->kind, ")");
		add_part(rule, size, " options=(", r->more, ")");
		add_part(rule, size, " ", r->source, "");
		add_part(rule, size, " -> ", r->name, ",");
	} else if (str_equal(r->operation, "umount")) {
		snprintf(rule, size, "umount %s,", r->name);
	} else if (str_equal(r->operation, "pivotroot")) {
		snprintf(rule, size, "pivot_root oldroot=%s %s,", r->source, r->name);
	} else if (str_equal(r->operation, "ptrace")) {
		snprintf(rule, size, "ptrace (%s) peer=%s,", r->mask, r->peer);
	} else if (str_equal(r->operation, "signal")) {
		snprintf(rule, size, "signal (%s) set=(%s) peer=%s,", r->mask,
			field(line, "signal", r->kind, sizeof(r->kind)), r->peer);
	} else if (str_equal(r->operation, "userns_create")) {
		snprintf(rule, size, "userns,");
	} else if (field(line, "family", r->kind, sizeof(r->kind))[0] != '\0') {
		snprintf(rule, size, "network %s %s,", r->kind,
			field(line, "sock_type", r->more, sizeof(r->more)));
	} else if (r->name[0] == '/' && r->mask[0] != '\0') {
		snprintf(rule, size, "%s %s,", r->name, r->mask);
	}
}

/* Whether what AppArmor calls OPERATION is asked in the system call NAME. */
static bool is_asked(const char *operation, const char *name)
{
	static const struct {
		const char *call, *operation;
	} others[] = {
		{ "openat", "open" },
		{ "openat2", "open" },
		{ "execve", "exec" },
		{ "execveat", "exec" },
		{ "umount2", "umount" },
		{ "pivot_root", "pivotroot" },
		{ "kill", "signal" },
		{ "tkill", "signal" },
		{ "tgkill", "signal" },
		{ "pidfd_send_signal", "signal" },
		{ "process_vm_readv", "ptrace" },
		{ "process_vm_writev", "ptrace" },
		{ "socket", "create" },
		{ "socketpair", "create" },
		{ "sendto", "sendmsg" },
		{ "recvfrom", "recvmsg" },
		{ "unshare", "userns_create" },
		{ "clone", "userns_create" },
		{ "clone3", "userns_create" },
		{ "mkdirat", "mkdir" },
		{ "mknodat", "mknod" },
		{ "symlinkat", "symlink" },
		{ "unlinkat", "unlink" },
		{ "unlinkat", "rmdir" },
		{ "linkat", "link" },
		{ "rename", "rename_src" },
		{ "rename", "rename_dest" },
		{ "renameat", "rename_src" },
		{ "renameat", "rename_dest" },
		{ "renameat2", "rename_src" },
		{ "renameat2", "rename_dest" },
	};

	if (str_equal(operation, name) || str_equal(operation, "capable")) {
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (str_equal(others[i].call, name) && str_equal(others[i].operation, operation)) {
			return true;
		}
	}
	return false;
}

bool apparmor_log_parse(
	const char *line, const struct lsm_refusal *wanted, struct lsm_denial *denial)
{
	const char *words = strstr(line, "apparmor=\"DENIED\"");
	struct record r;
	char number[16];
	char profile[LSM_LABEL_MAX];
	char rule[1024];

	if (words == NULL || !is_kernels(line) || !is_since(line, wanted->since) ||
		strtol(field(words, "pid", number, sizeof(number)), NULL, 10) !=
			(long)wanted->pid ||
		!is_asked(field(words, "operation", r.operation, sizeof(r.operation)),
			wanted->call)) {
		return false;
	}
	field(words, "name", r.name, sizeof(r.name));
	field(words, "srcname", r.source, sizeof(r.source));
	field(words, "denied_mask", r.mask, sizeof(r.mask));
	field(words, "peer", r.peer, sizeof(r.peer));
	field(words, "profile", profile, sizeof(profile));
	find_rule(words, &r, rule, sizeof(rule));
	snprintf(denial->detail, sizeof(denial->detail),
		"the AppArmor profile %.200s denies it, says its log: %.*s", profile,
		(int)strcspn(words, "\n"), words);
	if (rule[0] != '\0') {
		snprintf(denial->change, sizeof(denial->change), RULES "%.480s", rule);
	} else {
		denial->change[0] = '\0';
	}
	return true;
}

/* LINE where it fits: one call may be denied to both sides, by a rule for each. */
static void add(
	const char *line, const struct lsm_refusal *wanted, struct lsm_denial *denial, bool *found)
{
	struct lsm_denial one;

	if (!apparmor_log_parse(line, wanted, &one)) {
		return;
	}
	const char *rule = one.change + (one.change[0] != '\0' ? strlen(RULES) : 0);
	size_t used = *found ? strlen(denial->change) : 0;
	if (!*found) {
		*denial = one;
	} else if (used > 0 && strstr(denial->change, rule) == NULL) {
		snprintf(denial->change + used, sizeof(denial->change) - used, " %s", rule);
	}
	*found = true;
}

static bool find_in_file(int fd, const struct lsm_refusal *wanted, struct lsm_denial *denial)
{
	_cleanup_free_ char *text = NULL;
	off_t end = lseek(fd, 0, SEEK_END);
	bool found = false;
	char *next;

	if (end < 0 || lseek(fd, end > TAIL_MAX ? end - TAIL_MAX : 0, SEEK_SET) < 0 ||
		fd_read_all(fd, AUDITD_LOG, (size_t)TAIL_MAX * 2, &text, NULL, NULL) < 0) {
		return false;
	}
	for (char *line = text; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL) {
			*next++ = '\0';
		}
		add(line, wanted, denial, &found);
	}
	return found;
}

/* One record for each read(2): Documentation/ABI/testing/dev-kmsg. */
static bool find_in_kernel(int fd, const struct lsm_refusal *wanted, struct lsm_denial *denial)
{
	char record[RECORD_MAX];
	bool found = false;
	ssize_t n;

	/* EPIPE: some were overwritten meanwhile; it goes on with the next. */
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n > 0) {
			record[n] = '\0';
			add(record, wanted, denial, &found);
		}
	}
	return found;
}

bool apparmor_log_find(const struct lsm_refusal *wanted, struct lsm_denial *denial)
{
	const struct timespec moment = { .tv_nsec = TRY_MS * 1000000L };

	for (int i = 0; i < TRIES; i++) {
		if (i > 0) {
			nanosleep(&moment, NULL);
		}
		_cleanup_close_ int log_fd = open(AUDITD_LOG, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		_cleanup_close_ int kernel_fd = open(KERNEL_LOG, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if ((log_fd >= 0 && find_in_file(log_fd, wanted, denial)) ||
			(kernel_fd >= 0 && find_in_kernel(kernel_fd, wanted, denial))) {
			return true;
		}
	}
	return false;
}
