/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "attach", command_attach, "your shell and tools, from the host, inside a container" },
	{ "exec", command_exec, "a program of the container under its full profile" },
	{ "inspect", command_inspect, "a container's whole security profile" },
	{ "list", command_list, "the containers of this host" },
};

static void usage(FILE *out)
{
	fprintf(out, "Usage: sallyport COMMAND [OPTION...] [CONTAINER] [-- PROGRAM [ARG...]]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].summary);
	}
	fprintf(out, "\nsallyport COMMAND --help tells the options; sallyport(1) tells it all.\n");
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
		printf("sallyport %s\n", SALLYPORT_VERSION);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			return commands[i].run(argc - 1, argv + 1);
		}
	}
	log_error("no such command: %s", argv[1]);
	return EXIT_OURS;
}
