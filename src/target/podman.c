/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Podman, the system's and that of users, and CRI-O, which keeps its containers in the same
 * storage: GRAPHROOT/DRIVER-containers/containers.json has the names; the runtime's state has the
 * pid.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/oci.h"
#include "target/process.h"
#include "target/state.h"
#include "target/text.h"

#define MONITOR "conmon"
#define DEFAULT_GRAPH_ROOT "/var/lib/containers/storage"
#define DEFAULT_RUN_ROOT "/run/containers/storage"
#define USER_GRAPH_ROOT ".local/share/containers/storage"
#define USER_CONFIG ".config/containers/storage.conf"
#define USER_RUN_ROOT "containers"
#define PATH_ROOM 4096
#define MORE_ROOTS_MAX 64

/* One storage, with what belongs to it. */
struct storage {
	struct roll *roll;
	const struct place *place; /* of graph_root */
	const char *graph_root;
	const struct place *run_place; /* of run_root and the runtimes' state */
	const char *run_root;
	struct error *err;
};

/* The first of its names. */
static const char *container_name(struct json_object *container)
{
	struct json_object *names = json_at(container, "names", json_type_array);

	return names != NULL && json_object_array_length(names) > 0
		       ? json_string_at(json_object_array_get_idx(names, 0), "")
		       : NULL;
}

static int look_up(const struct storage *storage, struct oci_state *state, const char *id)
{
	if (storage->run_place->owner == 0) {
		return oci_lookup_system(state, NULL, id);
	}
	int r = oci_lookup(state, storage->run_place, "crun", id);
	return r < 0 ? oci_lookup(state, storage->run_place, "runc", id) : r;
}

static int add_container(
	const struct storage *storage, const char *directory, struct json_object *container)
{
	const char *id = json_string_at(container, "id");
	const char *name = container_name(container);
	const char *metadata_text = json_string_at(container, "metadata");
	struct oci_state state = { 0 };

	if (id == NULL || strchr(id, '/') != NULL) {
		return 0;
	}
	if (name == NULL) {
		name = id;
	}
	_cleanup_json_ struct json_object *metadata =
		metadata_text != NULL
			? json_parse(metadata_text, strlen(metadata_text), "metadata", NULL)
			: NULL;
	_cleanup_free_ char *pod_name = oci_kubernetes_name(name);
	_cleanup_free_ char *config_path =
		str_format("%s/%s/%s/userdata/config.json", storage->graph_root, directory, id);
	_cleanup_json_ struct json_object *config =
		config_path != NULL ? state_json(storage->place, config_path, NULL) : NULL;
	struct found found = {
		/* Labels are in podman's database alone: as labels count what it was given with
		 * --annotation. */
		.labels = json_at(config, "annotations", json_type_object),
		.engine = pod_name != NULL ? "cri" : "podman",
		.name = pod_name != NULL ? pod_name : name,
		.id = id,
		.image = json_string_at(metadata, "image-name"),
		.owner = storage->place->owner,
	};
	if (look_up(storage, &state, id) == 0) {
		found.pid = state.pid;
		found.start_time = state.start_time;
	} else {
		_cleanup_free_ char *path =
			str_format("%s/%s/%s/userdata/pidfile", storage->run_root, directory, id);

		found.pid = path != NULL ? oci_pid_file(storage->run_place, path, id) : 0;
	}
	/* With --rootfs there is no image. */
	if (found.image == NULL) {
		found.image = state.rootfs;
	}
	int r = roll_add(storage->roll, &found);
	oci_state_finish(&state);
	return r;
}

/* NAME is an entry of the graph root: "overlay-containers" and its like hold the containers. */
static int read_driver(const char *name, void *data)
{
	static const char suffix[] = "-containers";
	const struct storage *storage = data;
	size_t length = strlen(name);
	struct error err = { 0 };

	if (length <= strlen(suffix) || strcmp(name + length - strlen(suffix), suffix) != 0) {
		return 0;
	}
	_cleanup_free_ char *path = str_format("%s/%s/containers.json", storage->graph_root, name);
	if (path == NULL) {
		return -ENOMEM;
	}
	_cleanup_json_ struct json_object *list = state_json(storage->place, path, &err);
	if (list == NULL) {
		if (!state_is_absent(-err.code)) {
			roll_warn(storage->roll, "podman: %s", err.message);
		}
		return 0;
	}
	if (!json_object_is_type(list, json_type_array)) {
		return 0;
	}
	for (size_t i = 0; i < json_object_array_length(list) && i < ROLL_MAX; i++) {
		int r = add_container(storage, name, json_object_array_get_idx(list, i));

		if (r < 0) {
			return error_set(storage->err, -r, "%s", path);
		}
	}
	return 0;
}

