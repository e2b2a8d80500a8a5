/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kinds of file systems, as far as it matters how their files are to be dealt with.
 */
#ifndef FS_KIND_H
#define FS_KIND_H

struct inode;

enum kind {
	KIND_UNKNOWN,
	/* The kernel's own data (procfs, sysfs...), where sizes say nothing and the files look at
	 * who opens them. */
	KIND_PSEUDO,
	/* Local ones, of which every change goes through this kernel; and no close of theirs fails,
	 * as one over a network may. An overlay's changes are seen where they are made through it.
	 */
	KIND_LOCAL,
	KIND_OTHER,
};

/* That of INODE, of which FD is a descriptor. */
enum kind kind_of(struct inode *inode, int fd);

#endif
