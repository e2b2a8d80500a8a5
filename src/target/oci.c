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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/process.h"

#define PID_FILE_SLACK_S 2 /* between a process's start and its pid file: both are rounded */

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
	const char *rootfs; /* may be relative to bundle */
	const char *bundle;
} formats[] = {
	{ "state.json", "init_process_pid", "init_process_start", "config/rootfs", "" },
	{ "status", "pid", "process-start-time", "rootfs", "bundle" },
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
		const char *bundle = json_string_at(object, formats[i].bundle);
		if (rootfs != NULL) {
			state->rootfs = *rootfs != '/' && bundle != NULL
						? str_format("%s/%s", bundle, rootfs)
						: strdup(rootfs);
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

char *oci_annotated_name(struct json_object *annotations)
{
	const char *pod = json_member_string(annotations, "io.kubernetes.cri.sandbox-name");
	const char *name = json_member_string(annotations, "io.kubernetes.cri.container-name");

	if (str_equal(json_member_string(annotations, "io.kubernetes.cri.container-type"),
		    "sandbox")) {
		name = "pause";
	}
	return pod != NULL && name != NULL ? str_format("%s/%s", pod, name) : NULL;
}

/* Seconds since the epoch at which the clock's tick START_TIME was, by the clock as it is set now.
 */
static time_t wall_clock(uint64_t start_time)
{
	struct timespec now;
	struct timespec boot;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return now.tv_sec - boot.tv_sec + (time_t)(start_time / (uint64_t)sysconf(_SC_CLK_TCK));
}

pid_t oci_pid_file(const struct place *place, const char *path, const char *id)
{
	_cleanup_close_ int fd = state_open(place, path, S_IFREG, NULL);
	_cleanup_free_ char *text = NULL;
	struct process process;
	struct stat st;
	uint64_t pid;

	if (fd < 0 || fstat(fd, &st) < 0 || fd_read_all(fd, path, 64, &text, NULL, NULL) < 0) {
		return 0;
	}
	text[strcspn(text, "\n")] = '\0';
	if (str_to_u64(text, INT32_MAX, &pid) < 0 || pid == 0) {
		return 0;
	}
	_cleanup_close_ int proc_fd = procfs_open((pid_t)pid, NULL);
	if (proc_fd < 0 || process_read(proc_fd, &process, NULL) < 0) {
		return 0;
	}
	bool is_old = wall_clock(process.start_time) <= st.st_mtim.tv_sec + PID_FILE_SLACK_S;
	return process_cgroup_has(proc_fd, id) || (is_old && process_is_apart(proc_fd, "mnt"))
		       ? (pid_t)pid
		       : 0;
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
