/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport exec --plan: the steps from here to a program of the container, in the order in which
 * they are taken, and which of them this host will refuse. Nothing is started.
 */
#include "cli/plan.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/plan.h"
#include "base/str.h"
#include "lsm/lsm.h"
#include "session/label.h"

#define MARGIN 14

static void step(const char *name)
{
	printf("  %-*s", MARGIN, name);
}

static void print_cgroups(const struct cgroups *cgroups)
{
	for (size_t i = 0; i < cgroups->count; i++) {
		const struct cgroup *cgroup = &cgroups->list[i];
		char path[512];

		str_escape(path, sizeof(path), cgroup->path);
		step(i == 0 ? "cgroups" : "");
		printf("join %s%s%s\n", cgroup->hierarchy, cgroup->hierarchy[0] != '\0' ? ":" : "",
			path);
	}
}

/* Namespaces that are ours too need no step. */
static void print_namespaces(const struct namespaces *ns)
{
	const char *before = "join ";

	step("namespaces");
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		if (ns->ns[i].fd >= 0 && !ns->ns[i].shared) {
			printf("%s%s", before, namespace_names[i]);
			before = ", ";
		}
	}
	printf("%s\n", strcmp(before, ", ") == 0 ? "" : "none: all are ours");
}

static void print_ids(const struct profile *profile)
{
	const struct credentials *c = &profile->credentials;
	uint32_t uid = c->euid;
	uint32_t gid = c->egid;

	id_map_to_inside(&profile->namespaces.uid_map, c->euid, &uid);
	id_map_to_inside(&profile->namespaces.gid_map, c->egid, &gid);
	step("ids");
	printf("uid %u, gid %u, %zu supplementary groups", uid, gid, c->n_groups);
	if (uid != c->euid || gid != c->egid) {
		printf(" (on the host %u and %u)", c->euid, c->egid);
	}
	printf("\n");
}

/* What we may not have ourselves we can't give. Returns whether all can be given. */
static bool print_capabilities(const struct capabilities *caps)
{
	uint64_t wanted = caps->bounding | caps->permitted | caps->inheritable | caps->ambient;
	bool all = true;

	step("capabilities");
	printf("bounding %016llx, permitted %016llx, ambient %016llx\n",
		(unsigned long long)caps->bounding, (unsigned long long)caps->permitted,
		(unsigned long long)caps->ambient);
	for (int cap = 0; cap < 64; cap++) {
		if ((wanted >> cap & 1) != 0 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 0) {
			step("");
			printf("REFUSED: cap_%s is not in our own bounding set\n",
				capng_capability_to_name((unsigned int)cap));
			all = false;
		}
	}
	return all;
}

static bool print_label(const struct profile *profile)
{
	char text[LSM_LABEL_MAX * LSM_KINDS];
	struct error err = { 0 };
	int r = label_check(profile, false, NULL, &err);

	lsm_describe(text, sizeof(text), &profile->labels);
	step("label");
	printf("%s\n", text[0] != '\0' ? text : "none");
	if (r < 0) {
		step("");
		printf("REFUSED: %s\n", err.message);
	}
	return r == 0;
}

static void print_seccomp(const struct seccomp_chain *chain)
{
	step("seccomp");
	if (chain->count == 0) {
		printf("no filter\n");
	}
	for (size_t i = 0; i < chain->count; i++) {
		printf("%sload filter %zu of %zu, %u instructions%s\n",
			i == 0 ? "" : "                ", i + 1, chain->count,
			chain->filters[i].count,
			chain->filters[i].user_notif ? ", without its listener" : "");
	}
}

/* The program FILE below ROOT_FD: 0, or what the shells' status for it stands for. */
static int look_at(int root_fd, const char *file)
{
	struct stat st;
	_cleanup_close_ int fd = fd_openat2(root_fd, file, O_PATH, RESOLVE_IN_ROOT);

	if (fd < 0 || fstat(fd, &st) < 0) {
		return 127;
	}
	return S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0 ? 0 : 126;
}

/* The file that NAME stands for, in the directory CWD of the container or by its PATH, in which an
 * empty name is that directory: execvp(3). FILE has PATH_MAX bytes. */
static int search(const struct profile *profile, const char *cwd, const char *name, char *file)
{
	const char *path = environment_get(&profile->environment, "PATH");
	int result = 127;

	if (strchr(name, '/') != NULL) {
		snprintf(file, PATH_MAX, "%s%s%s", name[0] == '/' ? "" : cwd,
			name[0] == '/' ? "" : "/", name);
		return look_at(profile->namespaces.root_fd, file);
	}
	path = path != NULL ? path : PLAN_DEFAULT_PATH;
	for (const char *end; path != NULL; path = *end == ':' ? end + 1 : NULL) {
		end = strchrnul(path, ':');
		int length = (int)(end - path);

		snprintf(file, PATH_MAX, "%.*s/%s", length > 0 ? length : (int)strlen(cwd),
			length > 0 ? path : cwd, name);
		int r = look_at(profile->namespaces.root_fd, file);
		if (r == 0) {
			return 0;
		}
		result = r == 126 ? r : result;
	}
	snprintf(file, PATH_MAX, "%s", name);
	return result;
}

static bool print_program(const struct profile *profile, const struct session_options *options)
{
	char file[PATH_MAX];
	char escaped[2 * PATH_MAX];
	const char *cwd = options->cwd != NULL ? options->cwd : profile->credentials.cwd;
	int r = search(profile, cwd, options->argv[0], file);

	str_escape(escaped, sizeof(escaped), file);
	step("execute");
	printf("%s\n", escaped);
	if (r != 0) {
		step("");
		printf("REFUSED: %s\n",
			r == 127 ? "the container has no such file" : "it is not executable");
	} else if (profile->capabilities.no_new_privs) {
		step("");
		printf("its set-id bits and file capabilities won't count: no_new_privs\n");
	}
	return r == 0;
}

int plan_print(const struct profile *profile, const struct session_options *options)
{
	char cwd[PATH_MAX];
	bool good = true;

	str_escape(
		cwd, sizeof(cwd), options->cwd != NULL ? options->cwd : profile->credentials.cwd);
	printf("%s, like process %d, under ptrace with its own seccomp filters held back:\n",
		options->subject, profile->pid);
	print_cgroups(&profile->cgroups);
	print_namespaces(&profile->namespaces);
	step("root");
	printf("that of process %d, working directory %s\n", profile->pid, cwd);
	print_ids(profile);
	good = print_capabilities(&profile->capabilities) && good;
	step("no_new_privs");
	printf("%s\n", profile->capabilities.no_new_privs ? "set" : "not set");
	good = print_label(profile) && good;
	print_seccomp(&profile->seccomp);
	good = print_program(profile, options) && good;
	return good ? 0 : EXIT_OURS;
}
