/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "audit/kernel.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "lsm/lsm.h"
#include "target/match.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "attach", command_attach, "your shell and tools, from the host, inside a container" },
	{ "exec", command_exec, "a program of the container under its full profile" },
	{ "diff", command_diff, "what a program started here differs in from the container's own" },
	{ "why", command_why, "which layer refuses what to a program of the container" },
	{ "inspect", command_inspect, "a container's whole security profile" },
	{ "list", command_list, "the containers of this host" },
	{ "sessions", command_sessions, "sessions that run and have run; end one" },
	{ "replay", command_replay, "show a recorded session, or prove it unchanged" },
	{ "rules", command_rules, "check the site's rules, and test what they allow" },
};

static bool has_selinux(void)
{
	return lsm_can_apply(LSM_SELINUX);
}

static bool has_apparmor(void)
{
	return lsm_can_apply(LSM_APPARMOR);
}

static void usage(FILE *out)
{
	fprintf(out, "Usage: sallyport COMMAND [OPTION...] [CONTAINER] [-- PROGRAM [ARG...]]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].summary);
	}
	fprintf(out, "\nsallyport COMMAND --help tells the options; sallyport(1) tells it all.\n");
}

/* What is lacking where a library was not there when this was built. */
static const struct {
	const char *library;
	bool (*is_there)(void);
	const char *without;
} libraries[] = {
	{ "libaudit", kernel_audit_is_built, "records go to the journal alone" },
	{ "libselinux", has_selinux,
		"a container with another SELinux label than its own is refused" },
	{ "libapparmor", has_apparmor,
		"a container with another AppArmor label than its own is refused" },
};

static int version(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[2], "-v") != 0 && strcmp(argv[2], "--verbose") != 0) {
		log_error("--version takes no %s (see sallyport --help)", argv[2]);
		return EXIT_OURS;
	}
	printf("sallyport %s\n", SALLYPORT_VERSION);
	for (size_t i = 0; argc > 2 && i < ARRAY_SIZE(libraries); i++) {
		bool there = libraries[i].is_there();

		printf("%-12s%s%s\n", libraries[i].library,
			there ? "yes" : "no: ", there ? "" : libraries[i].without);
	}
	return 0;
}

static int no_command(const char *name)
{
	const char *nearest = NULL;
	unsigned int least = 3; /* further away it is no slip of the fingers */

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		unsigned int distance = match_distance(name, commands[i].name);

		if (distance < least) {
			least = distance;
			nearest = commands[i].name;
		}
	}
	log_error("no such command: %s (%s%s; see sallyport --help)", name,
		nearest != NULL ? "did you mean " : "there is ",
		nearest != NULL ? nearest : "none of that name");
	return EXIT_OURS;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_OURS;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		return version(argc, argv);
	}
	opterr = 0; /* what is wrong, usage_wrong_option() says better */
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			return commands[i].run(argc - 1, argv + 1);
		}
	}
	return no_command(argv[1]);
}
