/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define CONF_MAX (1 << 20)
#define LIST_MAX 256

/* What a value may be. Each returns NULL where FIELD was set, else what is wrong with VALUE. */
typedef const char *take_function(void *field, const char *value);

static const char *take_word(int *field, const char *value, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (words[i] != NULL && strcmp(value, words[i]) == 0) {
			*field = (int)i;
			return NULL;
		}
	}
	return "";
}

static const char *take_mode(void *field, const char *value)
{
	int mode = trail_mode_parse(value);

	if (mode < 0) {
		return "must be required, journal or off";
	}
	*(int *)field = mode;
	return NULL;
}

static const char *take_mode_or_auto(void *field, const char *value)
{
	if (strcmp(value, "auto") == 0) {
		*(int *)field = -1;
		return NULL;
	}
	return take_mode(field, value) == NULL ? NULL : "must be required, journal, off or auto";
}

static const char *take_bool(void *field, const char *value)
{
	static const char *const words[] = { "no", "yes" };
	int word;

	if (take_word(&word, value, words, ARRAY_SIZE(words)) != NULL) {
		return "must be yes or no";
	}
	*(bool *)field = word == 1;
	return NULL;
}

static const char *take_record(void *field, const char *value)
{
	static const char *const words[] = { "off", "on", "required" };

	return take_word(field, value, words, ARRAY_SIZE(words)) == NULL
		       ? NULL
		       : "must be off, on or required";
}

static const char *take_path(void *field, const char *value)
{
	if (value[0] != '/' || value[strlen(value) - 1] == '/') {
		return "must be an absolute path";
	}
	char *copy = strdup(value);
	if (copy == NULL) {
		return "out of memory";
	}
	free(*(char **)field);
	*(char **)field = copy;
	return NULL;
}

/* A number with k, M or G after it. */
static const char *take_size(void *field, const char *value)
{
	static const char units[] = "kMG";
	char digits[32];
	size_t n = strlen(value);
	const char *unit = n > 0 ? strchr(units, value[n - 1]) : NULL;
	uint64_t number;

	if (n >= sizeof(digits)) {
		return "is too large";
	}
	strcpy(digits, value);
	if (unit != NULL && *unit != '\0') {
		digits[n - 1] = '\0';
	}
	int r = str_to_u64(digits, UINT64_C(1) << 30, &number);
	if (r < 0) {
		return r == -ERANGE ? "is too large"
				    : "must be a number of bytes, with k, M or G after it or not";
	}
	number <<= unit != NULL && *unit != '\0' ? 10 * (unit - units + 1) : 0;
	if (number < 64 << 10) {
		return "is less than 64k";
	}
	*(uint64_t *)field = number;
	return NULL;
}

static const char *take_count(void *field, const char *value)
{
	uint64_t count;

	if (str_to_u64(value, 1000, &count) < 0 || count == 0) {
		return "must be a number from 1 to 1000";
	}
	*(uint64_t *)field = count;
	return NULL;
}

static const char *add(struct conf_list *list, const char *value)
{
	if (list->count == LIST_MAX) {
		return "is one too many";
	}
	char **larger = reallocarray(list->items, list->count + 1, sizeof(*list->items));
	if (larger == NULL) {
		return "out of memory";
	}
	list->items = larger;
	list->items[list->count] = strdup(value);
	return list->items[list->count++] != NULL ? NULL : "out of memory";
}

static const char *take_pattern(void *field, const char *value)
{
	regex_t regex;

	if (regcomp(&regex, value, REG_EXTENDED) != 0) {
		return "is no extended regular expression: regex(7)";
	}
	regfree(&regex);
	return add(field, value);
}

static const char *take_option(void *field, const char *value)
{
	return value[0] == '-' && strpbrk(value, "= \t") == NULL
		       ? add(field, value)
		       : "must be an option as it is written: --secret";
}

#define KEY(name, member, take, many)                                                              \
	{                                                                                          \
		name, offsetof(struct conf, member), take, many                                    \
	}

static const struct {
	const char *name;
	size_t offset;
	take_function *take;
	bool many; /* may be given more than once */
} keys[] = {
	KEY("audit", audit, take_mode_or_auto, false),
	KEY("audit-minimum", audit_minimum, take_mode, false),
	KEY("audit-kernel", audit_kernel, take_bool, false),
	KEY("audit-tools", audit_tools, take_bool, false),
	KEY("journal", journal, take_path, false),
	KEY("journal-size", journal_size, take_size, false),
	KEY("journal-count", journal_count, take_count, false),
	KEY("redact-defaults", redact_defaults, take_bool, false),
	KEY("redact", redact, take_pattern, true),
	KEY("redact-option", redact_options, take_option, true),
	KEY("record", record, take_record, false),
	KEY("record-input", record_input, take_bool, false),
	KEY("record-dir", record_dir, take_path, false),
};

