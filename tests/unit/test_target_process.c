/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes, hostile files and hostile daemons, all of them real.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/str.h"
#include "target/engine.h"
#include "target/http.h"
#include "target/oci.h"
#include "target/process.h"
#include "target/state.h"

#define OTHER_UID 4242

static char directory[64];

static int make_directory(void **state)
{
	strcpy(directory, "/tmp/test-target-XXXXXX");
	return mkdtemp(directory) != NULL && chmod(directory, 0755) == 0 ? 0 : -1;
}

static int remove_directory(void **state)
{
	_cleanup_free_ char *command = str_format("rm -rf %s", directory);

	umount2(directory, MNT_DETACH);
	return system(command);
}

static char *in_directory(const char *name)
{
	return str_format("%s/%s", directory, name);
}

static void write_file(const char *name, const char *text, uid_t uid)
{
	_cleanup_free_ char *path = in_directory(name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	if (geteuid() == 0) {
		assert_int_equal(fchown(fd, uid, uid), 0);
	}
}

/* In the child of a new pid namespace (and user namespace of OWNER): says that it is up, waits. */
__attribute__((noreturn)) static void live(int pipe_fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(pipe_fd, "", 1) != 1) {
		_exit(1);
	}
	for (;;) {
		pause();
	}
}

/*
 * Starts a process in new namespaces FLAGS, made by OWNER (0: by us). Returns its pid; *PARENT is
 * to be killed.
 */
static pid_t start(int flags, uid_t owner, pid_t *parent)
{
	int up[2];
	pid_t inner = 0;
	char byte;

	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	*parent = fork();
	if (*parent == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (owner != 0 && (setresgid(owner, owner, owner) < 0 ||
					  setresuid(owner, owner, owner) < 0)) {
			_exit(1);
		}
		if (unshare(flags) < 0) {
			_exit(1);
		}
		pid_t child = fork();
		if (child == 0) {
			live(up[1]);
		}
		waitpid(child, NULL, 0);
		_exit(0);
	}
	close(up[1]);
	ssize_t n = read(up[0], &byte, 1);
	close(up[0]);
	if (n == 1) {
		inner = process_child(*parent, true);
	}
	return inner;
}

static void stop(pid_t inner, pid_t parent)
{
	if (inner > 0) {
		kill(inner, SIGKILL);
	}
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
}

static void plain_pids(void **state)
{
	struct target target;
	struct error err = { 0 };

	assert_true(pid_target(&target, getpid(), false, &err) < 0);
	assert_non_null(strstr(err.message, "sallyport itself"));
	assert_true(pid_target(&target, 999999999, false, &err) < 0);
	assert_int_equal(err.code, ESRCH);
	assert_int_equal(pid_target(&target, getppid(), false, &err), 0);
	assert_string_equal(target.engine, "pid");
	assert_int_equal(target.pid, getppid());
	assert_true(target.start_time > 0);
	target_finish(&target);
	target_finish(NULL);
}

static void kernel_threads_are_refused(void **state)
{
	struct target target;
	struct error err = { 0 };
	struct process process;
	_cleanup_close_ int proc_fd = procfs_open(2, NULL);

	if (proc_fd < 0 || process_read(proc_fd, &process, NULL) < 0 || !process.kernel_thread) {
		skip(); /* in a pid namespace none is to be seen */
	}
	assert_true(pid_target(&target, 2, false, &err) < 0);
	assert_non_null(strstr(err.message, "kernel thread"));
}

static pid_t thread_id;

static void *say_thread_id(void *data)
{
	char byte;

	__atomic_store_n(&thread_id, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	return read(*(int *)data, &byte, 1) == 0 ? NULL : data;
}

static void threads_are_refused_unless_wanted(void **state)
{
	struct target target;
	struct error err = { 0 };
	pthread_t thread;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&thread, NULL, say_thread_id, &fds[0]), 0);
	while (__atomic_load_n(&thread_id, __ATOMIC_SEQ_CST) == 0) {
		usleep(1000);
	}
	assert_true(pid_target(&target, thread_id, false, &err) < 0);
	assert_non_null(strstr(err.message, "is a thread of process"));
	assert_int_equal(pid_target(&target, thread_id, true, &err), 0);
	assert_int_equal(target.pid, thread_id);
	target_finish(&target);
	close(fds[1]);
	pthread_join(thread, NULL);
	close(fds[0]);
}