static int read_storage(struct storage *storage)
{
	struct error err = { 0 };
	int r = state_each(storage->place, storage->graph_root, read_driver, storage, &err);

	if (r == -ENOMEM || r == -E2BIG) {
		return r;
	}
	if (r < 0 && !state_is_absent(r)) {
		roll_warn(storage->roll, "podman: %s", err.message);
	}
	return 0;
}

static bool from_config(const struct place *place, const char *path, const char *key, char *out)
{
	_cleanup_free_ char *text = NULL;

	return state_read(place, path, &text, NULL, NULL) == 0 &&
	       text_toml(text, "storage", key, out, PATH_ROOM);
}

/* KEY of the system's storage.conf: containers-storage.conf(5). */
static void system_setting(const char *key, const char *fallback, char *out)
{
	const char *named = getenv("CONTAINERS_STORAGE_CONF");
	const char *const paths[] = { named != NULL ? named : "/etc/containers/storage.conf",
		"/usr/share/containers/storage.conf" };
	const struct place system = PLACE_SYSTEM;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (from_config(&system, paths[i], key, out)) {
			return;
		}
	}
	strcpy(out, fallback);
}

static int read_user(const struct user_place *user, void *data)
{
	static const char home_variable[] = "$HOME/";
	char configured[PATH_ROOM];
	struct storage storage = *(struct storage *)data;
	size_t length = strlen(user->home_path);

	if (user->home.fd < 0) {
		return 0;
	}
	storage.place = &user->home;
	storage.graph_root = USER_GRAPH_ROOT;
	storage.run_place = &user->runtime;
	storage.run_root = USER_RUN_ROOT;
	if (from_config(&user->home, USER_CONFIG, "graphroot", configured)) {
		/* Outside of his home nothing is the user's own. */
		if (str_starts_with(configured, user->home_path) && configured[length] == '/') {
			storage.graph_root = configured + length + 1;
		} else if (str_starts_with(configured, home_variable)) {
			storage.graph_root = configured + strlen(home_variable);
		}
	}
	return read_storage(&storage);
}

/* Graph roots of containers that run: their monitors were told. */
struct more_roots {
	char *paths[MORE_ROOTS_MAX];
	size_t count;
};

static int look_at_monitor(int proc_fd, void *data)
{
	struct more_roots *roots = data;
	struct process process;
	_cleanup_free_ char *arguments = NULL;
	const char *argument = NULL;
	size_t size;

	/* What others call so, in a container or for a user, is not the system's. */
	if (!process_read_called(proc_fd, MONITOR, &process) || process.uid != 0 ||
		!process_shares(proc_fd, "user") || !process_shares(proc_fd, "pid") ||
		!process_shares(proc_fd, "mnt") ||
		process_arguments(proc_fd, &arguments, &size) < 0) {
		return 0;
	}
	while ((argument = process_next_argument(arguments, size, argument)) != NULL &&
		strcmp(argument, "-b") != 0) {
	}
	argument = argument != NULL ? process_next_argument(arguments, size, argument) : NULL;
	_cleanup_free_ char *root = argument != NULL && *argument == '/' ? strdup(argument) : NULL;
	/* GRAPHROOT/DRIVER-containers/ID/userdata */
	for (int i = 0; root != NULL && i < 3; i++) {
		*strrchr(root, '/') = '\0';
		if (*root == '\0') {
			return 0;
		}
	}
	for (size_t i = 0; root != NULL && i < roots->count; i++) {
		if (strcmp(roots->paths[i], root) == 0) {
			return 0;
		}
	}
	if (root != NULL && roots->count < MORE_ROOTS_MAX) {
		roots->paths[roots->count++] = steal_pointer(&root);
	}
	return 0;
}

int podman_list(struct roll *roll, struct error *err)
{
	char graph_root[PATH_ROOM];
	char run_root[PATH_ROOM];
	const struct place system = PLACE_SYSTEM;
	struct more_roots more = { 0 };
	struct storage storage = {
		.roll = roll,
		.place = &system,
		.graph_root = graph_root,
		.run_place = &system,
		.run_root = run_root,
		.err = err,
	};

	system_setting("graphroot", DEFAULT_GRAPH_ROOT, graph_root);
	system_setting("runroot", DEFAULT_RUN_ROOT, run_root);
	int r = read_storage(&storage);
	process_each(&roll->processes, MONITOR, look_at_monitor, &more, NULL);
	for (size_t i = 0; i < more.count; i++) {
		storage.graph_root = more.paths[i];
		if (r == 0 && strcmp(more.paths[i], graph_root) != 0) {
			r = read_storage(&storage);
		}
		free(more.paths[i]);
	}
	return r < 0 ? r : state_each_user(read_user, &storage);
}
