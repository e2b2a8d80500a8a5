/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who refuses: first what can be read exactly (the filters, the file), then by experiment. Where
 * several refuse one behind the other, what was found is lifted and the next is looked for.
 */
#include <cap-ng.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "policy/bpf.h"
#include "policy/survey.h"
#include "why/inquiry.h"

const char *const cause_names[CAUSE_COUNT] = {
	[CAUSE_UNKNOWN] = "unknown",
	[CAUSE_SECCOMP] = "seccomp",
	[CAUSE_CAPABILITY] = "capability",
	[CAUSE_NO_NEW_PRIVS] = "no_new_privs",
	[CAUSE_LSM] = "lsm",
	[CAUSE_CGROUP] = "cgroup",
	[CAUSE_DAC] = "dac",
	[CAUSE_MOUNT] = "mount",
	[CAUSE_USER_NAMESPACE] = "user namespace",
	[CAUSE_LANDLOCK] = "landlock",
	[CAUSE_KERNEL] = "kernel",
};

struct verdict *inquiry_verdict(struct inquiry *q)
{
	struct explanation *e = q->explanation;
	static struct verdict spare;
	struct verdict *verdict =
		e->n_verdicts < VERDICTS_MAX ? &e->verdicts[e->n_verdicts++] : &spare;

	*verdict = (struct verdict){ 0 };
	return verdict;
}

/* seccomp */

/* Calls whose absence the C library knows how to do without, if it is told by ENOSYS. */
static bool has_fallback(const char *name)
{
	static const char names[] =
		" clone3 faccessat2 openat2 close_range statx fchmodat2 rseq "
		"set_mempolicy_home_node pidfd_open pidfd_getfd copy_file_range "
		"getrandom memfd_create preadv2 pwritev2 epoll_pwait2 mount_setattr ";
	char word[80];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(names, word) != NULL;
}

static bool is_answer(uint32_t answer, int error)
{
	uint32_t action = answer & SECCOMP_RET_ACTION_FULL;

	if (error == 0) {
		return action == SECCOMP_RET_KILL_PROCESS || action == SECCOMP_RET_KILL_THREAD ||
		       action == SECCOMP_RET_TRAP;
	}
	return action == SECCOMP_RET_ERRNO && (int)(answer & SECCOMP_RET_DATA) == error;
}

/* Which of the filters, from 1 for the oldest, gives that answer by itself; 0: none. */
static size_t which_filter(const struct seccomp_chain *chain, const struct call *call, int error)
{
	struct seccomp_data data = { .nr = call->nr, .arch = call->arch };

	memcpy(data.args, call->args, sizeof(data.args));
	for (size_t i = chain->count; i > 0; i--) {
		uint32_t answer;

		if (bpf_run(chain->filters[i - 1].instructions, chain->filters[i - 1].count, &data,
			    &answer) == 0 &&
			is_answer(answer, error)) {
			return i;
		}
	}
	return 0;
}

static bool ask_seccomp(struct inquiry *q)
{
	const struct seccomp_chain *chain = &q->question->profile->seccomp;
	const struct call *call = &q->refusal->call;
	struct bpf_answers answers;
	char action[64];

	if (chain->count == 0 || q->lifts.layers[LAYER_SECCOMP]) {
		return false;
	}
	uint32_t answer = seccomp_evaluate(chain, call->arch, call->nr, call->args);
	if (!is_answer(answer, q->error)) {
		return false;
	}
	struct verdict *verdict = inquiry_verdict(q);
	bool by_arguments = seccomp_explore(chain, call->arch, call->nr, &answers) == 0 &&
			    (answers.count > 1 || answers.truncated);

	verdict->cause = CAUSE_SECCOMP;
	verdict->certainty = CERTAINTY_EXACT;
	snprintf(verdict->detail, sizeof(verdict->detail),
		"the container's seccomp filter (%zu of %zu) answers %s to %s(2)%s%s",
		which_filter(chain, call, q->error), chain->count,
		survey_answer(action, sizeof(action), answer), q->name,
		by_arguments ? " with these arguments" : "",
		q->error == EPERM && has_fallback(q->name)
			? "; with ENOSYS the C library would do without"
			: "");
	snprintf(verdict->change, sizeof(verdict->change),
		"--security-opt seccomp=FILE, a profile that allows %s%s", q->name,
		q->error == EPERM && has_fallback(q->name) ? " or answers ENOSYS" : "");
	snprintf(verdict->kubernetes, sizeof(verdict->kubernetes),
		"securityContext.seccompProfile: {type: Localhost, localhostProfile: FILE}, a "
		"profile that allows %s",
		q->name);
	snprintf(verdict->oci, sizeof(verdict->oci),
		"linux.seccomp.syscalls: {\"names\": [\"%s\"], \"action\": \"SCMP_ACT_ALLOW\"}",
		q->name);
	q->lifts.layers[LAYER_SECCOMP] = true;
	return true;
}