static void zombies_are_refused(void **state)
{
	struct target target;
	struct error err = { 0 };
	pid_t child = fork();

	if (child == 0) {
		_exit(0);
	}
	while (waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT) < 0) {
	}
	assert_true(pid_target(&target, child, false, &err) < 0);
	assert_non_null(strstr(err.message, "zombie"));
	waitpid(child, NULL, 0);
}

static void like_takes_processes_of_the_container_only(void **state)
{
	struct error err = { 0 };
	struct target target = { .name = (char *)(uintptr_t) "box", .engine = "pid" };
	pid_t parent;
	pid_t pid = 0;
	uint64_t start_time = 0;
	pid_t inner = start(CLONE_NEWPID | CLONE_NEWNS, 0, &parent);

	if (inner == 0) {
		stop(0, parent);
		skip(); /* not root */
	}
	_cleanup_free_ char *number = str_format("%d", inner);
	_cleanup_free_ char *outside = str_format("%d", parent);
	target.pid = inner;
	assert_int_equal(target_like(&target, number, &pid, &start_time, &err), 0);
	assert_int_equal(pid, inner);
	assert_true(start_time > 0);
	/* 1 is the host's init, and the container's own is meant. */
	assert_int_equal(target_like(&target, "1", &pid, NULL, &err), 0);
	assert_int_equal(pid, inner);
	assert_true(target_like(&target, outside, &pid, NULL, &err) < 0);
	assert_non_null(strstr(err.message, "is not of container box"));
	assert_true(target_like(&target, "0", &pid, NULL, &err) < 0);
	assert_true(target_like(&target, "-1", &pid, NULL, &err) < 0);
	assert_true(target_like(&target, "99999999999", &pid, NULL, &err) < 0);
	assert_true(target_like(&target, "", &pid, NULL, &err) < 0);
	target.start_time = 1; /* the container ended and the pid is another's */
	assert_true(target_like(&target, number, &pid, NULL, &err) < 0);
	stop(inner, parent);
}

/* With --pid host: descendants of the init. */
static void like_in_the_hosts_pid_namespace(void **state)
{
	struct error err = { 0 };
	struct target target = { .name = (char *)(uintptr_t) "box", .engine = "pid" };
	pid_t parent;
	pid_t pid;
	pid_t inner = start(CLONE_NEWNS, 0, &parent);

	if (inner == 0) {
		stop(0, parent);
		skip();
	}
	_cleanup_free_ char *number = str_format("%d", inner);
	_cleanup_free_ char *own = str_format("%d", getpid());
	target.pid = parent;
	assert_int_equal(target_like(&target, number, &pid, NULL, &err), 0);
	assert_true(target_like(&target, own, &pid, NULL, &err) < 0);
	assert_true(target_like(&target, "1", &pid, NULL, &err) < 0);
	stop(inner, parent);
}

static void processes_belong_to_who_made_their_namespace(void **state)
{
	pid_t parent = 0;
	struct process process;
	pid_t inner = geteuid() == 0 ? start(CLONE_NEWUSER | CLONE_NEWPID, OTHER_UID, &parent) : 0;

	if (inner == 0) {
		if (geteuid() == 0) {
			stop(0, parent);
		}
		skip();
	}
	_cleanup_close_ int proc_fd = procfs_open(inner, NULL);
	_cleanup_close_ int self_fd = procfs_open(getpid(), NULL);
	assert_int_equal(process_read(proc_fd, &process, NULL), 0);
	assert_int_equal(process.inner_pid, 1);
	assert_int_equal(process.levels, 2);
	assert_true(process_belongs_to(proc_fd, &process, OTHER_UID));
	assert_false(process_belongs_to(proc_fd, &process, OTHER_UID + 1));
	assert_int_equal(process_read(self_fd, &process, NULL), 0);
	assert_false(process_belongs_to(self_fd, &process, OTHER_UID));
	assert_true(process_belongs_to(self_fd, &process, getuid()));
	assert_int_equal(process_child(parent, false), inner);
	assert_false(process_is_gvisor(proc_fd));
	stop(inner, parent);
}

