/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

/* The launcher's order (plan.h) in the profile's terms. */
static const enum namespace_kind kinds[PLAN_NAMESPACES] = {
	[PLAN_NET] = NAMESPACE_NET,
	[PLAN_IPC] = NAMESPACE_IPC,
	[PLAN_UTS] = NAMESPACE_UTS,
	[PLAN_CGROUP] = NAMESPACE_CGROUP,
	[PLAN_TIME] = NAMESPACE_TIME,
	[PLAN_MNT] = NAMESPACE_MNT,
	[PLAN_USER] = NAMESPACE_USER,
};

/* A growing block; each piece begins at a multiple of 8. Once memory is out, data is NULL. */
struct block {
	char *data;
	size_t used;
	size_t room;
};

/* Appends SIZE bytes and returns their offset. */
static uint32_t append(struct block *block, const void *data, size_t size)
{
	size_t offset = (block->used + 7) & ~(size_t)7;

	if (offset + size > block->room) {
		size_t room = 2 * (offset + size);
		char *larger =
			block->room != 0 && block->data == NULL ? NULL : realloc(block->data, room);

		if (larger == NULL) {
			free(block->data);
		}
		block->data = larger;
		block->room = room;
	}
	if (block->data != NULL) {
		memset(block->data + block->used, 0, offset - block->used);
		if (size > 0) {
			memcpy(block->data + offset, data, size);
		}
	}
	block->used = offset + size;
	return (uint32_t)offset;
}

static void add_filters(struct block *block, struct plan *plan, const struct seccomp_chain *chain)
{
	struct plan_filter *table = calloc(chain->count + 1, sizeof(*table));

	if (table == NULL) {
		free(block->data);
		block->data = NULL;
		return;
	}
	for (size_t i = 0; i < chain->count; i++) {
		const struct seccomp_filter *filter = &chain->filters[i];

		table[i].count = filter->count;
		table[i].flags = filter->flags;
		if (chain->spec_allow) {
			table[i].flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
		}
		table[i].offset = append(
			block, filter->instructions, filter->count * sizeof(*filter->instructions));
	}
	plan->n_filters = (uint32_t)chain->count;
	plan->filters_offset = append(block, table, chain->count * sizeof(*table));
	free(table);
}

static void add_attributes(struct block *block, struct plan *plan, const struct profile *profile)
{
	static struct lsm_attribute attributes[LSM_ATTRIBUTES_MAX];
	struct plan_attribute table[LSM_ATTRIBUTES_MAX];
	size_t n = lsm_attributes(&profile->labels, profile->capabilities.no_new_privs, attributes);

	for (size_t i = 0; i < n; i++) {
		const struct lsm_attribute *a = &attributes[i];

		table[i].late = a->late;
		table[i].content_size = (uint32_t)strlen(a->content);
		table[i].content_offset = append(block, a->content, table[i].content_size + 1);
		table[i].file_offset = append(block, a->file, strlen(a->file) + 1);
	}
	plan->n_attributes = (uint32_t)n;
	plan->attributes_offset = append(block, table, n * sizeof(*table));
}

static void add_environment(struct block *block, struct plan *plan, const struct environment *env)
{
	size_t size;
	char *strings = str_block(env->vars, &size);

	if (strings == NULL) {
		free(block->data);
		block->data = NULL;
		return;
	}
	plan->n_env = (uint32_t)env->count;
	plan->env_offset = append(block, strings, size);
	free(strings);
}

static void fill(struct plan *plan, const struct profile *profile)
{
	const struct credentials *creds = &profile->credentials;
	const struct capabilities *caps = &profile->capabilities;

	for (int i = 0; i < PLAN_NAMESPACES; i++) {
		const struct namespace *ns = &profile->namespaces.ns[kinds[i]];

		if (ns->fd >= 0 && !ns->shared) {
			plan->namespaces |= 1u << i;
		}
	}
	plan->n_cgroups = (uint32_t)profile->cgroups.count;
	memcpy(plan->affinity, &profile->limits.affinity, sizeof(plan->affinity));
	plan->ruid = creds->ruid;
	plan->euid = creds->euid;
	plan->suid = creds->suid;
	plan->rgid = creds->rgid;
	plan->egid = creds->egid;
	plan->sgid = creds->sgid;
	plan->umask = creds->umask;
	plan->personality = creds->personality;
	plan->thp_disable = creds->thp_disable;
	memcpy(plan->speculation, creds->speculation, sizeof(plan->speculation));
	plan->timer_slack_ns = profile->limits.timer_slack_ns;
	plan->cap_inheritable = caps->inheritable;
	plan->cap_permitted = caps->permitted;
	plan->cap_effective = caps->effective;
	plan->cap_bounding = caps->bounding;
	plan->cap_ambient = caps->ambient;
	plan->no_new_privs = caps->no_new_privs;
}

_Static_assert(CGROUPS_MAX <= PLAN_CGROUPS_MAX, "a plan has room for all cgroups");
_Static_assert(PLAN_SPECULATION == CREDENTIALS_SPECULATION, "each control has its place");
_Static_assert(sizeof(cpu_set_t) == sizeof(((struct plan *)NULL)->affinity), "cpu_set_t");

static int seal(const struct block *block, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("sallyport-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0) {
		return error_set(err, errno, "memfd_create");
	}
	int r = fd_write_all(fd, block->data, block->used);
	if (r < 0) {
		return error_set(err, -r, "write the plan");
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		return error_set(err, errno, "seal the plan");
	}
	return steal_fd(&fd);
}

int plan_create(const struct profile *profile, const char *cwd, struct error *err)
{
	const struct credentials *creds = &profile->credentials;
	const char *directory = cwd != NULL ? cwd : creds->cwd != NULL ? creds->cwd : "/";
	struct plan plan = {
		.magic = PLAN_MAGIC, .cwd_required = cwd != NULL, .throw_away = profile->throw_away
	};
	struct block block = { 0 };

	append(&block, &plan, sizeof(plan));
	fill(&plan, profile);
	plan.n_groups = (uint32_t)creds->n_groups;
	plan.groups_offset = append(&block, creds->groups, creds->n_groups * sizeof(gid_t));
	add_filters(&block, &plan, &profile->seccomp);
	plan.cwd_offset = append(&block, directory, strlen(directory) + 1);
	add_attributes(&block, &plan, profile);
	add_environment(&block, &plan, &profile->environment);
	if (block.data == NULL) {
		return error_set(err, ENOMEM, "write the plan");
	}
	plan.size = (uint32_t)block.used;
	memcpy(block.data, &plan, sizeof(plan));
	int fd = seal(&block, err);
	free(block.data);
	return fd;
}

size_t plan_descriptors(const struct profile *profile, int plan_fd, int fds[PLAN_FDS_MAX])
{
	fds[PLAN_FD_PLAN] = plan_fd;
	fds[PLAN_FD_ROOT] = profile->namespaces.root_fd;
	for (int i = 0; i < PLAN_NAMESPACES; i++) {
		int fd = profile->namespaces.ns[kinds[i]].fd;

		/* a spare: the plan doesn't name it */
		fds[PLAN_FD_NAMESPACES + i] = fd >= 0 ? fd : plan_fd;
	}
	return PLAN_FD_CGROUPS + cgroups_descriptors(&profile->cgroups, fds + PLAN_FD_CGROUPS);
}
