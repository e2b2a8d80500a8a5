/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SELinux: what the kernel will ask of the policy when the launcher is executed and when it
 * executes the container's program (security/selinux/hooks.c, selinux_bprm_creds_for_exec), asked
 * beforehand.
 */
#include <errno.h>
#include <fcntl.h>
#include <selinux/context.h>
#include <selinux/selinux.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "lsm/backend.h"

#define HINT_MODULE "load sallyport's policy module: semodule -i sallyport.pp"

static void cleanup_context(char **context)
{
	freecon(*context);
}

#define _cleanup_context_ _cleanup_(cleanup_context)

#define PROBE_TYPE "sallyport_probe_exec_t"

/* The types that policy/selinux gives to what a session mounts. */
static const char *const mount_types[LSM_MOUNTS] = {
	[LSM_HOST_VIEW] = "sallyport_host_view_t",
	[LSM_CONTAINER_VIEW] = "sallyport_container_view_t",
	[LSM_LAUNCHER] = "sallyport_session_t",
};

static bool mount_context(enum lsm_mount mount, char *out, size_t size)
{
	snprintf(out, size, "system_u:object_r:%s%s", mount_types[mount],
		is_selinux_mls_enabled() > 0 ? ":s0" : "");
	if (security_check_context_raw(out) == 0) {
		return true;
	}
	out[0] = '\0';
	return false;
}

/* One question to the policy. */
struct question {
	const char *source;
	const char *target;
	const char *class;
	const char *permission;
};

/* 1: allowed, or not denied since nothing is enforced; 0: denied; or a negative errno. */
static int ask(const struct question *q, struct error *err)
{
	struct av_decision decision;
	security_class_t class = string_to_security_class(q->class);
	access_vector_t bit = class != 0 ? string_to_av_perm(class, q->permission) : 0;

	if (security_getenforce() == 0) {
		return 1;
	}
	if (bit == 0) {
		return security_deny_unknown() == 0;
	}
	if (security_compute_av_flags_raw(q->source, q->target, class, bit, &decision) < 0) {
		return error_set_hint(err, errno, "the caller's domain needs security:compute_av",
			"ask SELinux whether %s may %s:%s %s", q->source, q->class, q->permission,
			q->target);
	}
	return (decision.allowed & bit) != 0 ||
	       (decision.flags & SELINUX_AVD_FLAGS_PERMISSIVE) != 0;
}

/* The type of CONTEXT, user:role:type[:range]. */
static void type_of(char *out, size_t size, const char *context)
{
	const char *start = context;

	for (int i = 0; i < 2 && start != NULL; i++) {
		start = strchr(start, ':');
		start = start != NULL ? start + 1 : NULL;
	}
	snprintf(out, size, "%.*s", start != NULL ? (int)strcspn(start, ":") : 1,
		start != NULL ? start : "?");
}

static int need(const struct question *q, struct error *err)
{
	int r = ask(q, err);
	char hint[512];
	char source[128];
	char target[128];

	if (r != 0) {
		return r < 0 ? r : 0;
	}
	type_of(source, sizeof(source), q->source);
	type_of(target, sizeof(target), q->target);
	snprintf(hint, sizeof(hint), HINT_MODULE "; the rule that is missing: allow %s %s:%s %s;",
		source, str_equal(source, target) ? "self" : target, q->class, q->permission);
	return error_set_hint(err, EACCES, hint, "SELinux denies { %s } of class %s from %s to %s",
		q->permission, q->class, q->source, q->target);
}

static int need_all(const struct question *questions, size_t n, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = need(&questions[i], err);
	}
	return r;
}

/* The context that a process in FROM gets by executing a file of context FILE. */
static int after_exec(const char *from, const char *file, char **out, struct error *err)
{
	if (security_compute_create_raw(from, file, string_to_security_class("process"), out) ==
		0) {
		return 0;
	}
	/* EINVAL: our files have their labels, and the policy doesn't know them. */
	return error_set_hint(err, errno,
		errno == EINVAL ? HINT_MODULE : "the caller's domain needs security:compute_create",
		"ask SELinux what %s becomes by executing a file of context %s", from, file);
}

