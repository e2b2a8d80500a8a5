/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fs-mount VIEW SOURCE MOUNTPOINT [OPTION...] -- COMMAND [ARGUMENT...]
 *
 * Mounts SOURCE at MOUNTPOINT through sallyport-fs (the program that SALLYPORT_FS names), in a
 * mount namespace of its own, and runs COMMAND in it; its exit status is the command's. VIEW is
 * host or container. Options:
 *   --read-only
 *   --owner=UID:GID          whom root's files in that user's directories belong to
 *   --uid-map=IN:OUT:COUNT   may be repeated, as --gid-map
 *   --gid-map=IN:OUT:COUNT
 *   --check=PID              turns processes of PID's mount namespace away
 *   --nofile=N               the server's limit of open files
 *   --pid-file=FILE          writes the server's pid there
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/wire.h"

extern int mount(const char *, const char *, const char *, unsigned long, const void *);

static void die(const char *what)
{
	fprintf(stderr, "fs-mount: %s: %s\n", what, strerror(errno));
	exit(125);
}

struct request {
	struct wire_fs_start start;
	const char *source;
	const char *mountpoint;
	const char *pid_file;
	rlim_t nofile;
	char **command;
};

static void add_range(struct wire_id_range *ranges, uint32_t *n, const char *text)
{
	struct wire_id_range *r = &ranges[*n];

	if (*n >= WIRE_ID_RANGES_MAX ||
		sscanf(text, "%u:%u:%u", &r->inside, &r->outside, &r->count) != 3) {
		errno = EINVAL;
		die(text);
	}
	(*n)++;
}

static struct ns_id ns_id(const char *pid, const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", pid, name);
	if (stat(path, &st) != 0) {
		die(path);
	}
	return (struct ns_id){ st.st_dev, st.st_ino };
}

static void parse(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "read-only", no_argument, NULL, 'r' },
		{ "owner", required_argument, NULL, 'o' },
		{ "uid-map", required_argument, NULL, 'u' },
		{ "gid-map", required_argument, NULL, 'g' },
		{ "check", required_argument, NULL, 'c' },
		{ "nofile", required_argument, NULL, 'n' },
		{ "pid-file", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	struct wire_fs_start *start = &request->start;
	int option;

	start->owner_uid = UINT32_MAX;
	start->owner_gid = UINT32_MAX;
	if (argc < 5) {
		errno = EINVAL;
		die("fs-mount VIEW SOURCE MOUNTPOINT [OPTION...] -- COMMAND...");
	}
	start->view = strcmp(argv[1], "host") == 0 ? WIRE_VIEW_HOST : WIRE_VIEW_CONTAINER;
	request->source = argv[2];
	request->mountpoint = argv[3];
	argc -= 3;
	argv += 3;
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			start->read_only = 1;
			break;
		case 'o':
			sscanf(optarg, "%u:%u", &start->owner_uid, &start->owner_gid);
			break;
		case 'u':
			add_range(start->uid_ranges, &start->n_uid_ranges, optarg);
			break;
		case 'g':
			add_range(start->gid_ranges, &start->n_gid_ranges, optarg);
			break;
		case 'c':
			start->callers.container_mnt = ns_id(optarg, "mnt");
			start->callers.our_user = ns_id("self", "user");
			break;
		case 'n':
			request->nofile = strtoul(optarg, NULL, 10);
			break;
		case 'p':
			request->pid_file = optarg;
			break;
		default:
			exit(125);
		}
	}
	request->command = argv + optind;
}

