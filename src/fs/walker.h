/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who lists one directory after the other: does he want to know what the files are, as ls -lR and
 * du, or only what they are called, as find -name? A listing with the attributes of all that is in
 * it has each file's inode read; without them a request is made for each that is looked at. So the
 * first listing of a process has them. Those that follow don't, but for directories, until one of
 * their files is looked up: by that the process is known.
 */
#ifndef FS_WALKER_H
#define FS_WALKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct inode;

#define WALKERS 64 /* by their pid; of two with the same place each begins again */

struct walkers {
	struct walker {
		atomic_int pid;
		atomic_bool looks; /* at what it has listed */
	} of[WALKERS];
};

/* PID begins to list DIR. True where it is to have the names alone. */
bool walker_lists(struct walkers *walkers, pid_t pid, struct inode *dir);

/* A file in DIR, which is no directory, was looked up. */
void walker_looks(struct walkers *walkers, struct inode *dir);

#endif
