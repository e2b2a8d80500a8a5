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
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/str.h"
#include "policy/bpf.h"
#include "policy/survey.h"
#include "why/why.h"

#define BIT(cap) (UINT64_C(1) << (cap))
#define FILE_CAPABILITIES (BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH))

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

/* One refusal while it is looked into. */
struct inquiry {
	struct question *question;
	struct explanation *explanation;
	const struct refusal *refusal;
	struct lifts lifts; /* of the layers found so far */
	int error;	    /* that the call fails with while these are lifted */
	char name[64];
	bool rerun;	      /* it may be tried */
	bool undecided;	      /* a repetition did not come to the call */
	struct error failure; /* that all further runs are given up for */
	/* The call that the last repetition was ended before that did not come to its end. */
	char forbidden[CALL_TEXT_MAX];
};

enum outcome {
	OUTCOME_FAILED = -1, /* that could not be asked */
	OUTCOME_REFUSED,
	OUTCOME_WORKS,
	OUTCOME_NOT_MADE, /* the program did not come to the call */
};

/* Runs the program with LIFTS. *ERROR is what the call failed with. */
static enum outcome try(struct inquiry *q, const struct lifts *lifts, int *error)
{
	const struct repetition again = { q->question->first, lifts, q->refusal->call.text };
	struct run *run = NULL;
	enum outcome outcome = OUTCOME_FAILED;
	struct error failure = { 0 };
	char text[256];

	if (q->failure.code != 0) {
		return OUTCOME_FAILED;
	}
	if (q->question->options->trail != NULL) {
		char note[320];

		snprintf(note, sizeof(note), "why: the program is run %s",
			lift_describe(text, sizeof(text), lifts));
		/* What can't be recorded isn't done. */
		if (audit_degraded(q->question->options->trail, note, &q->failure) < 0) {
			return OUTCOME_FAILED;
		}
	}
	int r = run_program(
		&run, q->question->profile, q->question->options, true, &again, &failure);
	q->question->options->n_before++;
	if (r >= 0 && run->began && run->made == 0) {
		outcome = OUTCOME_NOT_MADE;
		q->undecided = true;
		snprintf(q->forbidden, sizeof(q->forbidden), "%s", run->forbidden);
	} else if (r >= 0 && run->began) {
		*error = run->result;
		outcome = *error != 0 && call_is_refused(&q->refusal->call, *error)
				  ? OUTCOME_REFUSED
				  : OUTCOME_WORKS;
	}
	run_free(run);
	if (r == -EINTR) {
		q->failure = failure;
	}
	return outcome;
}

static bool works(struct inquiry *q, const struct lifts *lifts)
{
	int error;

	return try(q, lifts, &error) == OUTCOME_WORKS;
}

static struct lifts with_capabilities(struct lifts lifts, uint64_t mask)
{
	lifts.layers[LAYER_CAPABILITIES] = mask != 0;
	lifts.capabilities = mask;
	return lifts;
}

static struct verdict *new_verdict(struct inquiry *q)
{
	struct explanation *e = q->explanation;
	static struct verdict spare;
	struct verdict *verdict =
		e->n_verdicts < VERDICTS_MAX ? &e->verdicts[e->n_verdicts++] : &spare;

	*verdict = (struct verdict){ 0 };
	return verdict;
}

