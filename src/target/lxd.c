/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LXD and Incus, by their API. Where it doesn't answer, lxc.c still finds the monitors.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/http.h"
#include "target/state.h"

#define TIMEOUT_MS 5000

static const struct {
	const char *engine;
	const char *socket;
} daemons[] = {
	{ "lxd", "/var/lib/lxd/unix.socket" },
	{ "lxd", "/var/snap/lxd/common/lxd/unix.socket" },
	{ "incus", "/var/lib/incus/unix.socket" },
};

/* Old servers know no projects. */
static const char *const queries[] = {
	"/1.0/instances?recursion=2&all-projects=true",
	"/1.0/instances?recursion=2",
};

static const char *image_of(struct json_object *instance)
{
	struct json_object *config = json_at(instance, "config", json_type_object);

	return json_member_string(config, "image.description");
}

static int add_instance(
	struct roll *roll, const char *engine, struct json_object *instance, uid_t owner)
{
	const char *name = json_string_at(instance, "name");
	const char *project = json_string_at(instance, "project");
	const char *status = json_string_at(instance, "status");

	if (!str_equal(json_string_at(instance, "type"), "container") || name == NULL) {
		return 0;
	}
	_cleanup_free_ char *full = project == NULL || strcmp(project, "default") == 0
					    ? strdup(name)
					    : str_format("%s/%s", project, name);
	if (full == NULL) {
		return -ENOMEM;
	}
	const struct found found = {
		.engine = engine,
		.name = full,
		.image = image_of(instance),
		.pid = json_pid_at(instance, "state/pid"),
		.paused = str_equal(status, "Frozen"),
		.owner = owner,
	};
	return roll_add(roll, &found);
}

static int ask(struct roll *roll, size_t daemon)
{
	const struct place system = PLACE_SYSTEM;
	const char *socket = daemons[daemon].socket;
	_cleanup_json_ struct json_object *answer = NULL;
	struct error err = { 0 };
	uid_t peer = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(queries) && answer == NULL; i++) {
		error_clear(&err);
		answer = http_get_json(&system, socket, queries[i], TIMEOUT_MS, &peer, &err);
		if (err.code != 0 && err.code != EPROTO && err.code != ENOENT) {
			break;
		}
	}
	struct json_object *list = json_at(answer, "metadata", json_type_array);
	if (list == NULL) {
		if (err.code != 0 && !state_is_absent(-err.code) && err.code != ECONNREFUSED) {
			roll_warn(roll, "%s: %s", daemons[daemon].engine, err.message);
		}
		return 0;
	}
	for (size_t i = 0; r == 0 && i < json_object_array_length(list) && i < ROLL_MAX; i++) {
		r = add_instance(
			roll, daemons[daemon].engine, json_object_array_get_idx(list, i), peer);
	}
	return r;
}

int lxd_list(struct roll *roll, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(daemons); i++) {
		int r = ask(roll, i);

		if (r < 0) {
			return error_set(err, -r, "%s", daemons[i].socket);
		}
	}
	return 0;
}
