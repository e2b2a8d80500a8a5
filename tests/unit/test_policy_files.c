/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is read from a container's own files, and from /proc's texts: hostile ones. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/str.h"
#include "policy/hierarchy.h"
#include "policy/passwd.h"
#include "policy/profile.h"

struct root {
	char path[64];
	int fd;
};

static int root_setup(void **state)
{
	struct root *root = calloc(1, sizeof(*root));

	strcpy(root->path, "/tmp/sallyport-unit-XXXXXX");
	if (mkdtemp(root->path) == NULL) {
		return -1;
	}
	root->fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = root;
	return mkdirat(root->fd, "etc", 0755);
}

static int root_teardown(void **state)
{
	struct root *root = *state;

	unlinkat(root->fd, "etc/passwd", 0);
	unlinkat(root->fd, "etc/group", 0);
	unlinkat(root->fd, "etc", AT_REMOVEDIR);
	rmdir(root->path);
	close(root->fd);
	free(root);
	return 0;
}

static void put(struct root *root, const char *path, const char *text)
{
	unlinkat(root->fd, path, 0);
	int fd = openat(root->fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a comment:x:5:5::/:\n"
			     "broken\n"
			     "::1:1:::\n"
			     "minus:x:-1:0::/:\n"
			     "huge:x:4294967295:0::/:\n"
			     "hex:x:0x10:0::/:\n"
			     "web:x:33:34:a:b:/srv/web:/bin/false\n"
			     "1000:x:2000:2001::/home/number:/bin/sh\n"
			     "short:x:44:45\n"
			     "later:x:33:99::/elsewhere:\n"
			     "last:x:77:78::/last:";
static const char group[] = "root:x:0:\n"
			    "web:x:34:\n"
			    "one:x:501:web,other\n"
			    "two:x:502:other,web\n"
			    "not:x:503:webby,aweb\n"
			    "again:x:501:web\n"
			    "staff:x:50:";

static const struct id_map identity;

static int set_user(struct root *root, const char *user, struct credentials *creds, char **home,
	char **name, struct error *err)
{
	*creds = (struct credentials){ 0 };
	return credentials_set_user(creds, root->fd, &identity, &identity, user, home, name, err);
}

static void test_users(void **state)
{
	static const struct {
		const char *user;
		int result;
		uint32_t uid, gid;
		const char *name;
	} cases[] = {
		{ "root", 0, 0, 0, "root" },
		{ "web", 0, 33, 34, "web" },
		{ "33", 0, 33, 34, "web" },
		{ "1000", 0, 2000, 2001, "1000" }, /* a name before a number */
		{ "4242", 0, 4242, 0, NULL },
		{ "4242:staff", 0, 4242, 50, NULL },
		{ "web:50", 0, 33, 50, "web" },
		{ "web:9999", 0, 33, 9999, "web" },
		{ "short", 0, 44, 45, "short" },
		{ "last", 0, 77, 78, "last" },
		{ "minus", -EINVAL, 0, 0, NULL },
		{ "huge", -EINVAL, 0, 0, NULL },
		{ "hex", -EINVAL, 0, 0, NULL },
		{ "broken", -EINVAL, 0, 0, NULL },
		{ "nobody", -EINVAL, 0, 0, NULL },
		{ "web:nogroup", -EINVAL, 0, 0, NULL },
		{ "-1", -EINVAL, 0, 0, NULL },
		{ "4294967295", -EINVAL, 0, 0, NULL },
		{ "", -EINVAL, 0, 0, NULL },
		{ ":50", -EINVAL, 0, 0, NULL },
		{ "web:", -EINVAL, 0, 0, NULL },
	};
	struct root *root = *state;

	put(root, "etc/passwd", passwd);
	put(root, "etc/group", group);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct credentials creds;
		struct error err = { 0 };
		char *home = NULL;
		char *name = NULL;
		int r = set_user(root, cases[i].user, &creds, &home, &name, &err);

		assert_int_equal(r, cases[i].result);
		if (r == 0) {
			assert_int_equal(creds.euid, cases[i].uid);
			assert_int_equal(creds.fsuid, cases[i].uid);
			assert_int_equal(creds.sgid, cases[i].gid);
			assert_int_equal(creds.groups[0], cases[i].gid);
			assert_true(cases[i].name == NULL ? name == NULL
							  : str_equal(name, cases[i].name));
		} else {
			assert_true(err.message[0] != '\0');
		}
		free(home);
		free(name);
		credentials_finish(&creds);
	}
}

static void test_memberships(void **state)
{
	static const gid_t expected[] = { 34, 501, 502 };
	struct root *root = *state;
	struct credentials creds;
	struct error err;

	put(root, "etc/passwd", passwd);
	put(root, "etc/group", group);
	assert_int_equal(set_user(root, "33", &creds, NULL, NULL, &err), 0);
	assert_int_equal(creds.n_groups, 3);
	assert_memory_equal(creds.groups, expected, sizeof(expected));
	credentials_finish(&creds);
	/* A group that was asked for is the only one. */
	assert_int_equal(set_user(root, "web:staff", &creds, NULL, NULL, &err), 0);
	assert_int_equal(creds.n_groups, 1);
	credentials_finish(&creds);
}

static void test_user_mapping(void **state)
{
	struct id_range range = { .inside = 0, .outside = 100000, .count = 1000 };
	const struct id_map map = { .ranges = &range, .count = 1 };
	struct root *root = *state;
	struct credentials creds = { 0 };
	struct error err;

	put(root, "etc/passwd", passwd);
	put(root, "etc/group", group);
	assert_int_equal(
		credentials_set_user(&creds, root->fd, &map, &map, "web", NULL, NULL, &err), 0);
	assert_int_equal(creds.euid, 100033);
	assert_int_equal(creds.egid, 100034);
	assert_int_equal(creds.groups[1], 100501);
	/* A failure leaves all as it was. */
	assert_int_equal(
		credentials_set_user(&creds, root->fd, &map, &map, "1000", NULL, NULL, &err),
		-EINVAL);
	assert_int_equal(creds.euid, 100033);
	assert_int_equal(creds.n_groups, 3);
	credentials_finish(&creds);
}

/* A fifo must not block, a link must not lead out, an absent file is empty. */
static void test_hostile_files(void **state)
{
	struct root *root = *state;
	struct credentials creds;
	struct error err;

	unlinkat(root->fd, "etc/passwd", 0);
	unlinkat(root->fd, "etc/group", 0);
	assert_int_equal(set_user(root, "5", &creds, NULL, NULL, &err), 0);
	credentials_finish(&creds);
	assert_int_equal(set_user(root, "root", &creds, NULL, NULL, &err), -EINVAL);
	assert_int_equal(symlinkat("/etc/passwd", root->fd, "etc/group"), 0);
	assert_int_equal(set_user(root, "5:root", &creds, NULL, NULL, &err), -EINVAL);
	assert_int_equal(symlinkat("../../../../../../etc/passwd", root->fd, "etc/passwd"), 0);
	assert_true(set_user(root, "root", &creds, NULL, NULL, &err) < 0);
	unlinkat(root->fd, "etc/passwd", 0);
	assert_int_equal(mkfifoat(root->fd, "etc/passwd", 0644), 0);
	assert_true(set_user(root, "root", &creds, NULL, NULL, &err) < 0);
	assert_non_null(strstr(err.message, "no regular file"));
}

static void test_oversized_file(void **state)
{
	struct root *root = *state;
	struct credentials creds;
	struct error err;

	put(root, "etc/passwd", "root:x:0:0::/:\n");
	int fd = openat(root->fd, "etc/passwd", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	close(fd);
	assert_int_equal(set_user(root, "root", &creds, NULL, NULL, &err), -EFBIG);
}

static void test_home(void **state)
{
	struct root *root = *state;
	struct environment env = { 0 };

	put(root, "etc/passwd", "web:x:33:34::/srv/web:\nbad:x:34:34::relative:\n");
	assert_int_equal(environment_set_home(&env, root->fd, 33), 0);
	assert_string_equal(environment_get(&env, "HOME"), "/srv/web");
	assert_null(environment_get(&env, "USER"));
	assert_int_equal(environment_set(&env, "USER", "before"), 0);
	assert_int_equal(environment_set_home(&env, root->fd, 33), 0);
	assert_string_equal(environment_get(&env, "USER"), "web");
	/* No such uid: what is there stays. */
	assert_int_equal(environment_set_home(&env, root->fd, 99), 0);
	assert_string_equal(environment_get(&env, "HOME"), "/srv/web");
	assert_int_equal(environment_set_home(&env, root->fd, 34), 0);
	assert_string_equal(environment_get(&env, "HOME"), "/");
	environment_finish(&env);
	assert_int_equal(environment_set_home(&env, root->fd, 99), 0);
	assert_string_equal(environment_get(&env, "HOME"), "/");
	environment_finish(&env);
	environment_finish(NULL);
}

/* The directory of a test stands in for /proc/PID: only its file environ is read. */
static void test_environment(void **state)
{
	static const char area[] = "A=1\0B=\0nothing\0\0=x\0C=a=b\0A=2\0unended=1";
	struct root *root = *state;
	struct environment env;
	struct error err;
	char name[16];

	int fd = openat(root->fd, "environ", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(fd_write_all(fd, area, sizeof(area) - 1), 0);
	close(fd);
	assert_int_equal(environment_capture(&env, root->fd, &err), 0);
	assert_int_equal(env.count, 5);
	assert_string_equal(env.vars[0], "A=1");
	assert_string_equal(env.vars[1], "B=");
	assert_string_equal(env.vars[2], "C=a=b");
	assert_string_equal(env.vars[3], "A=2");
	assert_string_equal(env.vars[4], "unended=1");
	assert_null(env.vars[5]);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "N%d", i);
		assert_int_equal(environment_set(&env, name, "value"), 0);
		assert_null(env.vars[env.count]);
	}
	assert_int_equal(environment_set(&env, "N7", "other"), 0);
	assert_int_equal(env.count, 1005);
	assert_string_equal(environment_get(&env, "N7"), "other");
	assert_null(environment_get(&env, "N"));
	environment_finish(&env);

	fd = openat(root->fd, "environ", O_WRONLY | O_TRUNC | O_CLOEXEC);
	close(fd);
	assert_int_equal(environment_capture(&env, root->fd, &err), 0);
	assert_int_equal(env.count, 0);
	assert_null(env.vars[0]);
	assert_int_equal(environment_set(&env, "A", "1"), 0);
	environment_finish(&env);

	fd = openat(root->fd, "environ", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 5 << 20), 0);
	close(fd);
	assert_int_equal(environment_capture(&env, root->fd, &err), -EFBIG);
	environment_finish(&env);
	unlinkat(root->fd, "environ", 0);
}

