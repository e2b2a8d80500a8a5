/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state files of the OCI runtimes: runc's state.json, crun's status, and the config.json of a
 * bundle.
 */
#ifndef TARGET_OCI_H
#define TARGET_OCI_H

#include "target/roll.h"
#include "target/state.h"

struct oci_state {
	pid_t pid;
	uint64_t start_time; /* of pid, as recorded */
	char *rootfs;	     /* owned; NULL where unknown */
};

/* Reads OBJECT, the content of a state.json of runc or a status file of crun. Returns 0, or -EINVAL
 * where it is neither. */
int oci_parse_state(struct oci_state *state, struct json_object *object);

/*
 * Looks up the container ID below the runtime's state directory ROOT (as --root gives it) of PLACE.
 * Returns 0 or a negative errno, -ENOENT where that runtime has no such container.
 */
int oci_lookup(
	struct oci_state *state, const struct place *place, const char *root, const char *id);

/* The same in every directory where runtimes of the system keep their state, for the engine's
 * namespace NAMESPACE ("moby", "k8s.io"; NULL: none). */
int oci_lookup_system(struct oci_state *state, const char *namespace, const char *id);

/*
 * The pid in the pid file PATH of the container ID; 0 where there is none, or it isn't that
 * container's process any more: it must have the id in its cgroups, or at least be older than the
 * file and in another mount namespace than ours.
 */
pid_t oci_pid_file(const struct place *place, const char *path, const char *id);

void oci_state_finish(struct oci_state *state);

/*
 * Names that a kubelet's runtimes give: k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT becomes
 * "POD/CONTAINER" in a new string, which the caller frees. NULL where NAME is none of them.
 */
char *oci_kubernetes_name(const char *name);

/*
 * "POD/CONTAINER" by the ANNOTATIONS of a container's config.json that containerd's CRI
 * plugin writes, in a new string, which the caller frees; a pod's sandbox is "POD/pause". NULL
 * where it is no kubelet's container.
 */
char *oci_annotated_name(struct json_object *annotations);

#endif
