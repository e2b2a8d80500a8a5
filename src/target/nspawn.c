/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd-nspawn: what systemd-machined knows, and machines that were not registered with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/process.h"
#include "target/state.h"
#include "target/text.h"

#define SUPERVISOR "systemd-nspawn"
#define MACHINES "/run/systemd/machines"
#define VALUE_ROOM 4096

/* A file of machined's: NAME=, CLASS=, LEADER=, ROOT=; links to it go by the unit's name. */
static int read_machine(const char *name, void *data)
{
	struct roll *roll = data;
	const struct place system = PLACE_SYSTEM;
	_cleanup_free_ char *path = str_format(MACHINES "/%s", name);
	_cleanup_free_ char *text = NULL;
	char value[VALUE_ROOM];
	char root[VALUE_ROOM] = "";
	struct process process;
	uint64_t leader = 0;

	if (path == NULL) {
		return -ENOMEM;
	}
	if (strchr(name, ':') != NULL || state_read(&system, path, &text, NULL, NULL) < 0 ||
		!text_value(text, "CLASS", value, sizeof(value)) ||
		strcmp(value, "container") != 0 ||
		!text_value(text, "LEADER", value, sizeof(value)) ||
		str_to_u64(value, INT32_MAX, &leader) < 0) {
		return 0;
	}
	if (!text_value(text, "ROOT", root, sizeof(root))) {
		root[0] = '\0';
	}
	_cleanup_close_ int proc_fd = procfs_open((pid_t)leader, NULL);
	/* machined notes no start time. A process that is no pid 1 got the number since. */
	bool is_stale = proc_fd < 0 || process_read(proc_fd, &process, NULL) < 0 ||
			process.levels < 2 || process.inner_pid != 1;
	const struct found found = {
		.engine = "nspawn",
		.name = name,
		.image = root,
		.pid = is_stale ? 0 : (pid_t)leader,
	};
	return roll_add(roll, &found);
}

/* The value of the option LONG or SHORT among the arguments before "--". */
static const char *option_value(
	const char *arguments, size_t size, const char *short_name, const char *long_name)
{
	size_t length = strlen(long_name);
	const char *argument = process_next_argument(arguments, size, NULL);

	while (argument != NULL &&
		(argument = process_next_argument(arguments, size, argument)) != NULL) {
		if (strcmp(argument, "--") == 0) {
			break;
		}
		if (strcmp(argument, short_name) == 0 || strcmp(argument, long_name) == 0) {
			return process_next_argument(arguments, size, argument);
		}
		if (strncmp(argument, long_name, length) == 0 && argument[length] == '=') {
			return argument + length + 1;
		}
		if (str_starts_with(argument, short_name) && argument[1] != '-') {
			return argument + strlen(short_name);
		}
	}
	return NULL;
}

static const char *last_component(const char *path)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;

	return slash != NULL ? slash + 1 : path;
}

static int look_at_process(int proc_fd, void *data)
{
	struct roll *roll = data;
	struct process process;
	_cleanup_free_ char *arguments = NULL;
	size_t size = 0;

	if (!process_read_called(proc_fd, SUPERVISOR, &process) || process.uid != 0 ||
		!process_shares(proc_fd, "pid") || !process_shares(proc_fd, "user") ||
		process_arguments(proc_fd, &arguments, &size) < 0) {
		return 0;
	}
	const char *name = option_value(arguments, size, "-M", "--machine");
	const char *root = option_value(arguments, size, "-D", "--directory");
	const char *image = option_value(arguments, size, "-i", "--image");
	if (root == NULL) {
		root = image;
	}
	const struct found found = {
		.engine = "nspawn",
		.name = name != NULL ? name : last_component(root),
		.image = root,
		.pid = process_child(process.pid, false),
	};
	/* One of nspawn's own helpers, or a machine that is just starting. */
	return found.pid == 0 ? 0 : roll_add(roll, &found);
}

int nspawn_list(struct roll *roll, struct error *err)
{
	const struct place system = PLACE_SYSTEM;
	int r = state_each(&system, MACHINES, read_machine, roll, err);

	if (r < 0 && !state_is_absent(r)) {
		return r;
	}
	r = process_each(&roll->processes, SUPERVISOR, look_at_process, roll, err);
	return r == -ENOMEM || r == -E2BIG ? error_set(err, -r, "list machines") : r;
}
