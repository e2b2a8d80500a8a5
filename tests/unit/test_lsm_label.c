/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AppArmor's grammar of labels, and labels as this kernel and made-up /proc files show them. */
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

#include "base/procfs.h"
#include "base/str.h"
#include "lsm/apparmor_label.h"
#include "lsm/apparmor_log.h"
#include "lsm/backend.h"
#include "lsm/lsm.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		const char *label;
		const char *mode;
	} cases[] = {
		{ "unconfined\n", "unconfined", "" },
		{ "docker-default (enforce)\n", "docker-default", "enforce" },
		{ "docker-default (enforce)", "docker-default", "enforce" },
		{ "a//&b (mixed)\n", "a//&b", "mixed" },
		{ "/usr/bin/man//filter (complain)\n", "/usr/bin/man//filter", "complain" },
		{ "lxc-c1_</var/lib/lxc>//&:lxc-c1_<-var-lib-lxc>:unconfined (enforce)\n",
			"lxc-c1_</var/lib/lxc>//&:lxc-c1_<-var-lib-lxc>:unconfined", "enforce" },
		{ "steam (unconfined)\n", "steam", "unconfined" },
		/* names may hold blanks and parentheses */
		{ "my profile (1) (kill)\n", "my profile (1)", "kill" },
		{ "my profile (two words)\n", "my profile (two words)", "" },
		{ "odd ()\n", "odd ()", "" },
		{ "x) (enforce)\n", "x)", "enforce" },
		{ ")\n", ")", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lsm_label label;

		assert_int_equal(apparmor_label_parse(&label, cases[i].text), 0);
		assert_string_equal(label.text, cases[i].label);
		assert_string_equal(label.mode, cases[i].mode);
	}
}

static void test_parse_refuses(void **state)
{
	char text[LSM_LABEL_MAX + 2];
	struct lsm_label label;

	assert_int_equal(apparmor_label_parse(&label, ""), -EINVAL);
	assert_int_equal(apparmor_label_parse(&label, "\n"), -EINVAL);
	memset(text, 'a', sizeof(text));
	text[LSM_LABEL_MAX] = '\0';
	assert_int_equal(apparmor_label_parse(&label, text), -EINVAL);
	text[LSM_LABEL_MAX - 1] = '\0';
	assert_int_equal(apparmor_label_parse(&label, text), 0);
	/* a mode longer than any that there is */
	snprintf(text, sizeof(text), "a (%0*d)\n", LSM_MODE_MAX, 0);
	assert_int_equal(apparmor_label_parse(&label, text), -EINVAL);
}

