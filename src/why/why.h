/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which layer refused a system call: the program is run as `sallyport exec` runs it and followed by
 * ptrace(2); each call that fails for want of a permission is kept. Who refused it is told by the
 * captured seccomp filters, by the mount or the file, or by running the program once more with just
 * one layer of the profile lifted.
 */
#ifndef WHY_WHY_H
#define WHY_WHY_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "policy/profile.h"
#include "session/session.h"
#include "why/lift.h"

#define CALL_TEXT_MAX 512
/* Those that override the rights of files. */
#define FILE_CAPABILITIES (UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_DAC_READ_SEARCH)

/* A system call as the program made it. */
struct call {
	uint32_t arch; /* AUDIT_ARCH_* */
	int32_t nr;
	uint64_t args[6];
	/* In words, with the strings that it names; equal for calls that ask for the same. */
	char text[CALL_TEXT_MAX];
	char path[CALL_TEXT_MAX]; /* the file that it is about, as the program has it; "": none */
	bool cut; /* a string is longer than what is kept: the text does not say all */
};

/* call.c */

/* Fills CALL's text and path from the memory of thread TID, which stands still. */
void call_describe(struct call *call, pid_t tid);
/* "mount"; "#451" where libseccomp has no name for it. Returns OUT. */
const char *call_name(char *out, size_t size, uint32_t arch, int nr);
/*
 * True where ERROR tells of a refusal: EPERM, EACCES, EROFS and ENOSYS of any call, and those that
 * some give where an id is not mapped or a limit is reached.
 */
bool call_is_refused(const struct call *call, int error);
/* "EPERM"; a number where it is none that a permission is refused with. Static. */
const char *call_error_name(int error);

/*
 * The capabilities that the kernel asks for in the system call NAME, as far as they are few: a
 * mask, bit N for capability N. They are candidates, no verdict: capabilities(7).
 */
uint64_t call_capabilities(const char *name);
/*
 * True where CALL, if it were let pass, would change what outlives the program and its own mounts
 * and host name: files, other processes, the network, the host. Such a call is never tried with a
 * layer lifted.
 */
bool call_lasts(const struct call *call, const char *name);
/* A hash of what CALL asks for, by its text; SEED keeps others from choosing it. */
uint64_t call_hash(const struct call *call, uint64_t seed);

/* what is observed */

/* A call that was refused, as often as it was. */
struct refusal {
	struct call call;
	int32_t error; /* positive errno; 0: SIGSYS */
	uint32_t times;
	int32_t pid; /* of the first, in our pid namespace */
	char comm[16];
	uint32_t uid, gid;  /* of file system access, as the initial user namespace has them */
	uint64_t effective; /* capabilities */
	uint32_t filters;   /* seccomp filters that it had */
	bool landlocked;    /* the program had restricted itself: landlock_restrict_self(2) */
	uint32_t last;	    /* counts up over the run: the last of all has the highest */
};

/* run.c */

#define REFUSALS_MAX 64

/* How a call ended that lasts, or that a capability is asked for; a table by the hash. */
struct seen {
	uint64_t hash; /* 0: free */
	int32_t error; /* positive errno; 0: it succeeded, at least once */
};

#define SEEN_MAX 16384

/* What came of one run; in memory that is shared with it. */
struct run {
	struct refusal refusals[REFUSALS_MAX];
	uint32_t n_refusals;
	uint32_t dropped; /* more than there is room for */
	uint32_t calls;	  /* that were seen */
	/* The call that was watched: how often it was made, and how the last of them ended. */
	char watched[CALL_TEXT_MAX];
	uint32_t made;
	int32_t result;		       /* positive errno; 0: it succeeded */
	bool began;		       /* the container's program was executed */
	bool landlocked;	       /* it restricts itself */
	int64_t since;		       /* when it was begun: seconds since 1970 */
	char forbidden[CALL_TEXT_MAX]; /* "it was ended ..." by us, and why; "": it was not */
	uint64_t seed;		       /* of the hashes */
	struct seen seen[SEEN_MAX];
	uint32_t n_seen;
};

/* Another run, with something lifted. */
struct repetition {
	const struct run *first;
	const struct lifts *lifts;
	const char *watched; /* the text of the call that is looked out for */
};