/* labels */

bool inquiry_denies_capability(const struct inquiry *q, uint64_t given, struct lsm_denial *denial)
{
	const struct profile *profile = q->question->profile;
	/* Of those for files: only where it is known that it comes to them. */
	uint64_t had = (call_capabilities(q->name) & ~FILE_CAPABILITIES &
			       (q->error == EPERM ? q->refusal->effective : 0)) |
		       given;

	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if ((had >> cap & 1) != 0 &&
			lsm_denies_capability(&profile->labels, cap, capng_capability_to_name(cap),
				profile->namespaces.uid_map.count > 0, denial)) {
			return true;
		}
	}
	return false;
}

bool inquiry_logged(const struct inquiry *q, struct lsm_denial *denial)
{
	const struct lsm_refusal refusal = {
		.call = q->name, .pid = q->refusal->pid, .since = q->question->first->since
	};

	return lsm_logged_denial(&q->question->profile->labels, &refusal, denial);
}

/* The policies themselves are asked, and where no trial can tell the log: exact where they say no.
 */
static bool ask_label(struct inquiry *q)
{
	struct refusal now = *q->refusal;
	struct verdict verdict = { .cause = CAUSE_LSM, .certainty = CERTAINTY_EXACT };
	struct lsm_denial denial;

	now.error = q->error;
	if (q->lifts.layers[LAYER_LSM] || !lift_possible(q->question->profile, LAYER_LSM)) {
		return false;
	}
	if (q->error == EACCES && files_explain_label(&verdict, q->question->profile, &now)) {
		*inquiry_verdict(q) = verdict;
	} else if (inquiry_denies_capability(q, q->lifts.capabilities, &denial) ||
		   (!q->rerun && inquiry_logged(q, &denial))) {
		tell_denial(&verdict, &denial);
		*inquiry_verdict(q) = verdict;
	} else {
		return false;
	}
	q->lifts.layers[LAYER_LSM] = true;
	return true;
}

/* Nothing that we can lift is it. */
static void give_up(struct inquiry *q)
{
	struct verdict *verdict = inquiry_verdict(q);
	uint64_t known = trial_candidates(q);
	char names[256];

	if (q->rerun) {
		/* The others were tried. */
		known &= ~trial_available();
	}
	if (q->refusal->landlocked && !q->question->rerun) {
		tell_layer(verdict, q->question->profile, q->refusal, LAYER_LANDLOCK);
		return;
	}
	if (str_equal(q->name, "ptrace") && q->refusal->call.args[0] == 0) {
		snprintf(verdict->detail, sizeof(verdict->detail),
			"it can't be traced by another while it is traced for this command");
		return;
	}
	if (q->forbidden[0] != '\0') {
		snprintf(verdict->detail, sizeof(verdict->detail),
			"not found out: run again with more than the container has, it was ended "
			"%.500s",
			q->forbidden);
		return;
	}
	if (known != 0) {
		tell_capabilities(verdict, q->question->profile, &q->refusal->call, known);
		verdict->certainty = CERTAINTY_GUESS;
		snprintf(verdict->detail, sizeof(verdict->detail),
			"perhaps for want of %s: not tried, since %s",
			tell_names(names, sizeof(names), known),
			q->rerun	     ? "sallyport itself lacks that here"
			: q->question->rerun ? "what the call does lasts"
					     : "the program may not be run again");
		return;
	}
	verdict->certainty = CERTAINTY_GUESS;
	if (q->rerun && q->question->profile->namespaces.uid_map.count > 0) {
		verdict->cause = CAUSE_USER_NAMESPACE;
		snprintf(verdict->detail, sizeof(verdict->detail),
			"it fails with all capabilities and without each layer too: it may need "
			"them in "
			"the host's user namespace, not in the container's own");
		snprintf(verdict->change, sizeof(verdict->change), "--userns host");
		tell_forms(verdict, "hostUsers: true", "linux.namespaces without \"user\"");
		return;
	}
	snprintf(verdict->detail, sizeof(verdict->detail), "%s",
		q->question->rerun ? "it fails with all capabilities and without each layer too: "
				     "the kernel, a "
				     "sysctl, or what the file or device itself allows"
				   : "not seccomp, and nothing that can be read of a file");
	tell_sysctl(verdict, q->name);
}