static void prove(struct inquiry *q, struct verdict *verdict, const struct lifts *lifts)
{
	char text[200];

	verdict->certainty = CERTAINTY_PROVEN;
	snprintf(verdict->proof, sizeof(verdict->proof), "%s it works",
		lift_describe(text, sizeof(text), lifts));
	q->explanation->solved = true;
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
	struct verdict *verdict = new_verdict(q);
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

/* capabilities */

/* The fewest of MASK with which the call works, given that it does with all of them. */
static uint64_t narrow(struct inquiry *q, const struct lifts *base, uint64_t mask)
{
	for (unsigned int width = 32; width > 0; width /= 2) {
		for (unsigned int at = 0; at <= CAP_LAST_CAP; at += width) {
			uint64_t part = ((width < 64 ? BIT(width) : 0) - 1) << at;
			const struct lifts less = with_capabilities(*base, mask & ~part);

			if ((mask & part) != 0 && (mask & ~part) != 0 && works(q, &less)) {
				mask &= ~part;
			}
		}
	}
	return mask;
}

/* Those that we have ourselves: others can't be given. */
static uint64_t own_capabilities(void)
{
	_cleanup_close_ int proc_fd = procfs_open(getpid(), NULL);
	_cleanup_free_ char *status = NULL;
	uint64_t own = 0;

	if (proc_fd >= 0 && procfs_status(proc_fd, &status, NULL) == 0) {
		procfs_field_u64(status, "CapPrm", 16, &own);
	}
	return own;
}

/* The capabilities that the call is known to ask for, and that were lacking. */
static uint64_t candidates(const struct inquiry *q)
{
	uint64_t known =
		call_capabilities(q->name) & ~q->refusal->effective & ~q->lifts.capabilities;

	/* The rights of files are refused with EACCES: path_resolution(7). */
	return q->error == EPERM && !str_equal(q->name, "open_by_handle_at")
		       ? known & ~FILE_CAPABILITIES
		       : known;
}

/* One that suffices. */
static bool ask_capability(struct inquiry *q)
{
	uint64_t known = candidates(q) & own_capabilities();

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
			/* What overrides the rights of files last: it says no more than that. */
			bool file = (FILE_CAPABILITIES >> cap & 1) != 0;
			const struct lifts lifts =
				with_capabilities(q->lifts, q->lifts.capabilities | BIT(cap));

			if ((known >> cap & 1) == 0 || file != (pass == 1) || !works(q, &lifts)) {
				continue;
			}
			struct verdict *verdict = new_verdict(q);

			tell_capabilities(
				verdict, q->question->profile, &q->refusal->call, BIT(cap));
			prove(q, verdict, &lifts);
			return true;
		}
	}
	return false;
}

/* labels */

/* A capability that the program had, or was GIVEN, and that its label denies. */
static bool deny_capability(const struct inquiry *q, uint64_t given, struct lsm_denial *denial)
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

/* What the first run has left in the log. */
static bool find_logged(const struct inquiry *q, struct lsm_denial *denial)
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
		*new_verdict(q) = verdict;
	} else if (deny_capability(q, q->lifts.capabilities, &denial) ||
		   (!q->rerun && find_logged(q, &denial))) {
		tell_denial(&verdict, &denial);
		*new_verdict(q) = verdict;
	} else {
		return false;
	}
	q->lifts.layers[LAYER_LSM] = true;
	return true;
}

/* layers as a whole */

static bool is_there(const struct inquiry *q, enum layer layer)
{
	return layer == LAYER_LANDLOCK ? q->refusal->landlocked
				       : lift_possible(q->question->profile, layer);
}

static bool ask_layer(struct inquiry *q, enum layer layer)
{
	struct lifts lifts = q->lifts;

	if (lifts.layers[layer] || !is_there(q, layer)) {
		return false;
	}
	lifts.layers[layer] = true;
	if (!works(q, &lifts)) {
		return false;
	}
	struct verdict *verdict = new_verdict(q);
	struct refusal now = *q->refusal;

	now.error = q->error;
	tell_layer(verdict, q->question->profile, &now, layer);
	struct lsm_denial denial;
	if (layer == LAYER_LSM && find_logged(q, &denial)) {
		tell_denial(verdict, &denial);
	}
	prove(q, verdict, &lifts);
	return true;
}

/* The call works with LIFTS, of which none can be left out. */
static void tell_layer_needed(struct inquiry *q, const struct lifts *lifts, enum layer layer)
{
	struct verdict *verdict = new_verdict(q);
	struct refusal now = *q->refusal;
	struct lsm_denial denial;

	now.error = q->error;
	tell_layer(verdict, q->question->profile, &now, layer);
	if (layer == LAYER_LSM &&
		(deny_capability(q, lifts->capabilities, &denial) || find_logged(q, &denial))) {
		tell_denial(verdict, &denial);
	}
	prove(q, verdict, lifts);
}