static int open_root(const struct request *request)
{
	int fd;

	if (request->start.view == WIRE_VIEW_HOST) {
		fd = open(request->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	} else {
		fd = (int)syscall(SYS_open_tree, AT_FDCWD, request->source,
			OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	}
	if (fd < 0) {
		die(request->source);
	}
	return fd;
}

static pid_t start_server(const struct request *request, int *sock)
{
	const char *program = getenv("SALLYPORT_FS");
	int pair[2];

	if (program == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		die("SALLYPORT_FS");
	}
	pid_t pid = fork();

	if (pid < 0) {
		die("fork");
	}
	if (pid == 0) {
		struct rlimit limit = { request->nofile, request->nofile };

		setsid();
		if (request->nofile != 0 && setrlimit(RLIMIT_NOFILE, &limit) != 0) {
			die("setrlimit");
		}
		if (pair[1] == WIRE_SOCKET_FD) {
			fcntl(pair[1], F_SETFD, 0);
		} else {
			dup2(pair[1], WIRE_SOCKET_FD);
		}
		execl(program, program, (char *)NULL);
		die(program);
	}
	close(pair[1]);
	*sock = pair[0];
	return pid;
}

static void write_pid(const char *path, pid_t pid)
{
	FILE *f = path != NULL ? fopen(path, "we") : NULL;

	if (f != NULL) {
		fprintf(f, "%d\n", (int)pid);
		fclose(f);
	}
}

static void set(int fs, unsigned command, const char *key, const char *value)
{
	if (syscall(SYS_fsconfig, fs, command, key, value, 0) != 0) {
		die(key != NULL ? key : "fsconfig");
	}
}

/* Makes the mount of DEVICE and puts it where the request wants it. */
static void mount_view(const struct request *request, int device)
{
	char number[16];
	int fs = (int)syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);

	snprintf(number, sizeof(number), "%d", device);
	set(fs, FSCONFIG_SET_STRING, "source", "sallyport");
	set(fs, FSCONFIG_SET_STRING, "fd", number);
	set(fs, FSCONFIG_SET_STRING, "rootmode", "40000");
	set(fs, FSCONFIG_SET_STRING, "user_id", "0");
	set(fs, FSCONFIG_SET_STRING, "group_id", "0");
	set(fs, FSCONFIG_SET_FLAG, "allow_other", NULL);
	set(fs, FSCONFIG_SET_FLAG, "default_permissions", NULL);
	set(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	int mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);

	if (mnt < 0 || syscall(SYS_move_mount, mnt, "", AT_FDCWD, request->mountpoint,
			       MOVE_MOUNT_F_EMPTY_PATH) != 0) {
		die(request->mountpoint);
	}
	close(mnt);
	close(fs);
}

static int run(char **command)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(command[0], command);
		die(command[0]);
	}
	signal(SIGINT, SIG_IGN);
	while (waitpid(pid, &status, 0) != pid) {
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	static struct request request;
	struct wire_ready ready;
	struct error err;
	int sock, status;

	parse(argc, argv, &request);
	/* Outside of the view: the server stays in the namespace that it came from. */
	int root = open_root(&request);
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	int fds[] = { device, root };
	pid_t server = start_server(&request, &sock);

	write_pid(request.pid_file, server);
	if (device < 0 ||
		wire_send(sock, WIRE_FS_START, &request.start, sizeof(request.start), fds, 2) < 0) {
		die("/dev/fuse");
	}
	if (wire_receive(sock, WIRE_READY, &ready, sizeof(ready), NULL, 0, &err) < 0) {
		fprintf(stderr, "fs-mount: %s\n", err.message);
		return 125;
	}
	/* From here on nothing that is mounted is seen elsewhere. */
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, 1 << 18 | 1 << 14, NULL) != 0) {
		die("unshare");
	}
	mount_view(&request, device);
	/* Who is in here may ask without a closer look, as in a session. */
	struct wire_session session = { .mnt = ns_id("self", "mnt") };

	if (wire_send(sock, WIRE_SESSION, &session, sizeof(session), NULL, 0) < 0) {
		die("the server's socket");
	}
	close(device);
	close(root);
	int result = run(request.command);

	close(sock);
	for (int i = 0; i < 500; i++) {
		if (waitpid(server, &status, WNOHANG) == server) {
			if (status != 0) {
				fprintf(stderr, "fs-mount: the server ended with %#x\n",
					(unsigned)status);
				return 125;
			}
			return result;
		}
		usleep(10000);
	}
	fprintf(stderr, "fs-mount: the server didn't end\n");
	kill(server, SIGKILL);
	return 125;
}