static void test_components(void **state)
{
	static const struct {
		const char *label;
		const char *spaces[3];
		const char *names[3];
	} cases[] = {
		{ "docker-default", { "" }, { "docker-default" } },
		{ "a//&b", { "", "" }, { "a", "b" } },
		{ "a//hat//&b", { "", "" }, { "a//hat", "b" } },
		{ ":ns:a", { "ns" }, { "a" } },
		{ ":ns://a", { "ns" }, { "a" } },
		{ ":ns:///usr/bin/a", { "ns" }, { "/usr/bin/a" } },
		{ ":outer//inner:a//&b//&:ns:unconfined", { "outer//inner", "", "ns" },
			{ "a", "b", "unconfined" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = cases[i].label;
		size_t n = 0;

		while (text != NULL) {
			struct apparmor_component c;

			assert_true(n < 3);
			assert_int_equal(apparmor_label_next(&c, &text), 0);
			assert_string_equal(c.space, cases[i].spaces[n]);
			assert_string_equal(c.name, cases[i].names[n]);
			n++;
		}
		assert_true(n == 3 || cases[i].names[n] == NULL);
	}
}

static void test_components_refused(void **state)
{
	static const char *const wrong[] = { "", "//&b", ":ns", "::a", ":ns:", ":ns://", ":" };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const char *text = wrong[i];
		struct apparmor_component c;

		assert_int_equal(apparmor_label_next(&c, &text), -EINVAL);
	}
}

static void test_loaded(void **state)
{
	static const char profiles[] = "docker-default (enforce)\n"
				       "my profile (1) (complain)\n"
				       "/usr/bin/man//filter (enforce)\n"
				       ":ns://docker-other (enforce)\n"
				       ":outer//inner://deep (kill)\n"
				       "docker-default-2 (enforce)";
	static const struct {
		const char *label;
		bool loaded;
	} cases[] = {
		{ "docker-default", true },
		{ "my profile (1)", true },
		{ "/usr/bin/man//filter", true },
		{ ":ns:docker-other", true },
		{ ":outer//inner:deep", true },
		{ "docker-default-2", true },
		{ "docker", false },
		{ "docker-other", false },
		{ ":ns:docker-default", false },
		{ ":inner:deep", false },
		{ "my profile", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = cases[i].label;
		struct apparmor_component c;

		assert_int_equal(apparmor_label_next(&c, &text), 0);
		assert_int_equal(apparmor_label_loaded(&c, profiles), cases[i].loaded);
		assert_false(apparmor_label_loaded(&c, ""));
	}
}

static void set(struct lsm_labels *labels, enum lsm_kind kind, const char *text, const char *mode)
{
	strcpy(labels->of[kind].text, text);
	strcpy(labels->of[kind].mode, mode);
}

static void test_describe(void **state)
{
	struct lsm_labels labels = { 0 };
	char out[256];
	char small[12];

	assert_string_equal(lsm_describe(out, sizeof(out), &labels), "");
	set(&labels, LSM_APPARMOR, "a//&b", "mixed");
	assert_string_equal(lsm_describe(out, sizeof(out), &labels), "a//&b (mixed)");
	set(&labels, LSM_SELINUX, "system_u:system_r:container_t:s0:c1,c2", "");
	assert_string_equal(lsm_describe(out, sizeof(out), &labels),
		"selinux system_u:system_r:container_t:s0:c1,c2, apparmor a//&b (mixed)");
	assert_string_equal(lsm_describe(small, sizeof(small), &labels), "selinux sys");
}

static void test_attributes(void **state)
{
	struct lsm_attribute attributes[LSM_ATTRIBUTES_MAX];
	struct lsm_labels labels = { 0 };

	assert_int_equal(lsm_attributes(&labels, false, attributes), 0);
	set(&labels, LSM_SELINUX, "system_u:system_r:container_t:s0:c1,c2", "");
	set(&labels, LSM_APPARMOR, "a//&:ns:b", "enforce");
	assert_int_equal(lsm_attributes(&labels, true, attributes), 3);
	assert_string_equal(attributes[0].content, "system_u:system_r:container_t:s0:c1,c2");
	assert_string_equal(attributes[1].content, "exec a//&:ns:b");
	/* The mode is the profile's and never written. */
	assert_null(strstr(attributes[1].content, "enforce"));
	assert_string_equal(attributes[2].file, "keycreate");
	assert_string_equal(attributes[2].content, attributes[0].content);
}

static bool is_labelled(void)
{
	return lsm_selinux_seen() || lsm_apparmor_seen();
}

/* Where no module is active: nothing is captured, wanted or refused. */
static void test_none(void **state)
{
	static struct lsm_labels labels;
	struct lsm_transition transition = { .launcher = "/nowhere", .no_new_privs = true };
	struct error err = { 0 };
	char warning[64];
	char text[64];
	int proc_fd = procfs_open(getpid(), &err);

	if (is_labelled()) {
		close(proc_fd);
		skip();
	}
	assert_int_equal(lsm_capture(&labels, proc_fd, &err), 0);
	assert_string_equal(lsm_describe(text, sizeof(text), &labels), "");
	assert_int_equal(lsm_verify(&labels, proc_fd, &err), 0);
	assert_int_equal(lsm_check(&labels, &transition, warning, sizeof(warning), &err), 0);
	assert_string_equal(warning, "");
	assert_int_equal(lsm_mount_context(LSM_HOST_VIEW, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(lsm_become_tool(&labels, &err), 0);
	close(proc_fd);
}

/* A process that has not the label that it should have is told from one that has. */
static void test_verify(void **state)
{
	static struct lsm_labels labels;
	struct error err = { 0 };
	int proc_fd = procfs_open(getpid(), &err);

	assert_int_equal(lsm_capture(&labels, proc_fd, &err), 0);
	assert_int_equal(lsm_verify(&labels, proc_fd, &err), 0);
	set(&labels, LSM_APPARMOR, "no-such-profile", "enforce");
	assert_int_equal(lsm_verify(&labels, proc_fd, &err), -EACCES);
	assert_non_null(strstr(err.message, "no-such-profile (enforce)"));
	close(proc_fd);
}

/* A folder that looks like /proc/PID under a third module. */
static void test_other(void **state)
{
	static struct lsm_labels labels;
	struct lsm_transition transition = { .launcher = "/nowhere" };
	char dir[] = "/tmp/test-lsm.XXXXXX";
	struct error err = { 0 };
	char warning[64];
	char text[64];

	if (is_labelled()) {
		skip();
	}
	assert_non_null(mkdtemp(dir));
	int dir_fd = open(dir, O_PATH | O_DIRECTORY);
	assert_int_equal(mkdirat(dir_fd, "attr", 0700), 0);
	int fd = openat(dir_fd, "attr/current", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "User::App\n", 10), 10);
	close(fd);
	assert_int_equal(lsm_capture(&labels, dir_fd, &err), 0);
	assert_string_equal(lsm_describe(text, sizeof(text), &labels), "User::App");
	assert_int_equal(
		lsm_check(&labels, &transition, warning, sizeof(warning), &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "User::App"));
	assert_int_equal(unlinkat(dir_fd, "attr/current", 0), 0);
	assert_int_equal(unlinkat(dir_fd, "attr", AT_REMOVEDIR), 0);
	close(dir_fd);
	rmdir(dir);
}

static void test_log(void **state)
{
	static const struct {
		const char *call;
		const char *line;
		const char *rule; /* NULL: it is not to be taken */
	} cases[] = {
		{ "kill",
			"type=AVC msg=audit(1795826440.719:567): apparmor=\"DENIED\" "
			"operation=\"signal\" "
			"class=\"signal\" profile=\"web\" pid=77 comm=\"x\" "
			"requested_mask=\"send\" "
			"denied_mask=\"send\" signal=kill peer=\"unconfined\"",
			"in the profile: signal (send) set=(kill) peer=unconfined," },
		{ "chroot",
			"4,1,2,-;audit: type=1400 audit(1795826440.719:567): apparmor=\"DENIED\" "
			"operation=\"capable\" class=\"cap\" profile=\"web\" pid=77 "
			"comm=\"chroot\" "
			"capability=18  capname=\"sys_chroot\"\n",
			"in the profile: capability sys_chroot," },
		{ "mount",
			"type=AVC msg=audit(1795826440.719:567): apparmor=\"DENIED\" "
			"operation=\"mount\" "
			"class=\"mount\" info=\"failed mntpnt match\" error=-13 profile=\"web\" "
			"name=\"/tmp/\" pid=77 comm=\"mount\" fstype=\"tmpfs\" srcname=\"none\" "
			"flags=\"rw, nosuid\"",
			"in the profile: mount fstype=(tmpfs) options=(rw, nosuid) none -> "
			"/tmp/," },
		{ "umount2",
			"type=AVC msg=audit(1795826440.719:567): apparmor=\"DENIED\" "
			"operation=\"umount\" "
			"class=\"mount\" profile=\"web\" name=2F746D702F6120622F pid=77 "
			"comm=\"umount\"",
			"in the profile: umount /tmp/a b/," },
		{ "socket",
			"type=AVC msg=audit(1795826440.719:567): apparmor=\"DENIED\" "
			"operation=\"create\" "
			"class=\"net\" profile=\"web\" pid=77 comm=\"ping\" family=\"inet\" "
			"sock_type=\"raw\" protocol=1 requested_mask=\"create\" "
			"denied_mask=\"create\"",
			"in the profile: network inet raw," },
		{ "openat",
			"type=AVC msg=audit(1795826440.719:567): apparmor=\"DENIED\" "
			"operation=\"open\" "
			"profile=\"web\" name=\"/etc/x\" pid=77 comm=\"cat\" requested_mask=\"r\" "
			"denied_mask=\"r\" fsuid=0 ouid=0",
			"in the profile: /etc/x r," },
		{ "execve",
			"type=AVC msg=audit(1795826440.719:567): apparmor=\"DENIED\" "
			"operation=\"exec\" "
			"profile=\"web\" pid=77 comm=\"cat\"",
			"" },
		{ "chroot",
			"type=AVC msg=audit(1795826439.999:567): apparmor=\"DENIED\" "
			"operation=\"capable\" "
			"profile=\"web\" pid=77 capname=\"sys_chroot\"",
			NULL }, /* before */
		{ "chroot",
			"type=AVC msg=audit(1795826440.719:567): apparmor=\"DENIED\" "
			"operation=\"capable\" "
			"profile=\"web\" pid=777 capname=\"sys_chroot\"",
			NULL },
		{ "chroot",
			"type=AVC msg=audit(1795826440.719:567): apparmor=\"ALLOWED\" "
			"operation=\"capable\" "
			"profile=\"web\" pid=77 capname=\"sys_chroot\"",
			NULL },
		{ "chroot",
			"12,1,2,-;audit: type=1400 audit(1795826440.719:567): "
			"apparmor=\"DENIED\" operation=\"capable\" profile=\"web\" pid=77 "
			"capname=\"sys_chroot\"",
			NULL }, /* by a program */
		{ "chroot",
			"type=USER_AVC msg=audit(1795826440.719:567): apparmor=\"DENIED\" "
			"operation=\"capable\" profile=\"web\" pid=77 capname=\"sys_chroot\"",
			NULL },
		{ "chroot", "apparmor=\"DENIED\" pid=77", NULL }, { "chroot", "", NULL },
		{ "open",
			"type=AVC msg=audit(1795826440.719:567): apparmor=\"DENIED\" "
			"operation=\"mount\" profile=\"web\" pid=77 name=\"/tmp/\"",
			NULL }, /* another call's */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct lsm_refusal wanted = { cases[i].call, 77, 1795826440 };
		struct lsm_denial denial;
		bool taken = apparmor_log_parse(cases[i].line, &wanted, &denial);

		assert_int_equal(taken, cases[i].rule != NULL);
		if (taken) {
			assert_string_equal(denial.change, cases[i].rule);
			assert_non_null(
				strstr(denial.detail, "the AppArmor profile web denies it"));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_components),
		cmocka_unit_test(test_components_refused),
		cmocka_unit_test(test_loaded),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
