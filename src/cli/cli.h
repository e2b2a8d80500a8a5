/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands. Each gets its own arguments (argv[0] is the command's name), parses them with
 * getopt_long(3), prints its errors with log_error() and returns the exit status.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/exit.h"

int command_list(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_attach(int argc, char **argv);
int command_exec(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_sessions(int argc, char **argv);
int command_rules(int argc, char **argv);
int command_diff(int argc, char **argv);
int command_why(int argc, char **argv);

#endif
