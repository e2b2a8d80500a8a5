/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport-launch: begins as a host tool's process, ends as a process of the container. It gets a
 * plan, applies it to itself, and execs. Static, so that nothing but this file is looked up before
 * the transition; it reads no configuration, no environment but TERM, and allocates no memory.
 *
 * Three ways in:
 *  - the gate put it in the place of a file of the container's in an execve: it runs as
 *    /.sallyport/launch with that call's arguments, traced by the gate;
 *  - a host tool runs /.sallyport/enter FILE ARG...: it asks the gate;
 *  - `sallyport exec` starts it with an open socket whose number stands in SALLYPORT_SOCKET.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/str.h"
#include "base/wire.h"
#include "launch/apply.h"

enum plan_fds { FD_PLAN, FD_ROOT, FD_NAMESPACES, FD_COUNT = FD_NAMESPACES + PLAN_NAMESPACES };

static int connect_gate(struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = WIRE_GATE_PATH };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
		return error_set(err, errno, "connect to the gate at %s", WIRE_GATE_PATH);
	}
	return sock;
}

/* The socket on which the plan comes, by the way this program was started. */
static int plan_socket(int argc, char **argv, struct error *err)
{
	const char *execfn = (const char *)getauxval(AT_EXECFN);
	const char *number = getenv("SALLYPORT_SOCKET");
	uint64_t fd;

	if (str_equal(execfn, WIRE_LAUNCH_PATH)) {
		return connect_gate(err);
	}
	if (execfn == NULL || !str_starts_with(execfn, "/dev/fd/") || number == NULL) {
		struct wire_enter request = { 0 };

		if (argc < 2) {
			return error_set_hint(err, 0, "usage: " WIRE_ENTER_PATH " FILE [ARG...]",
				"no program named");
		}
		if (strlen(argv[1]) >= sizeof(request.path)) {
			return error_set(err, ENAMETOOLONG, "%.64s...", argv[1]);
		}
		strcpy(request.path, argv[1]);
		int sock = connect_gate(err);
		if (sock < 0) {
			return sock;
		}
		int r = wire_send(sock, WIRE_ENTER, &request, sizeof(request), NULL, 0);
		return r < 0 ? error_set(err, -r, "ask the gate") : sock;
	}
	if (str_to_u64(number, INT32_MAX, &fd) < 0) {
		return error_set(err, 0, "SALLYPORT_SOCKET is no descriptor");
	}
	return (int)fd;
}

static const struct plan *map_plan(int fd, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		error_set(err, errno, "stat the plan");
		return NULL;
	}
	const struct plan *plan = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (plan == MAP_FAILED) {
		error_set(err, errno, "map the plan");
		return NULL;
	}
	if (plan->magic != PLAN_MAGIC || plan->size != (uint64_t)st.st_size) {
		error_set(err, EPROTO, "the plan is of another version of sallyport");
		return NULL;
	}
	return plan;
}

/*
 * The container's environment: the plan's variables, with the tool's TERM where a terminal is there
 * to be described. The array comes from mmap; it is gone with the exec.
 */
static char **environment(const struct plan *plan, struct error *err)
{
	static char term[256];
	size_t size = ((size_t)plan->n_env + 2) * sizeof(char *);
	char **env = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t string = (uintptr_t)plan + plan->env_offset;
	const char *own = getenv("TERM");
	bool use_own = own != NULL && strlen(own) < sizeof(term) - 5 &&
		       (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO));
	size_t n = 0;

	if (env == MAP_FAILED) {
		error_set(err, errno, "map the environment");
		return NULL;
	}
	if (use_own) {
		strcpy(stpcpy(term, "TERM="), own);
	}
	for (uint32_t i = 0; i < plan->n_env; i++) {
		char *var = (char *)string;

		string += strlen(var) + 1;
		if (!use_own || !str_starts_with(var, "TERM=")) {
			env[n++] = var;
		}
	}
	if (use_own) {
		env[n++] = term;
	}
	return env;
}

/* No descriptor of the host's goes along but 0, 1, 2 and those that were asked for. */
static int close_descriptors(const struct wire_plan *wire, struct error *err)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		struct stat st;

		/* With a directory, the container would hold a way to the host: CVE-2024-21626. */
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
			return error_set(
				err, EISDIR, "descriptor %d is a directory of the host", fd);
		}
	}
	if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
		return error_set(err, errno, "close_range");
	}
	for (uint32_t i = 0; i < wire->n_keep && i < WIRE_KEEP_FDS_MAX; i++) {
		struct stat st;

		if (fstat(wire->keep[i], &st) < 0) {
			continue;
		}
		if (S_ISDIR(st.st_mode)) {
			return error_set(err, EISDIR, "--keep-fd %d is a directory of the host",
				wire->keep[i]);
		}
		fcntl(wire->keep[i], F_SETFD, 0);
	}
	return 0;
}

