/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser of rules, and the evaluation of whatever it takes: no input may crash it, and none may
 * be refused without a place.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audit/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Evaluates RULES for some people and containers; what is decided is not the question here. */
static void evaluate(const struct rules *rules)
{
	static char group_name[] = "ops";
	static char user_name[] = "alice";
	static char label[] = "tier=front";
	static char *labels[] = { label, NULL };
	struct operator_group group = { .gid = 10, .name = group_name };
	const struct operator operators[] = {
		{ .uid = 1000, .name = user_name, .groups = &group, .n_groups = 1 },
		{ .uid = 4242 },
		{ .uid = OPERATOR_UNSET },
	};
	const struct rules_container containers[] = {
		{ "docker", "web-1", "0123", "nginx:1", labels, 0, "root" },
		{ "pid", "1", NULL, NULL, NULL, 1000, NULL },
	};
	const struct rules_wish wish = { .reason = "x" };

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		for (size_t k = 0; k < sizeof(containers) / sizeof(containers[0]); k++) {
			for (int command = 0; command < RULES_COMMANDS; command++) {
				const struct rule *rule = rules_find(rules, &operators[i],
					(enum rules_command)command, &containers[k]);

				if (rule != NULL && rule->allow) {
					rules_check_wish(
						rule, (enum rules_command)command, &wish, NULL);
					rules_check_uid(rule, 1000, false, NULL);
				}
			}
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rules rules = { 0 };
	struct error err = { 0 };
	int r = rules_parse(&rules, "fuzz", (const char *)data, size, &err);

	if (r == 0) {
		evaluate(&rules);
	} else if (strncmp(err.message, "fuzz:", 5) != 0 || err.code == 0) {
		abort();
	}
	rules_finish(&rules);
	return 0;
}
