/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * failing: stands in the place of a program that strace(1) can't follow to where it goes. Executes
 * the file of its own name with ".real" behind, with a filter under which one system call fails:
 * the file "fault" beside it says CALL INDEX VALUE ERRNO, for calls of that name whose argument
 * INDEX has that value (INDEX -1: for all).
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <seccomp.h>

/* A fixed place: the front gives the launcher neither its environment nor the path of its file. */
#define FOLDER "/run/failing"

static void load_fault(const char *path)
{
	char call[64];
	int index, code;
	uint64_t value;
	FILE *file = fopen(path, "re");
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (file == NULL || filter == NULL ||
		fscanf(file, "%63s %d %" SCNu64 " %d", call, &index, &value, &code) != 4) {
		errx(125, "%s says no fault", path);
	}
	fclose(file);
	struct scmp_arg_cmp argument = {
		.arg = (unsigned)index, .op = SCMP_CMP_EQ, .datum_a = value
	};
	/* Root may without no_new_privs, which would be seen in the program. */
	if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) < 0 ||
		seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((unsigned)code),
			seccomp_syscall_resolve_name(call), index < 0 ? 0 : 1, &argument) < 0 ||
		seccomp_load(filter) < 0) {
		errx(125, "%s can't be made to fail", call);
	}
	seccomp_release(filter);
}

int main(int argc, char **argv)
{
	load_fault(FOLDER "/fault");
	int fd = open(FOLDER "/sallyport-launch.real", O_RDONLY | O_CLOEXEC);
	/* By its descriptor, as the front does: by its name it would be another program. */
	fexecve(fd, argv, environ);
	err(125, "%s", FOLDER "/sallyport-launch.real");
}
