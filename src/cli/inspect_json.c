/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cap-ng.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <linux/prctl.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/inspect.h"

#define LAST_CAPABILITY_MAX 63

static void add(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add(object, key, value);
}

static struct json_object *number(uint64_t value)
{
	return json_object_new_uint64(value);
}

/* Length of the UTF-8 sequence at S, surrogates and overlong forms let by; 0: it is none. */
static size_t sequence_length(const unsigned char *s)
{
	size_t length = *s < 0x80		  ? 1
			: *s >= 0xc2 && *s < 0xe0 ? 2
			: *s >= 0xe0 && *s < 0xf0 ? 3
			: *s >= 0xf0 && *s < 0xf5 ? 4
						  : 0;

	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return length;
}

struct json_object *inspect_string(const char *string)
{
	if (string == NULL) {
		return NULL;
	}
	char *copy = malloc(4 * strlen(string) + 1);
	if (copy == NULL) {
		return NULL;
	}
	char *out = copy;
	for (const unsigned char *s = (const unsigned char *)string; *s != '\0';) {
		size_t length = sequence_length(s);

		if (length == 0) {
			out += sprintf(out, "\\x%02x", *s++);
		} else {
			memcpy(out, s, length);
			out += length;
			s += length;
		}
	}
	*out = '\0';
	struct json_object *value = json_object_new_string(copy);
	free(copy);
	return value;
}

/* One member for each module that labels processes here. */
static struct json_object *describe_labels(const struct lsm_labels *labels)
{
	struct json_object *object = json_object_new_object();

	for (enum lsm_kind kind = 0; kind < LSM_KINDS; kind++) {
		const struct lsm_label *label = &labels->of[kind];

		if (label->text[0] == '\0') {
			continue;
		}
		struct json_object *one = json_object_new_object();
		add(one, "label", inspect_string(label->text));
		add(one, "mode", inspect_string(label->mode[0] != '\0' ? label->mode : NULL));
		add(object, lsm_name(kind), one);
	}
	return object;
}

static struct json_object *describe_target(const struct target *target, const struct profile *p)
{
	struct json_object *object = json_object_new_object();
	char label[2 * LSM_LABEL_MAX];

	lsm_describe(label, sizeof(label), &p->labels);
	add(object, "name", inspect_string(target->name));
	add(object, "engine", inspect_string(target->engine));
	add(object, "id", inspect_string(target->id));
	add(object, "image", inspect_string(target->image));
	add(object, "pid", json_object_new_int(p->pid));
	add(object, "inner_pid", json_object_new_int(p->inner_pid));
	add(object, "start_time", number(p->start_time));
	add(object, "is_init", json_object_new_boolean(p->pid == target->pid));
	add(object, "paused", json_object_new_boolean(target->paused || p->cgroups.frozen));
	add(object, "label", inspect_string(label[0] != '\0' ? label : NULL));
	add(object, "labels", describe_labels(&p->labels));
	return object;
}

static struct json_object *describe_namespaces(const struct namespaces *ns)
{
	struct json_object *object = json_object_new_object();

	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		if (ns->ns[i].fd < 0) {
			add(object, namespace_names[i], NULL);
			continue;
		}
		struct json_object *one = json_object_new_object();
		add(one, "inode", number(ns->ns[i].id.ino));
		add(one, "shared_with_host", json_object_new_boolean(ns->ns[i].shared));
		add(object, namespace_names[i], one);
	}
	return object;
}

static struct json_object *describe_map(const struct id_map *map)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < map->count; i++) {
		struct json_object *range = json_object_new_object();

		add(range, "inside", number(map->ranges[i].inside));
		add(range, "outside", number(map->ranges[i].outside));
		add(range, "count", number(map->ranges[i].count));
		json_object_array_add(array, range);
	}
	return array;
}

static struct json_object *describe_cgroups(const struct cgroups *cg)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < cg->count; i++) {
		struct json_object *one = json_object_new_object();
		const char *name = cg->list[i].hierarchy;

