/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the operator reads on standard error. Only cli/ and the main loops of our programs call
 * these.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
	LOG_QUIET,  /* errors only (-q) */
	LOG_NORMAL, /* and warnings */
	LOG_VERBOSE /* and what is being done (-v) */
};

/* Sets how much is printed from now on; LOG_NORMAL at start. */
void log_set_level(enum log_level level);

/* The level in force, to hand on to a program that we start. */
enum log_level log_get_level(void);

/* Names the container that every later line is about: "sallyport: NAME: ...". NULL for none. Keeps
 * the pointer. */
void log_set_subject(const char *name);

/*
 * Print one line "sallyport: [SUBJECT: ]MESSAGE" with a single write(2). Control characters and
 * bytes that are no printable ASCII or UTF-8 are shown as \xNN: a message may quote names that a
 * container chose.
 */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
