/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labels as the kernel shows them. No library is needed here, and the gate gets none. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "lsm/apparmor_label.h"
#include "lsm/backend.h"

static int parse_plain(struct lsm_label *label, const char *text)
{
	size_t length = strcspn(text, "\n");

	*label = (struct lsm_label){ 0 };
	if (length == 0 || length >= sizeof(label->text)) {
		return -EINVAL;
	}
	memcpy(label->text, text, length);
	return 0;
}

bool lsm_selinux_seen(void)
{
	return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

bool lsm_apparmor_seen(void)
{
	_cleanup_free_ char *enabled = NULL;

	return fd_read_file(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &enabled, NULL,
		       NULL) == 0 &&
	       enabled[0] == 'Y';
}

static bool other_active(void)
{
	return !lsm_selinux_seen() && !lsm_apparmor_seen();
}

/*
 * The kernel's files: where several modules are active each has a directory of its own, and
 * attr/current is the first one's: proc(5), /proc/PID/attr.
 */
static const struct module {
	const char *name;
	const char *current; /* below /proc/PID */
	int (*parse)(struct lsm_label *label, const char *text);
	bool (*active)(void);
} modules[LSM_KINDS] = {
	[LSM_SELINUX] = { "selinux", "attr/selinux/current", parse_plain, lsm_selinux_seen },
	[LSM_APPARMOR] = { "apparmor", "attr/apparmor/current", apparmor_label_parse,
		lsm_apparmor_seen },
	[LSM_OTHER] = { "other", "attr/current", parse_plain, other_active },
};

const char *lsm_name(enum lsm_kind kind)
{
	return modules[kind].name;
}

static int read_label(
	struct lsm_label *label, const struct module *module, int proc_fd, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct error inner = { 0 };
	int r = fd_read_file(proc_fd, module->current, LSM_LABEL_MAX, &text, NULL, &inner);

	if (r == -ENOENT) {
		r = fd_read_file(proc_fd, "attr/current", LSM_LABEL_MAX, &text, NULL, &inner);
	}
	/* A process that is gone has no files; to tell is what a pinned directory is for. */
	if (r == -ENOENT) {
		return error_set(err, ESRCH, "read the process's %s label", module->name);
	}
	if (r == 0) {
		r = module->parse(label, text);
	}
	return r < 0 ? error_set(err, -r, "read the process's %s label", module->name) : 0;
}

int lsm_capture(struct lsm_labels *labels, int proc_fd, struct error *err)
{
	memset(labels, 0, sizeof(*labels));
	for (int i = 0; i < LSM_OTHER; i++) {
		if (modules[i].active()) {
			int r = read_label(&labels->of[i], &modules[i], proc_fd, err);

			if (r < 0) {
				return r;
			}
		}
	}
	/* A third module's label is read where nobody else could have written it. Without any the
	 * kernel gives EINVAL. */
	if (modules[LSM_OTHER].active()) {
		struct lsm_label *label = &labels->of[LSM_OTHER];

		if (read_label(label, &modules[LSM_OTHER], proc_fd, NULL) < 0) {
			*label = (struct lsm_label){ 0 };
		}
	}
	return 0;
}

static void append(char *out, size_t size, const char *text)
{
	size_t used = strlen(out);

	snprintf(out + used, size - used, "%s", text);
}

static void describe_one(char *out, size_t size, const struct lsm_label *label)
{
	append(out, size, label->text[0] != '\0' ? label->text : "none");
	if (label->mode[0] != '\0') {
		append(out, size, " (");
		append(out, size, label->mode);
		append(out, size, ")");
	}
}

char *lsm_describe(char *out, size_t size, const struct lsm_labels *labels)
{
	int active = 0;

	for (int i = 0; i < LSM_KINDS; i++) {
		active += labels->of[i].text[0] != '\0';
	}
	out[0] = '\0';
	for (int i = 0; i < LSM_KINDS; i++) {
		if (labels->of[i].text[0] == '\0') {
			continue;
		}
		if (active > 1) {
			append(out, size, out[0] != '\0' ? ", " : "");
			append(out, size, modules[i].name);
			append(out, size, " ");
		}
		describe_one(out, size, &labels->of[i]);
	}
	return out;
}

/*
 * What takes the place: flush_unauthorized_files(), security/selinux/hooks.c, and
 * aa_inherit_files(), security/apparmor/file.c.
 */
static const struct null_file {
	bool (*active)(void);
	const char *path;
} null_files[] = {
	{ lsm_selinux_seen, "/sys/fs/selinux/null" },
	{ lsm_apparmor_seen, "/sys/kernel/security/apparmor/.null" },
};

static bool is_null(const struct stat *st)
{
	struct stat null;

	for (size_t i = 0; i < ARRAY_SIZE(null_files); i++) {
		if (null_files[i].active() && stat(null_files[i].path, &null) == 0 &&
			fd_stat_same(st, &null)) {
			return true;
		}
	}
	return false;
}

char *lsm_lost_descriptors(char *out, size_t size, int proc_fd)
{
	static const char *const names[] = { "standard input", "standard output",
		"standard error" };
	struct stat st;
	char path[16];

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "fd/%zu", i);
		if (fstatat(proc_fd, path, &st, 0) == 0 && is_null(&st)) {
			append(out, size, out[0] != '\0' ? ", " : "");
			append(out, size, names[i]);
		}
	}
	return out;
}

int lsm_verify(const struct lsm_labels *wanted, int proc_fd, struct error *err)
{
	struct lsm_labels got;
	int r = lsm_capture(&got, proc_fd, err);

	if (r < 0) {
		return r;
	}
	for (int i = 0; i < LSM_KINDS; i++) {
		char is[256] = "";
		char should_be[256] = "";

		if (str_equal(wanted->of[i].text, got.of[i].text) &&
			str_equal(wanted->of[i].mode, got.of[i].mode)) {
			continue;
		}
		describe_one(is, sizeof(is), &got.of[i]);
		describe_one(should_be, sizeof(should_be), &wanted->of[i]);
		return error_set_hint(err, EACCES,
			"the policy makes another of it, or has changed since the session began",
			"its %s label is %s and not the container's, %s", modules[i].name, is,
			should_be);
	}
	return 0;
}