static void a_users_files_can_not_lead_elsewhere(void **state)
{
	static const char *const refused[] = { "link", "fifo", "etc/passwd", "foreign", "dir",
		"dotdot", "../../etc/passwd", "loop", "magic", "none" };
	_cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct place place = { .fd = fd, .owner = OTHER_UID };
	_cleanup_free_ char *fifo = in_directory("fifo");
	_cleanup_free_ char *data = NULL;

	if (geteuid() != 0) {
		skip();
	}
	write_file("good", "{\"a\":1}", OTHER_UID);
	write_file("foreign", "{\"a\":1}", 0);
	assert_int_equal(symlinkat("/etc/passwd", fd, "link"), 0);
	assert_int_equal(symlinkat("../../etc/passwd", fd, "dotdot"), 0);
	assert_int_equal(symlinkat("/etc", fd, "etc"), 0);
	assert_int_equal(symlinkat("loop", fd, "loop"), 0);
	assert_int_equal(symlinkat("/proc/self/exe", fd, "magic"), 0);
	assert_int_equal(symlinkat("good", fd, "inside"), 0);
	assert_int_equal(mkdirat(fd, "dir", 0755), 0);
	assert_int_equal(mkfifo(fifo, 0644), 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct error err = { 0 };

		print_message("# %s\n", refused[i]);
		assert_true(state_read(&place, refused[i], &data, NULL, &err) < 0);
		assert_int_not_equal(err.code, 0);
	}
	assert_int_equal(state_read(&place, "inside", &data, NULL, NULL), 0);
	assert_string_equal(data, "{\"a\":1}");
}

static void a_users_mounts_are_not_entered(void **state)
{
	_cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct place place = { .fd = fd, .owner = OTHER_UID };
	_cleanup_free_ char *path = in_directory("mount");
	_cleanup_free_ char *data = NULL;
	struct error err = { 0 };

	assert_int_equal(mkdir(path, 0755), 0);
	if (mount("tmpfs", path, "tmpfs", 0, "uid=4242") < 0) {
		skip();
	}
	write_file("mount/file", "{}", OTHER_UID);
	assert_int_equal(state_read(&place, "mount/file", &data, NULL, &err), -EXDEV);
	assert_int_equal(umount(path), 0);
}

static void big_files_are_refused(void **state)
{
	const struct place system = PLACE_SYSTEM;
	_cleanup_free_ char *path = in_directory("big");
	_cleanup_free_ char *data = NULL;

	write_file("big", "x", 0);
	assert_int_equal(truncate(path, (off_t)STATE_MAX + 1), 0);
	assert_int_equal(state_read(&system, path, &data, NULL, NULL), -EFBIG);
	assert_int_equal(truncate(path, 1000), 0);
	assert_int_equal(state_read(&system, path, &data, NULL, NULL), 0);
}

static void pid_files_are_proved(void **state)
{
	static const char *const bad[] = { "", "0", "-1", "x", "1 2", "99999999999" };
	const struct place system = PLACE_SYSTEM;
	_cleanup_free_ char *path = in_directory("pidfile");
	pid_t parent;
	pid_t inner = start(CLONE_NEWNS | CLONE_NEWPID, 0, &parent);
	const struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };

	if (inner == 0) {
		stop(0, parent);
		skip();
	}
	_cleanup_free_ char *number = str_format("%d\n", inner);
	_cleanup_free_ char *own = str_format("%d\n", getpid());
	write_file("pidfile", number, 0);
	assert_int_equal(oci_pid_file(&system, path, "no-such-cgroup"), inner);
	/* The process is younger than the file: the number is another's by now. */
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_int_equal(oci_pid_file(&system, path, "no-such-cgroup"), 0);
	/* Not a container's: it lives in our own mount namespace. */
	write_file("pidfile", own, 0);
	assert_int_equal(oci_pid_file(&system, path, "no-such-cgroup"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		write_file("pidfile", bad[i], 0);
		assert_int_equal(oci_pid_file(&system, path, "no-such-cgroup"), 0);
	}
	stop(inner, parent);
}

