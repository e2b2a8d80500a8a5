/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diff/facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/str.h"

#define FILE_MAX (4 << 20)
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_SHIFT 13

/* sched_setattr(2). <linux/sched/types.h> and <sched.h> can't both be included. */
struct scheduling {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#define PR_SCHED_CORE_GET 0
#endif

/*
 * Lines of /proc/PID/status that are ids of the process itself, or counters. All others count, also
 * those of kernels to come.
 */
static const char *const not_properties[] = { "Name", "State", "Tgid", "Ngid", "Pid", "PPid",
	"TracerPid", "FDSize", "NStgid", "NSpid", "NSpgid", "NSsid", "Kthread", "Vm*", "Rss*",
	"Huge*", "CoreDumping", "Threads", "SigQ", "SigPnd", "ShdPnd", "SigCgt", "*ctxt_switches",
	"untag_mask" };

/* Files of /proc/PID that are properties as they are. */
static const char *const files[] = { "oom_score_adj", "coredump_filter", "timerslack_ns",
	"personality", "uid_map", "gid_map", "projid_map", "setgroups", "mountinfo", "loginuid",
	"sessionid", "timens_offsets", "cpuset", "cgroup" };

static const char *const namespaces[] = { "cgroup", "ipc", "mnt", "net", "pid", "pid_for_children",
	"time", "time_for_children", "user", "uts" };

static bool is_property(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_properties); i++) {
		if (fnmatch(not_properties[i], name, 0) == 0) {
			return false;
		}
	}
	return true;
}

static void add_status(struct facts *facts, char *status)
{
	char *save = NULL;

	for (char *line = strtok_r(status, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		char key[128];
		char *colon = strchr(line, ':');

		if (colon == NULL) {
			continue;
		}
		*colon = '\0';
		if (is_property(line)) {
			char *value = colon + 1 + strspn(colon + 1, " \t");
			size_t n = strlen(value);

			while (n > 0 && value[n - 1] == ' ') {
				value[--n] = '\0';
			}
			snprintf(key, sizeof(key), "status.%s", line);
			facts_add(facts, key, "%s", value);
		}
	}
}

/* The file's text under KEY, or why it can't be read. */
static void add_file(struct facts *facts, int proc_fd, const char *path, const char *key)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = fd_read_file(proc_fd, path, FILE_MAX, &text, &size, NULL);

	if (r == -ENOENT) {
		return; /* this kernel has no such file */
	}
	if (r < 0) {
		facts_add(facts, key, "unreadable: %s", strerrorname_np(-r));
		return;
	}
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\0')) {
		text[--size] = '\0';
	}
	facts_add(facts, key, "%s", text);
}

static void add_link(struct facts *facts, int proc_fd, const char *path, const char *key)
{
	_cleanup_free_ char *target = fd_readlink(proc_fd, path);

	if (target != NULL || errno != ENOENT) {
		facts_add(facts, key, "%s", target != NULL ? target : strerrorname_np(errno));
	}
}

/* The labels: attr/ itself and the folder of each LSM below it. */
static void add_attributes(struct facts *facts, int proc_fd, const char *folder)
{
	_cleanup_close_ int fd = openat(proc_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		return;
	}
	steal_fd(&fd);
	while ((entry = readdir(dir)) != NULL) {
		char path[512];
		char key[512];

		if (entry->d_name[0] == '.') {
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR) {
			add_attributes(facts, proc_fd, path);
			continue;
		}
		for (size_t i = 0; i < sizeof(key); i++) {
			key[i] = path[i] == '/' ? '.' : path[i];
			if (path[i] == '\0') {
				break;
			}
		}
		add_file(facts, proc_fd, path, key);
	}
}

static void add_limits(struct facts *facts, int proc_fd)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;

	if (fd_read_file(proc_fd, "limits", 1 << 16, &text, NULL, NULL) < 0) {
		return;
	}
	/* "Max open files            1024                 4096                 files" */
	strtok_r(text, "\n", &save);
	for (char *line; (line = strtok_r(NULL, "\n", &save)) != NULL;) {
		char key[64] = "limit.";
		char soft[32];
		char hard[32];

		if (strlen(line) < 27 || sscanf(line + 26, "%31s %31s", soft, hard) != 2) {
			continue;
		}
		size_t n = strlen(key);
		for (const char *c = line + strlen("Max "); c < line + 26; c++) {
			if (*c == ' ' && c[1] == ' ') {
				break;
			}
			key[n++] = *c == ' ' ? '_' : *c;
		}
		while (n > 0 && key[n - 1] == '_') {
			n--;
		}
		key[n] = '\0';
		facts_add(facts, key, "%s %s", soft, hard);
	}
}

static void add_environment(struct facts *facts, int proc_fd)
{
	struct environment env = { 0 };

	if (environment_capture(&env, proc_fd, NULL) == 0) {
		for (size_t i = 0; i < env.count; i++) {
			_cleanup_free_ char *key = NULL;
			const char *equals = strchr(env.vars[i], '=');
			int length = equals != NULL ? (int)(equals - env.vars[i])
						    : (int)strlen(env.vars[i]);

			if (asprintf(&key, "environ.%.*s", length, env.vars[i]) < 0) {
				key = NULL;
				continue;
			}
			facts_add(facts, key, "%s", equals != NULL ? equals + 1 : "(no =)");
		}
	}
	environment_finish(&env);
}

