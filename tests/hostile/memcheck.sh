#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The launcher, which no sanitizer can be built into, under valgrind: from its start to the exec of the
# container's program.
. "$(cd "$(dirname "$0")/../live" && pwd)/lib.sh"
command -v valgrind >/dev/null || skip_all "valgrind is not installed"

# memcheck TARGET OPTION... -- PROGRAM [ARG...]: sets OUT to what it says, FOUND to what valgrind says of our own code. What the
# C library does before main() is its own: of a static program valgrind doesn't know its functions.
memcheck()
{
	local target=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	OUT=$(timeout 60 "$SALLYPORT" attach "${options[@]}" "$target" -- valgrind --track-origins=yes /.sallyport/enter "${@:2}" \
		</dev/null 2>&1)
	FOUND=$(grep -E '^==.* (by|at) .*\((apply|main|wire|fd|str|error|log)\.c:' <<<"$OUT")
}

unshare --pid --mount --net --ipc --uts --fork --kill-child --mount-proc sleep 6001 &
STARTED+=($!)
wait_for 10 pgrep -f -x 'sleep 6001'
plain=$(pgrep -n -f -x 'sleep 6001')
memcheck "$plain" -- /bin/echo it ran
matches "valgrind looks" "$OUT" 'Memcheck, a memory error detector'
matches "the container's program runs" "$OUT"$'\n' $'\nit ran\n'
is "nothing is found" "$FOUND" ""
memcheck "$plain" -u 1000:1000 -w /etc -- echo by PATH
matches "as another user, in a directory, by PATH" "$OUT"$'\n' $'\nby PATH\n'
is "nothing there" "$FOUND" ""
memcheck "$plain" -- /bin/none
matches "a program that is not there" "$OUT" 'cannot execute /bin/none in the container'
is "nothing there either" "$FOUND" ""

# With cgroups, capabilities and filters of its own; valgrind can't load these.
box_root echo sleep
start_box memcheck
memcheck "$init" -- /bin/echo it ran
matches "a container with everything, up to its filters" "$OUT" '(load seccomp filter 1 of 2: Function not implemented|it ran)'
is "nothing there" "$FOUND" ""
finish
