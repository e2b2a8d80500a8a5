/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fallback where no engine answers: processes whose cgroup has a container's name. Cgroups are
 * named by whoever may write to the hierarchy, so below a user's delegated one they prove nothing
 * but that; what is reported runs in another mount namespace than ours in any case.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "target/cgroup_path.h"
#include "target/engine.h"
#include "target/process.h"

#define CGROUP_FILE_MAX (256 * 1024)
#define SHORT_ID 12

struct member {
	struct cgroup_container container;
	pid_t pid;
	pid_t ppid;
	uint64_t start_time;
	bool is_init; /* 1 in its pid namespace */
	uid_t owner;
};

struct members {
	struct member *list;
	size_t count;
	size_t room;
};

static int add_member(struct members *members, const struct member *member)
{
	if (members->count == members->room) {
		size_t room = members->room == 0 ? 64 : 2 * members->room;
		struct member *larger = reallocarray(members->list, room, sizeof(*larger));

		if (larger == NULL) {
			return -ENOMEM;
		}
		members->list = larger;
		members->room = room;
	}
	members->list[members->count++] = *member;
	return 0;
}

static int look_at(int proc_fd, void *data)
{
	_cleanup_free_ char *text = NULL;
	struct process process;
	struct member member = { 0 };

	/* Most are of no container: all else is read of the others alone. */
	if (fd_read_file(proc_fd, "cgroup", CGROUP_FILE_MAX, &text, NULL, NULL) < 0 ||
		!cgroup_text_parse(text, &member.container) ||
		process_read(proc_fd, &process, NULL) < 0 || process_is_dead(&process)) {
		return 0;
	}
	member.pid = process.pid;
	member.ppid = process.ppid;
	member.start_time = process.start_time;
	member.is_init = process.levels > 1 && process.inner_pid == 1;
	/* An engine's shim or monitor can share the container's cgroup. */
	if (!process_is_apart(proc_fd, "mnt")) {
		return 0;
	}
	/* A rootless container is its user's; the owner of a namespace that root made is root. */
	if (!process_shares(proc_fd, "user") && process_user_ns_owner(proc_fd, &member.owner) < 0) {
		member.owner = 0;
	}
	return add_member(data, &member);
}

static bool same(const struct member *a, const struct member *b)
{
	return strcmp(a->container.id, b->container.id) == 0 &&
	       str_equal(a->container.engine, b->container.engine) && a->owner == b->owner;
}

static bool parent_is_outside(const struct members *members, const struct member *member)
{
	for (size_t i = 0; i < members->count; i++) {
		if (members->list[i].pid == member->ppid && same(&members->list[i], member)) {
			return false;
		}
	}
	return true;
}

/* The init among the members like FIRST: pid 1 of its namespace before others, then the oldest
 * whose parent is not of the container. */
static const struct member *find_init(
	const struct members *members, size_t first, const struct roll *roll, bool *known)
{
	const struct member *best = NULL;

	for (size_t i = first; i < members->count; i++) {
		const struct member *member = &members->list[i];

		if (!same(member, &members->list[first])) {
			continue;
		}
		*known |= roll_has_pid(roll, member->pid);
		if (!parent_is_outside(members, member)) {
			continue;
		}
		if (best == NULL || (member->is_init && !best->is_init) ||
			(member->is_init == best->is_init &&
				member->start_time < best->start_time)) {
			best = member;
		}
	}
	return best;
}

static bool is_first(const struct members *members, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (same(&members->list[i], &members->list[index])) {
			return false;
		}
	}
	return true;
}

static bool is_hex(const char *id)
{
	return strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

int cgroup_list(struct roll *roll, struct error *err)
{
	struct members members = { 0 };
	int r = process_each(&roll->processes, NULL, look_at, &members, err);

	for (size_t i = 0; r == 0 && i < members.count; i++) {
		char name[CGROUP_ID_MAX];
		bool known = false;

		if (!is_first(&members, i)) {
			continue;
		}
		const struct member *init = find_init(&members, i, roll, &known);
		if (known || init == NULL) {
			continue;
		}
		/* A hexadecimal id is called as engines abbreviate it. */
		snprintf(name, sizeof(name), "%.*s", is_hex(init->container.id) ? SHORT_ID : 255,
			init->container.id);
		const struct found found = {
			.engine = init->container.engine,
			.name = name,
			.id = init->container.id,
			.pid = init->pid,
			.start_time = init->start_time,
			.owner = init->owner,
		};
		r = roll_add(roll, &found);
	}
	free(members.list);
	return r == -ENOMEM || r == -E2BIG ? error_set(err, -r, "look at processes") : r;
}
