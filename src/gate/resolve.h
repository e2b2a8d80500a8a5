/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an execve of a host tool to the container's own name of the file.
 */
#ifndef GATE_RESOLVE_H
#define GATE_RESOLVE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/wire.h"
#include "gate/arch.h"

/*
 * Fills PATH and CWD of PLAN for the thread TID, stopped behind CALL, whose exec of FILE (stat and
 * name, as the event's descriptor had them) was caught. The path is the caller's own with /c taken
 * off where that is what it wrote, else FILE's. Fails with ENOEXEC where CALL was of a host file
 * and FILE is only its interpreter, with EXDEV where FILE lies outside /c (a mount that a tool
 * made).
 */
int resolve_exec(pid_t tid, const struct exec_call *call, const struct stat *file_stat,
	const char *file, struct wire_plan *plan, struct error *err);

/* The same for a path that was handed to /.sallyport/enter by process PID. */
int resolve_enter(pid_t pid, const char *path, struct wire_plan *plan, struct error *err);

#endif
