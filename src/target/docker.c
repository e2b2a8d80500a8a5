/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Docker: asked over its socket, of what is wanted alone where that is known; where that doesn't
 * answer, its state files. Rootless daemons of users are asked too, for processes of these users
 * only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/http.h"
#include "target/oci.h"
#include "target/process.h"
#include "target/state.h"

#define TIMEOUT_MS 3000		/* for one answer */
#define SYSTEM_TIMEOUT_MS 30000 /* for all that a daemon is asked */
#define USER_TIMEOUT_MS 3000
#define DEFAULT_SOCKET "/var/run/docker.sock"
#define DEFAULT_DATA_ROOT "/var/lib/docker"
#define DAEMON_CONFIG "/etc/docker/daemon.json"

/* An id goes into a path: hexadecimal, as Docker makes them. */
static bool is_id(const char *id)
{
	size_t length = id != NULL ? strlen(id) : 0;

	return length >= 12 && length <= 64 && strspn(id, "0123456789abcdef") == length;
}

/* Adds the container that INSPECT, /containers/ID/json or a config.v2.json, tells of. */
static int add_inspected(
	struct roll *roll, struct json_object *inspect, const char *id_key, struct found *found)
{
	const char *name = json_string_at(inspect, "Name");

	found->engine = "docker";
	found->id = json_string_at(inspect, id_key);
	found->image = json_string_at(inspect, "Config/Image");
	found->labels = json_at(inspect, "Config/Labels", json_type_object);
	found->paused = json_true_at(inspect, "State/Paused");
	if (!is_id(found->id)) {
		return 0;
	}
	if (name == NULL) {
		name = found->id;
	}
	if (*name == '/') {
		name++;
	}
	_cleanup_free_ char *pod_name = oci_kubernetes_name(name);
	if (pod_name != NULL) {
		found->engine = "cri";
	}
	found->name = pod_name != NULL ? pod_name : name;
	return roll_add(roll, found);
}

/* One daemon, and until when it may keep us. */
struct daemon {
	const struct place *place;
	const char *socket;
	int64_t deadline;
};

static int time_left(const struct daemon *daemon)
{
	int64_t left = daemon->deadline - clock_ms();

	return left < TIMEOUT_MS ? (int)left : TIMEOUT_MS;
}

static int ask_for_one(struct roll *roll, const struct daemon *daemon, const char *id)
{
	_cleanup_free_ char *path = str_format("/containers/%s/json", id);
	struct error err = { 0 };
	uid_t peer;

	if (path == NULL) {
		return -ENOMEM;
	}
	_cleanup_json_ struct json_object *inspect =
		http_get_json(daemon->place, daemon->socket, path, time_left(daemon), &peer, &err);
	if (inspect == NULL) {
		/* Removed since it was listed, or a daemon that hangs. */
		return err.code == ENOENT ? 0 : -err.code;
	}
	struct found found = {
		.pid = json_true_at(inspect, "State/Running") ? json_pid_at(inspect, "State/Pid")
							      : 0,
		.owner = peer,
	};
	return add_inspected(roll, inspect, "Id", &found);
}

/* Does NAME, the daemon's for a container ("/web"), say what is WANTED? */
static bool is_called(const char *name, const char *wanted)
{
	if (name == NULL) {
		return false;
	}
	name += *name == '/';
	_cleanup_free_ char *pod_name = oci_kubernetes_name(name);

	return str_equal(pod_name != NULL ? pod_name : name, wanted);
}

/* May the roll want what ENTRY, of the daemon's list, tells of? Each that it does costs a request.
 */
static bool is_wanted(const struct roll *roll, const char *id, struct json_object *entry)
{
	struct json_object *names = json_at(entry, "Names", json_type_array);
	bool wanted = roll->wanted == NULL || names == NULL || str_starts_with(id, roll->wanted);

	for (size_t i = 0; !wanted && i < json_object_array_length(names); i++) {
		wanted = is_called(
			json_object_get_string(json_object_array_get_idx(names, i)), roll->wanted);
	}
	return wanted;
}

/* Docker's names have these characters: what is wanted goes into a path. */
static bool is_name(const char *name)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789_.-";

	return name != NULL && name[0] != '.' && strspn(name, characters) == strlen(name);
}

/* Whether the daemon knows what the roll wants by that name: one request, where its list takes it
 * longer the more containers there are. A negative errno where it does not answer. */
static int ask_by_name(struct roll *roll, const struct daemon *daemon)
{
	size_t before = roll->list.count;
	int r = is_name(roll->wanted) ? ask_for_one(roll, daemon, roll->wanted) : 0;

	/* "Multiple IDs found": the list tells which. */
	return r == -EPROTO ? 0 : r < 0 ? r : roll->list.count > before;
}

/* Returns 0 where the daemon answered, else a negative errno. */
static int ask(struct roll *roll, const struct place *place, const char *socket, int timeout_ms,
	struct error *err)
{
	const struct daemon daemon = { place, socket, clock_ms() + timeout_ms };
	uid_t peer;
	int known = ask_by_name(roll, &daemon);
	if (known < 0) {
		return error_set(err, -known, "%s: container %.64s", socket, roll->wanted);
	}
	if (known > 0) {
		return 0;
	}
	_cleanup_json_ struct json_object *list =
		http_get_json(place, socket, "/containers/json?all=1", TIMEOUT_MS, &peer, err);

