#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The C files' layout is what clang-format makes of them. TAP; argument: the source folder.
cd "$1" || exit 1
echo 1..2
files=$(git ls-files '*.c' '*.h') || exit 1
if out=$(clang-format --dry-run -Werror $files 2>&1); then
	echo "ok 1 - clang-format"
else
	echo "not ok 1 - clang-format"
	printf '%s\n' "$out" | grep 'error:' | cut -d: -f1 | sort | uniq -c | sed 's/^/# /'
fi
if out=$(git ls-files scripts tests .ci | xargs grep -lE '^#!/bin/(ba)?sh' | while read -r file; do
		sh=$(head -n 1 "$file"); ${sh#\#!} -n "$file" 2>&1
	done) && [ -z "$out" ]; then
	echo "ok 2 - shell syntax"
else
	echo "not ok 2 - shell syntax"
	printf '%s\n' "$out" | sed 's/^/# /'
fi
