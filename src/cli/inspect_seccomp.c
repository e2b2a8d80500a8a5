/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/inspect.h"
#include "policy/survey.h"

/* FNV-1a, 64 bits: tells filters apart, proves nothing. */
static uint64_t fingerprint(const struct seccomp_filter *filter)
{
	const unsigned char *bytes = (const unsigned char *)filter->instructions;
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < filter->count * sizeof(*filter->instructions); i++) {
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	}
	return hash;
}

static struct json_object *describe_filter(const struct seccomp_filter *filter)
{
	struct json_object *object = json_object_new_object();
	struct json_object *flags = json_object_new_array();
	char text[24];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)fingerprint(filter));
	if ((filter->flags & SECCOMP_FILTER_FLAG_LOG) != 0) {
		json_object_array_add(flags, json_object_new_string("log"));
	}
	json_object_object_add(object, "instructions", json_object_new_int(filter->count));
	json_object_object_add(object, "flags", flags);
	json_object_object_add(object, "user_notif", json_object_new_boolean(filter->user_notif));
	json_object_object_add(object, "fingerprint", json_object_new_string(text));
	return object;
}

/* The syscalls of SURVEY that get just ANSWER. */
static struct json_object *describe_group(const struct survey *survey, uint32_t answer)
{
	struct json_object *object = json_object_new_object();
	struct json_object *names = json_object_new_array();
	char text[64];

	for (size_t i = 0; i < survey->count; i++) {
		const struct bpf_answers *answers = &survey->syscalls[i].answers;

		if (answers->count == 1 && !answers->truncated && answers->values[0] == answer) {
			json_object_array_add(
				names, json_object_new_string(survey->syscalls[i].name));
		}
	}
	json_object_object_add(object, "action",
		json_object_new_string(survey_answer(text, sizeof(text), answer)));
	json_object_object_add(object, "syscalls", names);
	return object;
}

static struct json_object *describe_conditional(const struct survey_syscall *syscall)
{
	struct json_object *object = json_object_new_object();
	struct json_object *actions = json_object_new_array();
	char text[64];

	for (size_t i = 0; i < syscall->answers.count; i++) {
		json_object_array_add(actions, json_object_new_string(survey_answer(text,
						       sizeof(text), syscall->answers.values[i])));
	}
	if (syscall->answers.truncated) {
		json_object_array_add(actions, json_object_new_string("others"));
	}
	json_object_object_add(object, "syscall", json_object_new_string(syscall->name));
	json_object_object_add(object, "actions", actions);
	return object;
}

static struct json_object *describe_survey(const struct survey *survey)
{
	struct json_object *object = json_object_new_object();
	struct json_object *groups = json_object_new_array();
	struct json_object *conditional = json_object_new_array();
	_cleanup_free_ uint32_t *told = calloc(survey->count + 1, sizeof(*told));
	size_t n_told = 0;
	char text[64];

	json_object_object_add(object, "architecture", json_object_new_string(survey->arch));
	json_object_object_add(object, "default",
		json_object_new_string(survey_answer(text, sizeof(text), survey->default_answer)));
	json_object_object_add(object, "uniform", json_object_new_boolean(survey->uniform));
	for (size_t i = 0; told != NULL && i < survey->count; i++) {
		const struct bpf_answers *answers = &survey->syscalls[i].answers;
		bool is_told = false;

		if (answers->count != 1 || answers->truncated) {
			json_object_array_add(
				conditional, describe_conditional(&survey->syscalls[i]));
			continue;
		}
		for (size_t k = 0; k < n_told; k++) {
			is_told = is_told || told[k] == answers->values[0];
		}
		if (!is_told) {
			told[n_told++] = answers->values[0];
			json_object_array_add(groups, describe_group(survey, answers->values[0]));
		}
	}
	json_object_object_add(object, "actions", groups);
	json_object_object_add(object, "by_arguments", conditional);
	return object;
}

struct json_object *inspect_seccomp(const struct seccomp_chain *chain, struct error *err)
{
	static const char *const modes[] = { "none", "strict", "filter" };
	struct json_object *object = json_object_new_object();
	struct json_object *filters = json_object_new_array();
	struct json_object *surveys = json_object_new_array();

	json_object_object_add(object, "mode",
		json_object_new_string(
			chain->mode < ARRAY_SIZE(modes) ? modes[chain->mode] : "unknown"));
	json_object_object_add(
		object, "threads_differ", json_object_new_boolean(chain->threads_differ));
	json_object_object_add(object, "spec_allow", json_object_new_boolean(chain->spec_allow));
	json_object_object_add(object, "stopped_ns", json_object_new_uint64(chain->stopped_ns));
	json_object_object_add(object, "filters", filters);
	json_object_object_add(object, "architectures", surveys);
	for (size_t i = 0; i < chain->count; i++) {
		json_object_array_add(filters, describe_filter(&chain->filters[i]));
	}
	for (size_t i = 0; chain->count > 0 && i < survey_architectures(); i++) {
		struct survey survey;
		int r = survey_take(&survey, chain, i, err);

		if (r == 0) {
			json_object_array_add(surveys, describe_survey(&survey));
		}
		survey_finish(&survey);
		if (r < 0) {
			json_object_put(object);
			return NULL;
		}
	}
	return object;
}