		add(one, "hierarchy", inspect_string(name[0] == '\0' ? "v2" : name));
		add(one, "path", inspect_string(cg->list[i].path));
		json_object_array_add(array, one);
	}
	return array;
}

/* Four ids on the host, and the effective one as the container has it. */
static struct json_object *describe_ids(const struct id_map *map, const uint32_t ids[4])
{
	static const char *const names[] = { "real", "effective", "saved", "filesystem" };
	struct json_object *object = json_object_new_object();
	uint32_t inside;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		add(object, names[i], number(ids[i]));
	}
	add(object, "in_container",
		id_map_to_inside(map, ids[1], &inside) == 0 ? number(inside) : NULL);
	return object;
}

/* NULL where no thread of this machine has the choice. */
static struct json_object *describe_speculation(uint32_t control)
{
	switch (control) {
	case PR_SPEC_ENABLE:
		return json_object_new_string("vulnerable");
	case PR_SPEC_DISABLE:
		return json_object_new_string("mitigated");
	case PR_SPEC_FORCE_DISABLE:
		return json_object_new_string("force mitigated");
	default:
		return NULL;
	}
}

static struct json_object *describe_credentials(const struct profile *p)
{
	const struct credentials *c = &p->credentials;
	const uint32_t uids[] = { c->ruid, c->euid, c->suid, c->fsuid };
	const uint32_t gids[] = { c->rgid, c->egid, c->sgid, c->fsgid };
	struct json_object *object = json_object_new_object();
	struct json_object *groups = json_object_new_array();
	char text[16];

	for (size_t i = 0; i < c->n_groups; i++) {
		json_object_array_add(groups, number(c->groups[i]));
	}
	add(object, "uid", describe_ids(&p->namespaces.uid_map, uids));
	add(object, "gid", describe_ids(&p->namespaces.gid_map, gids));
	add(object, "groups", groups);
	snprintf(text, sizeof(text), "%04o", (unsigned int)c->umask);
	add(object, "umask", json_object_new_string(text));
	snprintf(text, sizeof(text), "%08x", c->personality);
	add(object, "personality", json_object_new_string(text));
	add(object, "thp_disabled", json_object_new_boolean(c->thp_disable));
	add(object, "store_bypass", describe_speculation(c->speculation[PR_SPEC_STORE_BYPASS]));
	add(object, "indirect_branches",
		describe_speculation(c->speculation[PR_SPEC_INDIRECT_BRANCH]));
	add(object, "working_directory", inspect_string(c->cwd));
	return object;
}

/* All capabilities that this kernel has. */
static uint64_t full_set(void)
{
	_cleanup_free_ char *text = NULL;
	uint64_t last = LAST_CAPABILITY_MAX;

	if (fd_read_file(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", 16, &text, NULL, NULL) == 0) {
		text[strcspn(text, "\n")] = '\0';
		if (str_to_u64(text, LAST_CAPABILITY_MAX, &last) < 0) {
			last = LAST_CAPABILITY_MAX;
		}
	}
	return UINT64_MAX >> (LAST_CAPABILITY_MAX - last);
}

static struct json_object *describe_set(uint64_t set)
{
	struct json_object *object = json_object_new_object();
	struct json_object *names = json_object_new_array();
	char text[24];

	for (unsigned int cap = 0; cap < 64; cap++) {
		if ((set >> cap & 1) == 0) {
			continue;
		}
		const char *name = capng_capability_to_name(cap);
		if (name == NULL) {
			snprintf(text, sizeof(text), "cap_%u", cap);
			name = text;
		}
		json_object_array_add(names, json_object_new_string(name));
	}
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)set);
	add(object, "hex", json_object_new_string(text));
	add(object, "full", json_object_new_boolean(set == full_set()));
	add(object, "names", names);
	return object;
}

