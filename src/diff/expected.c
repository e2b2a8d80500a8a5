/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs and has to. sallyport-diff(1) has the same table in the same order.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>

#include "base/str.h"
#include "diff/diff.h"

typedef bool condition(const struct comparison *c, const struct row *row);

/* Each of the two is "SOFT HARD", numbers or "unlimited". True where A's hard one is above B's. */
static bool is_above(const char *a, const char *b)
{
	const char *hard_a = a != NULL ? strchr(a, ' ') : NULL;
	const char *hard_b = b != NULL ? strchr(b, ' ') : NULL;

	if (hard_a == NULL || hard_b == NULL || str_equal(hard_b, " unlimited")) {
		return false;
	}
	return str_equal(hard_a, " unlimited") ||
	       strtoull(hard_a, NULL, 10) > strtoull(hard_b, NULL, 10);
}

static bool limit_not_raised(const struct comparison *c, const struct row *row)
{
	return !c->resource_capability && is_above(row->target, row->ours);
}

static bool oom_not_lowered(const struct comparison *c, const struct row *row)
{
	return !c->resource_capability && row->target != NULL && row->ours != NULL &&
	       atoi(row->target) < atoi(row->ours);
}

/* The target's directory is none that a path from its root leads to: then it is the root. */
static bool cwd_is_root(const struct comparison *c, const struct row *row)
{
	const char *root = facts_get(c->ours, "root.inode");
	const char *cwd = facts_get(c->ours, "cwd.inode");

	return str_equal(root, cwd);
}

static bool not_dumpable(const struct comparison *c, const struct row *row)
{
	return row->target != NULL && row->ours != NULL;
}

static bool lost_personality(const struct row *row, unsigned long bits)
{
	return row->target != NULL && row->ours != NULL &&
	       (strtoul(row->target, NULL, 16) & ~bits) == strtoul(row->ours, NULL, 16);
}

/* The kernel takes READ_IMPLIES_EXEC back at the exec of a program that doesn't ask for it. */
static bool but_read_implies_exec(const struct comparison *c, const struct row *row)
{
	return lost_personality(row, READ_IMPLIES_EXEC);
}

/* Who begins a label by an exec loses what PER_CLEAR_ON_SETID of linux/personality.h names:
 * security/apparmor/domain.c, security/selinux/hooks.c. */
static bool but_cleared_by_label(const struct comparison *c, const struct row *row)
{
	const char *label = facts_get(c->target, "attr.current");

	return label != NULL && label[0] != '\0' && !str_equal(label, "unconfined") &&
	       lost_personality(row,
		       READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | MMAP_PAGE_ZERO);
}

static bool ours_clean(const struct comparison *c, const struct row *row)
{
	return row->ours != NULL && strspn(row->ours, "0") == strlen(row->ours);
}

static bool ours_three(const struct comparison *c, const struct row *row)
{
	return str_equal(row->ours, "0 1 2");
}

static bool ours_no(const struct comparison *c, const struct row *row)
{
	return str_equal(row->ours, "no");
}

/* A keyring that was made for the program; the other has another, or may not look. */
static bool ours_new_keyring(const struct comparison *c, const struct row *row)
{
	return row->ours != NULL && str_starts_with(row->ours, "keyring;");
}

static const struct {
	const char *pattern; /* fnmatch(3), of the key */
	condition *when;     /* NULL: always */
	const char *because;
} table[] = {
	{ "status.SigIgn", NULL, "what it ignores is the target's own doing; ours begins anew" },
	{ "status.SigBlk", NULL, "what it blocks is the target's own doing; ours begins anew" },
	{ "status.x86_Thread_features*", NULL, "shadow stacks are the program file's" },
	{ "environ.TERM", NULL, "the terminal is the operator's" },
	{ "environ.HOME", NULL, "set for the user by the container's passwd" },
	{ "environ.USER", NULL, "set for the user by the container's passwd" },
	{ "loginuid", NULL, "the operator stays accountable" },
	{ "sessionid", NULL, "the operator stays accountable" },
	{ "attr.*prev", NULL, "the label before the last exec is each process's own" },
	{ "attr.*exec", NULL, "asked for by the target's program, for its own next exec" },
	{ "attr.*create", NULL, "asked for by the target's program, for what it makes" },
	{ "limit.*", limit_not_raised, "sallyport's caller lacks CAP_SYS_RESOURCE" },
	{ "oom_score_adj", oom_not_lowered, "sallyport's caller lacks CAP_SYS_RESOURCE" },
	{ "cwd.*", cwd_is_root, "no path from the target's root leads to its directory" },
	{ "personality", but_read_implies_exec, "an exec takes READ_IMPLIES_EXEC back" },
	{ "personality", but_cleared_by_label,
		"an exec that begins a label takes these bits back" },
	{ "sched.autogroup_nice", NULL, "autogroups are by session, and ours is another" },
	{ "proc_files.owner", not_dumpable, "an exec makes a process dumpable again" },
	{ "self.parent_inside", ours_no, "started from outside: its parent has no pid inside" },
	{ "self.session_keyring", ours_new_keyring, "each has a session keyring of its own" },
	{ "self.descriptors", ours_three, "the other was given more descriptors" },
	{ "self.signals_*", ours_clean, "the other inherited them from its starter" },
	{ "self.pdeathsig", ours_clean, "the other's starter wants it to end with it" },
	{ "self.controlling_terminal", ours_no, "the other was started with a terminal" },
};

