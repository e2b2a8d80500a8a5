/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sallyport replay
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "audit/digest.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/access.h"
#include "cli/cli.h"
#include "cli/past.h"
#include "cli/usage.h"

#define LINE_MAX_SIZE (16u << 20)
#define EXIT_DIFFERS 1

static const char usage[] = "Usage: sallyport replay [OPTION...] FILE\n"
			    "       sallyport replay --verify FILE\n"
			    "\n"
			    "Shows the recording FILE (asciicast v2) as it went.\n"
			    "\n"
			    "  -s, --speed N         N times as fast; 0: without waiting\n"
			    "  -i, --idle-limit S    no pause is longer than S seconds\n"
			    "      --verify          whether FILE is what was recorded: its "
			    "SHA-256 is compared with the\n"
			    "                        one in the session's closing record; the "
			    "status is 1 where it isn't\n"
			    "  -h, --help            this text\n";

enum { OPTION_VERIFY = 256 };

static const struct option long_options[] = {
	{ "speed", required_argument, NULL, 's' },
	{ "idle-limit", required_argument, NULL, 'i' },
	{ "verify", no_argument, NULL, OPTION_VERIFY },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct replay {
	const char *path;
	double speed;	   /* 0: without waiting */
	double idle_limit; /* seconds; negative: none */
	bool verify;
};

/* One line of FILE as JSON of TYPE; NULL at its end (err->code is 0 then) or where it is wrong. */
static struct json_object *read_line(
	FILE *file, const char *path, unsigned int number, enum json_type type, struct error *err)
{
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	ssize_t n = getline(&line, &room, file);
	enum json_tokener_error parse_error = json_tokener_error_depth;

	if (n < 0) {
		if (ferror(file)) {
			error_set(err, errno, "read %s", path);
		}
		return NULL;
	}
	struct json_object *value =
		n < (ssize_t)LINE_MAX_SIZE ? json_tokener_parse_verbose(line, &parse_error) : NULL;
	if (!json_object_is_type(value, type)) {
		json_object_put(value);
		error_set(err, 0, "%s:%u: no line of an asciicast v2 recording", path, number);
		return NULL;
	}
	return value;
}

static int check_header(struct json_object *header, const char *path, struct error *err)
{
	int64_t columns = past_number(header, "width");
	int64_t rows = past_number(header, "height");
	struct winsize size;

	if (past_number(header, "version") != 2 || columns <= 0 || rows <= 0) {
		return error_set(err, 0, "%s is no asciicast v2 recording", path);
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
		(size.ws_col < columns || size.ws_row < rows)) {
		log_warning("recorded on a terminal of %lldx%lld, this one is smaller",
			(long long)columns, (long long)rows);
	}
	return 0;
}

static void wait_until(const struct timespec *began, double seconds)
{
	time_t whole = (time_t)seconds;
	struct timespec until = *began;

	until.tv_sec += whole;
	until.tv_nsec += (long)((seconds - (double)whole) * 1e9);
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
	}
}

/* Takes [TIME, CODE, DATA] apart. Returns 0 or -EINVAL. */
static int take_event(
	struct json_object *event, double *time, const char **code, struct json_object **data)
{
	if (json_object_array_length(event) != 3) {
		return -EINVAL;
	}
	struct json_object *when = json_object_array_get_idx(event, 0);
	struct json_object *what = json_object_array_get_idx(event, 1);
	*data = json_object_array_get_idx(event, 2);
	if ((!json_object_is_type(when, json_type_double) &&
		    !json_object_is_type(when, json_type_int)) ||
		!json_object_is_type(what, json_type_string) ||
		!json_object_is_type(*data, json_type_string)) {
		return -EINVAL;
	}
	*time = json_object_get_double(when);
	*code = json_object_get_string(what);
	return *time >= 0 && *time < 1e9 ? 0 : -EINVAL;
}

static int play_events(FILE *file, const struct replay *replay, struct error *err)
{
	struct timespec began;
	double last = 0; /* as recorded */
	double at = 0;	 /* as shown */
	struct json_object *event;

	clock_gettime(CLOCK_MONOTONIC, &began);
	for (unsigned int number = 2;
		(event = read_line(file, replay->path, number, json_type_array, err)) != NULL;
		number++) {
		struct json_object *data;
		const char *code;
		double time;
		int r = take_event(event, &time, &code, &data);

		if (r < 0) {
			error_set(err, 0, "%s:%u: no event of an asciicast v2 recording",
				replay->path, number);
		} else {
			double pause = time > last ? time - last : 0;

			if (replay->idle_limit >= 0 && pause > replay->idle_limit) {
				pause = replay->idle_limit;
			}
			last = time;
			at += replay->speed > 0 ? pause / replay->speed : 0;
			if (strcmp(code, "o") == 0) {
				wait_until(&began, at);
				r = fd_write_all(STDOUT_FILENO, json_object_get_string(data),
					(size_t)json_object_get_string_len(data));
				if (r < 0) {
					error_set(err, -r, "write to the terminal");
				}
			}
		}
		json_object_put(event);
		if (r < 0) {
			return r;
		}
	}
	return -err->code;
}

/* Reads the header, which also names the session. NULL on failure. */
static struct json_object *open_recording(const char *path, FILE **file, struct error *err)
{
	*file = fopen(path, "re");
	if (*file == NULL) {
		error_set(err, errno, "open %s", path);
		return NULL;
	}
	struct json_object *header = read_line(*file, path, 1, json_type_object, err);
	if (header == NULL && err->code == 0) {
		error_set(err, 0, "%s is empty", path);
	}
	return header;
}

