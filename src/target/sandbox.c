/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandboxes of desktop programs that leave state files: Flatpak and Firejail. Pid 1 of such a
 * sandbox is the sandbox tool's own process, whose capabilities and filters are not the program's:
 * the program is its child.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/process.h"
#include "target/state.h"
#include "target/text.h"

/* Files called by the pid: a sandbox has a name, a profile, or both. */
#define FIREJAIL_NAMES "/run/firejail/name"
#define FIREJAIL_PROFILES "/run/firejail/profile"
#define NAME_ROOM 512

/* From the sandbox's pid 1 to its program: INIT itself where it is no tool's process. */
static pid_t program_of(pid_t init)
{
	static const char *const tools[] = { "bwrap", "firejail" };
	struct process process;
	_cleanup_close_ int proc_fd = init > 0 ? procfs_open(init, NULL) : -1;

	if (proc_fd < 0 || process_read(proc_fd, &process, NULL) < 0) {
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		if (strcmp(process.comm, tools[i]) == 0) {
			pid_t child = process_child(init, true);

			return child != 0 ? child : init;
		}
	}
	return init;
}

struct instances {
	struct roll *roll;
	const struct place *place;
};

/* .flatpak/INSTANCE/{bwrapinfo.json,info}: flatpak-metadata(5) */
static int read_instance(const char *instance, void *data)
{
	struct instances *instances = data;
	_cleanup_free_ char *bwrap_path = str_format(".flatpak/%s/bwrapinfo.json", instance);
	_cleanup_free_ char *info_path = str_format(".flatpak/%s/info", instance);
	_cleanup_free_ char *info = NULL;
	char name[NAME_ROOM];
	char runtime[NAME_ROOM];

	if (bwrap_path == NULL || info_path == NULL) {
		return -ENOMEM;
	}
	_cleanup_json_ struct json_object *bwrap = state_json(instances->place, bwrap_path, NULL);
	if (bwrap == NULL) {
		return 0;
	}
	if (state_read(instances->place, info_path, &info, NULL, NULL) < 0 ||
		!text_value(info, "name", name, sizeof(name))) {
		strcpy(name, instance);
	}
	bool has_runtime = info != NULL && text_value(info, "runtime", runtime, sizeof(runtime));
	const struct found found = {
		.engine = "flatpak",
		.name = name,
		.id = instance,
		.image = has_runtime ? runtime : NULL,
		.pid = program_of(json_pid_at(bwrap, "child-pid")),
		.owner = instances->place->owner,
	};
	return roll_add(instances->roll, &found);
}

static int read_user(const struct user_place *user, void *data)
{
	struct instances instances = { .roll = data, .place = &user->runtime };
	int r = state_each(&user->runtime, ".flatpak", read_instance, &instances, NULL);

	return r == -ENOMEM || r == -E2BIG ? r : 0;
}

int flatpak_list(struct roll *roll, struct error *err)
{
	int r = state_each_user(read_user, roll);

	return r < 0 ? error_set(err, -r, "list instances") : 0;
}

/* NUMBER is the pid of the firejail process that waits outside of the sandbox. */
static int read_firejail(const char *number, void *data)
{
	struct roll *roll = data;
	const struct place system = PLACE_SYSTEM;
	_cleanup_free_ char *path = str_format(FIREJAIL_NAMES "/%s", number);
	_cleanup_free_ char *name = NULL;
	struct process process;
	uint64_t pid;

	if (path == NULL) {
		return -ENOMEM;
	}
	if (str_to_u64(number, INT32_MAX, &pid) < 0) {
		return 0;
	}
	_cleanup_close_ int proc_fd = procfs_open((pid_t)pid, NULL);
	if (proc_fd < 0 || process_read(proc_fd, &process, NULL) < 0 ||
		strcmp(process.comm, "firejail") != 0) {
		return 0;
	}
	if (state_read(&system, path, &name, NULL, NULL) == 0) {
		name[strcspn(name, "\n")] = '\0';
	}
	const struct found found = {
		.engine = "firejail",
		.name = name != NULL && *name != '\0' ? name : number,
		.id = number,
		.pid = program_of(process_child((pid_t)pid, false)),
		.owner = process.uid,
	};
	return roll_add(roll, &found);
}

int firejail_list(struct roll *roll, struct error *err)
{
	const struct place system = PLACE_SYSTEM;
	int r = state_each(&system, FIREJAIL_NAMES, read_firejail, roll, err);

	if (r == 0 || state_is_absent(r)) {
		r = state_each(&system, FIREJAIL_PROFILES, read_firejail, roll, err);
	}
	return state_is_absent(r) ? 0 : r;
}