static void add_scheduling(struct facts *facts, pid_t pid)
{
	struct scheduling attr = { .size = sizeof(attr) };
	unsigned long long cookie = 0;
	int ioprio = (int)syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid);

	if (syscall(SYS_sched_getattr, pid, &attr, sizeof(attr), 0) == 0) {
		facts_add(facts, "sched.policy", "%u", attr.policy);
		facts_add(facts, "sched.flags", "%#llx", (unsigned long long)attr.flags);
		facts_add(facts, "sched.nice", "%d", attr.nice);
		facts_add(facts, "sched.priority", "%u", attr.priority);
		facts_add(facts, "sched.deadline", "%llu %llu %llu",
			(unsigned long long)attr.runtime, (unsigned long long)attr.deadline,
			(unsigned long long)attr.period);
		facts_add(facts, "sched.clamp", "%u %u", attr.util_min, attr.util_max);
	}
	/* Class "none" shows a level that follows the nice value. */
	facts_add(facts, "sched.io_priority", "%d", ioprio >> IOPRIO_CLASS_SHIFT == 0 ? 0 : ioprio);
	if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, pid, 0, &cookie) == 0) {
		facts_add(facts, "sched.core_cookie", "%#llx", cookie);
	}
}

/* "/autogroup-123 nice 5": the number is the session's own. */
static void add_autogroup(struct facts *facts, int proc_fd)
{
	_cleanup_free_ char *text = NULL;

	if (fd_read_file(proc_fd, "autogroup", 256, &text, NULL, NULL) == 0) {
		const char *nice = strstr(text, "nice ");

		text[strcspn(text, "\n")] = '\0';
		facts_add(facts, "sched.autogroup_nice", "%s",
			nice != NULL ? nice + strlen("nice ") : text);
	}
}

static void add_places(struct facts *facts, int proc_fd)
{
	struct stat st;

	if (fstatat(proc_fd, "root", &st, 0) == 0) {
		facts_add(
			facts, "root.inode", "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	}
	if (fstatat(proc_fd, "cwd", &st, 0) == 0) {
		facts_add(
			facts, "cwd.inode", "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	}
	add_link(facts, proc_fd, "root", "root.path");
	add_link(facts, proc_fd, "cwd", "cwd.path");
	/* Files of a process that can't be dumped belong to root: proc(5). */
	if (fstatat(proc_fd, "stat", &st, 0) == 0) {
		facts_add(facts, "proc_files.owner", "%u:%u", st.st_uid, st.st_gid);
	}
}

/* One line of /proc/PID/ksm_stat: PR_SET_MEMORY_MERGE goes over fork and exec. */
static void add_merging(struct facts *facts, int proc_fd)
{
	_cleanup_free_ char *text = NULL;

	if (fd_read_file(proc_fd, "ksm_stat", 4096, &text, NULL, NULL) == 0) {
		const char *value = strstr(text, "ksm_merge_any:");

		if (value != NULL) {
			value += strlen("ksm_merge_any:");
			value += strspn(value, " \t");
			facts_add(facts, "memory_merge", "%.*s", (int)strcspn(value, "\n"), value);
		}
	}
}

int facts_of_process(struct facts *facts, pid_t pid, struct error *err)
{
	_cleanup_close_ int proc_fd = procfs_open(pid, err);
	_cleanup_free_ char *status = NULL;
	int r = proc_fd < 0 ? proc_fd : procfs_status(proc_fd, &status, err);

	if (r < 0) {
		return r;
	}
	add_status(facts, status);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		add_file(facts, proc_fd, files[i], files[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		char path[32];
		char key[32];

		snprintf(path, sizeof(path), "ns/%s", namespaces[i]);
		snprintf(key, sizeof(key), "ns.%s", namespaces[i]);
		add_link(facts, proc_fd, path, key);
	}
	add_attributes(facts, proc_fd, "attr");
	add_limits(facts, proc_fd);
	add_environment(facts, proc_fd);
	add_scheduling(facts, pid);
	add_autogroup(facts, proc_fd);
	add_places(facts, proc_fd);
	add_merging(facts, proc_fd);
	return 0;
}

void facts_of_filters(struct facts *facts, const struct seccomp_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct seccomp_filter *filter = &chain->filters[i];
		const unsigned char *bytes = (const unsigned char *)filter->instructions;
		size_t size = filter->count * sizeof(*filter->instructions);
		_cleanup_free_ char *hex = malloc(2 * size + 1);
		char key[64];

		if (hex == NULL) {
			facts->incomplete = true;
			return;
		}
		for (size_t b = 0; b < size; b++) {
			snprintf(hex + 2 * b, 3, "%02x", bytes[b]);
		}
		snprintf(key, sizeof(key), "seccomp.filter.%zu", i + 1);
		facts_add(facts, key, "%u instructions, flags %#x: %s", filter->count,
			filter->flags, hex);
	}
}
