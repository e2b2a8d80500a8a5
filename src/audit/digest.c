/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/digest.h"

#include <stdlib.h>

#include <nettle/base16.h>
#include <nettle/hmac.h>
#include <nettle/sha2.h>

_Static_assert(DIGEST_SIZE == SHA256_DIGEST_SIZE, "SHA-256");

struct digest {
	struct sha256_ctx context;
};

void digest_hex(const void *data, size_t size, char *hex)
{
	base16_encode_update(hex, size, data);
	hex[BASE16_ENCODE_LENGTH(size)] = '\0';
}

struct digest *digest_new(void)
{
	struct digest *digest = malloc(sizeof(*digest));

	if (digest != NULL) {
		sha256_init(&digest->context);
	}
	return digest;
}

void digest_update(struct digest *digest, const void *data, size_t size)
{
	if (digest != NULL) {
		sha256_update(&digest->context, size, data);
	}
}

void digest_finish(struct digest *digest, char hex[DIGEST_HEX_SIZE])
{
	uint8_t bytes[DIGEST_SIZE];

	hex[0] = '\0';
	if (digest != NULL) {
		sha256_digest(&digest->context, sizeof(bytes), bytes);
		digest_hex(bytes, sizeof(bytes), hex);
		free(digest);
	}
}

void digest_sha256(const void *data, size_t size, char hex[DIGEST_HEX_SIZE])
{
	struct sha256_ctx context;
	uint8_t bytes[DIGEST_SIZE];

	sha256_init(&context);
	sha256_update(&context, size, data);
	sha256_digest(&context, sizeof(bytes), bytes);
	digest_hex(bytes, sizeof(bytes), hex);
}

void digest_hmac(
	const void *key, size_t key_size, const void *data, size_t size, char hex[DIGEST_HEX_SIZE])
{
	struct hmac_sha256_ctx context;
	uint8_t bytes[DIGEST_SIZE];

	hmac_sha256_set_key(&context, key_size, key);
	hmac_sha256_update(&context, size, data);
	hmac_sha256_digest(&context, sizeof(bytes), bytes);
	digest_hex(bytes, sizeof(bytes), hex);
}
