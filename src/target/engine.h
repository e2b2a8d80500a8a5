/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engines, each a file and a row of the table in target.c. A lister adds what it finds to the
 * roll. It returns 0, also where its engine is not installed, or a negative errno with ERR set: a
 * warning for the operator, the other engines go on.
 */
#ifndef TARGET_ENGINE_H
#define TARGET_ENGINE_H

#include "target/roll.h"

int docker_list(struct roll *roll, struct error *err);
int podman_list(struct roll *roll, struct error *err);
int containerd_list(struct roll *roll, struct error *err);
int lxd_list(struct roll *roll, struct error *err);
int lxc_list(struct roll *roll, struct error *err);
int nspawn_list(struct roll *roll, struct error *err);
int flatpak_list(struct roll *roll, struct error *err);
int firejail_list(struct roll *roll, struct error *err);
int oci_list(struct roll *roll, struct error *err);

/* Containers that no engine told of, by the cgroups of their processes. To be called last. */
int cgroup_list(struct roll *roll, struct error *err);

/*
 * The process PID as a target of the engine "pid". Thread ids (unless THREADS), kernel threads,
 * zombies and our own process are errors.
 */
int pid_target(struct target *out, pid_t pid, bool threads, struct error *err);

/* True where process PID lives in the container of TARGET, which runs: by its namespaces, as
 * target_like() has it. */
bool target_holds(const struct target *target, pid_t pid);

/* ESRCH-like errors with a reason where PID can't be attached to at all: gVisor's sentry. */
int pid_check_attachable(pid_t pid, const char *name, struct error *err);

#endif
