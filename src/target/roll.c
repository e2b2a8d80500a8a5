/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/roll.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "target/process.h"

#define STRING_MAX 4096 /* a name, id or image that is longer was not chosen by an engine */
#define WARNINGS_MAX 8192

static bool acceptable(const char *s)
{
	return s == NULL || strnlen(s, STRING_MAX + 1) <= STRING_MAX;
}

static int copy(char **out, const char *s)
{
	*out = NULL;
	if (s == NULL || *s == '\0') {
		return 0;
	}
	*out = strdup(s);
	return *out == NULL ? -ENOMEM : 0;
}

#define LABELS_MAX 1024
#define LABELS_ROOM (256u * 1024) /* bytes of one container */

/* LABELS as a list of "KEY=VALUE". What is no string, or has a NUL in it, was not set by an engine.
 */
static int copy_labels(char ***out, struct json_object *labels)
{
	size_t n = 0;
	size_t used = 0;

	*out = NULL;
	if (labels == NULL) {
		return 0;
	}
	size_t count = (size_t)json_object_object_length(labels);
	char **list = calloc((count < LABELS_MAX ? count : LABELS_MAX) + 1, sizeof(*list));
	if (list == NULL) {
		return -ENOMEM;
	}
	*out = list;
	json_object_object_foreach(labels, key, value)
	{
		size_t size = (size_t)json_object_get_string_len(value);
		const char *text = json_object_is_type(value, json_type_string)
					   ? json_object_get_string(value)
					   : NULL;

		if (text == NULL || strlen(text) != size) {
			continue;
		}
		used += strlen(key) + size;
		if (n == LABELS_MAX || used > LABELS_ROOM) {
			/* Some of them are as good as none: rules must not take the rest for all.
			 */
			for (size_t i = 0; i < n; i++) {
				free(list[i]);
			}
			free(list);
			*out = NULL;
			return 0;
		}
		list[n] = str_format("%s=%s", key, text);
		if (list[n++] == NULL) {
			return -ENOMEM;
		}
	}
	return 0;
}

/* Fills in what /proc has to say; leaves TARGET not running where it is not what the engine meant.
 */
static void check_process(struct target *target, const struct found *found)
{
	struct process process;
	_cleanup_close_ int proc_fd = -1;

	if (found->pid <= 0) {
		return;
	}
	proc_fd = procfs_open(found->pid, NULL);
	if (proc_fd < 0 || process_read(proc_fd, &process, NULL) < 0 || process_is_dead(&process) ||
		process.tgid != found->pid) {
		return;
	}
	if (found->start_time != 0 && found->start_time != process.start_time) {
		return;
	}
	if (found->owner != 0 && !process_belongs_to(proc_fd, &process, found->owner)) {
		return;
	}
	target->pid = found->pid;
	target->start_time = process.start_time;
	target->paused = found->paused || process_is_frozen(proc_fd);
}

int roll_add(struct roll *roll, const struct found *found)
{
	struct target_list *list = &roll->list;
	struct target target = { .engine = found->engine, .owner = found->owner };

	if (found->name == NULL || *found->name == '\0' || !acceptable(found->name) ||
		!acceptable(found->id) || !acceptable(found->image)) {
		return 0;
	}
	if (found->owner != 0 && roll->of_users == ROLL_USERS_MAX) {
		roll_warn(roll, "users have more than %d containers: not all are listed",
			ROLL_USERS_MAX);
		return 0;
	}
	if (list->count == ROLL_MAX) {
		return -E2BIG;
	}
	if (list->count == roll->room) {
		size_t room = roll->room == 0 ? 32 : 2 * roll->room;
		struct target *larger = reallocarray(list->targets, room, sizeof(*larger));

		if (larger == NULL) {
			return -ENOMEM;
		}
		list->targets = larger;
		roll->room = room;
	}
	if (copy(&target.name, found->name) < 0 || copy(&target.id, found->id) < 0 ||
		copy(&target.image, found->image) < 0 ||
		copy_labels(&target.labels, found->labels) < 0) {
		target_finish(&target);
		return -ENOMEM;
	}
	check_process(&target, found);
	list->targets[list->count++] = target;
	roll->of_users += found->owner != 0;
	return 0;
}

bool roll_has_pid(const struct roll *roll, pid_t pid)
{
	for (size_t i = 0; i < roll->list.count; i++) {
		if (roll->list.targets[i].pid == pid) {
			return true;
		}
	}
	return false;
}

void roll_warn(struct roll *roll, const char *format, ...)
{
	char line[ERROR_MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (roll->warnings == NULL) {
		roll->warnings = strdup(line);
		return;
	}
	if (strlen(roll->warnings) > WARNINGS_MAX || strstr(roll->warnings, line) != NULL) {
		return;
	}
	char *longer = str_format("%s\n%s", roll->warnings, line);
	if (longer != NULL) {
		free(roll->warnings);
		roll->warnings = longer;
	}
}

static bool same_container(const struct target *a, const struct target *b)
{
	if (a->pid != 0 && a->pid == b->pid) {
		return true;
	}
	/* Two that run as different processes are two, whatever ids their engines gave them. */
	if (a->pid != 0 && b->pid != 0) {
		return false;
	}
	return a->owner == b->owner && str_equal(a->id, b->id);
}

/* EXTRA tells of the same container as KEPT: takes over what KEPT did not know. */
static void take_over(struct target *kept, struct target *extra)
{
	if (kept->pid == 0) {
		kept->pid = extra->pid;
		kept->start_time = extra->start_time;
	}
	kept->paused |= extra->paused;
	if (kept->image == NULL) {
		kept->image = steal_pointer(&extra->image);
	}
	if (kept->id == NULL) {
		kept->id = steal_pointer(&extra->id);
	}
	if (kept->labels == NULL && str_equal(kept->engine, extra->engine)) {
		kept->labels = steal_pointer(&extra->labels);
	}
	target_finish(extra);
}

static void merge_into(struct target *kept, size_t *n, struct target_list *list, bool of_system)
{
	for (size_t i = 0; i < list->count; i++) {
		struct target *target = &list->targets[i];
		size_t k = 0;

		if ((target->owner == 0) != of_system) {
			continue;
		}
		while (k < *n && !same_container(&kept[k], target)) {
			k++;
		}
		if (k < *n) {
			take_over(&kept[k], target);
		} else {
			kept[(*n)++] = *target;
		}
	}
}

int roll_merge(struct roll *roll)
{
	struct target_list *list = &roll->list;
	size_t n = 0;

	if (list->count == 0) {
		return 0;
	}
	struct target *kept = calloc(list->count, sizeof(*kept));
	if (kept == NULL) {
		return -ENOMEM;
	}
	merge_into(kept, &n, list, true);
	merge_into(kept, &n, list, false);
	free(list->targets);
	*list = (struct target_list){ .targets = kept, .count = n };
	roll->room = n;
	return 0;
}

void roll_finish(struct roll *roll)
{
	if (roll == NULL) {
		return;
	}
	target_list_finish(&roll->list);
	free(roll->warnings);
	process_names_finish(&roll->processes);
	*roll = (struct roll){ 0 };
}