/* Its capabilities: those for files alone stand for the file's own rights, the others behind. */
static void tell_capabilities_needed(struct inquiry *q, const struct lifts *lifts)
{
	uint64_t all = lifts->capabilities & ~q->lifts.capabilities;
	const uint64_t parts[] = { all & FILE_CAPABILITIES, all & ~FILE_CAPABILITIES };
	bool apart = q->error == EACCES && q->refusal->call.path[0] != '\0';

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		uint64_t mask = apart ? parts[i] : i == 0 ? all : 0;

		if (mask != 0) {
			struct verdict *verdict = new_verdict(q);

			tell_capabilities(verdict, q->question->profile, &q->refusal->call, mask);
			prove(q, verdict, lifts);
		}
	}
}

/* All that can be lifted, and then the fewest of it: they refuse one behind the other. */
static bool ask_all(struct inquiry *q)
{
	uint64_t lacking = own_capabilities() & ~q->refusal->effective;
	struct lifts lifts = with_capabilities(q->lifts, lacking);

	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		if (layer != LAYER_CAPABILITIES) {
			lifts.layers[layer] = is_there(q, (enum layer)layer);
		}
	}
	q->undecided = false;
	if (!works(q, &lifts)) {
		return false;
	}
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		struct lifts less = lifts;

		if (layer == LAYER_CAPABILITIES) {
			less = with_capabilities(lifts, 0);
		} else {
			less.layers[layer] = false;
		}
		if (lifts.layers[layer] && !q->lifts.layers[layer] && works(q, &less)) {
			lifts = less;
		}
	}
	if (lifts.layers[LAYER_CAPABILITIES]) {
		lifts = with_capabilities(lifts, narrow(q, &lifts, lifts.capabilities));
	}
	/* What did not come to the call proves nothing: neither that a layer is needed. */
	if (q->undecided || q->failure.code != 0) {
		return false;
	}
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		if (layer == LAYER_CAPABILITIES && lifts.layers[layer]) {
			tell_capabilities_needed(q, &lifts);
		} else if (lifts.layers[layer] && !q->lifts.layers[layer]) {
			tell_layer_needed(q, &lifts, (enum layer)layer);
		}
	}
	return q->explanation->solved;
}

/* Nothing that we can lift is it. */
static void give_up(struct inquiry *q)
{
	struct verdict *verdict = new_verdict(q);
	uint64_t known = candidates(q);
	char names[256];

	if (q->rerun) {
		/* The others were tried. */
		known &= ~own_capabilities();
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
	switch (try(q, &q->lifts, &q->error)) {
	case OUTCOME_WORKS:
		prove(q, last, &q->lifts);
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
	*new_verdict(q) = verdict;
	struct verdict behind = { 0 };
	if (verdict.cause == CAUSE_MOUNT &&
		files_explain_rights(&behind, q->question->profile, &now)) {
		/* What refuses once the mount does not can be read, not tried. */
		*new_verdict(q) = behind;
	}
	if (verdict.cause == CAUSE_DAC) {
		q->lifts =
			with_capabilities(q->lifts, q->lifts.capabilities | BIT(CAP_DAC_OVERRIDE));
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
			struct verdict *verdict = new_verdict(q);

			verdict->cause = CAUSE_KERNEL;
			verdict->certainty = CERTAINTY_EXACT;
			snprintf(verdict->detail, sizeof(verdict->detail),
				"no filter answers so: this kernel has no %s(2), or not this use "
				"of it",
				q->name);
			return;
		}
		if (q->rerun && (ask_layer(q, LAYER_NO_NEW_PRIVS) || ask_capability(q) ||
					ask_layer(q, LAYER_LANDLOCK) || ask_layer(q, LAYER_LSM) ||
					ask_layer(q, LAYER_CGROUP) || ask_all(q))) {
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
