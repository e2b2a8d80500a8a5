/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of one execve(2) are: it opens a script, its interpreter, the loader.
 */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stdbool.h>

enum program_kind {
	PROGRAM_DYNAMIC, /* its loader is opened next: elf(5), PT_INTERP */
	PROGRAM_SCRIPT,	 /* its interpreter is opened next */
	PROGRAM_OTHER,
};

/* What FD, open for reading, is by its first bytes. */
enum program_kind program_kind(int fd);

/* True where PATH has a loader's name: ld-linux-x86-64.so.2, ld-musl-x86_64.so.1, ld.so. */
bool program_is_loader(const char *path);

#endif
