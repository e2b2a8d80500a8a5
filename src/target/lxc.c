/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LXC: each running container's monitor listens on the abstract socket LXCPATH/NAME/command and
 * tells the init's pid. The containers of LXD and Incus have such sockets too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/process.h"
#include "target/state.h"
#include "target/text.h"

#define DEFAULT_PATH "/var/lib/lxc"
#define LXC_CONFIG "/etc/lxc/lxc.conf"
#define LXC_INFO "/usr/bin/lxc-info"
#define SUFFIX "/command"
#define SOCKETS_MAX (16u << 20) /* bytes of /proc/net/unix */
#define TIMEOUT_S 1		/* for one monitor */
#define SILENT_MAX 3 /* more that don't answer are an attack: anybody can bind such a name */
#define PATH_ROOM 4096

/* lxc_cmd_t of src/lxc/commands.h; 2 would be LXC_CMD_STOP. */
#define COMMAND_GET_INIT_PID 4

/* struct lxc_cmd_req and struct lxc_cmd_rsp of src/lxc/commands.h: by pointer-sized members, as the
 * library of the same machine has them. */
struct request {
	int command;
	int length;
	const void *data;
};

struct response {
	int ret;
	int length;
	intptr_t data;
};

struct container {
	const char *path; /* LXCPATH */
	const char *name;
	pid_t pid;
	uid_t owner;
};

/* What LXCPATH tells of the engine that made it. */
static const struct {
	const char *part;
	const char *engine;
} path_engines[] = {
	{ "/lxd/", "lxd" },
	{ "/incus/", "incus" },
};

static int connect_abstract(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	size_t length = strlen(name);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || length + 1 > sizeof(address.sun_path)) {
		return -1;
	}
	memcpy(address.sun_path + 1, name, length);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0) {
		return -1;
	}
	return steal_fd(&fd);
}

/* Sends the request with our credentials, without which the monitor drops it. */
static bool send_request(int fd)
{
	struct request request = { .command = COMMAND_GET_INIT_PID };
	const struct ucred cred = { .pid = getpid(), .uid = geteuid(), .gid = getegid() };
	char control[CMSG_SPACE(sizeof(cred))] = "";
	struct iovec iov = { .iov_base = &request, .iov_len = sizeof(request) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_CREDENTIALS;
	header->cmsg_len = CMSG_LEN(sizeof(cred));
	memcpy(CMSG_DATA(header), &cred, sizeof(cred));
	return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(request);
}

/* Asks the monitor behind the abstract socket NAME. */
static pid_t ask(const char *name, uid_t *owner, int *silent)
{
	_cleanup_close_ int fd = connect_abstract(name);
	struct response response;
	struct ucred cred;
	socklen_t length = sizeof(cred);

	if (fd < 0 && errno == EAGAIN) {
		(*silent)++;
	}
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) < 0 ||
		!send_request(fd)) {
		return 0;
	}
	ssize_t n = recv(fd, &response, sizeof(response), MSG_WAITALL);
	if (n < 0 && errno == EAGAIN) {
		(*silent)++;
	}
	if (n != (ssize_t)sizeof(response) || response.ret < 0 || response.data <= 0 ||
		response.data > INT32_MAX) {
		return 0;
	}
	*owner = cred.uid;
	return (pid_t)response.data;
}

/*
 * Anybody in our network namespace, a container's root too, can bind such a socket. What it names
 * must be the child of a monitor that says NAME of itself and lives in our own pid namespace, and
 * for the system's containers in our user namespace.
 */
static bool has_monitor(pid_t pid, const char *name, uid_t owner)
{
	_cleanup_free_ char *arguments = NULL;
	struct process process;
	struct process parent;
	size_t size = 0;
	_cleanup_close_ int proc_fd = procfs_open(pid, NULL);

	if (proc_fd < 0 || process_read(proc_fd, &process, NULL) < 0 || process.ppid == 0) {
		return false;
	}
	_cleanup_close_ int parent_fd = procfs_open(process.ppid, NULL);
	if (parent_fd < 0 || process_read(parent_fd, &parent, NULL) < 0 ||
		!process_shares(parent_fd, "pid") ||
		(owner == 0 && (!process_shares(parent_fd, "user") || parent.uid != 0)) ||
		process_arguments(parent_fd, &arguments, &size) < 0) {
		return false;
	}
	return memmem(arguments, size, name, strlen(name)) != NULL;
}

static int add(struct roll *roll, const struct container *container)
{
	const struct place system = PLACE_SYSTEM;
	_cleanup_free_ char *path = str_format("%s/%s/config", container->path, container->name);
	_cleanup_free_ char *config = NULL;
	char rootfs[PATH_ROOM] = "";
	const char *engine = "lxc";

	if (path == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < ARRAY_SIZE(path_engines); i++) {
		if (strstr(container->path, path_engines[i].part) != NULL) {
			engine = path_engines[i].engine;
		}
	}
	if (container->owner == 0 && state_read(&system, path, &config, NULL, NULL) == 0 &&
		!text_value(config, "lxc.rootfs.path", rootfs, sizeof(rootfs))) {
		rootfs[0] = '\0';
	}
	const struct found found = {
		.engine = engine,
		.name = container->name,
		.image = str_starts_with(rootfs, "dir:") ? rootfs + strlen("dir:") : rootfs,
		.pid = container->pid,
		.owner = container->owner,
	};
	return roll_add(roll, &found);
}

