/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /.sallyport/why: `sallyport why` from within a session.
 */
#ifndef LAUNCH_ASK_H
#define LAUNCH_ASK_H

#include "base/error.h"

/*
 * Has the program that ARGV, /.sallyport/why's own arguments, names run by `sallyport why` outside
 * the session, with our standard input and output, and waits for it. Returns its exit status, or a
 * negative errno.
 */
int ask_why(int argc, char **argv, struct error *err);

#endif
