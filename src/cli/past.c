/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/past.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "audit/conf.h"
#include "audit/event.h"
#include "audit/journal.h"
#include "audit/registry.h"
#include "base/str.h"
#include "target/target.h"

/* Which keys of a record become which of a session's. */
struct key {
	const char *from;
	const char *to;
};

static const struct key of_any[] = {
	{ "auid", "auid" },
	{ "ses", "ses" },
	{ "command", "command" },
	{ "terminal", "terminal" },
	{ "engine", "engine" },
	{ "container", "container" },
	{ "container_id", "container_id" },
	{ "container_pid", "container_pid" },
	{ "reason", "reason" },
};

static const struct key of_begin[] = {
	{ "time", "started" },
	{ "argv", "argv" },
	{ "pid", "pid" },
	{ "container_view", "container_view" },
	{ "host_view", "host_view" },
};

static const struct key of_running[] = {
	{ "time", "started" },
	{ "image", "image" },
	{ "labels", "labels" },
	{ "owner", "owner" },
	{ "recording", "recording" },
};

static const struct key of_end[] = {
	{ "time", "ended" },
	{ "status", "status" },
	{ "error", "error" },
	{ "recording", "recording" },
	{ "recording_sha256", "recording_sha256" },
};

static const struct key of_refused[] = {
	{ "time", "started" },
	{ "error", "error" },
};

static const struct {
	const char *event;
	const char *state;
	const struct key *keys;
	size_t n_keys;
} events[] = {
	{ EVENT_BEGIN, "unknown", of_begin, ARRAY_SIZE(of_begin) },
	{ EVENT_END, "ended", of_end, ARRAY_SIZE(of_end) },
	{ EVENT_REFUSED, "refused", of_refused, ARRAY_SIZE(of_refused) },
	{ "running", "running", of_running, ARRAY_SIZE(of_running) },
};

static void take(
	struct json_object *session, struct json_object *record, const struct key *keys, size_t n)
{
	struct json_object *value;

	for (size_t i = 0; i < n; i++) {
		if (json_object_object_get_ex(record, keys[i].from, &value) && value != NULL) {
			json_object_object_add(session, keys[i].to, json_object_get(value));
		}
	}
}

const char *past_string(struct json_object *session, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(session, key, &value) &&
			       json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : NULL;
}

int64_t past_number(struct json_object *session, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(session, key, &value) &&
			       json_object_is_type(value, json_type_int)
		       ? json_object_get_int64(value)
		       : -1;
}

static void add_user(struct json_object *session)
{
	int64_t auid = past_number(session, "auid");
	const struct passwd *entry = auid >= 0 ? getpwuid((uid_t)auid) : NULL;

	if (entry != NULL && past_string(session, "user") == NULL) {
		json_object_object_add(session, "user", json_object_new_string(entry->pw_name));
	}
}

/* Puts what RECORD tells into the session of SESSIONS that it is about; returns that, or NULL. */
static struct json_object *add_record(struct json_object *sessions, struct json_object *record)
{
	const char *event = past_string(record, "event");
	const char *id = past_string(record, "session");
	struct json_object *session;

	for (size_t i = 0; event != NULL && id != NULL && i < ARRAY_SIZE(events); i++) {
		if (strcmp(event, events[i].event) != 0) {
			continue;
		}
		/* Of a program in a session, not of the session. */
		if (strcmp(event, EVENT_REFUSED) == 0 &&
			json_object_object_get_ex(record, "path", NULL)) {
			return NULL;
		}
		if (!json_object_object_get_ex(sessions, id, &session)) {
			session = json_object_new_object();
			json_object_object_add(session, "session", json_object_new_string(id));
			json_object_object_add(sessions, id, session);
		}
		json_object_object_add(session, "state", json_object_new_string(events[i].state));
		take(session, record, of_any, ARRAY_SIZE(of_any));
		take(session, record, events[i].keys, events[i].n_keys);
		return session;
	}
	return NULL;
}

static int visit_line(const struct journal_line *line, void *data)
{
	if (line->record != NULL) {
		add_record(data, line->record);
	}
	return 0;
}

static int visit_running(pid_t front, struct json_object *record, void *data)
{
	struct json_object *session = add_record(data, record);

	if (session != NULL) {
		json_object_object_add(session, "pid", json_object_new_int(front));
	}
	return 0;
}

struct json_object *past_sessions(struct error *err)
{
	struct json_object *sessions = json_object_new_object();
	struct conf conf;
	int r = conf_load(&conf, err);

	if (r == 0) {
		r = journal_each(&conf, visit_line, sessions, err);
	}
	/* Last: what runs, runs, whatever was written. */
	if (r == 0) {
		r = registry_each(visit_running, sessions, err);
	}
	conf_finish(&conf);
	if (r < 0) {
		json_object_put(sessions);
		return NULL;
	}
	json_object_object_foreach(sessions, id, session)
	{
		(void)id;
		add_user(session);
	}
	return sessions;
}

/* The strings of the array LABELS; NULL where it is none, or memory ran out. */
static char **strings_of(struct json_object *labels)
{
	size_t n =
		json_object_is_type(labels, json_type_array) ? json_object_array_length(labels) : 0;
	char **list =
		json_object_is_type(labels, json_type_array) ? calloc(n + 1, sizeof(*list)) : NULL;

	for (size_t i = 0; list != NULL && i < n; i++) {
		list[i] = (char *)(uintptr_t)json_object_get_string(
			json_object_array_get_idx(labels, i));
	}
	return list;
}

void past_container(struct rules_container *container, struct json_object *session, char ***labels)
{
	const char *engine = past_string(session, "engine");
	const char *name = past_string(session, "container");
	struct json_object *value = NULL;
	int64_t owner = past_number(session, "owner");

	json_object_object_get_ex(session, "labels", &value);
	*labels = strings_of(value);
	*container = (struct rules_container){
		/* Where it isn't known, it is as one that no engine told of. */
		.engine = engine != NULL ? engine : "pid",
		.name = name != NULL ? name : "",
		.id = past_string(session, "container_id"),
		.image = past_string(session, "image"),
		.labels = *labels,
		.owner = owner > 0 ? (uid_t)owner : 0,
	};
	if (*labels == NULL && engine != NULL && !target_tells_labels(engine)) {
		*labels = calloc(1, sizeof(**labels));
		container->labels = *labels;
	}
}
