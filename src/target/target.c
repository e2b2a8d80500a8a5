/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/match.h"
#include "target/roll.h"

/*
 * Who finds the containers of which engine. The most telling engine first: a container that several
 * know (docker's is containerd's and runc's too) goes by its first one's name.
 */
static const struct {
	const char *name;
	int (*list)(struct roll *roll, struct error *err);
} engines[] = {
	{ "docker", docker_list },
	{ "podman", podman_list },
	{ "cri", containerd_list },
	{ "cri", docker_list }, /* cri-dockerd */
	{ "cri", podman_list }, /* CRI-O */
	{ "containerd", containerd_list },
	{ "lxd", lxd_list },
	{ "lxd", lxc_list },
	{ "incus", lxd_list },
	{ "incus", lxc_list },
	{ "lxc", lxc_list },
	{ "nspawn", nspawn_list },
	{ "flatpak", flatpak_list },
	{ "firejail", firejail_list },
	{ "runc", oci_list },
	{ "crun", oci_list },
	{ "cgroup", NULL },
	{ "pid", NULL },
};

const char *target_engines(void)
{
	static char names[256];

	for (size_t i = 0, used = 0; i < ARRAY_SIZE(engines); i++) {
		if (i == 0 || !str_equal(engines[i].name, engines[i - 1].name)) {
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
				i > 0 ? ", " : "", engines[i].name);
		}
	}
	return names;
}

static int check_engine(const char *engine, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		if (str_equal(engine, engines[i].name)) {
			return 0;
		}
	}
	return error_set(err, 0, "unknown engine %s (known: %s)", engine, target_engines());
}

static bool is_asked(size_t i, const char *engine)
{
	return engines[i].list != NULL && (engine == NULL || str_equal(engine, engines[i].name));
}

static bool was_asked(size_t i, const char *engine)
{
	for (size_t earlier = 0; earlier < i; earlier++) {
		if (engines[earlier].list == engines[i].list && is_asked(earlier, engine)) {
			return true;
		}
	}
	return false;
}

static bool is_wanted(const struct roll *roll, const struct target *target)
{
	return target->pid == roll->wanted_pid ||
	       (roll->wanted != NULL && match_is_named(target, roll->wanted));
}

/* An engine of the system's has told of what is wanted, and it runs: nobody need look for it in the
 * cgroups of all processes. */
static bool is_told(const struct roll *roll)
{
	const struct target_list *list = &roll->list;

	for (size_t i = 0; i < list->count; i++) {
		const struct target *target = &list->targets[i];

		if (target->owner == 0 && target->pid != 0 && is_wanted(roll, target)) {
			return true;
		}
	}
	return false;
}

/* Fills ROLL by ENGINE's listers, or by all, each once. */
static void gather(struct roll *roll, const char *engine)
{
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		if (is_asked(i, engine) && !was_asked(i, engine) &&
			engines[i].list(roll, &err) < 0) {
			roll_warn(roll, "%s: %s", engines[i].name, err.message);
		}
	}
	if (!str_equal(engine, "pid") && !is_told(roll) && cgroup_list(roll, &err) < 0) {
		roll_warn(roll, "cgroups: %s", err.message);
	}
}

/* Leaves only ENGINE's: a lister may serve several. */
static void narrow(struct target_list *list, const char *engine)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (str_equal(list->targets[i].engine, engine)) {
			list->targets[kept++] = list->targets[i];
		} else {
			target_finish(&list->targets[i]);
		}
	}
	list->count = kept;
}

/* As target_list(), but what can't be meant by WANTED (NULL: none is named) or PID (0: none is
 * given) may be missing. */
static int list_wanted(struct target_list *list, const char *wanted, pid_t pid, const char *engine,
	char **warnings, struct error *err)
{
	struct roll roll = { .wanted = wanted, .wanted_pid = pid };

	*list = (struct target_list){ 0 };
	*warnings = NULL;
	if (engine != NULL && check_engine(engine, err) < 0) {
		return -EINVAL;
	}
	gather(&roll, engine);
	if (roll_merge(&roll) < 0) {
		roll_finish(&roll);
		return error_set(err, ENOMEM, "list containers");
	}
	if (engine != NULL) {
		narrow(&roll.list, engine);
	}
	*list = roll.list;
	*warnings = roll.warnings;
	roll.list = (struct target_list){ 0 };
	roll.warnings = NULL;
	roll_finish(&roll);
	return 0;
}

int target_list(struct target_list *list, const char *engine, char **warnings, struct error *err)
{
	return list_wanted(list, NULL, 0, engine, warnings, err);
}

/* The target of LIST that is named, or whose init or other process is the pid that NAME is. */
static int pick(struct target *out, struct target_list *list, const char *name, const char *engine,
	struct error *err)
{
	uint64_t number;
	size_t index;
	int r = match_find(list, name, &index, err);

	if (r == -ENOENT && str_to_u64(name, INT32_MAX, &number) == 0 && number > 0) {
		for (index = 0; index < list->count; index++) {
			if (list->targets[index].pid == (pid_t)number) {
				r = 0;
				break;
			}
		}
		if (r < 0 && engine == NULL) {
			r = pid_target(out, (pid_t)number, false, err);
			return r != -ESRCH ? r
					   : error_set_hint(err, ESRCH, "see sallyport list",
						     "no container is named %s, and no process "
						     "has this number",
						     name);
		}
	}
	if (r < 0) {
		return r;
	}
	*out = list->targets[index];
	list->targets[index] = (struct target){ 0 };
	return 0;
}

