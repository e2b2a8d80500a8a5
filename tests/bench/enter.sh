#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long it takes into a container: transitions against fork and exec of the same file natively, then
# `sallyport exec` and `attach` against nsenter and the engines' own exec, all in one run, in turns.
#
# usage: tests/bench/enter.sh BUILD [ROUNDS [JSON-FILE]]; needs root. An engine that can't run here is left out.
BUILD=$(realpath "${1:?the folder of the build}")
ROUNDS=${2:-25}
JSON=${3:+$(realpath -m "$3")}
export SALLYPORT=$BUILD/src/sallyport TEST_BIN=$BUILD/tests/live
BENCH=$(cd "$(dirname "$0")" && pwd)
LIVE=$BENCH/../live
# shellcheck source=/dev/null
. "$LIVE/lib.sh"
HERE=$(cd "$LIVE" && pwd)
# shellcheck source=/dev/null
. "$LIVE/engines.sh"

box_root sh sleep true
start_box enter
containers=("box=$init")
for engine in runc crun docker; do
	if "start_$engine" >/dev/null 2>&1; then
		containers+=("$engine=$NAME=$PID")
	else
		echo "without $engine: ${CAUSE:-it does not start}" >&2
	fi
done
"$BENCH/enter.py" --rounds "$ROUNDS" ${JSON:+--json "$JSON"} --true "$root/bin/true" "$SALLYPORT" "${containers[@]}"
status=$?
finished=yes
exit $status