/*
 * What the probe may do follows from what it is. Where the engine's process is not what the target
 * is, its answers are another's: the property that explains a row.
 */
#define UNLIKE(property) property, "the engine's process is not like the target in " property

static const struct {
	const char *pattern;  /* of the row */
	const char *property; /* of what the engine's process has and the target has not */
	const char *because;
} causes[] = {
	{ "syscall.*", UNLIKE("seccomp.filter.*") },
	{ "can.*", UNLIKE("seccomp.filter.*") },
	{ "self.*", UNLIKE("seccomp.filter.*") },
	{ "can.*", UNLIKE("status.Cap*") },
	{ "syscall.*", UNLIKE("status.Cap*") },
	{ "access.*", UNLIKE("status.Cap*") },
	{ "list.*", UNLIKE("status.Cap*") },
	{ "device.*", UNLIKE("status.Cap*") },
	{ "can.*", UNLIKE("status.NoNewPrivs") },
	{ "self.no_new_privs", UNLIKE("status.NoNewPrivs") },
	{ "*", UNLIKE("status.Uid") },
	{ "*", UNLIKE("status.Gid") },
	{ "*", UNLIKE("status.Groups") },
	{ "*", UNLIKE("ns.*") },
	{ "*", UNLIKE("root.*") },
	{ "*", UNLIKE("attr.current") },
	{ "device.*", UNLIKE("cgroup") },
	{ "self.umask", UNLIKE("status.Umask") },
	{ "self.cwd", UNLIKE("cwd.*") },
	{ "self.nice", UNLIKE("sched.nice") },
	{ "self.thp_disable", UNLIKE("status.THP_enabled") },
	{ "self.memory_merge", UNLIKE("memory_merge") },
	{ "self.timer_slack", UNLIKE("timerslack_ns") },
	{ "self.machine", UNLIKE("personality") },
	{ "can.memory.*", UNLIKE("personality") },
	{ "can.nice", UNLIKE("limit.nice_priority") },
	{ "can.nice", UNLIKE("sched.*") },
	{ "can.realtime", UNLIKE("limit.realtime_priority") },
	{ "can.realtime", UNLIKE("sched.*") },
	{ "can.raise_limit", UNLIKE("limit.open_files") },
	{ "can.mlock_16m", UNLIKE("limit.locked_memory") },
	{ "can.core_dump", UNLIKE("limit.core_file_size") },
	{ "can.oom_score_adj", UNLIKE("oom_score_adj") },
};

#undef UNLIKE

/* A property by PATTERN in which the engine's process is not like the target, as ours is. */
static bool engine_deviates(const struct comparison *c, const char *pattern)
{
	for (size_t i = 0; i < c->engine->count; i++) {
		const struct fact *fact = &c->engine->list[i];

		if (fnmatch(pattern, fact->key, 0) == 0) {
			const char *target = facts_get(c->target, fact->key);

			if (!str_equal(target, fact->value) &&
				str_equal(target, facts_get(c->ours, fact->key))) {
				return true;
			}
		}
	}
	/* ... or which it lacks. */
	for (size_t i = 0; i < c->target->count; i++) {
		const struct fact *fact = &c->target->list[i];

		if (fnmatch(pattern, fact->key, 0) == 0 &&
			facts_get(c->engine, fact->key) == NULL &&
			str_equal(fact->value, facts_get(c->ours, fact->key))) {
			return true;
		}
	}
	return false;
}

static const char *explain_engine(const struct comparison *c, const struct row *row)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		if (fnmatch(causes[i].pattern, row->key, 0) == 0 &&
			engine_deviates(c, causes[i].property)) {
			return causes[i].because;
		}
	}
	return NULL;
}

const char *expected_difference(const struct comparison *c, const struct row *row)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (fnmatch(table[i].pattern, row->key, 0) == 0 &&
			(table[i].when == NULL || table[i].when(c, row))) {
			return table[i].because;
		}
	}
	return c->engine != NULL && row->basis != BASIS_TARGET ? explain_engine(c, row) : NULL;
}
