#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs one fuzz target for a bounded time on a copy of its corpus. TAP.
#
# usage: run.sh TARGET CORPUS DICTIONARY|- SECONDS
target=$1 corpus=$2 dictionary=$3 seconds=$4
work=$(mktemp -d "${TMPDIR:-/tmp}/sp-fuzz.XXXXXX") || exit 1
export TMPDIR="$work"
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus"
cp "$corpus"/* "$work/corpus/"
[ "$dictionary" = - ] || set -- -dict="$dictionary"
[ "$dictionary" != - ] || set --
echo 1..1
if "$target" "$@" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -close_fd_mask=3 \
	-artifact_prefix="$work/" "$work/corpus" >"$work/log" 2>&1; then
	runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$work/log")
	echo "ok 1 - $(basename "$target"): ${runs:-?} inputs in $seconds s"
	[ "${runs:-0}" -gt 0 ] || exit 1
else
	echo "not ok 1 - $(basename "$target")"
	tail -n 40 "$work/log" | sed 's/^/# /'
	for input in "$work"/crash-* "$work"/timeout-* "$work"/leak-* "$work"/oom-*; do
		[ ! -e "$input" ] || { echo "# $(basename "$input"):"; od -c "$input" | head -n 40 | sed 's/^/# /'; }
	done
	exit 1
fi
