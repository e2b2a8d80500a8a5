/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What inode.c (which inode is which, and where) and inode_fd.c (their descriptors) have in common.
 * All but inode_evict() are called with the table's lock held.
 */
#ifndef FS_INODE_FD_H
#define FS_INODE_FD_H

#include "fs/inode.h"

/* No way from an inode up to the root is longer, unless our idea of it has a loop. */
#define INODE_DEPTH_MAX 65536

/* Out of the ring of idle descriptors, where INODE is in it; in, as the newest. */
void inode_idle_remove(struct inode_table *table, struct inode *inode);
void inode_idle_add(struct inode_table *table, struct inode *inode);

/* One more user of INODE's descriptor, which is returned; one less. */
int inode_use_fd(struct inode_table *table, struct inode *inode);
void inode_unuse_fd(struct inode_table *table, struct inode *inode);

/* Closes some of the oldest idle descriptors where there are more than the table's max_idle. Takes
 * the lock. */
void inode_evict(struct inode_table *table);

/* Gives back one ref, and those that the freed ones held, upwards. */
void inode_unref_locked(struct inode_table *table, struct inode *inode);

#endif