static int after_exec_of_file(const char *from, const char *path, char **out, struct error *err)
{
	_cleanup_context_ char *file = NULL;

	if (getfilecon_raw(path, &file) < 0) {
		return error_set(err, errno, "read the context of %s", path);
	}
	return after_exec(from, file, out, err);
}

/* Mounting with a context of our own: may_context_mount_sb_relabel(), security/selinux/hooks.c. */
static int check_mounts(const char *own, struct error *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < LSM_MOUNTS; i++) {
		char context[256];

		if (mount_context(i, context, sizeof(context))) {
			const struct question q = { own, context, "filesystem", "relabelto" };

			r = need(&q, err);
		}
	}
	return r;
}

/*
 * The first host tool, in a session: its file's context is the host view's. Without our policy
 * there is none of its own, and no domain for tools either.
 */
static int find_tool(const char *own, char **tool, struct error *err)
{
	char view[256];

	if (!mount_context(LSM_HOST_VIEW, view, sizeof(view))) {
		*tool = strdup(own);
		return *tool == NULL ? error_set(err, ENOMEM, "find the tool's context") : 0;
	}
	int r = after_exec(own, view, tool, err);
	if (r < 0 || str_equal(own, *tool)) {
		return r;
	}
	const struct question questions[] = {
		{ own, *tool, "process", "transition" },
		{ *tool, view, "file", "entrypoint" },
		{ own, *tool, "process", "ptrace" },
	};
	return need_all(questions, ARRAY_SIZE(questions), err);
}

/*
 * The launcher, executed by FROM. `exec` runs it from a mount that is in no namespace, which counts
 * as nosuid: without the permission for that it stays in FROM, and the kernel says nothing.
 */
static int find_launcher(
	const char *from, const struct lsm_transition *t, char **launcher, struct error *err)
{
	char directory[256];
	int r;

	if (t->in_session && mount_context(LSM_LAUNCHER, directory, sizeof(directory))) {
		r = after_exec(from, directory, launcher, err);
	} else if (t->in_session) {
		*launcher = strdup(from);
		r = *launcher == NULL ? error_set(err, ENOMEM, "find the launcher's context") : 0;
	} else {
		r = after_exec_of_file(from, t->launcher, launcher, err);
	}
	if (r < 0 || str_equal(from, *launcher)) {
		return r;
	}
	const struct question nosuid = { from, *launcher, "process2", "nosuid_transition" };
	const struct question transition = { from, *launcher, "process", "transition" };

	if (!t->in_session) {
		r = need(&nosuid, err);
	}
	return r < 0 ? r : need(&transition, err);
}

static void add(char *list, size_t size, const char *what)
{
	size_t n = strlen(list);

	snprintf(list + n, size - n, "%s%s", n > 0 ? "; " : "", what);
}

