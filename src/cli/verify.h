/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport sessions --verify: the journal, proven unbroken.
 */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include "base/error.h"

/*
 * Prints what is in each file of this host's journal, and whether all of it follows from one record
 * to the next. Returns the exit status, 0 or 1, or a negative errno where it can't be read.
 */
int verify_journal(struct error *err);

#endif
