#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The fixtures and the checkers themselves: every engine starts a container here, its pid 1 is what
# the fixture says, and compare.py and seccomp-dump see differences where there are some.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"

for engine in $ENGINES; do
	if ! start_"$engine"; then
		skip "$engine starts a container" "$CAUSE"
		continue
	fi
	is "$engine: pid $PID is the container's init" "$(tr '\0' ' ' <"/proc/$PID/cmdline" | cut -d' ' -f1-4)" \
		"${INIT[*]}"
	is "$engine: it is pid 1 of another pid namespace" "$(awk '/^NSpid:/ { print $NF, NF }' "/proc/$PID/status")" "1 3"
	check "$engine: an init is like itself" "$HERE/compare.py" "$PID" "$PID"
	if "$HERE/compare.py" $$ "$PID" >"$T/differ"; then
		not_ok "$engine: it differs from the test's own process"
	else
		ok "$engine: it differs from the test's own process in $(wc -l <"$T/differ") fields"
	fi
	check "$engine: its filters can be read" "$TEST_BIN/seccomp-dump" "$PID" "$T/filters"
	is "$engine: as many filters as the kernel counts" "$(grep -c ^filter "$T/filters")" \
		"$(awk '/^Seccomp_filters:/ { print $2 }' "/proc/$PID/status")"
done
finish
