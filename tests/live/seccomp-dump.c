/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seccomp-dump PID FILE: writes every seccomp filter of PID, newest first, as text: one line
 * "filter N: COUNT instructions, flags F", then an instruction a line.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define INSTRUCTIONS_MAX 4096 /* BPF_MAXINSNS */

static int dump(pid_t pid, FILE *out)
{
	static struct sock_filter code[INSTRUCTIONS_MAX];

	for (uintptr_t i = 0;; i++) {
		struct __ptrace_seccomp_metadata meta = { .filter_off = i };
		long n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, NULL);

		if (n < 0) {
			return errno == ENOENT || (errno == EINVAL && i == 0) ? 0 : -errno;
		}
		if (n > INSTRUCTIONS_MAX ||
			ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, code) != n ||
			ptrace(PTRACE_SECCOMP_GET_METADATA, pid, (void *)sizeof(meta), &meta) < 0) {
			return -errno;
		}
		fprintf(out, "filter %ju: %ld instructions, flags %jx\n", (uintmax_t)i, n,
			(uintmax_t)meta.flags);
		for (long k = 0; k < n; k++) {
			fprintf(out, "%04x %02x %02x %08x\n", code[k].code, code[k].jt, code[k].jf,
				code[k].k);
		}
	}
}

int main(int argc, char **argv)
{
	pid_t pid = argc == 3 ? (pid_t)atoi(argv[1]) : 0;
	FILE *out = pid > 0 ? fopen(argv[2], "we") : NULL;
	int status;

	if (out == NULL) {
		fprintf(stderr, "usage: seccomp-dump PID FILE\n");
		return 2;
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ||
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0) {
		perror("seccomp-dump: ptrace");
		return 1;
	}
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) {
		fprintf(stderr, "seccomp-dump: %d ended\n", pid);
		return 1;
	}
	int r = dump(pid, out);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	if (r < 0 || fclose(out) != 0) {
		errno = r < 0 ? -r : errno;
		perror("seccomp-dump");
		return 1;
	}
	return 0;
}
