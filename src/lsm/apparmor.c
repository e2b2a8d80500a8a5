/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AppArmor: what security/apparmor/domain.c, aa_change_profile(), will ask when the launcher names
 * the profile for its exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/apparmor.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "lsm/apparmor_label.h"
#include "lsm/backend.h"

#define PROFILES_MAX (64 << 20)

/* security/apparmor/include/apparmor.h; sys/apparmor.h has some of them. */
#define AA_CLASS_FILE 2
#define AA_CLASS_PTRACE 9
#define AA_CLASS_SIGNAL 10

/* The profile that policy/apparmor ships for host tools. */
#define PROFILE_TOOL "sallyport-tool"

static int open_apparmorfs(struct error *err)
{
	_cleanup_free_ char *path = NULL;

	if (aa_find_mountpoint(&path) < 0) {
		return error_set_hint(err, errno,
			"mount it: mount -t securityfs none /sys/kernel/security",
			"find AppArmor's file system");
	}
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "open %s", path) : fd;
}

/* Whether the policy namespace SPACE, "outer//inner", exists below ours. */
static bool has_space(int apparmorfs, const char *space)
{
	char path[3 * LSM_LABEL_MAX] = "policy";
	size_t used = strlen(path);

	for (const char *part = space; part != NULL;) {
		const char *end = strstr(part, "//");
		int length = end != NULL ? (int)(end - part) : (int)strlen(part);

		used += (size_t)snprintf(
			path + used, sizeof(path) - used, "/namespaces/%.*s", length, part);
		if (used >= sizeof(path)) {
			return false;
		}
		part = end != NULL ? end + 2 : NULL;
	}
	return faccessat(apparmorfs, path, F_OK, 0) == 0;
}

static int check_component(int apparmorfs, const struct apparmor_component *component,
	const char *profiles, struct error *err)
{
	if (component->space[0] != '\0' && !has_space(apparmorfs, component->space)) {
		return error_set_hint(err, ENOENT, "the container must be started anew",
			"AppArmor's policy namespace \"%s\", which the container is in, is gone",
			component->space);
	}
	if (str_equal(component->name, "unconfined") ||
		apparmor_label_loaded(component, profiles)) {
		return 0;
	}
	return error_set_hint(err, ENOENT,
		"load it again with apparmor_parser and start the container anew",
		"the container's AppArmor profile \"%s\"%s%s is not loaded any more",
		component->name, component->space[0] != '\0' ? " of the namespace " : "",
		component->space);
}

static int check_loaded(const struct lsm_label *label, struct error *err)
{
	_cleanup_close_ int apparmorfs = open_apparmorfs(err);
	_cleanup_free_ char *profiles = NULL;
	const char *text = label->text;
	int r = apparmorfs < 0
			? apparmorfs
			: fd_read_file(apparmorfs, "profiles", PROFILES_MAX, &profiles, NULL, err);

	while (r == 0 && text != NULL) {
		struct apparmor_component component;

		if (apparmor_label_next(&component, &text) < 0) {
			return error_set(
				err, EINVAL, "the container's AppArmor label %s", label->text);
		}
		r = check_component(apparmorfs, &component, profiles, err);
	}
	return r;
}

static bool is_confined(const struct lsm_label *own)
{
	return !str_equal(own->text, "unconfined") && !str_equal(own->mode, "unconfined");
}

/* The launcher inherits what confines us, and the kernel can be asked now: AA_CHANGE_TEST. */
static int check_permission(
	const struct lsm_label *label, const struct lsm_label *own, struct error *err)
{
	char command[LSM_LABEL_MAX + 16];
	const char *files[] = { "/proc/thread-self/attr/apparmor/current",
		"/proc/thread-self/attr/current" };
	const char *file = files[access(files[0], F_OK) == 0 ? 0 : 1];

	if (!is_confined(own) || str_equal(own->text, label->text)) {
		return 0;
	}
	snprintf(command, sizeof(command), "permprofile %s", label->text);
	if (fd_write_file(AT_FDCWD, file, command, NULL) == 0) {
		return 0;
	}
	return error_set_hint(err, errno, "start sallyport unconfined",
		"AppArmor: the profile %.256s, which confines sallyport, has no rule "
		"change_profile -> %.256s",
		own->text, label->text);
}

static int check(const struct lsm_label *label, const struct lsm_label *own,
	const struct lsm_transition *t, char *warning, size_t size, struct error *err)
{
	int r = check_loaded(label, err);

	return r < 0 ? r : check_permission(label, own, err);
}

/*
 * Asks for MASK of the rules of LABEL that the N bytes at RULE select: a class and what that has.
 * Returns 1 where it is allowed, 0 where it is not, -1 where it can't be asked: aa_query_label(2).
 */
