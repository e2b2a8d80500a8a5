#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the gate costs a host tool: nothing. In one run, taken in turns, medians:
#   - a shell loop of 2,000 /bin/true in a session, and on the same view of / without a gate;
#   - dd bs=1 in a session, and on the host.
# Prints the times in ms, the ratios, and the time of a transition: /c/bin/true against the host's.
#
# usage: tests/bench/gate.sh BUILD [ROUNDS]; needs root
set -eu
BUILD=$(realpath "${1:?the folder of the build}")
ROUNDS=${2:-7}
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8
T=$(mktemp -d /var/tmp/gate-bench.XXXXXX)
box=
init=
trap '[ -z "$init" ] || kill -KILL "$init"; [ -z "$box" ] || wait "$box" || :
	rm -rf --one-file-system "$T"' EXIT

mkdir -p "$T/view" "$T/rootfs"/{bin,dev,proc}
cp "$(command -v busybox)" "$T/rootfs/bin/busybox"
ln -s /bin/busybox "$T/rootfs/bin/sleep"
ln -s /bin/busybox "$T/rootfs/bin/true"
"$BUILD/tests/live/box" "$T/rootfs" "gate-bench-$$" /bin/sleep 3600 >"$T/pid" &
box=$!
for _ in $(seq 100); do
	init=$(cat "$T/pid")
	[ -z "$init" ] || ! grep -q sleep "/proc/$init/comm" || break
	sleep 0.05
done

# Each says how many microseconds it took, without what came before and after.
timed='t=${EPOCHREALTIME/./}; %s; echo $((${EPOCHREALTIME/./} - t))'
# shellcheck disable=SC2059
loop=$(printf "$timed" 'for ((i = 0; i < 2000; i++)); do /bin/true; done')
dd=$(printf "$timed" 'dd if=/dev/zero of=/dev/null bs=1 count=1000000 2>/dev/null')
transitions=$(printf "$timed" 'for ((i = 0; i < 200; i++)); do /c/bin/true; done')

session()
{
	"$BUILD/src/sallyport" attach "$init" -- /bin/bash -c "$1" </dev/null
}

view()
{
	SALLYPORT_FS="$BUILD/src/sallyport-fs" "$BUILD/tests/live/fs-mount" host / "$T/view" -- \
		chroot "$T/view" /bin/bash -c "$1" </dev/null
}

for ((round = 0; round <= ROUNDS; round++)); do
	[ "$round" != 1 ] || rm -f "$T"/*.us # the first one warms the caches
	session "$loop" >>"$T/loop.session.us"
	view "$loop" >>"$T/loop.view.us"
	/bin/bash -c "$loop" >>"$T/loop.host.us"
	session "$dd" >>"$T/dd.session.us"
	/bin/bash -c "$dd" >>"$T/dd.host.us"
	session "$transitions" >>"$T/transitions.us"
done

median()
{
	sort -n "$T/$1.us" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2000 }'
}

# row NAME A B LIMIT
row()
{
	awk -v name="$1" -v a="$(median "$2")" -v b="$(median "$3")" -v limit="$4" \
		'BEGIN { printf "%-58s %9.1f ms %9.1f ms  %.3fx%s\n", name, a, b, a / b, limit }'
}

printf '%s rounds, medians\n' "$ROUNDS"
row "2,000 /bin/true: a session | its view without a gate" loop.session loop.view "  (to be 1.1x at most)"
row "2,000 /bin/true: a session | the host" loop.session loop.host ""
row "dd bs=1 count=1000000: a session | the host" dd.session dd.host "  (to be 1.0x)"
awk -v all="$(median transitions)" 'BEGIN { printf "%-58s %9.2f ms each\n", "/c/bin/true, with fork and wait", all / 200 }'
