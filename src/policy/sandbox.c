/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"
/* front_filter and fs_filter: what sandbox_filters.c made of its lists when this was built. */
#include "sandbox_filters.h"

#define NO_CAPABILITY UINT32_MAX
#define CAPABILITIES_MAX 24

/* For what each program holds which capability. */
static const uint32_t front_capabilities[CAPABILITIES_MAX] = {
	CAP_KILL,	   /* the session's processes, of any uid */
	CAP_SYS_PTRACE,	   /* which namespace a process lives in: /proc/PID/ns */
	CAP_AUDIT_WRITE,   /* the session's end */
	CAP_AUDIT_CONTROL, /* whether the kernel takes it: audit_request_status(3) */
	NO_CAPABILITY,
};

static const uint32_t gate_capabilities[CAPABILITIES_MAX] = {
	CAP_SYS_PTRACE,	     /* tools of any uid; /proc/PID of those who exec */
	CAP_SYS_ADMIN,	     /* PTRACE_O_SUSPEND_SECCOMP; oom_score_adj */
	CAP_SYS_RESOURCE,    /* hard limits of the container's above the tool's */
	CAP_SYS_NICE,	     /* scheduling of the container's */
	CAP_KILL,	     /* what is left of the session when its front was killed */
	CAP_DAC_READ_SEARCH, /* files that a tool of another uid wants to run */
	CAP_AUDIT_WRITE,     /* each transition */
	CAP_AUDIT_CONTROL,   /* whether the kernel takes it: audit_request_status(3) */
	NO_CAPABILITY,
};

static const uint32_t fs_capabilities[CAPABILITIES_MAX] = {
	CAP_DAC_OVERRIDE,
	CAP_DAC_READ_SEARCH, /* rights are those of the caller, by the kernel */
	CAP_CHOWN,
	CAP_FOWNER,
	CAP_FSETID, /* what the caller may, once he was checked */
	CAP_SETUID,
	CAP_SETGID,  /* to be the caller */
	CAP_SETPCAP, /* to keep capabilities while being him */
	CAP_MKNOD,
	CAP_SETFCAP,
	CAP_LINUX_IMMUTABLE,
	CAP_SYS_RESOURCE, /* reserved blocks, as root has them */
	CAP_SYS_ADMIN,	  /* trusted.* attributes, FUSE passthrough, fanotify */
	CAP_SYS_PTRACE, /* which namespace a caller lives in: /proc/PID/ns; ptrace(2) is filtered */
	CAP_SYS_NICE,	/* the threads that see to the caches: real-time */
	CAP_MAC_ADMIN,	/* security.* attributes that the loaded policy doesn't know */
	NO_CAPABILITY,
};

#define FILTER(program)                                                                            \
	{                                                                                          \
		.len = ARRAY_SIZE(program), .filter = (struct sock_filter *)(uintptr_t)(program)   \
	}

static const struct sandbox {
	const char *name;
	const uint32_t *capabilities;
	struct sock_fprog filter; /* .len 0: none */
} sandboxes[] = {
	[SANDBOX_FRONT] = { "sallyport", front_capabilities, FILTER(front_filter) },
	[SANDBOX_TRACER] = { "sallyport", front_capabilities, { 0 } },
	[SANDBOX_GATE] = { "sallyport-gate", gate_capabilities, { 0 } },
	[SANDBOX_FS] = { "sallyport-fs", fs_capabilities, FILTER(fs_filter) },
};

static int keep_capabilities(const uint32_t *wanted, struct error *err)
{
	uint32_t kept[CAPABILITIES_MAX];
	size_t n = 0;

	if (capng_get_caps_process() != 0) {
		return error_set(err, EIO, "read our own capabilities");
	}
	/* The bounding set can only be lowered by who has this one. */
	bool bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;

	for (size_t i = 0; wanted[i] != NO_CAPABILITY; i++) {
		if (wanted[i] <= CAP_LAST_CAP &&
			capng_have_capability(CAPNG_PERMITTED, wanted[i]) != 0) {
			kept[n++] = wanted[i];
		}
	}
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++) {
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i]);
	}
	if (capng_apply(bounds ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS) != 0) {
		return error_set(err, errno != 0 ? errno : EPERM, "drop capabilities");
	}
	return 0;
}

int sandbox_enter(enum sandbox_program program, struct error *err)
{
	const struct sandbox *sandbox = &sandboxes[program];
	int r = keep_capabilities(sandbox->capabilities, err);

	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		r = error_set(err, errno, "set no_new_privs");
	}
	if (r == 0 && sandbox->filter.len > 0 &&
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &sandbox->filter) < 0) {
		r = error_set(err, errno, "load the seccomp filter of %s", sandbox->name);
	}
	return r;
}
