/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The launcher's half of a profile, step by step. Each makes this very process a little more of a
 * process of the container; none allocates memory. All return 0 or a negative errno with ERR
 * filled.
 */
#ifndef LAUNCH_APPLY_H
#define LAUNCH_APPLY_H

#include "base/error.h"
#include "base/plan.h"

/*
 * Ends all sharing with the process that called exec, and what it may have set for itself alone:
 * file system context, descriptors, signal mask and dispositions, parent-death signal, subreaper.
 */
int apply_fresh_start(struct error *err);

/*
 * Tells the kernel which label the program shall have: the exec attribute of each security module,
 * by /proc/thread-self/attr. It stands until the next execve that succeeds, through all the other
 * steps; before the namespaces, since only our own /proc can be believed.
 */
int apply_labels(const struct plan *plan, struct error *err);

/*
 * A new session keyring (keyctl(2), KEYCTL_JOIN_SESSION_KEYRING), after apply_labels(): it has the
 * program's label too.
 */
int apply_keyring(struct error *err);

/*
 * Joins the target's cgroups by CGROUP_FDS, of which PLAN tells the number, then takes its
 * affinity, which a cpuset has reset. The process must have one thread: apply_fresh_start().
 */
int apply_cgroups(const struct plan *plan, const int *cgroup_fds, struct error *err);

/*
 * Joins the namespaces that PLAN names except the user namespace, by NS_FDS (PLAN_NAMESPACES of
 * them), and makes ROOT_FD the root and the working directory.
 */
int apply_namespaces(const struct plan *plan, const int *ns_fds, int root_fd, struct error *err);

/*
 * Groups, gids and uids, all in the initial user namespace's numbers (so that ids which the
 * container's map lacks, and maps with setgroups denied, are no obstacle), then the user namespace
 * USER_FD where PLAN names it. All capabilities of the user namespace are held afterwards.
 */
int apply_credentials(const struct plan *plan, int user_fd, struct error *err);

/* umask, personality, transparent huge pages, timer slack, speculation. */
int apply_attributes(const struct plan *plan, struct error *err);

/*
 * Capability sets, no_new_privs and seccomp filters, in the one order in which the kernel takes
 * them (seccomp(2): without no_new_privs a filter needs CAP_SYS_ADMIN). After the last filter no
 * more than capset(2) and execve(2) follow.
 */
int apply_privileges(const struct plan *plan, struct error *err);

#endif
