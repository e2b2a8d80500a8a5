/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/str.h"
#include "diff/diff.h"
#include "lsm/lsm.h"

#define WORDS_MAX 8
#define ID "%id"
#define PROBE "%probe"

static const struct {
	const char *engine;
	const char *words[WORDS_MAX];
} commands[] = {
	{ "docker", { "docker", "exec", "-i", ID, PROBE } },
	{ "podman", { "podman", "exec", "-i", ID, PROBE } },
	{ "runc", { "runc", "exec", ID, PROBE } },
	{ "crun", { "crun", "exec", ID, PROBE } },
	{ "lxc", { "lxc-attach", "-n", ID, "--", PROBE } },
	{ "lxd", { "lxc", "exec", ID, "-T", "--", PROBE } },
	{ "incus", { "incus", "exec", ID, "-T", "--", PROBE } },
};

bool engine_known(const char *engine)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (str_equal(commands[i].engine, engine)) {
			return true;
		}
	}
	return false;
}

/* Of the words of a table, which are constant, and names that outlive the exec. */
static char *word(const char *text, const char *id, const char *probe)
{
	const char *chosen = strcmp(text, ID) == 0 ? id : strcmp(text, PROBE) == 0 ? probe : text;

	return (char *)(uintptr_t)chosen;
}

static void run_command(const char *command, const char *probe)
{
	static char shell[] = "sh";
	static char option[] = "-c";
	_cleanup_free_ char *script = str_format("%s \"$@\"", command);
	char *argv[] = { shell, option, script, shell, (char *)(uintptr_t)probe, NULL };

	if (script != NULL) {
		execv("/bin/sh", argv);
	}
}

void engine_exec(const char *engine, const char *id, const char *command, const char *probe)
{
	char *argv[WORDS_MAX + 1] = { NULL };
	struct error err = { 0 };

	if (lsm_become_caller(&err) < 0) {
		log_error("%s", err.message);
		_exit(EXIT_OURS);
	}
	if (command != NULL) {
		run_command(command, probe);
		log_error("cannot execute /bin/sh: %s", strerror(errno));
		_exit(EXIT_OURS);
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (str_equal(commands[i].engine, engine)) {
			for (size_t w = 0; w < WORDS_MAX && commands[i].words[w] != NULL; w++) {
				argv[w] = word(commands[i].words[w], id, probe);
			}
			execvp(argv[0], argv);
			log_error("cannot execute %s: %s", argv[0], strerror(errno));
		}
	}
	_exit(EXIT_OURS);
}