/* A line of /proc/net/unix; its eighth field is the name, "@" standing for the NUL: proc(5). */
static int look_at_socket(struct roll *roll, char *line, int *silent)
{
	size_t length = strlen(line);
	char *name = strstr(line, " @/");
	struct container container;

	if (name == NULL || length <= strlen(SUFFIX) ||
		strcmp(line + length - strlen(SUFFIX), SUFFIX) != 0) {
		return 0;
	}
	name += strlen(" @");
	container.pid = ask(name, &container.owner, silent);
	line[length - strlen(SUFFIX)] = '\0';
	char *slash = strrchr(name, '/');
	if (container.pid == 0 || slash == name) {
		return 0;
	}
	*slash = '\0';
	container.path = name;
	container.name = slash + 1;
	if (!has_monitor(container.pid, container.name, container.owner)) {
		return 0;
	}
	return add(roll, &container);
}

static int list_sockets(struct roll *roll, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;
	int silent = 0;
	int r = fd_read_file(AT_FDCWD, "/proc/net/unix", SOCKETS_MAX, &text, NULL, err);

	if (r < 0) {
		return r;
	}
	for (char *line = strtok_r(text, "\n", &save); r == 0 && line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		/* A connection has its listener's name: only the listener, flag __SO_ACCEPTCON. */
		if (silent < SILENT_MAX && strstr(line, " 00010000 ") != NULL) {
			r = look_at_socket(roll, line, &silent);
		}
	}
	if (silent > 0) {
		roll_warn(roll, "lxc: %d or more sockets of monitors don't answer", silent);
	}
	return r < 0 ? error_set(err, -r, "list containers") : 0;
}

/* Reads a number of at most a line from FD within the time-out. */
static pid_t read_pid(int fd)
{
	char line[32];
	size_t used = 0;
	uint64_t pid;

	while (used < sizeof(line) - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n = poll(&p, 1, TIMEOUT_S * 1000) == 1
				    ? read(fd, line + used, sizeof(line) - 1 - used)
				    : 0;

		if (n <= 0) {
			break;
		}
		used += (size_t)n;
	}
	line[used] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return str_to_u64(line, INT32_MAX, &pid) == 0 ? (pid_t)pid : 0;
}

/*
 * LXC hashes the names of sockets that would be too long; its own tool knows how. It runs with
 * nothing of our environment and is ended when it takes too long.
 */
static pid_t ask_tool(const char *path, const char *name)
{
	const char *const argv[] = { LXC_INFO, "-P", path, "-n", name, "-pH", NULL };
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
	posix_spawn_file_actions_t actions;
	int pipe_fds[2];
	pid_t child;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		return 0;
	}
	_cleanup_close_ int read_end = pipe_fds[0];
	_cleanup_close_ int write_end = pipe_fds[1];
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, write_end, 1);
	int r = posix_spawn(&child, LXC_INFO, &actions, NULL, (char *const *)(uintptr_t)argv,
		(char *const *)(uintptr_t)env);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0) {
		return 0;
	}
	close(steal_fd(&write_end));
	pid_t pid = read_pid(read_end);
	kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
	}
	return pid;
}

struct directory {
	struct roll *roll;
	const char *path;
};

/* Containers that are defined below LXCPATH: those that don't run have no socket. */
static int look_at_directory(const char *name, void *data)
{
	struct directory *directory = data;
	const struct place system = PLACE_SYSTEM;
	struct container container = { .path = directory->path, .name = name };
	_cleanup_free_ char *config = str_format("%s/%s/config", directory->path, name);
	struct sockaddr_un address;

	if (config == NULL) {
		return -ENOMEM;
	}
	_cleanup_close_ int fd = state_open(&system, config, S_IFREG, NULL);
	if (fd < 0) {
		return 0;
	}
	for (size_t i = 0; i < directory->roll->list.count; i++) {
		const struct target *target = &directory->roll->list.targets[i];

		if (target->owner == 0 && strcmp(target->engine, "lxc") == 0 &&
			strcmp(target->name, name) == 0) {
			return 0;
		}
	}
	if (strlen(directory->path) + strlen(name) + strlen("/" SUFFIX) >=
		sizeof(address.sun_path)) {
		container.pid = ask_tool(directory->path, name);
		if (!has_monitor(container.pid, name, 0)) {
			container.pid = 0;
		}
	}
	return add(directory->roll, &container);
}

int lxc_list(struct roll *roll, struct error *err)
{
	const struct place system = PLACE_SYSTEM;
	_cleanup_free_ char *config = NULL;
	char path[PATH_ROOM];
	struct directory directory = { .roll = roll, .path = DEFAULT_PATH };
	int r = list_sockets(roll, err);

	if (state_read(&system, LXC_CONFIG, &config, NULL, NULL) == 0 &&
		text_value(config, "lxc.lxcpath", path, sizeof(path))) {
		directory.path = path;
	}
	if (r == 0) {
		r = state_each(&system, directory.path, look_at_directory, &directory, err);
	}
	return state_is_absent(r) ? 0 : r;
}
