/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A verdict in words.
 */
#include <cap-ng.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "why/why.h"

/* How capabilities are listed. */
struct list_form {
	const char *between, *before, *after; /* each */
	bool capitals;
};

static char *name_capabilities(char *out, size_t size, uint64_t mask, const struct list_form *form)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		char name[32];

		if ((mask >> cap & 1) == 0 || n >= size) {
			continue;
		}
		snprintf(name, sizeof(name), "%s", capng_capability_to_name(cap));
		for (char *c = name; form->capitals && *c != '\0'; c++) {
			*c = (char)toupper((unsigned char)*c);
		}
		n += (size_t)snprintf(out + n, size - n, "%s%s%s%s", n > 0 ? form->between : "",
			form->before, name, form->after);
	}
	return out;
}

static const struct list_form in_words = { ", ", "cap_", "", false };
static const struct list_form for_docker = { " ", "--cap-add ", "", true };
static const struct list_form for_kubernetes = { ", ", "\"", "\"", true };
static const struct list_form for_oci = { ", ", "\"CAP_", "\"", true };

char *tell_names(char *out, size_t size, uint64_t mask)
{
	return name_capabilities(out, size, mask, &in_words);
}

void tell_forms(struct verdict *verdict, const char *kubernetes, const char *oci)
{
	snprintf(verdict->kubernetes, sizeof(verdict->kubernetes), "%s", kubernetes);
	snprintf(verdict->oci, sizeof(verdict->oci), "%s", oci);
}

static void tell_forms_of_capabilities(struct verdict *verdict, uint64_t mask)
{
	char names[160];

	snprintf(verdict->kubernetes, sizeof(verdict->kubernetes),
		"securityContext.capabilities.add: [%s]",
		name_capabilities(names, sizeof(names), mask, &for_kubernetes));
	snprintf(verdict->oci, sizeof(verdict->oci),
		"process.capabilities.bounding, .effective and .permitted: %s",
		name_capabilities(names, sizeof(names), mask, &for_oci));
}

void tell_sysctl(struct verdict *verdict, const char *name)
{
	static const struct {
		const char *call;
		const char *file;
	} sysctls[] = {
		{ "perf_event_open", "kernel/perf_event_paranoid" },
		{ "bpf", "kernel/unprivileged_bpf_disabled" },
		{ "syslog", "kernel/dmesg_restrict" },
		{ "ptrace", "kernel/yama/ptrace_scope" },
		{ "userfaultfd", "vm/unprivileged_userfaultfd" },
		{ "io_uring_setup", "kernel/io_uring_disabled" },
		{ "bind", "net/ipv4/ip_unprivileged_port_start" },
		{ "link", "fs/protected_hardlinks" },
		{ "linkat", "fs/protected_hardlinks" },
	};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
		_cleanup_free_ char *value = NULL;

		if (!str_equal(sysctls[i].call, name)) {
			continue;
		}
		snprintf(path, sizeof(path), "/proc/sys/%s", sysctls[i].file);
		if (fd_read_file(AT_FDCWD, path, 128, &value, NULL, NULL) == 0) {
			size_t n = strlen(verdict->detail);

			value[strcspn(value, "\n")] = '\0';
			snprintf(verdict->detail + n, sizeof(verdict->detail) - n,
				"; /proc/sys/%s is %s", sysctls[i].file, value);
		}
	}
}

void tell_capabilities(struct verdict *verdict, const struct profile *profile,
	const struct call *call, uint64_t mask)
{
	const struct capabilities *caps = &profile->capabilities;
	char name[64];
	char names[256];

	verdict->capabilities = mask;
	if ((mask & ~FILE_CAPABILITIES) == 0 && call->path[0] != '\0') {
		verdict->cause = CAUSE_DAC;
		snprintf(verdict->detail, sizeof(verdict->detail),
			"the mode, the owner or an access control list of %s, or of a directory on "
			"the way",
			call->path);
		snprintf(verdict->change, sizeof(verdict->change),
			"the application's own: chown, chmod or setfacl");
		return;
	}
	verdict->cause = CAUSE_CAPABILITY;
	name_capabilities(names, sizeof(names), mask, &in_words);
	snprintf(verdict->detail, sizeof(verdict->detail), "%s %s %s", names,
		(mask & ~caps->bounding) != 0 ? "is not in the container's bounding set"
					      : "is in the container's bounding set, but",
		(mask & ~caps->bounding) != 0 ? "" : "the program's uid does not get it");
	size_t n = strlen(verdict->detail);
	if (n > 0 && verdict->detail[n - 1] == ' ') {
		verdict->detail[n - 1] = '\0';
	}
	tell_sysctl(verdict, call_name(name, sizeof(name), call->arch, call->nr));
	tell_forms_of_capabilities(verdict, mask);
	name_capabilities(verdict->change, sizeof(verdict->change), mask, &for_docker);
}

static void tell(struct verdict *verdict, enum cause cause, const char *detail, const char *change)
{
	verdict->cause = cause;
	snprintf(verdict->detail, sizeof(verdict->detail), "%s", detail);
	snprintf(verdict->change, sizeof(verdict->change), "%s", change);
}

void tell_layer(struct verdict *verdict, const struct profile *profile,
	const struct refusal *refusal, enum layer layer)
{
	char label[LSM_LABEL_MAX];

	switch (layer) {
	case LAYER_SECCOMP:
		tell(verdict, CAUSE_SECCOMP, "the container's seccomp filters", "");
		return;
	case LAYER_NO_NEW_PRIVS:
		tell(verdict, CAUSE_NO_NEW_PRIVS,
			"no_new_privs: set-user-id bits and file capabilities of what it executes "
			"have no effect",
			"without --security-opt no-new-privileges");
		tell_forms(verdict, "securityContext.allowPrivilegeEscalation: true",
			"process.noNewPrivileges: false");
		return;
	case LAYER_LSM:
		verdict->cause = CAUSE_LSM;
		snprintf(verdict->detail, sizeof(verdict->detail),
			"the label of the container: %.600s",
			lsm_describe(label, sizeof(label), &profile->labels));
		snprintf(verdict->change, sizeof(verdict->change),
			"a rule for it (the denial is in the audit log), or the file's label: :z, "
			":Z");
		return;
	case LAYER_LANDLOCK:
		tell(verdict, CAUSE_LANDLOCK,
			"the Landlock rules that the program has put on itself: "
			"landlock_restrict_self(2)",
			"the application's own: its sandbox, or its configuration of it");
		return;
	case LAYER_CGROUP:
		verdict->cause = CAUSE_CGROUP;
		snprintf(verdict->detail, sizeof(verdict->detail), "the container's cgroup: its %s",
			refusal->error == EAGAIN ? "limit of processes" : "rules for devices");
		if (refusal->error == EAGAIN) {
			snprintf(verdict->change, sizeof(verdict->change), "--pids-limit");
			tell_forms(verdict, "podPidsLimit of the node's kubelet",
				"linux.resources.pids.limit");
			return;
		}
		snprintf(verdict->change, sizeof(verdict->change), "--device %.400s",
			refusal->call.path[0] != '\0' ? refusal->call.path : "PATH");
		tell_forms(verdict, "resources.limits, by a device plugin of the node",
			"linux.resources.devices: {\"allow\": true, ...}, and linux.devices");
		return;
	default:
		return;
	}
}

void tell_denial(struct verdict *verdict, const struct lsm_denial *denial)
{
	tell(verdict, CAUSE_LSM, denial->detail, denial->change);
}
