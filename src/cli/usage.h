/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What getopt_long(3) does not say well: a wrong option, in one line.
 */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include <getopt.h>

/*
 * Prints what is wrong with the option that getopt_long() has just refused with RESULT ('?', or ':'
 * since the short options begin with a colon), of the command ARGV[0] with the long OPTIONS, and
 * where to read on. getopt itself is to be silent (opterr is 0: main()). Returns EXIT_OURS.
 */
int usage_wrong_option(int result, char **argv, const struct option *options);

#endif