static struct json_object *describe_capabilities(const struct capabilities *c)
{
	struct json_object *object = json_object_new_object();

	add(object, "effective", describe_set(c->effective));
	add(object, "permitted", describe_set(c->permitted));
	add(object, "inheritable", describe_set(c->inheritable));
	add(object, "bounding", describe_set(c->bounding));
	add(object, "ambient", describe_set(c->ambient));
	return object;
}

/* null: unlimited. */
static struct json_object *limit(rlim_t value)
{
	return value == RLIM_INFINITY ? NULL : number(value);
}

static struct json_object *describe_limits(const struct limits *limits)
{
	struct json_object *object = json_object_new_object();

	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		struct json_object *one = json_object_new_object();

		add(one, "soft", limit(limits->rlimits[i].rlim_cur));
		add(one, "hard", limit(limits->rlimits[i].rlim_max));
		add(object, limits_name(i), one);
	}
	return object;
}

static struct json_object *describe_affinity(const cpu_set_t *set)
{
	struct json_object *array = json_object_new_array();

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, set)) {
			json_object_array_add(array, json_object_new_int(cpu));
		}
	}
	return array;
}

static struct json_object *describe_scheduling(const struct limits *l)
{
	static const char *const policies[] = { "other", "fifo", "rr", "batch", "iso", "idle",
		"deadline", "ext" };
	static const char *const classes[] = { "none", "realtime", "best-effort", "idle" };
	struct json_object *object = json_object_new_object();
	unsigned int policy = (unsigned int)l->policy & ~0x40000000u;
	unsigned int class = (unsigned int)l->ioprio >> 13 & 7;
	char text[16];

	add(object, "policy",
		inspect_string(policy < ARRAY_SIZE(policies) ? policies[policy] : "?"));
	add(object, "reset_on_fork", json_object_new_boolean((l->policy & 0x40000000) != 0));
	add(object, "nice", json_object_new_int(l->nice));
	add(object, "realtime_priority", json_object_new_int((int)l->rt_priority));
	add(object, "io_class", inspect_string(class < ARRAY_SIZE(classes) ? classes[class] : "?"));
	add(object, "io_level", json_object_new_int(l->ioprio & 7));
	add(object, "processors", describe_affinity(&l->affinity));
	add(object, "oom_score_adj", json_object_new_int(l->oom_score_adj));
	add(object, "timer_slack_ns", l->timer_slack_ns == 0 ? NULL : number(l->timer_slack_ns));
	snprintf(text, sizeof(text), "%02x", l->coredump_filter);
	add(object, "coredump_filter",
		l->coredump_filter == LIMITS_NO_COREDUMP_FILTER ? NULL
								: json_object_new_string(text));
	return object;
}

static struct json_object *describe_environment(const struct environment *env)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < env->count; i++) {
		json_object_array_add(array, inspect_string(env->vars[i]));
	}
	return array;
}

struct json_object *inspect_describe(
	const struct target *target, const struct profile *p, struct error *err)
{
	struct json_object *seccomp = inspect_seccomp(&p->seccomp, err);

	if (seccomp == NULL) {
		return NULL;
	}
	struct json_object *report = json_object_new_object();
	add(report, "target", describe_target(target, p));
	add(report, "namespaces", describe_namespaces(&p->namespaces));
	add(report, "uid_map", describe_map(&p->namespaces.uid_map));
	add(report, "gid_map", describe_map(&p->namespaces.gid_map));
	add(report, "cgroups", describe_cgroups(&p->cgroups));
	add(report, "credentials", describe_credentials(p));
	add(report, "capabilities", describe_capabilities(&p->capabilities));
	add(report, "no_new_privs", json_object_new_boolean(p->capabilities.no_new_privs));
	add(report, "seccomp", seccomp);
	add(report, "limits", describe_limits(&p->limits));
	add(report, "scheduling", describe_scheduling(&p->limits));
	add(report, "environment", describe_environment(&p->environment));
	return report;
}
