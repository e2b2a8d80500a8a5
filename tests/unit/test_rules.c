/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules: what is decided of whom, what wrong files say, and whose files count.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/rules.h"
#include "base/str.h"

static const char site[] =
	"# The rules that the table below is about; the numbers are lines.\n"
	"deny user mallory because \"left in March\";\n"				    /* 2 */
	"deny anyone to attach, exec on label tier=payments and not name \"pay-test-*\";\n" /* 3 */
	"deny group contractors to anything on image registry.example/secret/*;\n"	    /* 4 */
	"allow user alice, bob to attach, exec on name web-*, api-* and engine docker\n"    /* 5 */
	"	with host-view ro and record;\n"
	"allow group ops or user root to attach, exec, inspect, diff, why on label tier=*\n" /* 7 */
	"	with uid 0, 1000-1999 and reason;\n"
	"allow group 2000 to exec on id 0123*;\n"				       /* 9 */
	"allow user dev* to attach on owner dev* with host-view none;\n"	       /* 10 */
	"allow anyone to list, inspect on any;\n"				       /* 11 */
	"allow unset to exec on engine lxc and name backup;\n"			       /* 12 */
	"allow user carol to exec on engine pid;\n"				       /* 13 */
	"allow user carol to exec, attach on not image *:latest and not owner 1000;\n" /* 14 */
	"allow user 4242 to sessions, kill, replay on any;\n"			       /* 15 */
	"allow user \"to\" to exec on any;\n"					       /* 16 */
	"allow user eve to exec on not engine docker;\n"			       /* 17 */
	"allow user frank to exec on engine *;\n";				       /* 18 */

struct person {
	const char *name; /* NULL: the system knows no such user */
	uid_t uid;
	const char *group;
	gid_t gid;
};

static const struct person people[] = {
	{ "alice", 1001, "staff", 50 },
	{ "mallory", 1002, "ops", 600 },
	{ "oscar", 1003, "ops", 600 },
	{ "root", 0, "root", 0 },
	{ "tim", 1004, "contractors", 700 },
	{ "gina", 1005, "number", 2000 },
	{ "dev1", 1006, "staff", 50 },
	{ "carol", 1007, "staff", 50 },
	{ "to", 1008, "staff", 50 },
	{ "unset", OPERATOR_UNSET, NULL, 0 },
	{ NULL, 4242, NULL, 0 },
	{ "eve", 1009, "staff", 50 },
	{ "frank", 1010, "staff", 50 },
};
enum { ALICE, MALLORY, OSCAR, ROOT, TIM, GINA, DEV, CAROL, TO, UNSET, NAMELESS, EVE, FRANK };

static char *no_labels[] = { NULL };
static char label_payments[] = "tier=payments";
static char label_front[] = "tier=front";
static char label_sly[] = "x=tier=payments";
static char *payments[] = { label_front, label_payments, NULL };
static char *front[] = { label_front, NULL };
static char *sly[] = { label_sly, NULL };

static const struct rules_container containers[] = {
	{ "docker", "web-1", "0123abcd", "nginx:1.25", front, 0, "root" },
	{ "podman", "web-1", "77", "nginx:1.25", no_labels, 0, "root" },
	{ "docker", "pay", "99", "pay:1", payments, 0, "root" },
	{ "docker", "pay-test-1", "98", "pay:1", payments, 0, "root" },
	{ "docker", "vault", "97", "registry.example/secret/vault:2", no_labels, 0, "root" },
	{ "docker", "unknown", "96", NULL, NULL, 0, "root" },
	{ "podman", "mine", "95", "alpine:latest", no_labels, 1006, "dev1" },
	{ "lxc", "backup", NULL, "/var/lib/lxc/backup/rootfs", no_labels, 0, "root" },
	{ "pid", "1", NULL, "/sbin/init", no_labels, 0, "root" },
	{ "cgroup", "web-9", NULL, NULL, no_labels, 0, "root" },
	{ "docker", "sly", "94", "sly:1", sly, 0, "root" },
	{ "docker", "web", "93", "x:latest", no_labels, 0, "root" },
	{ "docker", "web-2", "92", "x:1", no_labels, 1006, NULL },
	{ "docker", "api-*", "0123", "x:1", no_labels, 0, "root" },
};
enum {
	WEB,
	PODWEB,
	PAY,
	PAYTEST,
	VAULT,
	UNKNOWN,
	MINE,
	BACKUP,
	INIT,
	CGROUP,
	SLY,
	SHORT,
	USERS,
	STAR
};

