#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `sallyport diff` over configurations of real containers: what sallyport starts is like a process that
# the container has started itself, in every field and in all that it may do.
#
# corpus.sh CONFIG...: functions of configs.py, or names of engines of tests/live/engines.sh.
. "$(dirname "$0")/lib.sh"

configs=$(python3 -B "$FIDELITY/configs.py")
n=0
for config; do
	if grep -qx -- "$config" <<<"$configs"; then
		if [ "$config" = shared_pid ]; then
			start_config plain || { not_ok "$config: its peer starts" "${CAUSE-}"; continue; }
			export SP_PEER=$PID
		fi
		start_config "$config" || { not_ok "$config starts" "${CAUSE-}"; continue; }
	elif ! start_"$config"; then
		skip "$config" "$CAUSE"
		continue
	fi
	compare "$config" exec
	# Both ways have the launcher and its plan in common: a third of them shows the rest.
	[ $((n++ % 3)) != 0 ] || compare "$config" attach
	[ "$ENGINE" != runc ] || end_config
done
nothing_left "the comparison" 10
finish
