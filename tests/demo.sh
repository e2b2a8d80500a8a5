#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# scripts/demo as a new user runs it. TAP; argument: the source folder.
echo 1..1
if out=$("$1/scripts/demo" 2>&1 </dev/null); then
	echo "ok 1 - the demo's comparisons are all equal"
else
	echo "not ok 1 - the demo's comparisons are all equal"
	printf '%s\n' "$out" | tail -n 40 | sed 's/^/# /'
fi
