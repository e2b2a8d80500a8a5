/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "policy/passwd.h"
#include "policy/profile.h"

#define ENVIRON_MAX (4u << 20)

/* Sees to room for one more variable and the NULL. */
static int reserve(struct environment *env)
{
	if (env->count + 2 <= env->room) {
		return 0;
	}
	size_t room = env->room == 0 ? 16 : 2 * env->room;
	char **larger = realloc(env->vars, room * sizeof(char *));
	if (larger == NULL) {
		return -ENOMEM;
	}
	larger[env->count] = NULL;
	env->vars = larger;
	env->room = room;
	return 0;
}

/* Takes VAR over where it succeeds. */
static int append(struct environment *env, char *var)
{
	int r = reserve(env);

	if (r == 0) {
		env->vars[env->count++] = var;
		env->vars[env->count] = NULL;
	}
	return r;
}

int environment_capture(struct environment *env, int proc_fd, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	*env = (struct environment){ 0 };
	int r = fd_read_file(proc_fd, "environ", ENVIRON_MAX, &text, &size, err);
	if (r < 0) {
		return error_wrap(err, "read the target's environment");
	}
	for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
		const char *equals = strchr(text + at, '=');

		/* The area is the program's own memory: setproctitle(3) writes titles there. */
		if (equals == NULL || equals == text + at) {
			continue;
		}
		_cleanup_free_ char *var = strdup(text + at);
		if (var == NULL || append(env, var) < 0) {
			return error_set(err, ENOMEM, "read the target's environment");
		}
		steal_pointer(&var);
	}
	return reserve(env) == 0 ? 0 : error_set(err, ENOMEM, "read the target's environment");
}

/* The first variable NAME, as getenv(3) finds it; NULL where there is none. */
static char **find(const struct environment *env, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < env->count; i++) {
		if (strncmp(env->vars[i], name, length) == 0 && env->vars[i][length] == '=') {
			return &env->vars[i];
		}
	}
	return NULL;
}

int environment_set(struct environment *env, const char *name, const char *value)
{
	_cleanup_free_ char *var = str_format("%s=%s", name, value);

	if (var == NULL) {
		return -ENOMEM;
	}
	char **old = find(env, name);
	if (old != NULL) {
		free(*old);
		*old = steal_pointer(&var);
		return 0;
	}
	int r = append(env, var);
	if (r == 0) {
		steal_pointer(&var);
	}
	return r;
}

const char *environment_get(const struct environment *env, const char *name)
{
	char **var = find(env, name);

	return var == NULL ? NULL : *var + strlen(name) + 1;
}

int environment_set_home(struct environment *env, int root_fd, uid_t inside_uid)
{
	_cleanup_free_ char *text = NULL;
	struct passwd_entry entry;
	int r = 0;

	if (passwd_read(root_fd, "etc/passwd", &text, NULL) == 0) {
		for (char *cursor = text; passwd_next(&cursor, &entry);) {
			if (entry.uid != inside_uid) {
				continue;
			}
			r = environment_set(env, "HOME", entry.home[0] == '/' ? entry.home : "/");
			if (r == 0 && environment_get(env, "USER") != NULL) {
				r = environment_set(env, "USER", entry.name);
			}
			return r;
		}
	}
	return environment_get(env, "HOME") != NULL ? 0 : environment_set(env, "HOME", "/");
}

void environment_finish(struct environment *env)
{
	if (env == NULL) {
		return;
	}
	for (size_t i = 0; i < env->count; i++) {
		free(env->vars[i]);
	}
	free(env->vars);
	*env = (struct environment){ 0 };
}
