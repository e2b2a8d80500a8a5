/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small line-based files of engines: as much of TOML and of KEY=VALUE as they use.
 */
#ifndef TARGET_TEXT_H
#define TARGET_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The string KEY of SECTION ("" for what stands before the first one) in TOML TEXT: KEY = "VALUE"
 * or 'VALUE'. False where it isn't there, or has an escape or more than SIZE - 1 bytes.
 */
bool text_toml(const char *text, const char *section, const char *key, char *out, size_t size);

/*
 * The last KEY = VALUE of TEXT, blanks around both ignored, as it stands. False where there is none
 * or it doesn't fit.
 */
bool text_value(const char *text, const char *key, char *out, size_t size);

#endif
