/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/walker.h"

#include "fs/inode.h"

/* All of it is a guess: what comes in between changes how quick it is, no more. */
#define GET(x) atomic_load_explicit(&(x), memory_order_relaxed)
#define SET(x, value) atomic_store_explicit(&(x), (value), memory_order_relaxed)

static struct walker *find(struct walkers *walkers, pid_t pid)
{
	return &walkers->of[(unsigned)pid % WALKERS];
}

bool walker_lists(struct walkers *walkers, pid_t pid, struct inode *dir)
{
	struct walker *walker = find(walkers, pid);
	bool known = GET(walker->pid) == pid;
	bool bare = known && !GET(walker->looks);

	if (!known) {
		SET(walker->pid, pid);
		SET(walker->looks, false);
	}
	SET(dir->bare, bare ? pid : 0);
	return bare;
}

void walker_looks(struct walkers *walkers, struct inode *dir)
{
	pid_t pid = GET(dir->bare);

	if (pid != 0) {
		struct walker *walker = find(walkers, pid);

		if (GET(walker->pid) == pid) {
			SET(walker->looks, true);
		}
		SET(dir->bare, 0);
	}
}