/* With what was found so far lifted: is that all? Returns true where the search is over. */
static bool is_over(struct inquiry *q)
{
	struct verdict *last = &q->explanation->verdicts[q->explanation->n_verdicts - 1];

	if (!q->rerun) {
		return true;
	}
	switch (trial_run(q, &q->lifts, &q->error)) {
	case OUTCOME_WORKS:
		trial_prove(q, last, &q->lifts);
		return true;
	case OUTCOME_REFUSED:
		return false;
	default:
		return true;
	}
}

/* The file's own rights and mount. */
static bool ask_files(struct inquiry *q)
{
	struct refusal now = *q->refusal;
	struct verdict verdict = { 0 };

	now.error = q->error;
	now.effective |= q->lifts.capabilities;
	if (!files_explain(&verdict, q->question->profile, &now)) {
		return false;
	}
	*inquiry_verdict(q) = verdict;
	struct verdict behind = { 0 };
	if (verdict.cause == CAUSE_MOUNT &&
		files_explain_rights(&behind, q->question->profile, &now)) {
		/* What refuses once the mount does not can be read, not tried. */
		*inquiry_verdict(q) = behind;
	}
	if (verdict.cause == CAUSE_DAC) {
		q->lifts = trial_with_capabilities(
			q->lifts, q->lifts.capabilities | BIT(CAP_DAC_OVERRIDE));
	}
	return true;
}

/* Layer by layer, each with those before lifted. */
static void inquire(struct inquiry *q)
{
	const struct explanation *explanation = q->explanation;

	for (int depth = 0; depth < VERDICTS_MAX; depth++) {
		if (ask_seccomp(q)) {
			if (is_over(q)) {
				return;
			}
			continue;
		}
		if (ask_files(q)) {
			const struct verdict *found =
				&explanation->verdicts[explanation->n_verdicts - 1];

			if (explanation->verdicts[0].cause == CAUSE_MOUNT || found->final ||
				found->cause != CAUSE_DAC || is_over(q)) {
				return;
			}
			continue;
		}
		if (ask_label(q)) {
			if (is_over(q)) {
				return;
			}
			continue;
		}
		if (q->error == ENOSYS) {
			struct verdict *verdict = inquiry_verdict(q);

			verdict->cause = CAUSE_KERNEL;
			verdict->certainty = CERTAINTY_EXACT;
			snprintf(verdict->detail, sizeof(verdict->detail),
				"no filter answers so: this kernel has no %s(2), or not this use "
				"of it",
				q->name);
			return;
		}
		if (q->rerun &&
			(trial_layer(q, LAYER_NO_NEW_PRIVS) || trial_capability(q) ||
				trial_layer(q, LAYER_LANDLOCK) || trial_layer(q, LAYER_LSM) ||
				trial_layer(q, LAYER_CGROUP) || trial_all(q))) {
			return;
		}
		give_up(q);
		return;
	}
}

int explain(struct explanation *explanation, struct question *question,
	const struct refusal *refusal, struct error *err)
{
	struct inquiry q = {
		.question = question,
		.explanation = explanation,
		.refusal = refusal,
		.error = refusal->error,
	};

	*explanation = (struct explanation){ .refusal = refusal };
	call_name(q.name, sizeof(q.name), refusal->call.arch, refusal->call.nr);
	/* Who traces itself is traced already: by us. */
	bool traces_itself = str_equal(q.name, "ptrace") && refusal->call.args[0] == 0;
	q.rerun = question->rerun && !refusal->call.cut && !traces_itself &&
		  !call_lasts(&refusal->call, q.name);
	inquire(&q);
	if (q.failure.code != 0) {
		*err = q.failure;
	}
	return -q.failure.code;
}
