/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file systems of the kernel's own data (procfs, sysfs...), where sizes say nothing and the
 * files look at who opens them. */
#ifndef FS_PSEUDO_H
#define FS_PSEUDO_H

#include <stdbool.h>

struct inode;

/* Is INODE, of which FD is a descriptor, on one? */
bool pseudo_is(struct inode *inode, int fd);

#endif
