/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whatever a terminal prints, and wherever it is cut, becomes lines of JSON in the room that is
 * promised; what was text comes back as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "audit/asciicast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One line, parsed strictly; the length of its data. */
static size_t parse(const char *line, size_t size)
{
	struct json_tokener *tokener = json_tokener_new();

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *event = json_tokener_parse_ex(tokener, line, (int)size);
	if (!json_object_is_type(event, json_type_array) || line[size - 1] != '\n' ||
		json_object_array_length(event) != 3) {
		abort();
	}
	size_t length = (size_t)json_object_get_string_len(json_object_array_get_idx(event, 2));
	json_object_put(event);
	json_tokener_free(tokener);
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cast_stream stream = { 0 };
	/* Exactly the room that is promised: one byte more is for the sanitizer to find. */
	char *line = malloc(CAST_EVENT_MAX(size + CAST_PENDING_MAX));
	size_t cut = size > 0 ? data[0] % size : 0;
	size_t total = 0;
	size_t n = cast_event(line, 1, CAST_OUTPUT, &stream, (const char *)data, cut);

	total += n > 0 ? parse(line, n) : 0;
	n = cast_event(line, 2, CAST_OUTPUT, &stream, (const char *)data + cut, size - cut);
	total += n > 0 ? parse(line, n) : 0;
	n = cast_end(line, 3, CAST_OUTPUT, &stream);
	total += n > 0 ? parse(line, n) : 0;
	/* Each byte stays, or is part of something that becomes three. */
	if (total > 3 * size || (size > 0 && total == 0)) {
		abort();
	}
	free(line);
	return 0;
}
