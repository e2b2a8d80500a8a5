/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#define HEADERS_MAX (64u << 10)
#define RETRY_MS 20

/* Waits for EVENTS on FD until DEADLINE. Returns 0 or a negative errno. */
static int wait_for(int fd, short events, int64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = deadline - clock_ms();

		if (left <= 0) {
			return -ETIMEDOUT;
		}
		int r = poll(&p, 1, (int)left);
		if (r > 0) {
			return 0;
		}
		if (r < 0 && errno != EINTR) {
			return -errno;
		}
	}
}

/* Connects to the socket that the O_PATH descriptor SOCKET_FD pins. */
static int connect_to(int socket_fd, int64_t deadline)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (fd < 0) {
		return -errno;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", socket_fd);
	/* A full backlog gives EAGAIN: connect(2). */
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			return -errno;
		}
		if (clock_ms() >= deadline) {
			return -ETIMEDOUT;
		}
		poll(NULL, 0, RETRY_MS);
	}
	return steal_fd(&fd);
}

static int send_request(int fd, const char *request, int64_t deadline)
{
	size_t size = strlen(request);

	while (size > 0) {
		ssize_t n = send(fd, request, size, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return -errno;
		}
		if (n < 0) {
			int r = wait_for(fd, POLLOUT, deadline);
			if (r < 0) {
				return r;
			}
			continue;
		}
		request += n;
		size -= (size_t)n;
	}
	return 0;
}

static int receive_response(int fd, int64_t deadline, char **response, size_t *size)
{
	size_t room = 16384;
	size_t used = 0;
	_cleanup_free_ char *buffer = malloc(room + 1);

	while (buffer != NULL) {
		int r = wait_for(fd, POLLIN, deadline);

		if (r < 0) {
			return r;
		}
		ssize_t n = recv(fd, buffer + used, room - used, 0);
		if (n == 0) {
			buffer[used] = '\0';
			*response = steal_pointer(&buffer);
			*size = used;
			return 0;
		}
		if (n < 0) {
			if (errno == EAGAIN || errno == EINTR) {
				continue;
			}
			return -errno;
		}
		used += (size_t)n;
		if (used < room) {
			continue;
		}
		if (room > HTTP_BODY_MAX) {
			return -EFBIG;
		}
		char *larger = realloc(buffer, 2 * room + 1);
		if (larger == NULL) {
			return -ENOMEM;
		}
		buffer = larger;
		room *= 2;
	}
	return -ENOMEM;
}

/* The value of the Content-Length among the HEADERS, or -1. A length that is no number is -2. */
static int64_t content_length(const char *headers, const char *end)
{
	static const char field[] = "content-length:";

	for (const char *line = headers; line < end;) {
		const char *next = strstr(line, "\r\n");

		if (strncasecmp(line, field, strlen(field)) == 0) {
			char number[24];
			const char *value = line + strlen(field);

			value += strspn(value, " \t");
			size_t length = strcspn(value, " \t\r\n");
			uint64_t out;
			if (length >= sizeof(number)) {
				return -2;
			}
			memcpy(number, value, length);
			number[length] = '\0';
			return str_to_u64(number, HTTP_BODY_MAX, &out) == 0 ? (int64_t)out : -2;
		}
		if (next == NULL) {
			break;
		}
		line = next + 2;
	}
	return -1;
}

int http_parse(const char *response, size_t size, const char **body, size_t *body_size)
{
	const char *end = strstr(response, "\r\n\r\n");

	/* "HTTP/1.x NNN" */
	if (!str_starts_with(response, "HTTP/1.") || end == NULL ||
		(size_t)(end - response) > HEADERS_MAX || end - response < 12 ||
		response[8] != ' ' || strspn(response + 9, "0123456789") != 3) {
		return -EPROTO;
	}
	*body = end + 4;
	*body_size = size - (size_t)(*body - response);
	int64_t length = content_length(response, end);
	/* The connection broke, or somebody lies. */
	if (length == -2 || (length >= 0 && (uint64_t)length != *body_size)) {
		return -EPROTO;
	}
	return (int)strtol(response + 9, NULL, 10);
}

int http_get(const struct place *place, const char *socket, const char *path, int timeout_ms,
	char **body, size_t *size, uid_t *peer, struct error *err)
{
	int64_t deadline = clock_ms() + timeout_ms;
	_cleanup_close_ int socket_fd = state_open(place, socket, S_IFSOCK, err);
	_cleanup_free_ char *response = NULL;
	struct ucred cred;
	socklen_t length = sizeof(cred);
	size_t response_size = 0;
	const char *start;

	if (socket_fd < 0) {
		return socket_fd;
	}
	_cleanup_close_ int fd = connect_to(socket_fd, deadline);
	if (fd < 0) {
		return error_set(err, -fd, "connect to %s", socket);
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) < 0) {
		return error_set(err, errno, "SO_PEERCRED of %s", socket);
	}
	if (place->owner != 0 && cred.uid != place->owner) {
		return error_set(err, EPERM, "%s is served by uid %u", socket, cred.uid);
	}
	_cleanup_free_ char *request =
		str_format("GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
	int r = request == NULL ? -ENOMEM : send_request(fd, request, deadline);
	if (r == 0) {
		r = receive_response(fd, deadline, &response, &response_size);
	}
	if (r < 0) {
		return error_set(err, -r, "ask %s", socket);
	}
	r = http_parse(response, response_size, &start, size);
	if (r < 0) {
		return error_set(err, -r, "what %s answers is no HTTP", socket);
	}
	memmove(response, start, *size + 1);
	*body = steal_pointer(&response);
	*peer = cred.uid;
	return r;
}

struct json_object *http_get_json(const struct place *place, const char *socket, const char *path,
	int timeout_ms, uid_t *peer, struct error *err)
{
	_cleanup_free_ char *body = NULL;
	size_t size;
	int status = http_get(place, socket, path, timeout_ms, &body, &size, peer, err);

	if (status < 0) {
		return NULL;
	}
	if (status != 200) {
		error_set(err, status == 404 ? ENOENT : EPROTO, "%s answers %s with status %d",
			socket, path, status);
		return NULL;
	}
	return json_parse(body, size, socket, err);
}
