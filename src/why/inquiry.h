/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What explain.c and trial.c share: one refusal while it is looked into.
 */
#ifndef WHY_INQUIRY_H
#define WHY_INQUIRY_H

#include "why/why.h"

#define BIT(cap) (UINT64_C(1) << (cap))

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

/* explain.c */

/* One more verdict of Q's explanation, empty. Never NULL. */
struct verdict *inquiry_verdict(struct inquiry *q);
/* A capability that the program had, or was GIVEN, and that its label denies. */
bool inquiry_denies_capability(const struct inquiry *q, uint64_t given, struct lsm_denial *denial);
/* What the first run has left in the log. */
bool inquiry_logged(const struct inquiry *q, struct lsm_denial *denial);

/* trial.c: by running the program again */

enum outcome {
	OUTCOME_FAILED = -1, /* that could not be asked */
	OUTCOME_REFUSED,
	OUTCOME_WORKS,
	OUTCOME_NOT_MADE, /* the program did not come to the call */
};

/* Runs the program with LIFTS. *ERROR is what the call failed with. */
enum outcome trial_run(struct inquiry *q, const struct lifts *lifts, int *error);
/* LIFTS, with the capabilities of MASK in place of theirs. */
struct lifts trial_with_capabilities(struct lifts lifts, uint64_t mask);
/* VERDICT is proven: the call works with LIFTS. */
void trial_prove(struct inquiry *q, struct verdict *verdict, const struct lifts *lifts);
/* The capabilities that we have ourselves: others can't be given. */
uint64_t trial_available(void);
/* The capabilities that the call is known to ask for, and that were lacking. */
uint64_t trial_candidates(const struct inquiry *q);
/* Each adds its verdict and returns true where it is found: one capability that suffices; LAYER as
 * a whole; of all that can be lifted the fewest, which refuse one behind the other. */
bool trial_capability(struct inquiry *q);
bool trial_layer(struct inquiry *q, enum layer layer);
bool trial_all(struct inquiry *q);

#endif
