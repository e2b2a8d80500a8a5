/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-64: the syscall instruction, its x32 numbers, 32-bit programs, and 64-bit code that uses the
 * 32-bit entry by int 0x80. Register conventions: syscall(2); user_regs_struct: <sys/user.h>.
 */
#include "gate/arch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define USER_CS_32 0x23	   /* __USER32_CS: the thread runs 32-bit code */
#define INSTRUCTION_SIZE 2 /* of both syscall (0f 05) and int 0x80 (cd 80) */
#define RED_ZONE 128	   /* below the stack pointer, the ABI's leaf functions' */
#define FOREIGN_POINTERS_MAX 8192

enum {
	NR_EXECVE = 59,
	NR_EXECVEAT = 322,
	NR_X32_EXECVE = 0x40000000 | 520,
	NR_X32_EXECVEAT = 0x40000000 | 545,
	NR_I386_EXECVE = 11,
	NR_I386_EXECVEAT = 358
};

static int get_registers(pid_t tid, struct user_regs_struct *regs, struct error *err)
{
	if (ptrace(PTRACE_GETREGS, tid, NULL, regs) < 0) {
		return error_set(err, errno, "read the registers of thread %d", tid);
	}
	return 0;
}

int arch_read_exec(pid_t tid, struct exec_call *call, struct error *err)
{
	struct user_regs_struct regs;
	int r = get_registers(tid, &regs, err);

	if (r < 0) {
		return r;
	}
	*call = (struct exec_call){ .dirfd = AT_FDCWD, .pointer_size = 8 };
	if ((long)regs.rax >= 0) {
		return -ENOENT;
	}
	switch (regs.orig_rax) {
	case NR_EXECVE:
	case NR_X32_EXECVE:
		call->path = regs.rdi;
		call->argv = regs.rsi;
		call->envp = regs.rdx;
		break;
	case NR_EXECVEAT:
	case NR_X32_EXECVEAT:
		call->dirfd = (int)regs.rdi;
		call->path = regs.rsi;
		call->argv = regs.rdx;
		call->envp = regs.r10;
		call->flags = (int)regs.r8;
		break;
	case NR_I386_EXECVE:
		call->path = (uint32_t)regs.rbx;
		call->argv = (uint32_t)regs.rcx;
		call->envp = (uint32_t)regs.rdx;
		break;
	case NR_I386_EXECVEAT:
		call->dirfd = (int)regs.rbx;
		call->path = (uint32_t)regs.rcx;
		call->argv = (uint32_t)regs.rdx;
		call->envp = (uint32_t)regs.rsi;
		call->flags = (int)regs.rdi;
		break;
	default:
		return -ENOENT;
	}
	bool i386 = regs.orig_rax == NR_I386_EXECVE || regs.orig_rax == NR_I386_EXECVEAT;
	bool x32 = (regs.orig_rax & 0x40000000) != 0;
	call->pointer_size = i386 || x32 ? 4 : 8;
	call->foreign = i386 && regs.cs != USER_CS_32;
	return 0;
}

static int write_memory(pid_t tid, uint64_t address, const void *data, size_t size)
{
	struct iovec local = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)address, .iov_len = size };
	ssize_t n = process_vm_writev(tid, &local, 1, &remote, 1, 0);

	if (n < 0) {
		return -errno;
	}
	return (size_t)n == size ? 0 : -EFAULT;
}

/*
 * Copies the null-terminated array of 32-bit pointers at ADDRESS as 64-bit ones to right below *SP,
 * which is moved down. Returns 0 or a negative errno.
 */
static int widen_pointers(pid_t tid, uint64_t address, uint64_t *sp, uint64_t *wide_address)
{
	_cleanup_free_ uint32_t *narrow = calloc(FOREIGN_POINTERS_MAX, sizeof(*narrow));
	_cleanup_free_ uint64_t *wide = calloc(FOREIGN_POINTERS_MAX, sizeof(*wide));
	struct iovec local = { .iov_base = narrow,
		.iov_len = FOREIGN_POINTERS_MAX * sizeof(*narrow) };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)address, .iov_len = local.iov_len };
	size_t n = 0;

	if (narrow == NULL || wide == NULL) {
		return -ENOMEM;
	}
	if (address == 0) {
		*wide_address = 0;
		return 0;
	}
	/* A short read is the end of the mapping. */
	ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);
	if (got < 0) {
		return -errno;
	}
	size_t limit = (size_t)got / sizeof(*narrow);
	while (n < limit && narrow[n] != 0) {
		wide[n] = narrow[n];
		n++;
	}
	if (n == limit) {
		return -E2BIG;
	}
	wide[n++] = 0;
	*sp = (*sp - n * sizeof(*wide)) & ~15UL;
	*wide_address = *sp;
	return write_memory(tid, *sp, wide, n * sizeof(*wide));
}

