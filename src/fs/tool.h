/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What host tools execute, told to the gate for its records, with their arguments: when the process
 * opens a file as what it has become. What may open none, a static program, is told of when its
 * own file is opened to be executed; so is a dynamic one whose loader opens nothing, soon after.
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
	char *path;	/* of what is not told yet; owned; NULL: it is */
	int64_t since_ms;
};

struct tools {
	atomic_int gate_fd; /* -1: nobody wants to know */
	atomic_uint lost;   /* that could not be told */
	pthread_mutex_t lock;
	pthread_cond_t
		untold; /* there is something for the thread that tells of what opens nothing */
	size_t n_untold;
	bool waits; /* that thread, for the condition */
	/* By their pid's remainder; of two with the same the later. */
	struct tool_started started[TOOLS_STARTED];
};

/* GATE_FD stays the caller's. */
void tool_init(struct fs *fs, int gate_fd);

/* Starts the thread for those that open nothing. Without it they are told of when the next in their
 * place begins. */
void tool_watch(struct fs *fs);

/* Tells the gate that thread TID, which waits for us, is about to execute the file FD. */
void tool_starts(struct fs *fs, pid_t tid, int fd);

/* The process of the thread TID. FUSE names threads, and another than the first one is gone once it
 * has executed something. */
pid_t tool_process(const struct fs *fs, pid_t tid);

/* Thread TID, which waits for us, opens a file: tells the gate if it is what was about to start. */
void tool_opens(struct fs *fs, pid_t tid);

#endif
