/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/kind.h"

#include <linux/magic.h>
#include <stdbool.h>
#include <stddef.h>
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

static const long local_types[] = {
	EXT4_SUPER_MAGIC,
	XFS_SUPER_MAGIC,
	BTRFS_SUPER_MAGIC,
	F2FS_SUPER_MAGIC,
	TMPFS_MAGIC,
	OVERLAYFS_SUPER_MAGIC,
};

static bool is_one_of(long type, const long *types, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (types[i] == type) {
			return true;
		}
	}
	return false;
}

static enum kind look(int fd)
{
	struct statfs st;

	if (fstatfs(fd, &st) != 0) {
		return KIND_OTHER;
	}
	if (is_one_of((long)st.f_type, pseudo_types, ARRAY_SIZE(pseudo_types))) {
		return KIND_PSEUDO;
	}
	return is_one_of((long)st.f_type, local_types, ARRAY_SIZE(local_types)) ? KIND_LOCAL
										: KIND_OTHER;
}

enum kind kind_of(struct inode *inode, int fd)
{
	/* A file never moves to another file system: who comes at the same time finds the same. */
	enum kind known = atomic_load_explicit(&inode->kind, memory_order_relaxed);

	if (known == KIND_UNKNOWN) {
		known = look(fd);
		atomic_store_explicit(&inode->kind, known, memory_order_relaxed);
	}
	return known;
}