static const struct {
	int who;
	int container;
	enum rules_command command;
	unsigned int line; /* of the rule that decides; 0: none does */
	bool allowed;
} table[] = {
	{ ALICE, WEB, RULES_ATTACH, 5, true },
	{ ALICE, WEB, RULES_EXEC, 5, true },
	{ ALICE, WEB, RULES_INSPECT, 11, true },
	{ ALICE, WEB, RULES_DIFF, 0, false },
	{ ALICE, WEB, RULES_KILL, 0, false },
	{ ALICE, PODWEB, RULES_ATTACH, 0, false }, /* another engine */
	{ ALICE, SHORT, RULES_ATTACH, 0, false },  /* web is no web-* */
	{ ALICE, STAR, RULES_ATTACH, 5, true },	   /* a name with a star in it is a name */
	{ ALICE, PAY, RULES_EXEC, 3, false },
	{ ALICE, PAYTEST, RULES_EXEC, 0, false },  /* not refused by 3, allowed by none */
	{ ALICE, PAY, RULES_LIST, 11, true },	   /* 3 is about attach and exec alone */
	{ ALICE, CGROUP, RULES_ATTACH, 0, false }, /* no engine told of it */
	{ ALICE, USERS, RULES_ATTACH, 3, false },  /* labels known, yet see below */
	{ MALLORY, WEB, RULES_LIST, 2, false },	   /* a deny without to and on */
	{ MALLORY, INIT, RULES_EXEC, 2, false },
	{ MALLORY, MINE, RULES_ATTACH, 2, false },
	{ OSCAR, WEB, RULES_ATTACH, 7, true },
	{ OSCAR, WEB, RULES_WHY, 7, true },
	{ OSCAR, PAY, RULES_ATTACH, 3, false },
	{ OSCAR, PAY, RULES_INSPECT, 7, true },
	{ OSCAR, PAYTEST, RULES_ATTACH, 7, true },
	{ OSCAR, SLY, RULES_ATTACH, 0, false },	    /* a key with "=" in its value */
	{ OSCAR, PODWEB, RULES_EXEC, 0, false },    /* no such label */
	{ OSCAR, UNKNOWN, RULES_ATTACH, 3, false }, /* its labels aren't known */
	{ OSCAR, UNKNOWN, RULES_INSPECT, 11, true },
	{ ROOT, WEB, RULES_ATTACH, 7, true }, /* root is ruled like anyone */
	{ ROOT, PODWEB, RULES_ATTACH, 0, false },
	{ ROOT, PAY, RULES_ATTACH, 3, false },
	{ ROOT, INIT, RULES_EXEC, 0, false },
	{ TIM, VAULT, RULES_INSPECT, 4, false },
	{ TIM, UNKNOWN, RULES_LIST, 4, false }, /* its image isn't known: it may be secret */
	{ TIM, WEB, RULES_LIST, 11, true },
	{ OSCAR, VAULT, RULES_INSPECT, 11, true },
	{ GINA, WEB, RULES_EXEC, 9, true },	/* a group by its number */
	{ GINA, BACKUP, RULES_EXEC, 0, false }, /* without an id */
	{ DEV, MINE, RULES_ATTACH, 10, true },
	{ DEV, MINE, RULES_LIST, 0, false },	/* 11 says nothing of owners */
	{ DEV, USERS, RULES_ATTACH, 0, false }, /* an owner without a name */
	{ DEV, WEB, RULES_ATTACH, 0, false },
	{ UNSET, BACKUP, RULES_EXEC, 12, true },
	{ UNSET, BACKUP, RULES_LIST, 0, false }, /* anyone is who logged in */
	{ UNSET, PAY, RULES_EXEC, 3, false },	 /* but nobody is let through a deny */
	{ UNSET, WEB, RULES_LIST, 0, false },
	{ CAROL, INIT, RULES_EXEC, 13, true },
	{ CAROL, INIT, RULES_ATTACH, 0, false },
	{ CAROL, WEB, RULES_EXEC, 14, true },
	{ CAROL, SHORT, RULES_EXEC, 0, false }, /* :latest */
	{ CAROL, UNKNOWN, RULES_EXEC, 3, false },
	{ CAROL, MINE, RULES_EXEC, 0, false },
	{ NAMELESS, WEB, RULES_REPLAY, 2, false }, /* who knows whether it is mallory */
	{ TO, WEB, RULES_EXEC, 16, true },
	{ EVE, PODWEB, RULES_EXEC, 17, true },
	{ EVE, WEB, RULES_EXEC, 0, false },
	{ EVE, INIT, RULES_EXEC, 0, false },   /* not docker is not enough for a plain pid */
	{ FRANK, INIT, RULES_EXEC, 0, false }, /* nor is any */
	{ FRANK, SLY, RULES_EXEC, 18, true },
};

