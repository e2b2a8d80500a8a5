/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cap-ng.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/str.h"
#include "why/lift.h"

const char *const layer_names[LAYER_COUNT] = {
	[LAYER_SECCOMP] = "seccomp",
	[LAYER_CAPABILITIES] = "capabilities",
	[LAYER_NO_NEW_PRIVS] = "no_new_privs",
	[LAYER_LSM] = "the security module's label",
	[LAYER_CGROUP] = "the cgroups",
	[LAYER_LANDLOCK] = "its own Landlock rules",
};

/* The label of who is not confined, of the module of KIND; NULL: there is none that is sure. */
static const char *unconfined(enum lsm_kind kind)
{
	return kind == LSM_APPARMOR  ? "unconfined"
	       : kind == LSM_SELINUX ? "system_u:system_r:spc_t:s0"
				     : NULL;
}

/* As an operator names those that he can leave out. */
static const char *const words[LAYER_COUNT] = {
	[LAYER_SECCOMP] = "seccomp",
	[LAYER_CAPABILITIES] = "caps",
	[LAYER_NO_NEW_PRIVS] = "no_new_privs",
	[LAYER_LSM] = "lsm",
	[LAYER_CGROUP] = "cgroup",
};

/* The layer that the N characters at WORD name; LAYER_COUNT: none. */
static enum layer layer_of(const char *word, size_t n)
{
	int layer = 0;

	while (layer < LAYER_COUNT && (words[layer] == NULL || strlen(words[layer]) != n ||
					      strncmp(words[layer], word, n) != 0)) {
		layer++;
	}
	return (enum layer)layer;
}

/* Nobody can give what he could not have himself. */
static uint64_t own_capabilities(void)
{
	uint64_t mask = 0;

	for (int cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) {
			mask |= UINT64_C(1) << cap;
		}
	}
	return mask;
}

int lifts_parse(const char *text, struct lifts *lifts, struct error *err)
{
	const char *at = text;

	*lifts = (struct lifts){ .capabilities = 0 };
	for (size_t n; *at != '\0' || at == text; at += n + (at[n] == ',')) {
		n = strcspn(at, ",");
		enum layer layer = layer_of(at, n);

		if (layer == LAYER_COUNT) {
			return error_set_hint(err, 0,
				"they are seccomp, caps, no_new_privs, lsm and cgroup",
				"there is no layer \"%.*s\"", (int)n, at);
		}
		lifts->layers[layer] = true;
	}
	if (lifts->layers[LAYER_CAPABILITIES]) {
		lifts->capabilities = own_capabilities();
	}
	return 0;
}

int lifts_check(const struct lifts *lifts, const struct profile *profile, struct error *err)
{
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		if (lifts->layers[layer] && !lift_possible(profile, (enum layer)layer)) {
			return error_set(err, 0,
				"without %s: there is nothing of it in the container's profile",
				words[layer]);
		}
	}
	return 0;
}

bool lift_possible(const struct profile *profile, enum layer layer)
{
	switch (layer) {
	case LAYER_SECCOMP:
		return profile->seccomp.count > 0;
	case LAYER_CAPABILITIES:
		return true;
	case LAYER_NO_NEW_PRIVS:
		return profile->capabilities.no_new_privs;
	case LAYER_LSM:
		for (int kind = 0; kind < LSM_KINDS; kind++) {
			const char *text = profile->labels.of[kind].text;

			if (text[0] != '\0' && unconfined((enum lsm_kind)kind) != NULL &&
				!str_equal(text, unconfined((enum lsm_kind)kind))) {
				return true;
			}
		}
		return false;
	case LAYER_CGROUP:
		return profile->cgroups.count > 0;
	default:
		return false;
	}
}

static void lift_labels(struct lsm_labels *labels)
{
	for (int kind = 0; kind < LSM_KINDS; kind++) {
		struct lsm_label *label = &labels->of[kind];
		const char *free_label = unconfined((enum lsm_kind)kind);

		if (label->text[0] != '\0' && free_label != NULL) {
			snprintf(label->text, sizeof(label->text), "%s", free_label);
			/* The kernel shows none for either. */
			label->mode[0] = '\0';
		}
	}
}

struct profile lift(const struct profile *profile, const struct lifts *lifts)
{
	struct profile lifted = *profile;
	struct capabilities *caps = &lifted.capabilities;
	uint64_t more = lifts->capabilities;

	lifted.throw_away = true;
	if (lifts->layers[LAYER_SECCOMP]) {
		lifted.seccomp = (struct seccomp_chain){ 0 };
	}
	if (lifts->layers[LAYER_CAPABILITIES]) {
		caps->bounding |= more;
		caps->permitted |= more;
		caps->effective |= more;
		/* Who is not root has them over an exec by these alone. */
		caps->inheritable |= more;
		caps->ambient |= more;
	}
	if (lifts->layers[LAYER_NO_NEW_PRIVS]) {
		caps->no_new_privs = false;
	}
	if (lifts->layers[LAYER_LSM]) {
		lift_labels(&lifted.labels);
	}
	if (lifts->layers[LAYER_CGROUP]) {
		lifted.cgroups.count = 0;
	}
	return lifted;
}

char *lift_describe(char *out, size_t size, const struct lifts *lifts)
{
	size_t n = 0;

	out[0] = '\0';
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		if (lifts->layers[layer] && layer != LAYER_CAPABILITIES) {
			n += (size_t)snprintf(out + n, size - n, "%swithout %s", n > 0 ? ", " : "",
				layer_names[layer]);
			n = n < size ? n : size - 1;
		}
	}
	if (!lifts->layers[LAYER_CAPABILITIES]) {
		return out;
	}
	if (__builtin_popcountll(lifts->capabilities) > 4) {
		snprintf(out + n, size - n, "%swith all capabilities", n > 0 ? ", " : "");
		return out;
	}
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if ((lifts->capabilities >> cap & 1) != 0) {
			n += (size_t)snprintf(out + n, size - n, "%swith cap_%s", n > 0 ? ", " : "",
				capng_capability_to_name((unsigned int)cap));
			n = n < size ? n : size - 1;
		}
	}
	return out;
}
