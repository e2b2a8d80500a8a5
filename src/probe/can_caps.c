/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an execve makes of ids and capabilities: as we are; as another user; with all that can be
 * made ambient. The probe executes itself, through /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "probe/probe.h"

#define OTHER_UID 1000

static int get_sets(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, data) < 0 ? errno : 0;
}

static uint64_t both(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

int can_caps_report(void)
{
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t ambient = 0;

	get_sets(data);
	for (int cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1) {
			ambient |= UINT64_C(1) << cap;
		}
	}
	printf("uid %u eff %llx prm %llx inh %llx amb %llx secure %lu", geteuid(),
		(unsigned long long)both(data[0].effective, data[1].effective),
		(unsigned long long)both(data[0].permitted, data[1].permitted),
		(unsigned long long)both(data[0].inheritable, data[1].inheritable),
		(unsigned long long)ambient, getauxval(AT_SECURE));
	return 0;
}

/* All that is permitted, made inheritable and ambient. */
static int raise_ambient(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	int code = get_sets(data);

	for (int i = 0; code == 0 && i < 2; i++) {
		data[i].inheritable = data[i].permitted;
	}
	if (code != 0 || syscall(SYS_capset, &header, data) < 0) {
		return code != 0 ? code : errno;
	}
	for (int cap = 0; cap < 64; cap++) {
		if ((both(data[0].permitted, data[1].permitted) >> cap & 1) != 0) {
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
		}
	}
	return 0;
}

static int nothing(void)
{
	return 0;
}

static int switch_user(void)
{
	return syscall(SYS_setuid, OTHER_UID) < 0 ? errno : 0;
}

static int switch_user_keeping(void)
{
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || syscall(SYS_setuid, OTHER_UID) < 0) {
		return errno;
	}
	return raise_ambient();
}

static const struct step {
	const char *key;
	int (*before)(void);
} steps[] = {
	{ "can.exec.as_is", nothing },
	{ "can.exec.ambient", raise_ambient },
	{ "can.exec.other_user", switch_user },
	{ "can.exec.other_user_ambient", switch_user_keeping },
};

struct attempt {
	const struct step *step;
	int fd;
};

/* The program's own file is opened before anything is given up. */
static int run(const void *arg)
{
	static char name[] = "sallyport-probe";
	static char report[] = "report";
	const struct attempt *attempt = arg;
	char *argv[] = { name, report, NULL };
	char *env[] = { NULL };
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (self < 0) {
		return errno;
	}
	int code = attempt->step->before();
	if (code != 0) {
		return code;
	}
	dup2(attempt->fd, STDOUT_FILENO);
	syscall(SYS_execveat, self, "", argv, env, AT_EMPTY_PATH);
	return errno;
}

void can_caps_say(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		char text[256];
		int pipe_fds[2];

		if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
			say_code(steps[i].key, errno);
			continue;
		}
		struct attempt attempt = { .step = &steps[i], .fd = pipe_fds[1] };
		int code = in_child(run, &attempt);
		close(pipe_fds[1]);
		ssize_t n = read(pipe_fds[0], text, sizeof(text) - 1);
		close(pipe_fds[0]);
		text[n > 0 ? n : 0] = '\0';
		if (code == 0) {
			say(steps[i].key, "%s", text);
		} else if (code > 0) {
			say(steps[i].key, "%s", code_name(code));
		} else {
			say(steps[i].key, "killed by signal %d", -code);
		}
	}
}