/* The address of a syscall instruction in the vdso of TID, or 0. */
static uint64_t find_syscall_instruction(pid_t tid)
{
	_cleanup_free_ char *auxv = NULL;
	char path[64];
	char code[8192];
	size_t size;
	uint64_t vdso = 0;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)tid);
	if (fd_read_file(AT_FDCWD, path, 65536, &auxv, &size, NULL) < 0) {
		return 0;
	}
	for (size_t i = 0; i + sizeof(Elf64_auxv_t) <= size; i += sizeof(Elf64_auxv_t)) {
		Elf64_auxv_t entry;

		memcpy(&entry, auxv + i, sizeof(entry));
		if (entry.a_type == AT_SYSINFO_EHDR) {
			vdso = entry.a_un.a_val;
		}
	}
	struct iovec local = { .iov_base = code, .iov_len = sizeof(code) };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)vdso, .iov_len = sizeof(code) };
	ssize_t n = vdso != 0 ? process_vm_readv(tid, &local, 1, &remote, 1, 0) : 0;
	const char *found = n > 0 ? memmem(code, (size_t)n, "\x0f\x05", 2) : NULL;
	return found != NULL ? vdso + (uint64_t)(found - code) : 0;
}

/* Writes PATH below *SP and moves that down. */
static int push_path(pid_t tid, const char *path, uint64_t *sp)
{
	*sp = (*sp - strlen(path) - 1) & ~15UL;
	return write_memory(tid, *sp, path, strlen(path) + 1);
}

int arch_redirect_exec(pid_t tid, const struct exec_call *call, const char *path, struct error *err)
{
	struct user_regs_struct regs;
	int r = get_registers(tid, &regs, err);

	if (r < 0) {
		return r;
	}
	uint64_t sp = regs.rsp - RED_ZONE;
	uint64_t argv = call->argv;
	uint64_t envp = call->envp;
	r = push_path(tid, path, &sp);
	uint64_t path_address = sp;
	if (r == 0 && call->foreign) {
		/* The path now lies above 4 GiB, where the 32-bit call can't point: use the other.
		 */
		r = widen_pointers(tid, call->argv, &sp, &argv);
		if (r == 0) {
			r = widen_pointers(tid, call->envp, &sp, &envp);
		}
	}
	if (r < 0) {
		return error_set(err, -r, "write to the stack of thread %d", tid);
	}
	regs.rip -= INSTRUCTION_SIZE;
	if (call->foreign) {
		regs.rip = find_syscall_instruction(tid);
		if (regs.rip == 0) {
			return error_set(err, ENOEXEC, "thread %d has no vdso", tid);
		}
	}
	if (call->pointer_size == 4 && !call->foreign && (regs.orig_rax & 0x40000000) == 0) {
		regs.rax = NR_I386_EXECVE;
		regs.rbx = path_address;
		regs.rcx = argv;
		regs.rdx = envp;
	} else {
		regs.rax = call->pointer_size == 4 && !call->foreign ? NR_X32_EXECVE : NR_EXECVE;
		regs.rdi = path_address;
		regs.rsi = argv;
		regs.rdx = envp;
	}
	regs.orig_rax = (unsigned long)-1; /* no system call's restart is to be seen here */
	if (ptrace(PTRACE_SETREGS, tid, NULL, &regs) < 0) {
		return error_set(err, errno, "set the registers of thread %d", tid);
	}
	return 0;
}

bool arch_is_redirected_exec(uint64_t nr)
{
	return nr == NR_EXECVE || nr == NR_X32_EXECVE || nr == NR_I386_EXECVE;
}

/* One word of TID's registers. */
static int set_register(pid_t tid, size_t offset, long value)
{
	return ptrace(PTRACE_POKEUSER, tid, offset, value) < 0 ? -errno : 0;
}

int arch_replace_call(pid_t tid, int nr)
{
	return set_register(tid, offsetof(struct user_regs_struct, orig_rax), nr);
}

int arch_set_result(pid_t tid, long result)
{
	return set_register(tid, offsetof(struct user_regs_struct, rax), result);
}
