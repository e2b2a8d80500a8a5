/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secrets of a command line don't go to disk. What a rule finds is replaced with
 * "[redacted:HHHHHHHHHHHHHHHH]", the first 64 bits of an HMAC-SHA-256 under a key of this host's
 * (redaction.key beside the journal): the same secret has the same mark, and who holds the key can
 * tell whether a mark is that of a secret he knows.
 */
#ifndef AUDIT_REDACT_H
#define AUDIT_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct conf;
struct redactor;

/*
 * The rules of CONF. The key is made where it doesn't exist yet; where that fails (nothing can be
 * written there) one that lasts as long as the process is used. NULL and ERR where memory ran out
 * or a pattern is wrong.
 */
struct redactor *redact_new(const struct conf *conf, struct error *err);
void redact_free(struct redactor *redactor);

/*
 * A copy of the block ARGS of strings, each with its NUL (as /proc/PID/cmdline has them), with
 * their secrets replaced. *OUT_SIZE is its size, *N_REDACTED how many marks it holds. The caller
 * frees it; NULL where memory ran out. ARGS without a NUL at its end is taken as if it had one.
 */
char *redact_args(const struct redactor *redactor, const char *args, size_t size, size_t *out_size,
	size_t *n_redacted);

/*
 * The same for text, a shell's command line or a line of output, of SIZE bytes. One NUL follows the
 * result.
 */
char *redact_text(const struct redactor *redactor, const char *text, size_t size, size_t *out_size,
	size_t *n_redacted);

#endif
