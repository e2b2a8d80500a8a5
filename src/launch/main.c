/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport-launch: begins as a host tool's process, ends as a process of the container. It gets a
 * plan, applies it to itself, and execs. Static, so that nothing but this file is looked up before
 * the transition; it reads no configuration, no environment but TERM, and allocates no memory.
 *
 * As /.sallyport/why it only asks for `sallyport why`: ask.h. Three ways in:
 *  - the gate put it in the place of a file of the container's in an execve: it runs as
 *    /.sallyport/launch with that call's arguments, traced by the gate;
 *  - a host tool runs /.sallyport/enter FILE ARG...: it asks the gate;
 *  - `sallyport exec` starts it with an open socket whose number stands in SALLYPORT_SOCKET.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/str.h"
#include "base/wire.h"
#include "launch/apply.h"
#include "launch/ask.h"

static int connect_gate(struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = WIRE_GATE_PATH };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == EACCES) {
			return error_set_hint(err, EACCES,
				"run it as root; as another user of the container: sallyport exec "
				"-u USER",
				"the gate serves only root's tools");
		}
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

/* The plan of which N_FDS descriptors came along, FD the first. */
static const struct plan *map_plan(int fd, size_t n_fds, struct error *err)
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
	if (plan->magic != PLAN_MAGIC || plan->size != (uint64_t)st.st_size ||
		PLAN_FD_CGROUPS + plan->n_cgroups != n_fds) {
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

/*
 * A pipe belongs to who made it; the container's program could not open its own /dev/stderr. Files
 * of the operator's are left alone.
 */
static void give_pipes(const struct plan *plan)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		struct statfs fs;

		if (fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC) {
			(void)!fchown(fd, plan->euid, (gid_t)-1);
		}
	}
}

/* No descriptor of the host's goes along but 0, 1, 2 and those that were asked for. */
static int close_descriptors(const struct wire_plan *wire, struct error *err)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		struct stat st;

		/* With a directory, the container would hold a way to the host: CVE-2024-21626. */
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
			return error_set_hint(err, EISDIR,
				"it would lead out of the container: redirect it, </dev/null",
				"descriptor %d is a directory of the host", fd);
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
			return error_set_hint(err, EISDIR, "it would lead out of the container",
				"--keep-fd %d is a directory of the host", wire->keep[i]);
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

/* The file is there, what its first line or its ELF header names is not: ENOENT too, execve(2). */
static bool lacks_interpreter;

/* execve, and as execvp(3) does /bin/sh for a file without an interpreter line. Returns errno. */
static int exec_file(const char *path, char **argv, char **env)
{
	execve(path, argv, env);
	int code = errno;
	if (code != ENOEXEC) {
		lacks_interpreter |= code == ENOENT && access(path, F_OK) == 0;
		return code;
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
	const char *path = PLAN_DEFAULT_PATH;
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

/* EACCES and EPERM have many fathers; where a label was to be given, that is one of them. */
static bool explain(const struct plan *plan, int code)
{
	return plan->n_attributes > 0 && (code == EACCES || code == EPERM);
}

static int apply(
	const struct plan *plan, const struct wire_plan *wire, const int *fds, struct error *err)
{
	int r = apply_fresh_start(err);

	if (r == 0) {
		r = close_descriptors(wire, err);
	}
	if (r == 0) {
		give_pipes(plan);
		r = apply_labels(plan, err);
	}
	if (r == 0) {
		r = apply_keyring(err);
	}
	if (r == 0) {
		r = apply_cgroups(plan, fds + PLAN_FD_CGROUPS, err);
	}
	if (r == 0) {
		r = apply_namespaces(plan, fds + PLAN_FD_NAMESPACES, fds[PLAN_FD_ROOT], err);
	}
	if (r == 0) {
		r = apply_credentials(plan, fds[PLAN_FD_NAMESPACES + PLAN_USER], err);
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

/* Becomes the container's program. Returns only where that failed: the exit status, with ERR. */
static int run(int argc, char **argv, const struct wire_plan *wire, const int *fds, size_t n_fds,
	struct error *err)
{
	const struct plan *plan = map_plan(fds[PLAN_FD_PLAN], n_fds, err);
	char **env = plan != NULL ? environment(plan, err) : NULL;

	if (env != NULL && (int)wire->skip_args >= argc) {
		error_set(err, EINVAL, "run %s without arguments", wire->path);
	}
	if (env == NULL || err->code != 0 || apply(plan, wire, fds, err) < 0) {
		return EXIT_OURS;
	}
	argv += wire->skip_args;
	if (wire->in_session != 0 && str_starts_with(argv[0], WIRE_CONTAINER_PATH "/")) {
		argv[0] += strlen(WIRE_CONTAINER_PATH);
	}
	if (wire->exec_fd > STDERR_FILENO) {
		syscall(SYS_execveat, wire->exec_fd, "", argv, env, AT_EMPTY_PATH);
		error_set(err, errno, "cannot execute the program that was handed in");
		return EXIT_NOT_EXECUTABLE;
	}
	int code = wire->search != 0 ? exec_search(wire->path, argv, env)
				     : exec_file(wire->path, argv, env);
	if (explain(plan, code)) {
		error_set_hint(err, code,
			"if its mode allows it, the container's label may not begin with this "
			"file, see: ausearch -m avc,apparmor_denied -ts recent",
			"cannot execute %s in the container", wire->path);
	} else if (code == ENOENT && lacks_interpreter) {
		error_set(err, 0,
			"cannot execute %s in the container: the interpreter or loader that it "
			"names is not there",
			wire->path);
		err->code = code;
	} else {
		error_set(err, code, "cannot execute %s in the container", wire->path);
	}
	return exit_of_exec(code);
}

/* By whatever path its file was executed. */
static bool is_why(void)
{
	const char *execfn = (const char *)getauxval(AT_EXECFN);
	const char *name = execfn != NULL ? strrchr(execfn, '/') : NULL;

	return name != NULL && str_equal(name, strrchr(WIRE_WHY_PATH, '/'));
}

int main(int argc, char **argv)
{
	static struct wire_plan wire;
	int fds[PLAN_FDS_MAX];
	struct error err = { 0 };

	/* From here on nothing in the container may look into this process: ptrace(2), dumpable. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (is_why()) {
		int r = ask_why(argc, argv, &err);

		if (r < 0) {
			log_error("%s", err.message);
		}
		return r < 0 ? EXIT_OURS : r;
	}
	int sock = plan_socket(argc, argv, &err);
	int n = sock < 0 ? sock
			 : wire_receive_some(
				   sock, WIRE_PLAN, &wire, sizeof(wire), fds, PLAN_FDS_MAX, &err);
	if (n < PLAN_FD_CGROUPS) {
		log_error("%s", err.message);
		return EXIT_OURS;
	}
	log_set_subject(wire.subject);
	int status = run(argc, argv, &wire, fds, (size_t)n, &err);
	log_error("%s", err.message);
	/* For the record; nobody may be there to read it. */
	wire_send_failed(sock, WIRE_FAILED, &err);
	return status;
}