static int check(const struct target *target, struct error *err)
{
	if (target->pid == 0) {
		return error_set_hint(err, 0, "start it with its engine; see sallyport list",
			"container %s (%s) is not running", target->name, target->engine);
	}
	return pid_check_attachable(target->pid, target->name, err);
}

/* Why the one that is meant may not have been found. */
static void explain_unknown(const char *engine, const char *warnings, struct error *err)
{
	if (engine != NULL) {
		error_wrap(err, "-t %s", engine);
	}
	if (err == NULL) {
		return;
	}
	size_t used = strlen(err->message);
	snprintf(err->message + used, sizeof(err->message) - used, "%s%s%.*s",
		geteuid() != 0 ? "; root sees more of them: use sudo" : "",
		warnings != NULL ? "; " : "", warnings != NULL ? (int)strcspn(warnings, "\n") : 0,
		warnings != NULL ? warnings : "");
}

/* NAME among all, or among those at least that can be meant by WANTED or PID. */
static int find(struct target *out, const char *name, const char *wanted, pid_t pid,
	const char *engine, char **warnings, struct error *err)
{
	struct target_list list;
	int r = list_wanted(&list, wanted, pid, engine, warnings, err);

	if (r == 0) {
		r = pick(out, &list, name, engine, err);
		target_list_finish(&list);
	}
	return r;
}

int target_resolve(struct target *out, const char *name, const char *engine, struct error *err)
{
	_cleanup_free_ char *warnings = NULL;
	uint64_t number = 0;
	int r;

	*out = (struct target){ 0 };
	if (*name == '\0') {
		return error_set(err, 0, "the container's name is empty");
	}
	if (str_equal(engine, "pid")) {
		if (str_to_u64(name, INT32_MAX, &number) < 0 || number == 0) {
			return error_set(err, 0, "%.64s is not a pid", name);
		}
		r = pid_target(out, (pid_t)number, false, err);
	} else {
		/* A number is a pid, mostly, of whichever container. */
		bool may_be_pid = str_to_u64(name, INT32_MAX, &number) == 0;

		r = find(out, name, may_be_pid ? NULL : name, may_be_pid ? (pid_t)number : 0,
			engine, &warnings, err);
		if (r == -ENOENT && !may_be_pid) {
			/* The error names those that there are. */
			free(steal_pointer(&warnings));
			r = find(out, name, NULL, 0, engine, &warnings, err);
		}
		if (r == -ENOENT) {
			explain_unknown(engine, warnings, err);
		}
	}
	if (r == 0) {
		r = check(out, err);
	}
	if (r < 0) {
		target_finish(out);
	}
	return r;
}

bool target_tells_labels(const char *engine)
{
	static const char *const telling[] = { "docker", "podman", "containerd", "cri" };

	for (size_t i = 0; i < ARRAY_SIZE(telling); i++) {
		if (str_equal(engine, telling[i])) {
			return true;
		}
	}
	return false;
}

/* True where no engine told of TARGET. */
static bool is_untold(const struct target *target)
{
	return str_equal(target->engine, "pid") || str_equal(target->engine, "cgroup");
}

int target_canonical(struct target *target, struct error *err)
{
	struct target_list list;
	_cleanup_free_ char *warnings = NULL;
	struct target *found = NULL;
	int r = target_list(&list, NULL, &warnings, err);

	if (r < 0) {
		return r;
	}
	for (size_t i = 0; i < list.count && found == NULL; i++) {
		if (list.targets[i].pid == target->pid && !is_untold(&list.targets[i])) {
			found = &list.targets[i];
		}
	}
	for (size_t i = 0; i < list.count && found == NULL; i++) {
		if (list.targets[i].pid != 0 && !is_untold(&list.targets[i]) &&
			target_holds(&list.targets[i], target->pid)) {
			found = &list.targets[i];
		}
	}
	for (size_t i = 0; i < list.count && found == NULL && str_equal(target->engine, "pid");
		i++) {
		if (list.targets[i].pid == target->pid) {
			found = &list.targets[i];
		}
	}
	if (found != NULL) {
		/* The process that was meant stays; what it belongs to is told. */
		pid_t pid = target->pid;
		uint64_t start_time = target->start_time;

		target_finish(target);
		*target = *found;
		*found = (struct target){ 0 };
		target->pid = pid;
		target->start_time = start_time;
	}
	target_list_finish(&list);
	return 0;
}

void target_finish(struct target *target)
{
	if (target == NULL) {
		return;
	}
	free(target->name);
	free(target->id);
	free(target->image);
	for (size_t i = 0; target->labels != NULL && target->labels[i] != NULL; i++) {
		free(target->labels[i]);
	}
	free(target->labels);
	*target = (struct target){ 0 };
}

void target_list_finish(struct target_list *list)
{
	if (list == NULL) {
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		target_finish(&list->targets[i]);
	}
	free(list->targets);
	*list = (struct target_list){ 0 };
}