static int hash_file(const char *path, char hex[DIGEST_HEX_SIZE], struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct digest *digest = digest_new();
	char buffer[65536];
	ssize_t n = -1;

	while (fd >= 0 && (n = read(fd, buffer, sizeof(buffer))) > 0) {
		digest_update(digest, buffer, (size_t)n);
	}
	int code = errno;
	digest_finish(digest, hex);
	return n < 0 ? error_set(err, code, "read %s", path) : 0;
}

/* True where SESSION's recording is, by its name, the file PATH. */
static bool is_recording_of(struct json_object *session, const char *path)
{
	const char *recording = past_string(session, "recording");
	_cleanup_free_ char *real = realpath(path, NULL);

	return real != NULL && str_equal(recording, real);
}

static int say_verified(struct json_object *session, const char *path)
{
	const char *user = past_string(session, "user");
	const char *started = past_string(session, "started");

	printf("%s: unchanged, session %s%s%s%s%s\n", path, past_string(session, "session"),
		user != NULL ? " of " : "", user != NULL ? user : "", started != NULL ? ", " : "",
		started != NULL ? started : "");
	if (!is_recording_of(session, path)) {
		log_warning("it was recorded as %s", past_string(session, "recording"));
	}
	return 0;
}

/* By the hash, whatever the file says of itself; what it says only explains a mismatch. */
static int verify(struct json_object *sessions, struct json_object *header, const char *path,
	struct error *err)
{
	char hex[DIGEST_HEX_SIZE];
	struct json_object *env = NULL;
	struct json_object *named = NULL;
	int r = hash_file(path, hex, err);

	if (r < 0) {
		return r;
	}
	json_object_object_get_ex(header, "env", &env);
	const char *id = past_string(env, "SALLYPORT_SESSION");
	json_object_object_foreach(sessions, key, session)
	{
		const char *recorded = past_string(session, "recording_sha256");

		if (str_equal(recorded, hex)) {
			return say_verified(session, path);
		}
		if (is_recording_of(session, path) || (named == NULL && str_equal(key, id))) {
			named = session;
		}
	}
	const char *recorded = named != NULL ? past_string(named, "recording_sha256") : NULL;
	if (recorded != NULL) {
		log_error("%s has been CHANGED: its SHA-256 is %s, and %s in the closing record of "
			  "session %s",
			path, hex, recorded, past_string(named, "session"));
	} else if (named != NULL) {
		log_error("%s: session %s has no closing record with a recording (it is %s)", path,
			past_string(named, "session"), past_string(named, "state"));
	} else {
		log_error("%s: no session's closing record in the journal tells of it", path);
	}
	return EXIT_DIFFERS;
}

/* The session that the header names, as far as the journal tells: the rules are about its
 * container. */
static int check_access(struct json_object *sessions, struct json_object *header, struct error *err)
{
	struct json_object *env = NULL;
	struct json_object *session = NULL;
	struct rules_container container;
	struct access access;
	char **labels = NULL;
	int r = access_open(&access, RULES_REPLAY, err);

	json_object_object_get_ex(header, "env", &env);
	const char *id = past_string(env, "SALLYPORT_SESSION");
	if (id != NULL) {
		json_object_object_get_ex(sessions, id, &session);
	}
	if (r == 0) {
		past_container(&container, session, &labels);
		r = access_check_container(&access, &container, err);
	}
	free(labels);
	access_finish(&access);
	return r;
}

static int run(const struct replay *replay, struct error *err)
{
	_cleanup_fclose_ FILE *file = NULL;
	struct json_object *header = open_recording(replay->path, &file, err);
	struct json_object *sessions = header != NULL ? past_sessions(err) : NULL;
	int r = -err->code;

	if (sessions != NULL) {
		r = check_access(sessions, header, err);
		if (r == 0 && replay->verify) {
			r = verify(sessions, header, replay->path, err);
		} else if (r == 0) {
			r = check_header(header, replay->path, err);
			r = r == 0 ? play_events(file, replay, err) : r;
		}
	}
	json_object_put(sessions);
	json_object_put(header);
	return r;
}

/* A number of 0 or more in OUT, or false. */
static bool parse_number(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= 0 && *out < 1e6;
}

static int parse(struct replay *replay, int argc, char **argv)
{
	int option;

	*replay = (struct replay){ .speed = 1, .idle_limit = -1 };
	while ((option = getopt_long(argc, argv, ":s:i:h", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
		case 'i':
			if (!parse_number(
				    optarg, option == 's' ? &replay->speed : &replay->idle_limit)) {
				log_error("--%s takes a number, not %s",
					option == 's' ? "speed" : "idle-limit", optarg);
				return EXIT_OURS;
			}
			break;
		case OPTION_VERIFY:
			replay->verify = true;
			break;
		case 'h':
			printf("%s", usage);
			return 0;
		default:
			return usage_wrong_option(option, argv, long_options);
		}
	}
	if (optind + 1 != argc) {
		log_error("replay takes one file (see sallyport replay --help)");
		return EXIT_OURS;
	}
	replay->path = argv[optind];
	return -1;
}

int command_replay(int argc, char **argv)
{
	struct replay replay;
	struct error err = { 0 };
	int status = parse(&replay, argc, argv);

	if (status >= 0) {
		return status;
	}
	int r = run(&replay, &err);
	if (r < 0) {
		log_error("%s", err.message);
	}
	return r < 0 ? EXIT_OURS : r;
}