static void fill_person(
	struct operator* operator, const struct person * person, struct operator_group *group)
{
	bool unset = person->uid == OPERATOR_UNSET;

	*group = (struct operator_group){ .gid = person->gid,
		.name = (char *)(uintptr_t)person->group };
	*operator=(struct operator){
		.uid = person->uid,
		.name = unset ? NULL : (char *)(uintptr_t)person->name,
		.groups = group,
		.n_groups = person->group != NULL ? 1 : 0,
	};
}

static void parse(struct rules *rules, const char *text)
{
	struct error err = { 0 };

	*rules = (struct rules){ 0 };
	if (rules_parse(rules, "site.conf", text, strlen(text), &err) < 0) {
		fail_msg("%s", err.message);
	}
}

static void test_decisions(void **state)
{
	struct rules rules;

	parse(&rules, site);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct operator_group group;
		struct operator operator;
		const struct person *person = &people[table[i].who];
		struct rules_container container = containers[table[i].container];

		/* The users' container of that name, with labels that can't be read. */
		if (table[i].who == ALICE && table[i].container == USERS) {
			container.labels = NULL;
		}
		fill_person(&operator, person, &group);
		const struct rule *rule =
			rules_find(&rules, &operator, table[i].command, &container);
		unsigned int line = rule != NULL ? rule->line : 0;
		bool allowed = rule != NULL && rule->allow;
		if (line != table[i].line || allowed != table[i].allowed) {
			fail_msg("case %zu: %s, %s of %s, %s: %s by line %u, not %s by line %u", i,
				person->name, container.name, container.engine,
				rules_command_names[table[i].command],
				allowed ? "allowed" : "denied", line,
				table[i].allowed ? "allowed" : "denied", table[i].line);
		}
	}
	assert_true(ARRAY_SIZE(table) >= 40);
	rules_finish(&rules);
}