/*
 * Runs the program of OPTIONS under PROFILE, the container's, in a child. AGAIN, NULL in the first
 * run, says what of it is lifted; its output then goes nowhere, as where QUIET. A repetition may do
 * what the first run did, and make the call that is watched, which it ends with:
 *  - what the filters refuse they refuse all other calls still: that is done in their place;
 *  - where its Landlock rules are lifted it is told that they are in force;
 *  - a call that lasts, or that could use what was lifted, must have been made in the first run: it
 *    ends as it did there. The program is ended before any other.
 * RUN is for run_free(). Returns the exit status as session_exec() does, or a negative errno where
 * there was none.
 */
int run_program(struct run **run, const struct profile *profile,
	const struct session_options *options, bool quiet, const struct repetition *again,
	struct error *err);
void run_free(struct run *run);

/* explain.c */

/* Who refuses. */
enum cause {
	CAUSE_UNKNOWN,
	CAUSE_SECCOMP,
	CAUSE_CAPABILITY,
	CAUSE_NO_NEW_PRIVS,
	CAUSE_LSM,
	CAUSE_CGROUP,
	CAUSE_DAC,
	CAUSE_MOUNT,
	CAUSE_USER_NAMESPACE,
	CAUSE_LANDLOCK,
	CAUSE_KERNEL, /* it has no such call */
	CAUSE_COUNT
};

extern const char *const cause_names[CAUSE_COUNT];

enum certainty {
	CERTAINTY_GUESS,  /* nothing speaks against it */
	CERTAINTY_EXACT,  /* read from what refuses */
	CERTAINTY_PROVEN, /* the call succeeds where this alone is lifted, besides those before */
};

struct verdict {
	enum cause cause;
	enum certainty certainty;
	uint64_t capabilities; /* CAUSE_CAPABILITY: which */
	bool final;	       /* no layer that can be lifted overrides it */
	char detail[768];      /* in words */
	char proof[256];       /* in words; "": none */
	/* What would let it pass: for docker and podman; "": nothing simple. As Kubernetes and as
	 * an OCI configuration have it, where that is another. */
	char change[512];
	char kubernetes[256];
	char oci[256];
};

#define VERDICTS_MAX 4

/* One refusal with all that refuse it, one behind the other. */
struct explanation {
	const struct refusal *refusal;
	struct verdict verdicts[VERDICTS_MAX];
	size_t n_verdicts;
	bool solved; /* with all of them lifted the call succeeds */
};

struct question {
	const struct profile *profile;
	struct session_options *options; /* its n_before counts on */
	bool rerun;			 /* may the program be run again? */
	const struct run *first;
};

/* Finds out who refuses REFUSAL. Returns 0, or a negative errno where that could not be asked. */
int explain(struct explanation *explanation, struct question *question,
	const struct refusal *refusal, struct error *err);

/* tell.c */

/* Fills VERDICT in: CALL lacks the capabilities of MASK. Those of files alone are the file's. */
void tell_capabilities(struct verdict *verdict, const struct profile *profile,
	const struct call *call, uint64_t mask);
/* Fills VERDICT in: LAYER of PROFILE refuses, with the error of REFUSAL. */
void tell_layer(struct verdict *verdict, const struct profile *profile,
	const struct refusal *refusal, enum layer layer);
/* The same in the words of DENIAL. */
void tell_denial(struct verdict *verdict, const struct lsm_denial *denial);
/* Adds to VERDICT the sysctl that decides over the call NAME besides, where there is one. */
void tell_sysctl(struct verdict *verdict, const char *name);
/* Adds to VERDICT what would let it pass in the words of Kubernetes' and of OCI's configuration. */
void tell_forms(struct verdict *verdict, const char *kubernetes, const char *oci);
/* "cap_net_raw, cap_net_admin". Returns OUT. */
char *tell_names(char *out, size_t size, uint64_t mask);

/* files.c */

/*
 * What the mount, the directories on the way and the mode of REFUSAL's file say to it. Fills
 * VERDICT and returns true where one of them refuses by what can be read.
 */
bool files_explain(
	struct verdict *verdict, const struct profile *profile, const struct refusal *refusal);

/*
 * The same of the directories and the mode alone, whatever it was refused with: what stands behind
 * a mount that refuses.
 */
bool files_explain_rights(
	struct verdict *verdict, const struct profile *profile, const struct refusal *refusal);

/* The same of the label, by asking the policies: lsm_denies_file(). */
bool files_explain_label(
	struct verdict *verdict, const struct profile *profile, const struct refusal *refusal);

#endif
