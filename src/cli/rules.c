/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport rules check, sallyport rules test
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "audit/rules.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/access.h"
#include "cli/cli.h"
#include "cli/usage.h"

#define EXIT_DENIED 1

static const char usage[] =
	"Usage: sallyport rules check [FILE...]\n"
	"       sallyport rules test [-t ENGINE] USER CONTAINER [COMMAND]\n"
	"\n"
	"check reads all rules (" RULES_DIRECTORY "/*.conf), or FILEs alone, and says what is "
	"wrong\n"
	"with them; the status is 1 then. test says what they let USER (a name, a uid, or unset: "
	"who\n"
	"never logged in) do with CONTAINER; with COMMAND the status is 1 where that is denied.\n"
	"\n"
	"  -t, --type ENGINE   only containers of this engine\n"
	"  -h, --help          this text\n"
	"\n"
	"sallyport-rules(5) describes the language.\n";

static const struct option long_options[] = {
	{ "type", required_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool is_name(const char *value)
{
	uint64_t number;

	return strpbrk(value, "*?") == NULL && str_to_u64(value, UINT32_MAX, &number) < 0;
}

/* Names that this system doesn't know: rules about them match nobody. Returns how many. */
static int warn_of_names(const struct rule *rule)
{
	int unknown = 0;

	for (size_t i = 0; i < rule->n_subjects; i++) {
		const struct rules_subject *subject = &rule->subjects[i];

		for (size_t k = 0; k < subject->values.count; k++) {
			const char *value = subject->values.items[k];
			bool user = subject->kind == RULES_USER;

			if (is_name(value) && (user ? (void *)getpwnam(value)
						    : (void *)getgrnam(value)) == NULL) {
				log_warning("%s:%u: there is no %s %s", rule->file, rule->line,
					user ? "user" : "group", value);
				unknown++;
			}
		}
	}
	return unknown;
}

static int check(char **files)
{
	struct rules rules = { 0 };
	struct error err = { 0 };
	int status = 0;

	if (*files == NULL && rules_load(&rules, RULES_DIRECTORY, &err) < 0) {
		log_error("%s", err.message);
		status = EXIT_DENIED;
	}
	for (; *files != NULL; files++) {
		if (rules_load_file(&rules, *files, &err) < 0) {
			log_error("%s", err.message);
			status = EXIT_DENIED;
		}
	}
	for (size_t i = 0; status == 0 && i < rules.count; i++) {
		warn_of_names(&rules.rules[i]);
	}
	if (status == 0 && !rules.in_force) {
		printf("no files in " RULES_DIRECTORY ": nothing is ruled, root may do anything\n");
	} else if (status == 0) {
		printf("%zu rules in %zu files: no errors\n", rules.count, rules.n_files);
	}
	rules_finish(&rules);
	return status;
}

static void print_uids(const struct rules_terms *terms)
{
	if (terms->uid_any) {
		printf(", uid any");
		return;
	}
	for (size_t i = 0; i < terms->n_uids; i++) {
		const struct rules_range *range = &terms->uids[i];

		printf(i == 0 ? ", uid %u" : ",%u", range->first);
		if (range->last != range->first) {
			printf("-%u", range->last);
		}
	}
}

static void print_terms(const struct rules_terms *terms, enum rules_command command)
{
	static const char *const views[] = { "none", "ro", "rw" };

	if (command == RULES_ATTACH) {
		printf(", host-view %s", views[terms->host_view]);
		for (size_t i = 0; i < terms->shares.count; i++) {
			printf(i == 0 ? ", share %s" : ",%s", terms->shares.items[i]);
		}
	}
	if (command == RULES_ATTACH || command == RULES_EXEC) {
		print_uids(terms);
		printf("%s%s%s%s", terms->like ? ", like" : "", terms->degraded ? ", degraded" : "",
			command == RULES_EXEC && terms->without ? ", without" : "",
			terms->record_input ? ", record-input"
			: terms->record	    ? ", record"
					    : "");
		printf("%s", terms->reason ? ", reason" : "");
	}
}

/* One line of the answer; true where it is yes. */
static bool print_decision(const struct rules *rules, const struct operator* operator,
	enum rules_command command, const struct rules_container *container)
{
	const struct rule *rule =
		rules->in_force ? rules_find(rules, operator, command, container) : NULL;
	bool allowed = !rules->in_force || (rule != NULL && rule->allow);

	printf("%-9s %-8s", rules_command_names[command], allowed ? "allowed" : "denied");
	if (rule == NULL) {
		puts(allowed ? "there are no rules" : "no rule matches");
		return allowed;
	}
	printf("%s:%u", rule->file, rule->line);
	if (rule->allow) {
		print_terms(&rule->terms, command);
	}
	printf("%s%s%s\n", rule->because != NULL ? " (" : "",
		rule->because != NULL ? rule->because : "", rule->because != NULL ? ")" : "");
	return allowed;
}

static int test_container(const struct rules *rules, const struct operator* operator,
	const struct target * target, int command)
{
	char owner_name[OWNER_NAME_SIZE];
	struct rules_container container;
	char name[1024];
	bool allowed = true;

	access_describe(&container, target, owner_name);
	str_escape(name, sizeof(name), target->name);
	printf("%s %s, %s\n", target->engine, name,
		target->owner == 0 ? "of the system" : "of a user");
	for (int i = 0; i < RULES_COMMANDS; i++) {
		if (command < 0) {
			print_decision(rules, operator,(enum rules_command) i, &container);
		} else if (i == command) {
			allowed =
				print_decision(rules, operator,(enum rules_command) i, &container);
		}
	}
	return allowed ? 0 : EXIT_DENIED;
}

static int test(const char *engine, char **args)
{
	struct access access = { .operator= { .uid = OPERATOR_UNSET } };
	struct target target = { 0 };
	struct error err = { 0 };
	int command = args[2] != NULL ? rules_command_by_name(args[2]) : -1;
	int status = EXIT_OURS;

	if (args[2] != NULL && command < 0) {
		log_error("rules know no command %s", args[2]);
		return EXIT_OURS;
	}
	int r = access_open(&access, RULES_LIST, &err);
	operator_finish(&access.operator);
	r = r == 0 ? operator_named(&access.operator, args[0], &err) : r;
	r = r == 0 ? target_resolve(&target, args[1], engine, &err) : r;
	r = r == 0 ? target_canonical(&target, &err) : r;
	if (r == 0) {
		status = test_container(&access.rules, &access.operator, & target, command);
	} else {
		log_error("%s", err.message);
	}
	target_finish(&target);
	access_finish(&access);
	return status;
}

int command_rules(int argc, char **argv)
{
	const char *engine = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "+:t:h", long_options, NULL)) != -1) {
		if (option == 'h') {
			printf("%s", usage);
			return 0;
		}
		if (option != 't') {
			return usage_wrong_option(option, argv, long_options);
		}
		engine = optarg;
	}
	argv += optind;
	argc -= optind;
	if (argc >= 1 && strcmp(argv[0], "check") == 0) {
		return check(argv + 1);
	}
	if (argc >= 1 && strcmp(argv[0], "test") == 0) {
		/* -t may also follow the word. */
		if (argc >= 3 && strcmp(argv[1], "-t") == 0) {
			engine = argv[2];
			argv += 2;
			argc -= 2;
		}
		if (argc == 3 || argc == 4) {
			return test(engine, argv + 1);
		}
	}
	log_error("rules takes check [FILE...] or test USER CONTAINER [COMMAND] (see sallyport "
		  "rules --help)");
	return EXIT_OURS;
}