static void test_terms(void **state)
{
	char tmp[] = "/srv/logs";
	char up[] = "/srv/../etc";
	char *share[] = { tmp, NULL };
	char *share_up[] = { up, NULL };
	const struct {
		const char *with;
		struct rules_wish wish;
		bool allowed;
	} cases[] = {
		{ "", { 0 }, true },
		{ "", { .host_view_given = true, .host_view = RULES_VIEW_RW }, true },
		{ "", { .like = true }, false },
		{ "", { .degraded = true }, false },
		{ "", { .shares = share }, true },
		{ "with like", { .like = true }, true },
		{ "with degraded", { .degraded = true }, true },
		{ "with degraded", { .without = true }, false },
		{ "with without", { .without = true }, true },
		{ "with host-view ro", { 0 }, true },
		{ "with host-view ro", { .host_view_given = true, .host_view = RULES_VIEW_RO },
			true },
		{ "with host-view ro", { .host_view_given = true, .host_view = RULES_VIEW_RW },
			false },
		{ "with host-view ro", { .shares = share }, false },
		{ "with host-view ro and share /srv/*", { .shares = share }, true },
		{ "with share /srv/*", { .shares = share_up }, false },
		{ "with share /var/*", { .shares = share }, false },
		{ "with host-view none", { 0 }, false },
		{ "with reason", { 0 }, false },
		{ "with reason", { .reason = " \t" }, false },
		{ "with reason", { .reason = "ticket 7" }, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rules rules;
		struct error err = { 0 };
		char *text = str_format("allow anyone to attach on any %s;", cases[i].with);

		parse(&rules, text);
		int r = rules_check_wish(rules.rules, RULES_ATTACH, &cases[i].wish, &err);
		if ((r == 0) != cases[i].allowed) {
			fail_msg("case %zu, %s: %d %s", i, cases[i].with, r, err.message);
		}
		assert_true(r == 0 || (r == -EACCES && err.code == EACCES));
		rules_finish(&rules);
		free(text);
	}
}

static void test_uids(void **state)
{
	const struct {
		const char *with;
		uint32_t uid;
		bool own;
		bool allowed;
	} cases[] = {
		{ "", 0, true, true },
		{ "", 0, false, false },
		{ "with uid any", 77, false, true },
		{ "with uid 0, 1000-1999", 0, false, true },
		{ "with uid 0, 1000-1999", 1000, false, true },
		{ "with uid 0, 1000-1999", 1999, false, true },
		{ "with uid 0, 1000-1999", 2000, false, false },
		{ "with uid 0, 1000-1999", 999, false, false },
		/* Even the container's own user must be one of them where they are named. */
		{ "with uid 1000-1999", 0, true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rules rules;
		char *text = str_format("allow anyone to exec on any %s;", cases[i].with);

		parse(&rules, text);
		int r = rules_check_uid(rules.rules, cases[i].uid, cases[i].own, NULL);
		if ((r == 0) != cases[i].allowed) {
			fail_msg("case %zu: %d", i, r);
		}
		rules_finish(&rules);
		free(text);
	}
}

/* What wrong files say: where, to the character, and what was expected. */
static void test_errors(void **state)
{
	static const struct {
		const char *text;
		const char *message; /* how it begins after "bad.conf:" */
	} cases[] = {
		{ "permit user a to exec on any;", "1:1: a rule (allow or deny) is expected" },
		{ "allow user a to exec on any", "1:28: \";\" at the end of the rule is expected" },
		{ "allow user a to exec;", "1:21: \"on\" and which containers is expected" },
		{ "allow user a on any;", "1:14: \"to\" and what is allowed is expected" },
		{ "allow users a to exec on any;", "1:7: who (user, group, anyone or unset) is" },
		{ "allow user to to exec on any;",
			"1:12: a value is expected here; \"to\" is a word" },
		{ "allow user a, to exec on any;",
			"1:15: a value is expected here; \"to\" is a word" },
		{ "allow user ; to", "1:12: a value is expected here, not \";\"" },
		{ "\n\n  allow user a to fly on any;", "3:19: a command (attach, exec," },
		{ "allow user a to exec on color red;", "1:25: what of the container (engine," },
		{ "allow user a to exec on label tier;", "1:31: a label is written KEY=VALUE" },
		{ "allow user a to exec on label =x;", "1:31: a label is written KEY=VALUE" },
		{ "allow user a to exec on label t*=x;", "1:31: a label's key has no *" },
		{ "allow user a to exec on any with host-view rx;", "1:44: rw, ro or none is" },
		{ "allow user a to exec on any with uid 5-1;", "1:38: a uid as the container" },
		{ "allow user a to exec on any with uid -1;", "1:38: a uid as the container" },
		{ "allow user a to exec on any with uid 4294967295;", "1:38: a uid as the" },
		{ "allow user a to exec on any with uid;", "1:37: a uid as the container" },
		{ "allow user a to exec on any with share tmp;", "1:40: a shared directory is an" },
		{ "allow user a to exec on any with record, reason;", "1:40: \";\" at the end" },
		{ "allow user a to exec on any with record and record;",
			"1:45: \"record\" stands" },
		{ "allow user a to exec on any with glory;", "1:34: a term (host-view," },
		{ "deny user a with reason;", "1:18: a deny rule has no terms" },
		{ "deny user \"a;\nallow", "1:11: the closing quote is missing in this line" },
		{ "deny user \"a", "1:11: the closing quote is missing" },
		{ "deny user \"a\\n\";", "1:13: in quotes a backslash stands before" },
		{ "deny user \"\";", "1:11: an empty string means nothing" },
		{ "deny user a!;", "1:12: \"!\" has no meaning outside of quotes" },
		{ "deny user [a];", "1:11: \"[\" has no meaning outside of quotes" },
		{ "deny user \"\xc3\xa4\xc3\xb6\" 'x';", "1:16: \"'\" has no meaning outside" },
		{ "deny user a; # fine\n\x01", "2:1: a control character (0x01)" },
		{ "deny user \"a\tb\";", "1:13: a control character" },
		{ "deny", "1:5: who (user, group, anyone or unset) is expected here, not the end" },
		{ "deny anyone because;", "1:20: a value is expected here, not \";\"" },
		{ "deny anyone;;", "1:13: a rule (allow or deny) is expected here, not \";\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rules rules = { 0 };
		struct error err = { 0 };
		int r = rules_parse(&rules, "bad.conf", cases[i].text, strlen(cases[i].text), &err);

		if (r == 0 || strncmp(err.message, "bad.conf:", 9) != 0 ||
			strncmp(err.message + 9, cases[i].message, strlen(cases[i].message)) != 0) {
			fail_msg("case %zu: %s\n\"%s\" instead of \"%s\"", i, cases[i].text,
				err.message, cases[i].message);
		}
		rules_finish(&rules);
	}
}

static void test_bounds(void **state)
{
	struct rules rules = { 0 };
	struct error err = { 0 };
	char text[RULES_WORD_MAX + 64];
	char nul[] = "deny anyone;\0";

	assert_int_equal(rules_parse(&rules, "nul", nul, sizeof(nul), &err), -EINVAL);
	assert_string_equal(err.message, "nul:1:13: a control character (0x00)");
	rules_finish(&rules);
	snprintf(text, sizeof(text), "deny user %0*d;", RULES_WORD_MAX, 1);
	assert_int_equal(rules_parse(&rules, "long", text, strlen(text), &err), 0);
	rules_finish(&rules);
	snprintf(text, sizeof(text), "deny user %0*d;", RULES_WORD_MAX + 1, 1);
	assert_int_equal(rules_parse(&rules, "long", text, strlen(text), &err), -EINVAL);
	assert_string_equal(err.message, "long:1:11: longer than 1024 characters");
	rules_finish(&rules);
}

static void test_glob(void **state)
{
	static const struct {
		const char *pattern;
		const char *string;
		bool matches;
	} cases[] = {
		{ "web", "web", true },
		{ "web", "webs", false },
		{ "web*", "web", true },
		{ "*web", "xweb", true },
		{ "w?b", "wab", true },
		{ "w?b", "wb", false },
		{ "*", "", true },
		{ "?", "", false },
		{ "", "", true },
		{ "", "a", false },
		{ "a*b*c", "axxbyybzzc", true },
		{ "a*b*c", "axxbyyb", false },
		{ "*a*a*", "aa", true },
		{ "**", "x", true },
		{ "*\n", "a\n", true },
	};
	char string[4097];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (rules_glob(cases[i].pattern, cases[i].string) != cases[i].matches) {
			fail_msg("%s, %s", cases[i].pattern, cases[i].string);
		}
	}
	memset(string, 'a', sizeof(string) - 1);
	string[sizeof(string) - 1] = '\0';
	clock_t began = clock();
	assert_false(rules_glob("*a*a*a*a*a*a*a*a*a*a*a*a*b", string));
	assert_true(clock() - began < CLOCKS_PER_SEC / 2);
}

static void write_file(const char *directory, const char *name, const char *text, mode_t mode)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

/* Loads DIRECTORY: rules in it, or the error that PART is a part of. */
static void loads(const char *directory, size_t count, const char *part)
{
	struct rules rules;
	struct error err = { 0 };
	int r = rules_load(&rules, directory, &err);

	if (part == NULL) {
		assert_string_equal(err.message, "");
		assert_int_equal(r, 0);
		assert_int_equal(rules.count, count);
	} else {
		assert_true(r < 0);
		if (strstr(err.message, part) == NULL) {
			fail_msg("\"%s\" is not in: %s", part, err.message);
		}
	}
	rules_finish(&rules);
}

static void remove_all(const char *directory)
{
	char command[600];

	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	assert_int_equal(system(command), 0);
}

static void test_files(void **state)
{
	char parent[] = "/tmp/test-rules.XXXXXX";
	char directory[64];
	char path[128];
	struct rules rules;

	if (getuid() != 0) {
		skip();
	}
	assert_non_null(mkdtemp(parent));
	snprintf(directory, sizeof(directory), "%s/rules.d", parent);
	assert_int_equal(rules_load(&rules, directory, NULL), 0);
	assert_false(rules.in_force); /* no directory */
	assert_int_equal(mkdir(directory, 0755), 0);
	write_file(directory, "README", "not a rule", 0666);
	write_file(directory, ".hidden.conf", "not a rule", 0666);
	assert_int_equal(rules_load(&rules, directory, NULL), 0);
	assert_false(rules.in_force); /* no file */
	write_file(directory, "empty.conf", "# nothing\n", 0600);
	assert_int_equal(rules_load(&rules, directory, NULL), 0);
	assert_true(rules.in_force);
	assert_int_equal(rules.count, 0);
	rules_finish(&rules);

	write_file(directory, "20.conf", "deny user b;", 0644);
	write_file(directory, "10.conf", "deny user a; deny user a2;", 0600);
	assert_int_equal(rules_load(&rules, directory, NULL), 0);
	assert_int_equal(rules.count, 3);
	assert_non_null(strstr(rules.rules[0].file, "/10.conf"));
	assert_non_null(strstr(rules.rules[2].file, "/20.conf"));
	rules_finish(&rules);

	write_file(directory, "30.conf", "deny user c;\ndeny user", 0644);
	loads(directory, 0, "/30.conf:2:10: a value is expected");
	write_file(directory, "30.conf", "deny user c;", 0664);
	loads(directory, 0, "/30.conf can be written to by others than root");
	write_file(directory, "30.conf", "deny user c;", 0646);
	loads(directory, 0, "/30.conf can be written to by others than root");
	write_file(directory, "30.conf", "deny user c;", 0644);
	loads(directory, 4, NULL);
	snprintf(path, sizeof(path), "%s/30.conf", directory);
	assert_int_equal(chown(path, 1, 0), 0);
	loads(directory, 0, "/30.conf doesn't belong to root");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("20.conf", path), 0);
	loads(directory, 0, "/30.conf is a symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	loads(directory, 0, "/30.conf is no regular file");
	assert_int_equal(unlink(path), 0);
	loads(directory, 3, NULL);

	assert_int_equal(chmod(directory, 0775), 0);
	loads(directory, 0, "rules.d can be written to by others than root");
	assert_int_equal(chmod(directory, 0755), 0);
	assert_int_equal(chmod(parent, 0757), 0);
	loads(directory, 0, "can be written to by others than root");
	remove_all(parent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_terms),
		cmocka_unit_test(test_uids),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
