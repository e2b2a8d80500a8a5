/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much HTTP as it takes to ask an engine's daemon over its Unix socket: GET by HTTP/1.0, one
 * request for each connection, bounded in size and time.
 */
#ifndef TARGET_HTTP_H
#define TARGET_HTTP_H

#include "target/state.h"

#define HTTP_BODY_MAX (32u << 20)

/*
 * GETs PATH from the daemon at SOCKET of PLACE within TIMEOUT_MS. On success *BODY is the caller's,
 * a NUL follows it, and *PEER is the uid that listens there. Returns the status (200, 404, ...) or
 * a negative errno.
 */
int http_get(const struct place *place, const char *socket, const char *path, int timeout_ms,
	char **body, size_t *size, uid_t *peer, struct error *err);

/* Parses the response of SIZE bytes at RESPONSE, which ends with a NUL. *BODY points into it.
 * Returns the status or -EPROTO. */
int http_parse(const char *response, size_t size, const char **body, size_t *body_size);

/*
 * The same as http_get() for a JSON document. The caller gives it to json_object_put(). NULL on
 * failure and where the status is not 200; then ERR's code is ENOENT for a 404.
 */
struct json_object *http_get_json(const struct place *place, const char *socket, const char *path,
	int timeout_ms, uid_t *peer, struct error *err);

#endif
