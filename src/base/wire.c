/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

int wire_send(
	int sock, enum wire_type type, void *message, size_t size, const int *fds, size_t n_fds)
{
	struct wire_header *header = message;

	header->type = type;
	header->length = (uint32_t)size;
	return fd_send(sock, message, size, fds, n_fds);
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		close(fds[i]);
	}
}

/* A WIRE_FAILED of any type, received into BUFFER: its words become ERR's. */
static int take_failure(const struct wire_failed *failed, struct error *err)
{
	int code = failed->code > 0 && failed->code < 4096 ? (int)failed->code : EPROTO;

	if (err != NULL) {
		err->code = code;
		memcpy(err->message, failed->message, sizeof(err->message));
		err->message[sizeof(err->message) - 1] = '\0';
	}
	return -code;
}

int wire_receive_some(int sock, enum wire_type type, void *message, size_t size, int *fds,
	size_t max_fds, struct error *err)
{
	struct wire_failed failed;
	struct wire_header *header;
	int received[FD_PASS_MAX];
	size_t n_received;
	bool larger = size >= sizeof(failed);
	void *buffer = larger ? message : &failed;
	ssize_t n = fd_receive(
		sock, buffer, larger ? size : sizeof(failed), received, FD_PASS_MAX, &n_received);

	if (n < 0) {
		return error_set(err, (int)-n, "receive a message");
	}
	if (n == 0) {
		return error_set(err, EPIPE, "the other process has ended");
	}
	header = buffer;
	if ((size_t)n < sizeof(*header) || header->length != (size_t)n) {
		close_all(received, n_received);
		return error_set(err, EPROTO, "receive a message");
	}
	if ((header->type == WIRE_FAILED || header->type == WIRE_REFUSED) && header->type != type &&
		(size_t)n == sizeof(failed) && n_received == 0) {
		return take_failure(buffer, err);
	}
	if (header->type != type || (size_t)n != size || n_received > max_fds) {
		close_all(received, n_received);
		return error_set(err, EPROTO,
			"receive a message: type %u, %zd bytes, %zu descriptors", header->type, n,
			n_received);
	}
	if (!larger) {
		memcpy(message, buffer, size);
	}
	for (size_t i = 0; i < n_received; i++) {
		fds[i] = received[i];
	}
	return (int)n_received;
}

int wire_receive(int sock, enum wire_type type, void *message, size_t size, int *fds, size_t n_fds,
	struct error *err)
{
	int n = wire_receive_some(sock, type, message, size, fds, n_fds, err);

	if (n >= 0 && (size_t)n != n_fds) {
		close_all(fds, (size_t)n);
		return error_set(err, EPROTO, "receive a message: %d descriptors", n);
	}
	return n < 0 ? n : 0;
}

const char *wire_inside(const char *path)
{
	size_t n = strlen(WIRE_CONTAINER_PATH);

	if (strncmp(path, WIRE_CONTAINER_PATH, n) != 0 || (path[n] != '/' && path[n] != '\0')) {
		return NULL;
	}
	return path[n] == '\0' ? "/" : path + n;
}

void wire_send_failed(int sock, enum wire_type type, const struct error *err)
{
	struct wire_failed failed = { .code = (uint32_t)err->code };

	memcpy(failed.message, err->message, sizeof(failed.message));
	wire_send(sock, type, &failed, sizeof(failed), NULL, 0);
}