static void test_maps(void **state)
{
	struct id_range ranges[] = { { 0, 1000, 1 }, { 1, 100000, 65535 },
		{ 4294967290u, 200000, 5 } };
	const struct id_map map = { .ranges = ranges, .count = ARRAY_SIZE(ranges) };
	uint32_t id = 42;

	assert_int_equal(id_map_to_outside(&map, 0, &id), 0);
	assert_int_equal(id, 1000);
	assert_int_equal(id_map_to_outside(&map, 65535, &id), 0);
	assert_int_equal(id, 165534);
	assert_int_equal(id_map_to_outside(&map, 65536, &id), -ENOENT);
	assert_int_equal(id, 165534);
	assert_int_equal(id_map_to_outside(&map, 4294967294u, &id), 0);
	assert_int_equal(id, 200004);
	assert_int_equal(id_map_to_outside(&map, 4294967295u, &id), -ENOENT);
	assert_int_equal(id_map_to_inside(&map, 1000, &id), 0);
	assert_int_equal(id, 0);
	assert_int_equal(id_map_to_inside(&map, 0, &id), -ENOENT);
	assert_int_equal(id_map_to_inside(&identity, 7, &id), 0);
	assert_int_equal(id, 7);
}

static void test_capabilities(void **state)
{
	struct capabilities caps;
	struct error err;

	assert_int_equal(capabilities_capture(&caps,
				 "CapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\n"
				 "CapEff:\t0000000000000003\nCapBnd:\t8000000000000000\n",
				 &err),
		0);
	assert_int_equal(caps.inheritable, 1);
	assert_true(caps.permitted == 0x1ffffffffff);
	assert_true(caps.bounding == UINT64_C(1) << 63);
	assert_int_equal(caps.ambient, 0);
	assert_false(caps.no_new_privs);
	assert_int_equal(capabilities_capture(&caps, "CapInh:\t0\n", &err), -EINVAL);
}

