/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 and HMAC-SHA-256, in hex. A thin cover over nettle, which is used here only.
 */
#ifndef AUDIT_DIGEST_H
#define AUDIT_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE (2 * DIGEST_SIZE + 1) /* with the NUL */

/* Of one block. */
void digest_sha256(const void *data, size_t size, char hex[DIGEST_HEX_SIZE]);

/* Of a stream: new, update..., finish. digest_finish() frees; both accept NULL. */
struct digest;
struct digest *digest_new(void); /* NULL: out of memory */
void digest_update(struct digest *digest, const void *data, size_t size);
void digest_finish(struct digest *digest, char hex[DIGEST_HEX_SIZE]);

void digest_hmac(
	const void *key, size_t key_size, const void *data, size_t size, char hex[DIGEST_HEX_SIZE]);

/* SIZE bytes as 2 * SIZE lower-case hex digits and a NUL. */
void digest_hex(const void *data, size_t size, char *hex);

#endif