static int query(const char *label, uint32_t mask, const char *rule, size_t n)
{
	char text[AA_QUERY_CMD_LABEL_SIZE + LSM_LABEL_MAX + 1 + LSM_LABEL_MAX];
	size_t at = AA_QUERY_CMD_LABEL_SIZE;
	size_t size = strlen(label) + 1;
	int allowed = 0;
	int audited;

	memcpy(text + at, label, size);
	memcpy(text + at + size, rule, n);
	if (aa_query_label(mask, text, at + size + n, &allowed, &audited) < 0) {
		return -1;
	}
	return allowed != 0;
}

/*
 * Whether a process of LABEL lets itself be signalled and traced by one of PROFILE_TOOL: asked of
 * the profile's automaton as the kernel walks it, profile_signal_perm() and profile_ptrace_perm()
 * of security/apparmor/. What can't be asked is not allowed; from another policy namespace our
 * names look otherwise.
 */
static bool accepts_tools(const struct lsm_label *label)
{
	static const struct {
		char start[2]; /* the class, and the signal where it is one of signals */
		uint32_t permission;
	} wanted[] = {
		{ { AA_CLASS_SIGNAL, SIGTERM }, AA_MAY_READ },
		{ { AA_CLASS_PTRACE, '\0' }, AA_MAY_APPEND },
	};
	char rule[sizeof(wanted[0].start) + sizeof(PROFILE_TOOL)];

	if (strchr(label->text, ':') != NULL) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		size_t n = wanted[i].start[1] != '\0' ? 2 : 1;

		memcpy(rule, wanted[i].start, n);
		memcpy(rule + n, PROFILE_TOOL, strlen(PROFILE_TOOL));
		if (query(label->text, wanted[i].permission, rule, n + strlen(PROFILE_TOOL)) <= 0) {
			return false;
		}
	}
	return true;
}

static int become_tool(
	const struct lsm_label *own, const struct lsm_label *label, struct error *err)
{
	if (is_confined(own) || !accepts_tools(label)) {
		return 0;
	}
	/* Not by its exec, which may turn out to be the launcher's: the profile lets that one go
	 * free. Without our policy there is none for tools. */
	if (aa_change_profile(PROFILE_TOOL) < 0 && errno != ENOENT) {
		return error_set(
			err, errno, "give the host tool the AppArmor profile " PROFILE_TOOL);
	}
	return 0;
}

/* Whether the rules for files of LABEL allow MASK on PATH; true where that can't be asked.
 * libapparmor's aa_query_file_path() is not used: the last character of PATH does not count with it
 * (seen with that of Debian 13). */
static bool file_allowed(const char *label, unsigned int mask, const char *path)
{
	char rule[1 + LSM_LABEL_MAX] = { AA_CLASS_FILE };
	size_t length = strlen(path);

	if (length >= sizeof(rule)) {
		return true;
	}
	memcpy(rule + 1, path, length);
	return query(label, mask, rule, 1 + length) != 0;
}

/* What apparmor_file_open() asks of the rules for files; AA_MAY_READ and the like are the bits of
 * access(2). */
static bool denies_file(const struct lsm_label *label, int fd, const char *path, unsigned int may,
	struct lsm_denial *denial)
{
	static const struct {
		unsigned int may;
		const char *word;
		const char *rule;
	} rights[] = { { R_OK, "read", "r" }, { W_OK, "write", "w" }, { X_OK, "execute", "ix" } };
	char words[64] = "";
	char rules[16] = "";
	struct stat st;

	if (!str_equal(label->mode, "enforce") || fstat(fd, &st) < 0) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rights); i++) {
		/* To search a directory is no right of its own there. */
		if ((may & rights[i].may) == 0 || (S_ISDIR(st.st_mode) && rights[i].may == X_OK) ||
			file_allowed(label->text, rights[i].may, path)) {
			continue;
		}
		size_t used = strlen(words);
		snprintf(words + used, sizeof(words) - used, "%s%s", used > 0 ? ", " : "",
			rights[i].word);
		used = strlen(rules);
		snprintf(rules + used, sizeof(rules) - used, "%s", rights[i].rule);
	}
	if (words[0] == '\0') {
		return false;
	}
	snprintf(denial->detail, sizeof(denial->detail),
		"the AppArmor profile %.200s denies { %s } of %.400s", label->text, words, path);
	snprintf(denial->change, sizeof(denial->change),
		"in the profile, where no deny rule speaks against it: %.400s %s,", path, rules);
	return true;
}

const struct lsm_backend lsm_apparmor = {
	.active = lsm_apparmor_seen,
	.check = check,
	.become_tool = become_tool,
	.denies_file = denies_file,
	.can_apply = true,
};
