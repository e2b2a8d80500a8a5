/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lsm/lsm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/str.h"
#include "lsm/apparmor_log.h"
#include "lsm/backend.h"

/*
 * How each module is told a label: where several are active each has a directory of its own below
 * /proc/thread-self/attr, proc(5).
 */
static const struct module {
	const char *exec;
	const char *exec_old; /* where the kernel has no directory for the module */
	const char *command;  /* before the label */
	const struct lsm_backend *backend;
} modules[LSM_KINDS] = {
	[LSM_SELINUX] = { "selinux/exec", "exec", "", &lsm_selinux },
	[LSM_APPARMOR] = { "apparmor/exec", "exec", "exec ", &lsm_apparmor },
	[LSM_OTHER] = { "exec", "exec", "", &lsm_other },
};

bool lsm_can_apply(enum lsm_kind kind)
{
	return modules[kind].backend->can_apply;
}

static int capture_own(struct lsm_labels *own, struct error *err)
{
	_cleanup_close_ int self = procfs_open(getpid(), err);

	return self < 0 ? self : lsm_capture(own, self, err);
}

int lsm_check(const struct lsm_labels *labels, const struct lsm_transition *transition,
	char *warning, size_t size, struct error *err)
{
	struct lsm_labels own;
	int r = capture_own(&own, err);

	warning[0] = '\0';
	for (int i = 0; r == 0 && i < LSM_KINDS; i++) {
		if (labels->of[i].text[0] != '\0') {
			r = modules[i].backend->check(
				&labels->of[i], &own.of[i], transition, warning, size, err);
		}
	}
	return r;
}

bool lsm_may_inherit(const struct lsm_labels *labels, int fd)
{
	bool may = true;

	for (int i = 0; may && i < LSM_KINDS; i++) {
		if (labels->of[i].text[0] != '\0' && modules[i].backend->may_inherit != NULL) {
			may = modules[i].backend->may_inherit(&labels->of[i], fd);
		}
	}
	return may;
}

bool lsm_denies_file(const struct lsm_labels *labels, int fd, const char *path, unsigned int may,
	struct lsm_denial *denial)
{
	for (int i = 0; i < LSM_KINDS; i++) {
		if (labels->of[i].text[0] != '\0' && modules[i].backend->denies_file != NULL &&
			modules[i].backend->denies_file(&labels->of[i], fd, path, may, denial)) {
			return true;
		}
	}
	return false;
}

bool lsm_denies_capability(const struct lsm_labels *labels, unsigned int cap, const char *name,
	bool user_namespace, struct lsm_denial *denial)
{
	for (int i = 0; i < LSM_KINDS; i++) {
		if (labels->of[i].text[0] != '\0' &&
			modules[i].backend->denies_capability != NULL &&
			modules[i].backend->denies_capability(
				&labels->of[i], cap, name, user_namespace, denial)) {
			return true;
		}
	}
	return false;
}

bool lsm_logged_denial(const struct lsm_labels *labels, const struct lsm_refusal *refusal,
	struct lsm_denial *denial)
{
	return labels->of[LSM_APPARMOR].text[0] != '\0' && apparmor_log_find(refusal, denial);
}

static bool is_there(const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/thread-self/attr/%s", file);
	return access(path, F_OK) == 0;
}

static void fill_attribute(struct lsm_attribute *out, const struct module *module,
	const struct lsm_label *label, bool late)
{
	const char *command = late ? "changeprofile " : module->command;
	const char *own = late ? "apparmor/current" : module->exec;
	const char *old = late ? "current" : module->exec_old;

	out->file = is_there(own) ? own : old;
	out->late = late;
	snprintf(out->content, sizeof(out->content), "%s%s", command, label->text);
}

/* A profile in unconfined mode counts as none. */
static bool is_confined(const struct lsm_label *own)
{
	return own->text[0] != '\0' && !str_equal(own->text, "unconfined") &&
	       !str_equal(own->mode, "unconfined");
}

size_t lsm_attributes(const struct lsm_labels *labels, bool no_new_privs,
	struct lsm_attribute attributes[LSM_ATTRIBUTES_MAX])
{
	struct lsm_labels own;
	bool late = no_new_privs && labels->of[LSM_APPARMOR].text[0] != '\0' &&
		    capture_own(&own, NULL) == 0 && is_confined(&own.of[LSM_APPARMOR]);
	size_t n = 0;

	for (int i = 0; i < LSM_OTHER; i++) {
		if (labels->of[i].text[0] != '\0') {
			fill_attribute(&attributes[n++], &modules[i], &labels->of[i],
				late && i == LSM_APPARMOR);
		}
	}
	/* Of the session keyring, which is made before the exec: security/selinux/hooks.c. */
	if (labels->of[LSM_SELINUX].text[0] != '\0') {
		attributes[n].file = "keycreate";
		attributes[n].late = false;
		snprintf(attributes[n].content, sizeof(attributes[n].content), "%s",
			labels->of[LSM_SELINUX].text);
		n++;
	}
	return n;
}

int lsm_mount_context(enum lsm_mount mount, char *out, size_t size)
{
	out[0] = '\0';
	for (int i = 0; i < LSM_KINDS; i++) {
		const struct lsm_backend *backend = modules[i].backend;

		if (backend->mount_context != NULL && backend->active()) {
			return backend->mount_context(mount, out, size) ? 1 : -ENOENT;
		}
	}
	return 0;
}

int lsm_become_tool(const struct lsm_labels *labels, struct error *err)
{
	struct lsm_labels own;
	int r = capture_own(&own, err);

	for (int i = 0; r == 0 && i < LSM_KINDS; i++) {
		if (own.of[i].text[0] != '\0' && modules[i].backend->become_tool != NULL) {
			r = modules[i].backend->become_tool(&own.of[i], &labels->of[i], err);
		}
	}
	return r;
}

int lsm_become_caller(struct error *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < LSM_KINDS; i++) {
		const struct lsm_backend *backend = modules[i].backend;

		if (backend->become_caller != NULL && backend->active()) {
			r = backend->become_caller(err);
		}
	}
	return r;
}

void lsm_label_program(int fd)
{
	for (int i = 0; i < LSM_KINDS; i++) {
		const struct lsm_backend *backend = modules[i].backend;

		if (backend->label_program != NULL && backend->active()) {
			backend->label_program(fd);
		}
	}
}
