/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/redact.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/conf.h"
#include "audit/digest.h"
#include "audit/redact_rules.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define KEY_SIZE 32
#define KEY_NAME "redaction.key"
#define MARK_FORMAT "[redacted:%.16s]"
#define MARK_SIZE (sizeof("[redacted:]") - 1 + 16)

struct pattern {
	struct redact_pattern rule;
	regex_t regex;
	bool compiled; /* only when a text has the rule's needle: to compile all takes a millisecond
			*/
};

struct redactor {
	unsigned char key[KEY_SIZE];
	struct pattern *patterns;
	size_t n_patterns;
	const struct conf_list *options; /* the site's; borrowed */
	bool defaults;
};

/* The key that is there, or one that is put there whole: link(2) decides who was first. */
static bool take_key(int dir_fd, unsigned char *key)
{
	_cleanup_close_ int fd = openat(dir_fd, KEY_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char temporary[64];
	struct stat st;

	if (fd >= 0) {
		return fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
		       read(fd, key, KEY_SIZE) == KEY_SIZE;
	}
	snprintf(temporary, sizeof(temporary), KEY_NAME ".%d", (int)getpid());
	_cleanup_close_ int new = openat(
		dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (new < 0) {
		return false;
	}
	bool made = fd_write_all(new, key, KEY_SIZE) == 0 && fsync(new) == 0 &&
		    linkat(dir_fd, temporary, dir_fd, KEY_NAME, 0) == 0;
	bool lost = !made && errno == EEXIST;
	unlinkat(dir_fd, temporary, 0);
	return made || (lost && take_key(dir_fd, key));
}

static int set_key(struct redactor *redactor, const struct conf *conf, struct error *err)
{
	_cleanup_free_ char *directory =
		strndup(conf->journal, (size_t)(strrchr(conf->journal, '/') - conf->journal));

	if (directory == NULL) {
		return error_set(err, ENOMEM, "read the redaction key");
	}
	if (getrandom(redactor->key, KEY_SIZE, 0) != KEY_SIZE) {
		return error_set(err, errno, "make the redaction key");
	}
	mkdir(directory, 0700);
	_cleanup_close_ int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned char key[KEY_SIZE];

	memcpy(key, redactor->key, KEY_SIZE);
	if (dir_fd >= 0 && take_key(dir_fd, key)) {
		memcpy(redactor->key, key, KEY_SIZE);
	}
	return 0;
}

static bool compile(struct pattern *pattern)
{
	const int flags = REG_EXTENDED | (pattern->rule.icase ? REG_ICASE : 0);

	pattern->compiled =
		pattern->compiled || regcomp(&pattern->regex, pattern->rule.regex, flags) == 0;
	return pattern->compiled;
}

static struct pattern *add_pattern(struct redactor *redactor, const struct redact_pattern *rule)
{
	struct pattern *pattern = &redactor->patterns[redactor->n_patterns++];

	pattern->rule = *rule;
	return pattern;
}

struct redactor *redact_new(const struct conf *conf, struct error *err)
{
	struct redactor *redactor = calloc(1, sizeof(*redactor));
	size_t n = redact_n_patterns + conf->redact.count;
	int r = 0;

	if (redactor == NULL ||
		(redactor->patterns = calloc(n, sizeof(*redactor->patterns))) == NULL) {
		free(redactor);
		error_set(err, ENOMEM, "redaction");
		return NULL;
	}
	redactor->options = &conf->redact_options;
	redactor->defaults = conf->redact_defaults;
	for (size_t i = 0; conf->redact_defaults && i < redact_n_patterns; i++) {
		add_pattern(redactor, &redact_patterns[i]);
	}
	for (size_t i = 0; r == 0 && i < conf->redact.count; i++) {
		/* The first group, or all of it where there is none. */
		const struct redact_pattern site = { NULL, -1, false, conf->redact.items[i] };

		if (!compile(add_pattern(redactor, &site))) {
			r = error_set(err, EINVAL, "redaction pattern %s", site.regex);
		}
	}
	if (r == 0) {
		r = set_key(redactor, conf, err);
	}
	if (r < 0) {
		redact_free(redactor);
		return NULL;
	}
	return redactor;
}

void redact_free(struct redactor *redactor)
{
	if (redactor != NULL) {
		for (size_t i = 0; i < redactor->n_patterns; i++) {
			if (redactor->patterns[i].compiled) {
				regfree(&redactor->patterns[i].regex);
			}
		}
		free(redactor->patterns);
		explicit_bzero(redactor->key, KEY_SIZE);
		free(redactor);
	}
}

/* Where the secrets of one text are. */
struct span {
	size_t start;
	size_t end;
};

struct spans {
	struct span *items;
	size_t n;
	size_t room;
	bool failed; /* memory ran out */
};

static void add_span(struct spans *spans, size_t start, size_t end)
{
	if (end <= start || spans->failed) {
		return;
	}
	if (spans->n == spans->room) {
		size_t room = 2 * spans->room + 16;
		struct span *larger = reallocarray(spans->items, room, sizeof(*larger));

		if (larger == NULL) {
			spans->failed = true;
			return;
		}
		spans->items = larger;
		spans->room = room;
	}
	spans->items[spans->n++] = (struct span){ start, end };
}

/* What is known from the words before. */
struct words {
	const struct redactor *redactor;
	uint64_t programs; /* bit N: row N of redact_programs counts */
	bool next;	   /* the next word is a secret */
};

static bool is_program(const char *word, size_t size, const char *name)
{
	const char *slash = memrchr(word, '/', size);
	const char *base = slash != NULL ? slash + 1 : word;
	size_t n = size - (size_t)(base - word);
	size_t length = strlen(name);

	if (name[length - 1] == '*') {
		return n >= length - 1 && memcmp(base, name, length - 1) == 0;
	}
	return n == length && memcmp(base, name, n) == 0;
}

static bool is_site_option(const struct redactor *redactor, const char *word, size_t size)
{
	for (size_t i = 0; i < redactor->options->count; i++) {
		const char *option = redactor->options->items[i];

		if (strlen(option) == size && memcmp(word, option, size) == 0) {
			return true;
		}
	}
	return false;
}

/* The options of the programs that were named before. True where WORD was one. */
static bool scan_program_option(
	struct words *words, const char *text, size_t start, size_t end, struct spans *spans)
{
	const char *word = text + start;
	size_t size = end - start;

	for (size_t i = 0; i < redact_n_programs; i++) {
		const char *option = redact_programs[i].option;
		size_t n = strlen(option);

		if ((words->programs >> i & 1) == 0 || size < n || memcmp(word, option, n) != 0) {
			continue;
		}
		if (size == n && (redact_programs[i].form & REDACT_NEXT) != 0) {
			words->next = true;
			return true;
		}
		if (size > n && (redact_programs[i].form & REDACT_ATTACHED) != 0) {
			add_span(spans, start + n, end);
			return true;
		}
	}
	return false;
}

static void find_programs(struct words *words, const char *word, size_t size)
{
	uint64_t found = 0;

	for (size_t i = 0; i < redact_n_programs; i++) {
		found |= (uint64_t)is_program(word, size, redact_programs[i].name) << i;
	}
	if (found != 0) {
		words->programs = found;
	}
}

/* One word of a command line: TEXT from START to END. */
static void scan_word(
	struct words *words, const char *text, size_t start, size_t end, struct spans *spans)
{
	const char *word = text + start;
	size_t size = end - start;

	if (words->next) {
		words->next = false;
		add_span(spans, start, end);
		return;
	}
	const char *equals = memchr(word, '=', size);
	size_t name_end = equals != NULL ? (size_t)(equals - text) : end;
	size_t name_start = start;
	while (name_start < name_end && text[name_start] == '-') {
		name_start++;
	}
	bool option = name_start > start;
	bool secret = (words->redactor->defaults &&
			      redact_name(text + name_start, name_end - name_start)) ||
		      is_site_option(words->redactor, word, name_end - start);
	if (secret && equals != NULL) {
		add_span(spans, name_end + 1, end);
	} else if (secret && option) {
		words->next = true;
	} else if (words->redactor->defaults &&
		   scan_program_option(words, text, start, end, spans)) {
		return;
	} else if (equals != NULL) {
		/* --env=NAME=VALUE */
		scan_word(words, text, name_end + 1, end, spans);
	} else if (words->redactor->defaults && !option) {
		find_programs(words, word, size);
	}
}

/* TEXT as a shell would split it, roughly: quotes keep blanks in a word. */
static void scan_words(const struct redactor *redactor, const char *text, size_t start, size_t end,
	struct spans *spans)
{
	struct words words = { .redactor = redactor };
	static const char blanks[] = " \t\r\n;|&()<>`";

	for (size_t i = start; i < end;) {
		char quote = '\0';
		size_t from = i;

		while (i < end &&
			(quote != '\0' || text[i] == '\0' || strchr(blanks, text[i]) == NULL)) {
			if (quote == '\0' && (text[i] == '"' || text[i] == '\'')) {
				quote = text[i];
			} else if (text[i] == quote) {
				quote = '\0';
			}
			i++;
		}
		bool quoted = i - from >= 2 && (text[from] == '"' || text[from] == '\'') &&
			      text[i - 1] == text[from];
		if (i > from) {
			scan_word(&words, text, from + quoted, i - quoted, spans);
		}
		i += i == from;
	}
}

static void scan_pattern(const struct pattern *pattern, const char *text, size_t start, size_t end,
	struct spans *spans)
{
	size_t group =
		pattern->rule.group >= 0 ? (size_t)pattern->rule.group : pattern->regex.re_nsub > 0;

	while (start < end) {
		regmatch_t match[4] = { { .rm_so = (regoff_t)start, .rm_eo = (regoff_t)end } };

		if (regexec(&pattern->regex, text, ARRAY_SIZE(match), match, REG_STARTEND) != 0) {
			return;
		}
		if (match[group].rm_so >= 0) {
			add_span(spans, (size_t)match[group].rm_so, (size_t)match[group].rm_eo);
		}
		start = (size_t)match[0].rm_eo > start ? (size_t)match[0].rm_eo : start + 1;
	}
}

static bool has_needle(const char *text, size_t size, const struct redact_pattern *rule)
{
	size_t n = strlen(rule->needle);

	for (size_t i = 0; i + n <= size; i++) {
		if ((rule->icase ? strncasecmp(text + i, rule->needle, n)
				 : memcmp(text + i, rule->needle, n)) == 0) {
			return true;
		}
	}
	return false;
}

static void scan_patterns(const struct redactor *redactor, const char *text, size_t start,
	size_t end, struct spans *spans)
{
	for (size_t i = 0; i < redactor->n_patterns; i++) {
		struct pattern *pattern = &redactor->patterns[i];

		if (pattern->rule.needle != NULL &&
			!has_needle(text + start, end - start, &pattern->rule)) {
			continue;
		}
		if (compile(pattern)) {
			scan_pattern(pattern, text, start, end, spans);
		} else {
			spans->failed = true;
		}
	}
}

static int compare(const void *a, const void *b)
{
	const struct span *x = a;
	const struct span *y = b;

	return x->start < y->start ? -1 : x->start > y->start ? 1 : 0;
}

/* Spans that overlap become one. */
static void merge(struct spans *spans)
{
	size_t n = 0;

	if (spans->n == 0) {
		return;
	}
	qsort(spans->items, spans->n, sizeof(*spans->items), compare);
	for (size_t i = 1; i < spans->n; i++) {
		if (spans->items[i].start < spans->items[n].end) {
			if (spans->items[i].end > spans->items[n].end) {
				spans->items[n].end = spans->items[i].end;
			}
		} else {
			spans->items[++n] = spans->items[i];
		}
	}
	spans->n = n + 1;
}

/* TEXT with a mark in the place of each span. Frees the spans. */
static char *replace(const struct redactor *redactor, const char *text, size_t size,
	struct spans *spans, size_t *out_size, size_t *n_redacted)
{
	char hash[DIGEST_HEX_SIZE];
	size_t used = 0;
	size_t from = 0;

	merge(spans);
	char *out = spans->failed ? NULL : malloc(size + spans->n * (MARK_SIZE + 1) + 1);
	for (size_t i = 0; out != NULL && i < spans->n; i++) {
		const struct span *span = &spans->items[i];

		memcpy(out + used, text + from, span->start - from);
		used += span->start - from;
		digest_hmac(
			redactor->key, KEY_SIZE, text + span->start, span->end - span->start, hash);
		used += (size_t)sprintf(out + used, MARK_FORMAT, hash);
		from = span->end;
	}
	if (out != NULL) {
		memcpy(out + used, text + from, size - from);
		used += size - from;
		out[used] = '\0';
		*out_size = used;
		*n_redacted = spans->n;
	}
	free(spans->items);
	return out;
}

char *redact_text(const struct redactor *redactor, const char *text, size_t size, size_t *out_size,
	size_t *n_redacted)
{
	struct spans spans = { 0 };

	scan_words(redactor, text, 0, size, &spans);
	scan_patterns(redactor, text, 0, size, &spans);
	return replace(redactor, text, size, &spans, out_size, n_redacted);
}

char *redact_args(const struct redactor *redactor, const char *args, size_t size, size_t *out_size,
	size_t *n_redacted)
{
	struct words words = { .redactor = redactor };
	struct spans spans = { 0 };

	for (size_t i = 0; i < size;) {
		size_t end = i + strnlen(args + i, size - i);

		scan_word(&words, args, i, end, &spans);
		if (strcspn(args + i, " \t\n") < end - i) {
			scan_words(redactor, args, i, end, &spans);
		}
		scan_patterns(redactor, args, i, end, &spans);
		i = end + 1;
	}
	return replace(redactor, args, size, &spans, out_size, n_redacted);
}
