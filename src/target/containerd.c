/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * containerd: STATE/io.containerd.runtime.v2.task/NAMESPACE/ID. A kubelet's containers, in the
 * namespace k8s.io, are called POD/CONTAINER.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/oci.h"
#include "target/state.h"
#include "target/text.h"

#define TASKS "io.containerd.runtime.v2.task"
#define CONFIG "/etc/containerd/config.toml"
#define PATH_ROOM 4096

/* Distributions of Kubernetes, and dockerd, keep a containerd of their own. */
static const char *const state_roots[] = {
	"/run/containerd",
	"/run/docker/containerd/daemon",
	"/run/k3s/containerd",
	"/run/k0s/containerd",
	"/var/snap/microk8s/common/run/containerd",
};

/* Namespaces of containerd that are another engine's. */
static const struct {
	const char *namespace;
	const char *engine;
} namespaces[] = {
	{ "moby", "docker" },
	{ "plugins.moby", "docker" },
	{ "k8s.io", "cri" },
};

static const struct place system_place = { .fd = AT_FDCWD, .owner = 0 };

struct tasks {
	struct roll *roll;
	const char *path; /* .../NAMESPACE */
	const char *namespace;
	const char *engine;
	struct error *err;
};

/* Where the shim was told to keep the runtime's state, as with dockerd's --exec-root. */
static int look_up(const struct tasks *tasks, const char *id, struct oci_state *state)
{
	_cleanup_free_ char *path = str_format("%s/%s/options.json", tasks->path, id);
	_cleanup_json_ struct json_object *options =
		path != NULL ? state_json(&system_place, path, NULL) : NULL;
	const char *root = json_string_at(options, "root");

	if (root != NULL) {
		_cleanup_free_ char *full = str_format("%s/%s", root, tasks->namespace);

		if (full != NULL && oci_lookup(state, &system_place, full, id) == 0) {
			return 0;
		}
	}
	return oci_lookup_system(state, tasks->namespace, id);
}

static int add_task(const char *id, void *data)
{
	const struct tasks *tasks = data;
	_cleanup_free_ char *path = str_format("%s/%s/config.json", tasks->path, id);
	_cleanup_json_ struct json_object *config =
		path != NULL ? state_json(&system_place, path, NULL) : NULL;
	struct json_object *annotations = json_at(config, "annotations", json_type_object);
	_cleanup_free_ char *name = oci_annotated_name(annotations);
	const char *given = json_member_string(annotations, "nerdctl/name");
	struct oci_state state = { 0 };

	if (config == NULL) {
		return 0;
	}
	struct found found = {
		.engine = tasks->engine,
		.name = name != NULL	? name
			: given != NULL ? given
					: id,
		.id = id,
		.image = json_member_string(annotations, "io.kubernetes.cri.image-name"),
	};
	/* Docker's labels are its daemon's; what stands here is something else. */
	if (!str_equal(tasks->engine, "docker")) {
		found.labels = annotations;
	}
	if (look_up(tasks, id, &state) == 0) {
		found.pid = state.pid;
		found.start_time = state.start_time;
	} else {
		_cleanup_free_ char *pid_file = str_format("%s/%s/init.pid", tasks->path, id);

		found.pid = pid_file != NULL ? oci_pid_file(&system_place, pid_file, id) : 0;
	}
	if (found.image == NULL) {
		found.image = state.rootfs;
	}
	int r = roll_add(tasks->roll, &found);
	oci_state_finish(&state);
	return r;
}

static int read_namespace(const char *name, void *data)
{
	struct tasks tasks = *(struct tasks *)data;
	_cleanup_free_ char *path = str_format("%s/%s", tasks.path, name);

	if (path == NULL) {
		return -ENOMEM;
	}
	tasks.path = path;
	tasks.namespace = name;
	tasks.engine = "containerd";
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		if (strcmp(name, namespaces[i].namespace) == 0) {
			tasks.engine = namespaces[i].engine;
		}
	}
	int r = state_each(&system_place, path, add_task, &tasks, NULL);
	return r == -ENOMEM || r == -E2BIG ? r : 0;
}

static int read_root(struct roll *roll, const char *root, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/" TASKS, root);
	struct tasks tasks = { .roll = roll, .path = path, .err = err };

	if (path == NULL) {
		return error_set(err, ENOMEM, "%s", root);
	}
	int r = state_each(&system_place, path, read_namespace, &tasks, err);
	return state_is_absent(r) ? 0 : r;
}

/* State directories besides the usual ones: the configured one, and that of the socket which ctr
 * and nerdctl are told to use. */
static int read_more(struct roll *roll, struct error *err)
{
	char configured[PATH_ROOM];
	_cleanup_free_ char *text = NULL;
	const char *address = getenv("CONTAINERD_ADDRESS");
	_cleanup_free_ char *root = address != NULL && *address == '/' ? strdup(address) : NULL;
	int r = 0;

	if (state_read(&system_place, CONFIG, &text, NULL, NULL) == 0 &&
		text_toml(text, "", "state", configured, sizeof(configured)) &&
		strcmp(configured, state_roots[0]) != 0) {
		r = read_root(roll, configured, err);
	}
	if (r == 0 && root != NULL) {
		*strrchr(root, '/') = '\0';
		r = read_root(roll, root, err);
	}
	return r;
}

int containerd_list(struct roll *roll, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_roots); i++) {
		int r = read_root(roll, state_roots[i], err);

		if (r < 0) {
			return r;
		}
	}
	return read_more(roll, err);
}