/* A daemon that answers with RESPONSE, REPEAT times, and then waits or hangs up. */
static pid_t start_daemon(const char *name, const char *response, int repeat, bool hang)
{
	_cleanup_free_ char *path = in_directory(name);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid_t child = fork();
	if (child == 0) {
		char request[4096];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		int connection = accept(fd, NULL, NULL);
		if (read(connection, request, sizeof(request)) > 0) {
			while (repeat-- > 0 &&
				fd_write_all(connection, response, strlen(response)) == 0) {
			}
		}
		while (hang) {
			pause();
		}
		_exit(0);
	}
	close(fd);
	return child;
}

static int ask(const char *name, const char *response, int repeat, bool hang)
{
	const struct place system = PLACE_SYSTEM;
	_cleanup_free_ char *path = in_directory(name);
	_cleanup_free_ char *body = NULL;
	pid_t child = start_daemon(name, response, repeat, hang);
	size_t size;
	uid_t peer = 77;
	struct timespec before;
	struct timespec after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	int status = http_get(&system, path, "/x", 500, &body, &size, &peer, NULL);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 5);
	if (status > 0) {
		assert_int_equal(peer, geteuid());
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(path);
	return status;
}

static void daemons_can_not_hold_or_flood_us(void **state)
{
	static char block[1 << 20];

	assert_int_equal(ask("s", "HTTP/1.0 200 OK\r\n\r\n{}", 1, false), 200);
	assert_int_equal(ask("s", "HTTP/1.0 503 No\r\n\r\n", 1, false), 503);
	assert_int_equal(ask("s", "", 0, true), -ETIMEDOUT);
	assert_int_equal(ask("s", "HTTP/1.0 200 OK\r\n\r\n{}", 1, true), -ETIMEDOUT);
	assert_int_equal(ask("s", "", 0, false), -EPROTO);
	memset(block, 'x', sizeof(block) - 1);
	int flooded = ask("s", block, 1000, true);
	assert_true(flooded == -EFBIG || flooded == -ETIMEDOUT);
}

static void sockets_of_others_are_refused(void **state)
{
	_cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct place place = { .fd = fd, .owner = OTHER_UID };
	const struct place system = PLACE_SYSTEM;
	_cleanup_free_ char *path = in_directory("s");
	_cleanup_free_ char *body = NULL;
	struct error err = { 0 };
	size_t size;
	uid_t peer;

	if (geteuid() != 0) {
		skip();
	}
	write_file("file", "", OTHER_UID);
	assert_true(http_get(&place, "file", "/x", 500, &body, &size, &peer, &err) < 0);
	assert_true(http_get(&system, "/nowhere/s", "/x", 500, &body, &size, &peer, &err) < 0);
	pid_t child = start_daemon("s", "HTTP/1.0 200 OK\r\n\r\n", 1, false);
	/* The file is the user's, but root listens there. */
	assert_int_equal(chown(path, OTHER_UID, OTHER_UID), 0);
	assert_int_equal(http_get(&place, "s", "/x", 500, &body, &size, &peer, &err), -EPERM);
	assert_non_null(strstr(err.message, "is served by uid 0"));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

#define WITH_DIRECTORY(f) cmocka_unit_test_setup_teardown(f, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_pids),
		cmocka_unit_test(kernel_threads_are_refused),
		cmocka_unit_test(threads_are_refused_unless_wanted),
		cmocka_unit_test(zombies_are_refused),
		cmocka_unit_test(like_takes_processes_of_the_container_only),
		cmocka_unit_test(like_in_the_hosts_pid_namespace),
		cmocka_unit_test(processes_belong_to_who_made_their_namespace),
		WITH_DIRECTORY(a_users_files_can_not_lead_elsewhere),
		WITH_DIRECTORY(a_users_mounts_are_not_entered),
		WITH_DIRECTORY(big_files_are_refused),
		WITH_DIRECTORY(pid_files_are_proved),
		WITH_DIRECTORY(daemons_can_not_hold_or_flood_us),
		WITH_DIRECTORY(sockets_of_others_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