/* What the program loses without being refused: selinux_bprm_committing_creds() and friends. */
static void warn(const char *launcher, const char *label, char *warning, size_t size)
{
	static const struct {
		const char *permission;
		const char *loss;
	} losses[] = {
		{ "noatsecure", "LD_ variables are ignored (AT_SECURE)" },
		{ "rlimitinh", "soft limits are lowered to those of the host's init" },
		{ "siginh", "pending signals and timers are cleared" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
		const struct question q = { launcher, label, "process", losses[i].permission };
		char text[512];

		if (ask(&q, NULL) == 0) {
			snprintf(text, sizeof(text), "SELinux denies process:%s: %s", q.permission,
				losses[i].loss);
			add(warning, size, text);
		}
	}
}

/* From the launcher's context into the label; TRACER holds it by ptrace(2) all the while. */
static int check_transition(const char *launcher, const char *tracer, const char *label,
	const struct lsm_transition *t, struct error *err)
{
	const struct question questions[] = {
		{ launcher, launcher, "process", "setexec" },
		{ launcher, launcher, "process", "setkeycreate" },
		{ launcher, label, "key", "create" },
		{ launcher, label, "process", "transition" },
		{ tracer, label, "process", "ptrace" },
		{ tracer, label, "process", "getattr" },
	};
	const struct question nnp = { launcher, label, "process2", "nnp_transition" };
	const struct question nosuid = { launcher, label, "process2", "nosuid_transition" };
	int r = need_all(questions, ARRAY_SIZE(questions), err);

	if (r == 0 && t->no_new_privs) {
		r = need(&nnp, err);
	}
	if (r == 0 && t->nosuid) {
		r = need(&nosuid, err);
	}
	return r;
}

static int check(const struct lsm_label *label, const struct lsm_label *own,
	const struct lsm_transition *t, char *warning, size_t size, struct error *err)
{
	_cleanup_context_ char *tracer = NULL;
	_cleanup_context_ char *tool = NULL;
	_cleanup_context_ char *launcher = NULL;
	int r = 0;

	if (security_check_context_raw(label->text) < 0) {
		return error_set_hint(err, errno,
			"a module was removed from it since the container started, or asking needs "
			"security:check_context",
			"the container's SELinux context %s is not valid in the policy that is "
			"loaded",
			label->text);
	}
	if (t->in_session) {
		r = check_mounts(own->text, err);
	}
	if (r == 0 && t->in_session) {
		r = find_tool(own->text, &tool, err);
	}
	if (r == 0) {
		r = find_launcher(tool != NULL ? tool : own->text, t, &launcher, err);
	}
	if (r == 0 && t->gate != NULL) {
		r = after_exec_of_file(own->text, t->gate, &tracer, err);
	}
	if (r < 0 || str_equal(launcher, label->text)) {
		return r;
	}
	r = check_transition(launcher, tracer != NULL ? tracer : own->text, label->text, t, err);
	if (r == 0) {
		warn(launcher, label->text, warning, size);
	}
	return r;
}

/* inode_mode_to_security_class() and socket_type_to_security_class() of the same file. */
static const char *class_of(int fd, mode_t mode)
{
	static const struct {
		mode_t type;
		const char *class;
	} classes[] = {
		{ S_IFREG, "file" },
		{ S_IFDIR, "dir" },
		{ S_IFIFO, "fifo_file" },
		{ S_IFCHR, "chr_file" },
		{ S_IFBLK, "blk_file" },
	};
	int domain = 0;
	int type = 0;
	socklen_t size = sizeof(int);

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if ((mode & S_IFMT) == classes[i].type) {
			return classes[i].class;
		}
	}
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) {
		return "socket";
	}
	if (domain == AF_UNIX) {
		return type == SOCK_DGRAM ? "unix_dgram_socket" : "unix_stream_socket";
	}
	return type == SOCK_STREAM ? "tcp_socket" : "socket";
}

/* What the kernel asks of each open file that a program inherits: file_to_av() and
 * flush_unauthorized_files(). Who opened it, which it asks of too, can't be seen from here. */
static bool may_inherit(const struct lsm_label *label, int fd)
{
	_cleanup_context_ char *file = NULL;
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0 || fgetfilecon_raw(fd, &file) < 0) {
		return true;
	}
	struct question q = { label->text, file, class_of(fd, st.st_mode), "read" };
	if ((flags & O_ACCMODE) != O_WRONLY && ask(&q, NULL) == 0) {
		return false;
	}
	q.permission = (flags & O_APPEND) != 0 ? "append" : "write";
	return (flags & O_ACCMODE) == O_RDONLY || ask(&q, NULL) != 0;
}

/* The range of CONTEXT, user:role:type:range; "" where it has none. */
static const char *range_of(const char *context)
{
	for (int i = 0; i < 3 && context != NULL; i++) {
		context = strchr(context, ':');
		context = context != NULL ? context + 1 : NULL;
	}
	return context != NULL ? context : "";
}

/* Which of the N PERMISSIONS SOURCE lacks for TARGET: "read open". */
static bool lacking(
	struct question q, const char *const *permissions, size_t n, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		q.permission = permissions[i];
		if (ask(&q, NULL) == 0) {
			size_t used = strlen(out);

			snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "",
				permissions[i]);
		}
	}
	return out[0] != '\0';
}

static void tell_denial(
	struct lsm_denial *denial, const struct question *q, const char *lacks, bool range_alone)
{
	char source[128];
	char target[128];

