/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/pseudo.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/str.h"
#include "fs/inode.h"

static const long pseudo_types[] = {
	PROC_SUPER_MAGIC,
	SYSFS_MAGIC,
	CGROUP_SUPER_MAGIC,
	CGROUP2_SUPER_MAGIC,
	DEBUGFS_MAGIC,
	TRACEFS_MAGIC,
	SECURITYFS_MAGIC,
	SELINUX_MAGIC,
	BPF_FS_MAGIC,
	PSTOREFS_MAGIC,
	EFIVARFS_MAGIC,
	BINFMTFS_MAGIC,
	NSFS_MAGIC,
	0x62656570 /* configfs */,
	0x65735543 /* fusectl */,
	0x7655821 /* resctrl */,
	SMACK_MAGIC,
};

static bool on_pseudo(int fd)
{
	struct statfs st;

	if (fstatfs(fd, &st) != 0) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(pseudo_types); i++) {
		if ((long)st.f_type == pseudo_types[i]) {
			return true;
		}
	}
	return false;
}

bool pseudo_is(struct inode *inode, int fd)
{
	/* A file never moves to another file system: who comes at the same time finds the same. */
	enum pseudo known = atomic_load_explicit(&inode->pseudo, memory_order_relaxed);

	if (known == PSEUDO_UNKNOWN) {
		known = on_pseudo(fd) ? PSEUDO_YES : PSEUDO_NO;
		atomic_store_explicit(&inode->pseudo, known, memory_order_relaxed);
	}
	return known == PSEUDO_YES;
}
