/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/verify.h"

#include <errno.h>
#include <stdio.h>

#include "audit/conf.h"
#include "audit/journal.h"
#include "base/log.h"
#include "cli/cli.h"

#define EXIT_BROKEN 1

struct sum {
	uint64_t lines;
	unsigned int files;
};

static void print_file(const struct journal_seen *seen, void *data)
{
	struct sum *sum = data;

	sum->lines += seen->lines;
	sum->files++;
	printf("%s: %llu lines", seen->path, (unsigned long long)seen->lines);
	if (seen->first != 0) {
		printf(", records %llu to %llu, %s to %s", (unsigned long long)seen->first,
			(unsigned long long)seen->last, seen->from, seen->until);
	}
	if (seen->repairs > 0) {
		printf(", lines repaired after a crash: %llu", (unsigned long long)seen->repairs);
	}
	if (seen->unfinished > 0) {
		printf(", then %zu bytes of a line that a crash cut off", seen->unfinished);
	}
	putchar('\n');
}

int verify_journal(struct error *err)
{
	struct journal_fault fault;
	struct sum sum = { 0 };
	struct conf conf;
	int r = conf_load(&conf, err);

	if (r == 0) {
		r = journal_verify(&conf, print_file, &sum, &fault, err);
	}
	if (r == 0) {
		printf("unbroken: %llu lines in %u file%s\n", (unsigned long long)sum.lines,
			sum.files, sum.files == 1 ? "" : "s");
	}
	if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout))) {
		r = error_set(err, errno, "write what was found");
	}
	if (r > 0) {
		log_error("%s:%llu: %s: the journal is BROKEN", fault.path,
			(unsigned long long)fault.line, fault.what);
		r = EXIT_BROKEN;
	}
	conf_finish(&conf);
	return r;
}