static int set_defaults(struct conf *conf, struct error *err)
{
	*conf = (struct conf){
		.audit = -1,
		.audit_minimum = TRAIL_OFF,
		.audit_tools = true,
		.journal = strdup("/var/log/sallyport/journal.jsonl"),
		.journal_size = 16 << 20,
		.journal_count = 16,
		.redact_defaults = true,
		.record_dir = strdup("/var/log/sallyport/recordings"),
	};
	return conf->journal != NULL && conf->record_dir != NULL
		       ? 0
		       : error_set(err, ENOMEM, "read the configuration");
}

static char *trim(char *s)
{
	s += strspn(s, " \t\r");
	for (size_t n = strlen(s); n > 0 && strchr(" \t\r", s[n - 1]) != NULL; n--) {
		s[n - 1] = '\0';
	}
	return s;
}

static int take_line(struct conf *conf, char *line, unsigned int *seen, const char *name,
	int number, struct error *err)
{
	char *key = trim(line);
	char *value = strchr(key, '=');

	if (*key == '\0' || *key == '#') {
		return 0;
	}
	if (value == NULL) {
		return error_set(err, 0, "%s:%d: not of the form key = value", name, number);
	}
	*value = '\0';
	key = trim(key);
	value = trim(value + 1);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(key, keys[i].name) != 0) {
			continue;
		}
		if (!keys[i].many && (*seen >> i & 1) != 0) {
			return error_set(
				err, 0, "%s:%d: %s stands there already", name, number, key);
		}
		*seen |= 1u << i;
		const char *wrong = *value != '\0'
					    ? keys[i].take((char *)conf + keys[i].offset, value)
					    : "has no value";
		return wrong == NULL ? 0
				     : error_set(err, 0, "%s:%d: %s %s", name, number, key, wrong);
	}
	return error_set(err, 0, "%s:%d: unknown key \"%.64s\"", name, number, key);
}

int conf_parse(struct conf *conf, char *text, const char *name, struct error *err)
{
	unsigned int seen = 0;
	int number = 0;
	int r = set_defaults(conf, err);

	_Static_assert(ARRAY_SIZE(keys) <= 32, "a bit for each key");
	for (char *line = text; r == 0 && line != NULL;) {
		char *next = strchr(line, '\n');

		if (next != NULL) {
			*next++ = '\0';
		}
		r = take_line(conf, line, &seen, name, ++number, err);
		line = next;
	}
	return r;
}

/* Who may write it decides what is recorded. */
static int check_owner(int fd, const char *path, mode_t type, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return error_set(err, errno, "stat %s", path);
	}
	if ((st.st_mode & S_IFMT) != type) {
		return error_set(err, 0, "%s is no %s", path,
			type == S_IFDIR ? "directory" : "regular file");
	}
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return error_set_hint(err, EPERM, "chown root, chmod go-w",
			"%s may be written by others than root", path);
	}
	return 0;
}

int conf_load(struct conf *conf, struct error *err)
{
	_cleanup_free_ char *directory = strndup(CONF_PATH, strrchr(CONF_PATH, '/') - CONF_PATH);
	_cleanup_close_ int dir_fd = -1;
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r = set_defaults(conf, err);

	if (r < 0 || directory == NULL) {
		return r < 0 ? r : error_set(err, ENOMEM, "read the configuration");
	}
	dir_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd >= 0) {
		fd = openat(dir_fd, strrchr(CONF_PATH, '/') + 1,
			O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
	if (fd < 0) {
		return errno == ENOENT ? 0 : error_set(err, errno, "open %s", CONF_PATH);
	}
	r = check_owner(dir_fd, directory, S_IFDIR, err);
	if (r == 0) {
		r = check_owner(fd, CONF_PATH, S_IFREG, err);
	}
	if (r == 0) {
		r = fd_read_all(fd, CONF_PATH, CONF_MAX, &text, &size, err);
	}
	if (r == 0 && strlen(text) != size) {
		r = error_set(err, 0, "%s holds a NUL byte", CONF_PATH);
	}
	if (r < 0) {
		return r;
	}
	conf_finish(conf);
	return conf_parse(conf, text, CONF_PATH, err);
}

static void list_finish(struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i]);
	}
	free(list->items);
	*list = (struct conf_list){ 0 };
}

void conf_finish(struct conf *conf)
{
	if (conf == NULL) {
		return;
	}
	free(conf->journal);
	free(conf->record_dir);
	conf->journal = NULL;
	conf->record_dir = NULL;
	list_finish(&conf->redact);
	list_finish(&conf->redact_options);
}

int conf_mode(const struct conf *conf, const char *wanted, bool kernel_enabled, struct error *err)
{
	int mode = conf->audit;

	if (mode < 0) {
		mode = kernel_enabled ? TRAIL_REQUIRED : TRAIL_JOURNAL;
	}
	if (mode < conf->audit_minimum) {
		mode = conf->audit_minimum;
	}
	if (wanted == NULL) {
		return mode;
	}
	mode = trail_mode_parse(wanted);
	if (mode < 0) {
		return error_set(
			err, 0, "--audit takes required, journal or off, not %.64s", wanted);
	}
	if (mode < conf->audit_minimum) {
		return error_set(err, EPERM, "--audit=%s: audit-minimum of %s is %s", wanted,
			CONF_PATH, trail_mode_name((enum trail_mode)conf->audit_minimum));
	}
	return mode;
}