static int enter_directory(const struct plan *plan, const struct wire_plan *wire, struct error *err)
{
	const char *own = (const char *)plan + plan->cwd_offset;
	const char *cwd = wire->cwd[0] != '\0' ? wire->cwd : own;

	if (chdir(cwd) == 0) {
		return 0;
	}
	if (cwd == own && plan->cwd_required == 0) {
		return chdir("/") == 0 ? 0 : error_set(err, errno, "enter the directory /");
	}
	return error_set(err, errno, "enter the directory %s of the container", cwd);
}

/* execve, and as execvp(3) does /bin/sh for a file without an interpreter line. Returns errno. */
static int exec_file(const char *path, char **argv, char **env)
{
	execve(path, argv, env);
	if (errno != ENOEXEC) {
		return errno;
	}
	size_t argc = 0;
	while (argv[argc] != NULL) {
		argc++;
	}
	size_t size = (argc + 3) * sizeof(char *);
	char **shell = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (shell == MAP_FAILED) {
		return ENOEXEC;
	}
	shell[0] = (char *)(uintptr_t) "/bin/sh";
	shell[1] = (char *)(uintptr_t)path;
	for (size_t i = 1; i < argc; i++) {
		shell[i + 1] = argv[i];
	}
	execve(shell[0], shell, env);
	return ENOEXEC;
}

/* As execvp(3): the first file in PATH that can be executed; EACCES is remembered. Returns errno.
 */
static int exec_search(const char *name, char **argv, char **env)
{
	const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	int result = ENOENT;

	for (char **var = env; *var != NULL; var++) {
		if (str_starts_with(*var, "PATH=")) {
			path = *var + strlen("PATH=");
		}
	}
	for (const char *end; path != NULL; path = *end == ':' ? end + 1 : NULL) {
		char file[PATH_MAX];

		end = strchrnul(path, ':');
		int length = (int)(end - path);
		int n = snprintf(
			file, sizeof(file), "%.*s/%s", length, length > 0 ? path : ".", name);
		if (n < 0 || (size_t)n >= sizeof(file)) {
			continue;
		}
		int code = exec_file(file, argv, env);
		if (code == EACCES) {
			result = EACCES;
		} else if (code != ENOENT && code != ENOTDIR) {
			return code;
		}
	}
	return result;
}

static int apply(
	const struct plan *plan, const struct wire_plan *wire, const int *fds, struct error *err)
{
	int r = apply_fresh_start(err);

	if (r == 0) {
		r = close_descriptors(wire, err);
	}
	if (r == 0) {
		r = apply_namespaces(plan, fds + FD_NAMESPACES, fds[FD_ROOT], err);
	}
	if (r == 0) {
		r = apply_credentials(plan, fds[FD_NAMESPACES + PLAN_USER], err);
	}
	if (r == 0) {
		r = enter_directory(plan, wire, err);
	}
	if (r == 0) {
		r = apply_attributes(plan, err);
	}
	if (r == 0) {
		r = apply_privileges(plan, err);
	}
	return r;
}

int main(int argc, char **argv)
{
	static struct wire_plan wire;
	int fds[FD_COUNT];
	struct error err = { 0 };

	/* From here on nothing in the container may look into this process: ptrace(2), dumpable. */
	prctl(PR_SET_DUMPABLE, 0);
	int sock = plan_socket(argc, argv, &err);
	if (sock < 0 ||
		wire_receive(sock, WIRE_PLAN, &wire, sizeof(wire), fds, FD_COUNT, &err) < 0) {
		log_error("%s", err.message);
		return EXIT_OURS;
	}
	log_set_subject(wire.subject);
	const struct plan *plan = map_plan(fds[FD_PLAN], &err);
	char **env = plan != NULL ? environment(plan, &err) : NULL;
	if (env != NULL && (int)wire.skip_args >= argc) {
		error_set(&err, EINVAL, "run %s without arguments", wire.path);
	}
	if (env == NULL || err.code != 0 || apply(plan, &wire, fds, &err) < 0) {
		log_error("%s", err.message);
		return EXIT_OURS;
	}
	argv += wire.skip_args;
	if (wire.in_session != 0 && str_starts_with(argv[0], WIRE_CONTAINER_PATH "/")) {
		argv[0] += strlen(WIRE_CONTAINER_PATH);
	}
	int code = wire.search != 0 ? exec_search(wire.path, argv, env)
				    : exec_file(wire.path, argv, env);
	log_error("cannot execute %s in the container: %s", wire.path, strerror(code));
	return exit_of_exec(code);
}
