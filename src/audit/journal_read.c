/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/journal_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/conf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define DEPTH_MAX 16

/* The object that is all of LINE, or NULL. */
static struct json_object *parse(struct json_tokener *tokener, const char *line, size_t size)
{
	if (size >= INT32_MAX) {
		return NULL;
	}
	json_tokener_reset(tokener);
	struct json_object *record = json_tokener_parse_ex(tokener, line, (int)size + 1);
	if (record != NULL && (!json_object_is_type(record, json_type_object) ||
				      json_tokener_get_parse_end(tokener) != size)) {
		json_object_put(record);
		record = NULL;
	}
	return record;
}

int journal_source_each(
	const struct journal_source *source, journal_visit *visit, void *data, struct error *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct journal_line line = { .path = source->path };
	_cleanup_free_ char *text = NULL;
	size_t room = 0;
	uint64_t at = 0;
	ssize_t n;
	int r = tokener != NULL ? 0 : error_set(err, ENOMEM, "read the journal");

	while (r == 0 && at < source->size && (n = getline(&text, &room, source->file)) > 0) {
		at += (uint64_t)n;
		line.number++;
		line.whole = text[n - 1] == '\n';
		line.size = (size_t)n - (line.whole ? 1 : 0);
		text[line.size] = '\0';
		line.text = text;
		line.record = parse(tokener, text, line.size);
		r = visit(&line, data);
		json_object_put(line.record);
	}
	if (r == 0 && ferror(source->file)) {
		r = error_set(err, EIO, "read %s", source->path);
	}
	json_tokener_free(tokener);
	return r;
}

/* Opens the rotated file N (0: the current one) as the next of SOURCES. */
static int open_source(
	struct journal_sources *sources, const char *journal, uint64_t n, struct error *err)
{
	struct journal_source *source = &sources->list[sources->count];
	struct stat st;

	*source = (struct journal_source){
		.path = n > 0 ? str_format("%s.%llu", journal, (unsigned long long)n)
			      : strdup(journal),
	};
	source->file = source->path != NULL ? fopen(source->path, "re") : NULL;
	if (source->file == NULL || fstat(fileno(source->file), &st) < 0) {
		int code = source->path == NULL ? ENOMEM : errno;

		cleanup_fclose(&source->file);
		free(source->path);
		return code == ENOENT ? 0 : error_set(err, code, "open %s", journal);
	}
	source->size = (uint64_t)st.st_size;
	source->inode = st.st_ino;
	sources->count++;
	return 1;
}

int journal_sources_open(
	struct journal_sources *sources, const char *journal, uint64_t rotated, struct error *err)
{
	int r = 0;

	*sources = (struct journal_sources){ .list = calloc(rotated + 1, sizeof(*sources->list)) };
	if (sources->list == NULL) {
		return error_set(err, ENOMEM, "open the journal");
	}
	for (uint64_t n = 0; r >= 0 && n <= rotated; n++) {
		r = open_source(sources, journal, n, err);
		sources->full = r > 0;
		/* Rotated meanwhile: it has moved up. */
		size_t last = sources->count - 1;
		if (r > 0 && last > 0 &&
			sources->list[last].inode == sources->list[last - 1].inode) {
			fclose(sources->list[last].file);
			free(sources->list[last].path);
			sources->count = last;
		}
	}
	return r < 0 ? r : 0;
}

void journal_sources_finish(struct journal_sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		fclose(sources->list[i].file);
		free(sources->list[i].path);
	}
	free(sources->list);
	*sources = (struct journal_sources){ 0 };
}

int journal_each(const struct conf *conf, journal_visit *visit, void *data, struct error *err)
{
	struct journal_sources sources;
	int r = journal_sources_open(&sources, conf->journal, conf->journal_count, err);

	for (size_t i = sources.count; r == 0 && i-- > 0;) {
		r = journal_source_each(&sources.list[i], visit, data, err);
	}
	journal_sources_finish(&sources);
	return r;
}
