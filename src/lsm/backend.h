/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lsm.c needs of one security module. A build without a module's library has its stand-in from
 * none.c: it sees the labels and refuses to apply them.
 */
#ifndef LSM_BACKEND_H
#define LSM_BACKEND_H

#include "lsm/lsm.h"

struct lsm_backend {
	bool (*active)(void); /* NULL where nobody asks */
	/* lsm_check() for the one LABEL; OWN is this process's. */
	int (*check)(const struct lsm_label *label, const struct lsm_label *own,
		const struct lsm_transition *transition, char *warning, size_t size,
		struct error *err);
	/* lsm_mount_context(); NULL: the module labels no mounts. */
	bool (*mount_context)(enum lsm_mount mount, char *out, size_t size);
	/* lsm_become_tool(); NULL: the module sees to it by itself. */
	int (*become_tool)(
		const struct lsm_label *own, const struct lsm_label *label, struct error *err);
	/* lsm_may_inherit(); NULL: nothing is asked. */
	bool (*may_inherit)(const struct lsm_label *label, int fd);
	/* lsm_denies_file(), lsm_denies_capability(); NULL: it can't be asked. */
	bool (*denies_file)(const struct lsm_label *label, int fd, const char *path,
		unsigned int may, struct lsm_denial *denial);
	bool (*denies_capability)(const struct lsm_label *label, unsigned int cap, const char *name,
		bool user_namespace, struct lsm_denial *denial);
	/* lsm_become_caller(), lsm_label_program(); NULL: nothing is to be done. */
	int (*become_caller)(struct error *err);
	void (*label_program)(int fd);
	bool can_apply; /* false: a stand-in */
};

extern const struct lsm_backend lsm_selinux;
extern const struct lsm_backend lsm_apparmor;
extern const struct lsm_backend lsm_other;

/* Signs of life that need no library: SELinux's file system, AppArmor's module parameter. */
bool lsm_selinux_seen(void);
bool lsm_apparmor_seen(void);

#endif
