/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * By experiment: the program is run again with something lifted.
 */
#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/str.h"
#include "why/inquiry.h"

enum outcome trial_run(struct inquiry *q, const struct lifts *lifts, int *error)
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

	return trial_run(q, lifts, &error) == OUTCOME_WORKS;
}

struct lifts trial_with_capabilities(struct lifts lifts, uint64_t mask)
{
	lifts.layers[LAYER_CAPABILITIES] = mask != 0;
	lifts.capabilities = mask;
	return lifts;
}

void trial_prove(struct inquiry *q, struct verdict *verdict, const struct lifts *lifts)
{
	char text[200];

	verdict->certainty = CERTAINTY_PROVEN;
	snprintf(verdict->proof, sizeof(verdict->proof), "%s it works",
		lift_describe(text, sizeof(text), lifts));
	q->explanation->solved = true;
}

/* The fewest of MASK with which the call works, given that it does with all of them. */
static uint64_t narrow(struct inquiry *q, const struct lifts *base, uint64_t mask)
{
	for (unsigned int width = 32; width > 0; width /= 2) {
		for (unsigned int at = 0; at <= CAP_LAST_CAP; at += width) {
			uint64_t part = ((width < 64 ? BIT(width) : 0) - 1) << at;
			const struct lifts less = trial_with_capabilities(*base, mask & ~part);

			if ((mask & part) != 0 && (mask & ~part) != 0 && works(q, &less)) {
				mask &= ~part;
			}
		}
	}
	return mask;
}

uint64_t trial_available(void)
{
	_cleanup_close_ int proc_fd = procfs_open(getpid(), NULL);
	_cleanup_free_ char *status = NULL;
	uint64_t own = 0;

	if (proc_fd >= 0 && procfs_status(proc_fd, &status, NULL) == 0) {
		procfs_field_u64(status, "CapPrm", 16, &own);
	}
	return own;
}

uint64_t trial_candidates(const struct inquiry *q)
{
	uint64_t known =
		call_capabilities(q->name) & ~q->refusal->effective & ~q->lifts.capabilities;

	/* The rights of files are refused with EACCES: path_resolution(7). */
	return q->error == EPERM && !str_equal(q->name, "open_by_handle_at")
		       ? known & ~FILE_CAPABILITIES
		       : known;
}

bool trial_capability(struct inquiry *q)
{
	uint64_t known = trial_candidates(q) & trial_available();

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
			/* What overrides the rights of files last: it says no more than that. */
			bool file = (FILE_CAPABILITIES >> cap & 1) != 0;
			const struct lifts lifts =
				trial_with_capabilities(q->lifts, q->lifts.capabilities | BIT(cap));

			if ((known >> cap & 1) == 0 || file != (pass == 1) || !works(q, &lifts)) {
				continue;
			}
			struct verdict *verdict = inquiry_verdict(q);

			tell_capabilities(
				verdict, q->question->profile, &q->refusal->call, BIT(cap));
			trial_prove(q, verdict, &lifts);
			return true;
		}
	}
	return false;
}

static bool is_there(const struct inquiry *q, enum layer layer)
{
	return layer == LAYER_LANDLOCK ? q->refusal->landlocked
				       : lift_possible(q->question->profile, layer);
}

bool trial_layer(struct inquiry *q, enum layer layer)
{
	struct lifts lifts = q->lifts;

	if (lifts.layers[layer] || !is_there(q, layer)) {
		return false;
	}
	lifts.layers[layer] = true;
	if (!works(q, &lifts)) {
		return false;
	}
	struct verdict *verdict = inquiry_verdict(q);
	struct refusal now = *q->refusal;

	now.error = q->error;
	tell_layer(verdict, q->question->profile, &now, layer);
	struct lsm_denial denial;
	if (layer == LAYER_LSM && inquiry_logged(q, &denial)) {
		tell_denial(verdict, &denial);
	}
	trial_prove(q, verdict, &lifts);
	return true;
}

/* The call works with LIFTS, of which none can be left out. */
static void tell_layer_needed(struct inquiry *q, const struct lifts *lifts, enum layer layer)
{
	struct verdict *verdict = inquiry_verdict(q);
	struct refusal now = *q->refusal;
	struct lsm_denial denial;

	now.error = q->error;
	tell_layer(verdict, q->question->profile, &now, layer);
	if (layer == LAYER_LSM && (inquiry_denies_capability(q, lifts->capabilities, &denial) ||
					  inquiry_logged(q, &denial))) {
		tell_denial(verdict, &denial);
	}
	trial_prove(q, verdict, lifts);
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
			struct verdict *verdict = inquiry_verdict(q);

			tell_capabilities(verdict, q->question->profile, &q->refusal->call, mask);
			trial_prove(q, verdict, lifts);
		}
	}
}

bool trial_all(struct inquiry *q)
{
	uint64_t lacking = trial_available() & ~q->refusal->effective;
	struct lifts lifts = trial_with_capabilities(q->lifts, lacking);

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
			less = trial_with_capabilities(lifts, 0);
		} else {
			less.layers[layer] = false;
		}
		if (lifts.layers[layer] && !q->lifts.layers[layer] && works(q, &less)) {
			lifts = less;
		}
	}
	if (lifts.layers[LAYER_CAPABILITIES]) {
		lifts = trial_with_capabilities(lifts, narrow(q, &lifts, lifts.capabilities));
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
