/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What host tools execute, told to the gate for its records: once when the file is opened for it,
 * and once more, with the arguments, when the process opens a file as what it has become.
 */
#ifndef FS_TOOL_H
#define FS_TOOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/program.h"

struct fs;

#define TOOLS_STARTED 1024

/* A process about to execute something. */
struct tool_started {
	pid_t pid; /* 0: none */
	enum program_kind kind;
	bool loaded;	/* its loader was opened */
	uint64_t image; /* procfs_image() then; 0: not looked at */
};

struct tools {
	atomic_int gate_fd; /* -1: nobody wants to know */
	atomic_uint lost;   /* that could not be told */
	pthread_mutex_t lock;
	/* By their pid's remainder; of two with the same the later. */
	struct tool_started started[TOOLS_STARTED];
};

/* GATE_FD stays the caller's. */
void tool_init(struct fs *fs, int gate_fd);

/* Tells the gate that thread TID, which waits for us, is about to execute the file FD. */
void tool_starts(struct fs *fs, pid_t tid, int fd);

/* Thread TID, which waits for us, opens a file: tells the gate if it is what was about to start. */
void tool_opens(struct fs *fs, pid_t tid);

#endif
