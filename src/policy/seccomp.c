/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "policy/bpf.h"
#include "policy/profile.h"
#include "policy/seccomp_reader.h"

#define THREADS_MAX 32768 /* of which the state is looked at: a container can make many */

/* Mode and number of filters, as a status file has them. The number came with 5.9. */
struct seccomp_state {
	uint64_t mode;
	uint64_t filters;
};

static struct seccomp_state read_state(const char *status)
{
	struct seccomp_state state = { 0 };

	procfs_field_u64(status, "Seccomp", 10, &state.mode);
	procfs_field_u64(status, "Seccomp_filters", 10, &state.filters);
	return state;
}

static bool threads_differ(int proc_fd, const char *status)
{
	struct seccomp_state leader = read_state(status);
	_cleanup_close_ int fd = openat(proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *tasks = fd < 0 ? NULL : fdopendir(fd);

	if (tasks == NULL) {
		return false;
	}
	steal_fd(&fd);
	for (int n = 0; n < THREADS_MAX; n++) {
		const struct dirent *entry = readdir(tasks);
		_cleanup_free_ char *text = NULL;

		if (entry == NULL) {
			break;
		}
		if (!isdigit((unsigned char)entry->d_name[0])) {
			continue;
		}
		_cleanup_close_ int task =
			openat(dirfd(tasks), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		/* A thread may have ended meanwhile. */
		if (task < 0 || procfs_status(task, &text, NULL) < 0) {
			continue;
		}
		struct seccomp_state other = read_state(text);
		if (other.mode != leader.mode || other.filters != leader.filters) {
			return true;
		}
	}
	return false;
}

/*
 * A filter that was loaded without SPEC_ALLOW forces the mitigation, where the kernel still ties
 * the two together; elsewhere the flag does nothing.
 */
static bool speculation_allowed(const char *status)
{
	const char *value = procfs_field(status, "Speculation_Store_Bypass");

	return value != NULL && str_starts_with(value, "thread ") &&
	       !str_starts_with(value, "thread force mitigated");
}

static int copy_filters(
	struct seccomp_chain *chain, const struct seccomp_reading *reading, struct error *err)
{
	const struct sock_filter *from = reading->instructions;

	chain->filters = calloc(reading->count, sizeof(*chain->filters));
	if (chain->filters == NULL) {
		return error_set(err, ENOMEM, "keep %u seccomp filters", reading->count);
	}
	for (uint32_t i = 0; i < reading->count; i++) {
		struct seccomp_filter *filter = &chain->filters[i];
		size_t size = reading->filters[i].length * sizeof(*from);

		filter->instructions = malloc(size);
		if (filter->instructions == NULL) {
			return error_set(err, ENOMEM, "keep %u seccomp filters", reading->count);
		}
		memcpy(filter->instructions, from, size);
		filter->count = reading->filters[i].length;
		filter->flags = reading->filters[i].flags;
		filter->user_notif =
			bpf_may_return(filter->instructions, filter->count, SECCOMP_RET_USER_NOTIF);
		from += filter->count;
		chain->count++;
	}
	return 0;
}

int seccomp_capture(
	struct seccomp_chain *chain, pid_t pid, int proc_fd, const char *status, struct error *err)
{
	struct seccomp_reading *reading;

	*chain = (struct seccomp_chain){ 0 };
	chain->mode = (unsigned int)read_state(status).mode;
	/* Who names a thread means that one. */
	uint64_t process = 0;
	chain->threads_differ = procfs_field_u64(status, "Tgid", 10, &process) == 0 &&
				(pid_t)process == pid && threads_differ(proc_fd, status);
	if (chain->mode != SECCOMP_MODE_FILTER) {
		return 0;
	}
	chain->spec_allow = speculation_allowed(status);
	int r = seccomp_read(&reading, pid, proc_fd, err);
	if (r < 0) {
		return r;
	}
	chain->stopped_ns = reading->stopped_ns;
	if (reading->count == 0) {
		r = error_set(err, 0, "the kernel gave no seccomp filter of pid %d", (int)pid);
	} else {
		r = copy_filters(chain, reading, err);
	}
	seccomp_reading_free(reading);
	return r;
}

void seccomp_finish(struct seccomp_chain *chain)
{
	if (chain == NULL) {
		return;
	}
	for (size_t i = 0; i < chain->count; i++) {
		free(chain->filters[i].instructions);
	}
	free(chain->filters);
	*chain = (struct seccomp_chain){ 0 };
}

uint32_t seccomp_stricter(uint32_t newer, uint32_t older)
{
	/* Signed: SECCOMP_RET_KILL_PROCESS is the lowest. */
	int32_t a = (int32_t)(newer & SECCOMP_RET_ACTION_FULL);
	int32_t b = (int32_t)(older & SECCOMP_RET_ACTION_FULL);

	return b < a ? older : newer;
}

uint32_t seccomp_evaluate(
	const struct seccomp_chain *chain, uint32_t arch, int nr, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = nr, .arch = arch };
	uint32_t answer = SECCOMP_RET_ALLOW;

	for (int i = 0; args != NULL && i < 6; i++) {
		data.args[i] = args[i];
	}
	for (size_t i = chain->count; i-- > 0;) {
		uint32_t value = SECCOMP_RET_KILL_PROCESS;

		/* One that can't be run can't have been loaded: then the strictest is told. */
		bpf_run(chain->filters[i].instructions, chain->filters[i].count, &data, &value);
		answer = seccomp_stricter(answer, value);
	}
	return answer;
}

int seccomp_explore(
	const struct seccomp_chain *chain, uint32_t arch, int nr, struct bpf_answers *answers)
{
	struct seccomp_data data = { .nr = nr, .arch = arch };

	*answers = (struct bpf_answers){ .values = { SECCOMP_RET_ALLOW }, .count = 1 };
	for (size_t i = chain->count; i-- > 0;) {
		struct bpf_answers one, both = { 0 };
		int r = bpf_explore(
			chain->filters[i].instructions, chain->filters[i].count, &data, &one);

		if (r < 0) {
			return r;
		}
		for (size_t a = 0; a < answers->count; a++) {
			for (size_t b = 0; b < one.count; b++) {
				bpf_answers_add(
					&both, seccomp_stricter(answers->values[a], one.values[b]));
			}
		}
		both.truncated = both.truncated || answers->truncated || one.truncated;
		*answers = both;
	}
	return 0;
}