/* What is no cgroup mount, or nonsense, is passed over. */
static void test_hierarchy(void **state)
{
	static const char odd[] =
		"\n - \nx\n1 2 3:4\n"
		"30 22 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
		"31 30 0:28 / /nowhere\\040at\\134all rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n"
		"32 30 0:99 / /tmp rw - cgroup2 cgroup2 rw\n"
		"33 30 0:30 /a /tmp rw - cgroup cgroup rw,name=odd\n";
	struct error err = { 0 };

	assert_int_equal(hierarchy_open("", "memory", "/", &err), -ENXIO);
	assert_int_equal(hierarchy_open(odd, "memory", "/", &err), -ENXIO);
	assert_int_equal(hierarchy_open(odd, "rw,memory", "/", &err), -ENXIO);
	assert_int_equal(hierarchy_open(odd, "cpuacct,cpu", "/", &err), -ENOENT);
	/* Another mount lies over it: device and type tell. */
	assert_int_equal(hierarchy_open(odd, "", "/x", &err), -ENOENT);
	assert_int_equal(hierarchy_open(odd, "name=odd", "/b", &err), -ENOENT);
	assert_int_equal(hierarchy_open(odd, "name=odd", "/ab", &err), -ENOENT);
	assert_int_equal(hierarchy_open(odd, "name=odd", "/../b", &err), -ENOENT);
	assert_non_null(strstr(err.message, "outside of our cgroup namespace"));
	assert_int_equal(hierarchy_open(odd, "name=odd", "/b (deleted)", &err), -ENOENT);
	assert_non_null(strstr(err.message, "removed"));
}

int main(void)
{
#define WITH_ROOT(f) cmocka_unit_test_setup_teardown(f, root_setup, root_teardown)
	const struct CMUnitTest tests[] = {
		WITH_ROOT(test_users),
		WITH_ROOT(test_memberships),
		WITH_ROOT(test_user_mapping),
		WITH_ROOT(test_hostile_files),
		WITH_ROOT(test_oversized_file),
		WITH_ROOT(test_home),
		WITH_ROOT(test_environment),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_hierarchy),
	};

	return cmocka_run_group_tests_name("policy: files", tests, NULL, NULL);
}