	type_of(source, sizeof(source), q->source);
	type_of(target, sizeof(target), q->target);
	snprintf(denial->detail, sizeof(denial->detail),
		"SELinux denies { %s } of class %s from %.200s to %.200s%s", lacks, q->class,
		q->source, q->target,
		range_alone ? ": the types are allowed it, the categories are not" : "");
	if (range_alone) {
		snprintf(denial->change, sizeof(denial->change),
			"the categories %.200s for the file: chcon -l, or the volume option :Z "
			"(:z where several containers share it)",
			range_of(q->source));
	} else {
		snprintf(denial->change, sizeof(denial->change), "allow %s %s:%s { %s };%s", source,
			str_equal(source, target) ? "self" : target, q->class, lacks,
			str_equal(q->source, q->target)
				? ""
				: " or another type for the file: the volume option :z or :Z");
	}
}

/* What selinux_inode_permission() and selinux_file_open() ask. */
static bool denies_file(const struct lsm_label *label, int fd, const char *path, unsigned int may,
	struct lsm_denial *denial)
{
	static const struct {
		unsigned int may;
		const char *of_file;
		const char *of_directory;
	} rights[] = {
		{ R_OK, "read", "read" },
		{ R_OK | W_OK, "open", "open" },
		{ W_OK, "write", "write" },
		{ X_OK, "execute", "search" },
	};
	const char *wanted[ARRAY_SIZE(rights)];
	_cleanup_context_ char *file = NULL;
	char by_range[LSM_LABEL_MAX + 256];
	char link[64];
	char lacks[128];
	struct stat st;
	size_t n = 0;

	(void)path;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) < 0 || getfilecon_raw(link, &file) < 0) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rights); i++) {
		if ((may & rights[i].may) != 0) {
			wanted[n++] =
				S_ISDIR(st.st_mode) ? rights[i].of_directory : rights[i].of_file;
		}
	}
	struct question q = { label->text, file, class_of(fd, st.st_mode), NULL };
	if (!lacking(q, wanted, n, lacks, sizeof(lacks))) {
		return false;
	}
	/* The same with the file's own categories: is it they? */
	const char *range = range_of(label->text);
	snprintf(by_range, sizeof(by_range), "%.*s%s", (int)(range - label->text), label->text,
		range_of(file));
	const struct question other = { by_range, file, q.class, NULL };
	char unused[128];
	bool range_alone = *range != '\0' && !str_equal(range, range_of(file)) &&
			   security_check_context_raw(by_range) == 0 &&
			   !lacking(other, wanted, n, unused, sizeof(unused));
	tell_denial(denial, &q, lacks, range_alone);
	return true;
}

/* What cred_has_capability() asks. */
static bool denies_capability(const struct lsm_label *label, unsigned int cap, const char *name,
	bool user_namespace, struct lsm_denial *denial)
{
	const char *class = user_namespace ? (cap < 32 ? "cap_userns" : "cap2_userns")
					   : (cap < 32 ? "capability" : "capability2");
	const struct question q = { label->text, label->text, class, name };

	if (ask(&q, NULL) != 0) {
		return false;
	}
	tell_denial(denial, &q, name, false);
	return true;
}

/* The context before the exec that began this domain: attr/prev. */
static int become_caller(struct error *err)
{
	_cleanup_context_ char *own = NULL;
	_cleanup_context_ char *former = NULL;

	if (getcon_raw(&own) < 0 || getprevcon_raw(&former) < 0) {
		return error_set(err, errno, "read our own SELinux context");
	}
	if (!str_equal(own, former) && setexeccon_raw(former) < 0) {
		return error_set(err, errno, "have a program run as %s", former);
	}
	return 0;
}

/* Where the policy that is loaded is not ours, the kernel knows no such type: so be it. */
static void label_program(int fd)
{
	_cleanup_context_ char *now = NULL;

	if (fgetfilecon_raw(fd, &now) < 0) {
		return;
	}
	context_t context = context_new(now);
	if (context != NULL && context_type_set(context, PROBE_TYPE) == 0) {
		fsetfilecon_raw(fd, context_str(context));
	}
	context_free(context);
}

const struct lsm_backend lsm_selinux = {
	.active = lsm_selinux_seen,
	.check = check,
	.mount_context = mount_context,
	.may_inherit = may_inherit,
	.denies_file = denies_file,
	.denies_capability = denies_capability,
	.become_caller = become_caller,
	.label_program = label_program,
	.can_apply = true,
};
