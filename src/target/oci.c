/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runc, crun: /run/RUNTIME/ID/..., and the same files below the roots that engines give their
 * runtimes.
 */
#include "target/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "target/engine.h"

/* Where the system's runtimes keep their state. NAMESPACED: one directory more for the engine's
 * namespace lies between. */
static const struct {
	const char *root;
	const char *engine;
	bool namespaced;
} roots[] = {
	{ "/run/docker/runtime-runc", "docker", true },
	{ "/run/docker/runtime-crun", "docker", true },
	{ "/run/containerd/runc", "containerd", true },
	{ "/run/runc", "runc", false },
	{ "/run/crun", "crun", false },
};

static const char *const user_roots[] = { "runc", "crun" };

/* What each runtime calls its file, and the members in it. */
static const struct {
	const char *file;
	const char *pid;
	const char *start_time;
	const char *rootfs;
} formats[] = {
	{ "state.json", "init_process_pid", "init_process_start", "config/rootfs" },
	{ "status", "pid", "process-start-time", "rootfs" },
};

int oci_parse_state(struct oci_state *state, struct json_object *object)
{
	*state = (struct oci_state){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		/* Without the time a pid from a file proves nothing. */
		if (json_at(object, formats[i].pid, json_type_int) == NULL ||
			json_u64_at(object, formats[i].start_time, UINT64_MAX, &state->start_time) <
				0) {
			continue;
		}
		state->pid = state->start_time != 0 ? json_pid_at(object, formats[i].pid) : 0;
		const char *rootfs = json_string_at(object, formats[i].rootfs);
		if (rootfs != NULL) {
			state->rootfs = strdup(rootfs);
		}
		return 0;
	}
	return -EINVAL;
}

void oci_state_finish(struct oci_state *state)
{
	if (state != NULL) {
		free(state->rootfs);
		*state = (struct oci_state){ 0 };
	}
}

/* An id becomes part of a path: it must be one component. */
static bool is_component(const char *id)
{
	return *id != '\0' && *id != '.' && strchr(id, '/') == NULL && strlen(id) < 256;
}

int oci_lookup(struct oci_state *state, const struct place *place, const char *root, const char *id)
{
	int r = -ENOENT;

	*state = (struct oci_state){ 0 };
	if (!is_component(id)) {
		return -EINVAL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(formats) && r < 0; i++) {
		_cleanup_free_ char *path = str_format("%s/%s/%s", root, id, formats[i].file);
		struct error err = { 0 };

		if (path == NULL) {
			return -ENOMEM;
		}
		_cleanup_json_ struct json_object *object = state_json(place, path, &err);
		if (object != NULL) {
			r = oci_parse_state(state, object);
		} else if (!state_is_absent(-err.code)) {
			r = -err.code;
		}
	}
	return r;
}

int oci_lookup_system(struct oci_state *state, const char *namespace, const char *id)
{
	const struct place system = PLACE_SYSTEM;

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		if (roots[i].namespaced && namespace == NULL) {
			continue;
		}
		_cleanup_free_ char *root = roots[i].namespaced
						    ? str_format("%s/%s", roots[i].root, namespace)
						    : strdup(roots[i].root);
		if (root != NULL && oci_lookup(state, &system, root, id) == 0) {
			return 0;
		}
	}
	*state = (struct oci_state){ 0 };
	return -ENOENT;
}

char *oci_kubernetes_name(const char *name)
{
	const char *container;
	const char *pod;

	if (!str_starts_with(name, "k8s_")) {
		return NULL;
	}
	container = name + strlen("k8s_");
	size_t container_length = strcspn(container, "_");
	pod = container + container_length;
	if (container_length == 0 || *pod != '_') {
		return NULL;
	}
	size_t pod_length = strcspn(++pod, "_");
	if (pod_length == 0 || pod[pod_length] != '_' || pod_length > 256 ||
		container_length > 256) {
		return NULL;
	}
	return str_format("%.*s/%.*s", (int)pod_length, pod, (int)container_length, container);
}

struct walk {
	struct roll *roll;
	const struct place *place;
	const char *root;
	const char *engine;
	bool namespaced;
	struct error *err;
};

static int add_container(const char *id, void *data)
{
	struct walk *walk = data;
	struct oci_state state;
	int r = oci_lookup(&state, walk->place, walk->root, id);

	if (r == -ENOENT || r == -ENOTDIR) {
		return 0; /* some other file of the engine's, or a container just removed */
	}
	if (r < 0) {
		roll_warn(walk->roll, "%s/%s: %s", walk->root, id, strerror(-r));
		return 0;
	}
	const struct found found = {
		.engine = walk->engine,
		.name = id,
		.id = id,
		.image = state.rootfs,
		.pid = state.pid,
		.start_time = state.start_time,
		.owner = walk->place->owner,
	};
	r = roll_add(walk->roll, &found);
	oci_state_finish(&state);
	return r;
}

static int walk_root(struct walk *walk);

static int walk_namespace(const char *name, void *data)
{
	struct walk inner = *(struct walk *)data;
	_cleanup_free_ char *root = str_format("%s/%s", inner.root, name);

	if (root == NULL) {
		return -ENOMEM;
	}
	inner.root = root;
	inner.namespaced = false;
	return walk_root(&inner);
}

static int walk_root(struct walk *walk)
{
	struct error err = { 0 };
	int r = state_each(walk->place, walk->root,
		walk->namespaced ? walk_namespace : add_container, walk, &err);

	if (r == -ENOMEM || r == -E2BIG) {
		return error_set(walk->err, -r, "%s", walk->root);
	}
	if (r < 0 && !state_is_absent(r)) {
		roll_warn(walk->roll, "%s: %s", walk->engine, err.message);
	}
	return 0;
}

static int walk_user(const struct user_place *user, void *data)
{
	struct walk walk = *(struct walk *)data;

	walk.place = &user->runtime;
	for (size_t i = 0; i < ARRAY_SIZE(user_roots); i++) {
		walk.root = user_roots[i];
		walk.engine = user_roots[i];
		int r = walk_root(&walk);
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

int oci_list(struct roll *roll, struct error *err)
{
	const struct place system = PLACE_SYSTEM;
	struct walk walk = { .roll = roll, .place = &system, .err = err };

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		walk.root = roots[i].root;
		walk.engine = roots[i].engine;
		walk.namespaced = roots[i].namespaced;
		int r = walk_root(&walk);
		if (r < 0) {
			return r;
		}
	}
	walk.namespaced = false;
	return state_each_user(walk_user, &walk);
}