	if (list == NULL) {
		return -err->code;
	}
	if (!json_object_is_type(list, json_type_array)) {
		return error_set(err, EPROTO, "%s: no list of containers", socket);
	}
	for (size_t i = 0; i < json_object_array_length(list) && i < ROLL_MAX; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *id = json_string_at(entry, "Id");
		int r = is_id(id) && is_wanted(roll, id, entry) ? ask_for_one(roll, &daemon, id)
								: 0;

		if (r < 0) {
			return error_set(err, -r, "%s: container %.12s", socket, id);
		}
	}
	return 0;
}

struct files {
	struct roll *roll;
	const char *data_root;
	struct error *err;
};

/* The pid in the state file is the one of the daemon's last word; only the runtime's, with its
 * start time, or the process's cgroup proves that it still is that container's. */
static void prove_pid(struct found *found, const char *id)
{
	struct oci_state state;

	if (oci_lookup_system(&state, "moby", id) == 0) {
		found->pid = state.pid;
		found->start_time = state.start_time;
		oci_state_finish(&state);
		return;
	}
	_cleanup_close_ int proc_fd = found->pid > 0 ? procfs_open(found->pid, NULL) : -1;
	if (proc_fd < 0 || !process_cgroup_has(proc_fd, id)) {
		found->pid = 0;
	}
}

static int read_container(const char *id, void *data)
{
	struct files *files = data;
	const struct place system = PLACE_SYSTEM;
	_cleanup_free_ char *path =
		str_format("%s/containers/%s/config.v2.json", files->data_root, id);
	struct error err = { 0 };

	if (!is_id(id) || path == NULL) {
		return path == NULL ? -ENOMEM : 0;
	}
	_cleanup_json_ struct json_object *config = state_json(&system, path, &err);
	if (config == NULL) {
		if (!state_is_absent(-err.code)) {
			roll_warn(files->roll, "docker: %s", err.message);
		}
		return 0;
	}
	struct found found = { 0 };
	if (json_true_at(config, "State/Running")) {
		found.pid = json_pid_at(config, "State/Pid");
		prove_pid(&found, id);
	}
	return add_inspected(files->roll, config, "ID", &found);
}

static int read_data_root(struct roll *roll, const char *data_root, struct error *err)
{
	const struct place system = PLACE_SYSTEM;
	struct files files = { .roll = roll, .data_root = data_root, .err = err };
	_cleanup_free_ char *path = str_format("%s/containers", data_root);

	if (path == NULL) {
		return error_set(err, ENOMEM, "list containers");
	}
	int r = state_each(&system, path, read_container, &files, err);
	return state_is_absent(r) ? 0 : r;
}

/* With --userns-remap there is one data root more for each range: DATA/UID.GID. */
static int read_remapped(const char *name, void *data)
{
	struct files *files = data;
	size_t uid = strspn(name, "0123456789");

	if (uid == 0 || name[uid] != '.' ||
		strspn(name + uid + 1, "0123456789") != strlen(name + uid + 1)) {
		return 0;
	}
	_cleanup_free_ char *root = str_format("%s/%s", files->data_root, name);
	return root == NULL ? -ENOMEM : read_data_root(files->roll, root, files->err);
}

static int read_files(struct roll *roll, struct error *err)
{
	const struct place system = PLACE_SYSTEM;
	_cleanup_json_ struct json_object *config = state_json(&system, DAEMON_CONFIG, NULL);
	const char *data_root = json_string_at(config, "data-root");

	if (data_root == NULL) {
		data_root = DEFAULT_DATA_ROOT;
	}
	struct files files = { .roll = roll, .data_root = data_root, .err = err };
	int r = read_data_root(roll, data_root, err);
	if (r == 0) {
		r = state_each(&system, data_root, read_remapped, &files, err);
	}
	return state_is_absent(r) ? 0 : r;
}

static int ask_user(const struct user_place *user, void *data)
{
	struct roll *roll = data;
	struct error err = { 0 };

	if (ask(roll, &user->runtime, "docker.sock", USER_TIMEOUT_MS, &err) < 0 &&
		!state_is_absent(-err.code) && err.code != ECONNREFUSED) {
		roll_warn(roll, "docker of uid %u: %s", user->uid, err.message);
	}
	return 0;
}

int docker_list(struct roll *roll, struct error *err)
{
	static const char unix_scheme[] = "unix://";
	const struct place system = PLACE_SYSTEM;
	const char *host = getenv("DOCKER_HOST");
	const char *socket = DEFAULT_SOCKET;
	struct error ask_err = { 0 };

	if (host != NULL && *host != '\0') {
		if (!str_starts_with(host, unix_scheme)) {
			return error_set(
				err, 0, "DOCKER_HOST is %s: only unix:// is on this host", host);
		}
		socket = host + strlen(unix_scheme);
	}
	int r = ask(roll, &system, socket, SYSTEM_TIMEOUT_MS, &ask_err);
	if (r == -EACCES) {
		roll_warn(roll, "docker: %s", ask_err.message);
	} else if (r < 0) {
		if (!state_is_absent(r) && r != -ECONNREFUSED) {
			roll_warn(roll, "docker: %s", ask_err.message);
		}
		r = read_files(roll, err);
		if (r < 0) {
			return r;
		}
	}
	return state_each_user(ask_user, roll);
}
