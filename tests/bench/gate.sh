#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the gate costs a host tool: nothing. In one run, taken in turns:
#   - a shell loop of /bin/true in a session, and on the same view of / without a gate;
#   - dd bs=1 in a session, and on the host.
# All of them stay open and take turns of less than a second, so that what else the machine does
# falls on each. Prints the medians in ms, the medians of the ratios of neighbours, and the time of a
# transition: /c/bin/true.
#
# usage: tests/bench/gate.sh BUILD [ROUNDS]; needs root
set -eu
BUILD=$(realpath "${1:?the folder of the build}")
ROUNDS=${2:-40}
LOOP=200
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8
T=$(mktemp -d /var/tmp/gate-bench.XXXXXX)
box=
init=
declare -A TO FROM
finish()
{
	local name
	for name in "${!TO[@]}"; do
		exec {TO[$name]}>&-
	done
	wait $(jobs -p | grep -vx "${box:-0}") || :
	[ -z "$init" ] || kill -KILL "$init"
	[ -z "$box" ] || wait "$box" || :
	rm -rf --one-file-system "$T"
}
trap finish EXIT

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

# Does what each line says and answers with the microseconds that it took.
# shellcheck disable=SC2016
server='while read -r what; do
	t=${EPOCHREALTIME/./}
	case $what in
	loop) for ((i = 0; i < '$LOOP'; i++)); do /bin/true; done ;;
	dd) dd if=/dev/zero of=/dev/null bs=1 count=1000000 2>/dev/null ;;
	transitions) for ((i = 0; i < 20; i++)); do /c/bin/true; done ;;
	esac
	echo $((${EPOCHREALTIME/./} - t))
done'

# start NAME COMMAND...: opens the server that COMMAND runs.
start()
{
	local name=$1 to from
	shift
	mkfifo "$T/$name.to" "$T/$name.from"
	"$@" -c "$server" <"$T/$name.to" >"$T/$name.from" &
	exec {to}>"$T/$name.to" {from}<"$T/$name.from"
	TO[$name]=$to
	FROM[$name]=$from
}

# ask NAME WHAT: a round of it
ask()
{
	local us
	echo "$2" >&"${TO[$1]}"
	read -r us <&"${FROM[$1]}"
	echo "$us" >>"$T/$2.$1.us"
}

start session "$BUILD/src/sallyport" attach "$init" -- /bin/bash
start quiet "$BUILD/src/sallyport" attach --audit off "$init" -- /bin/bash
SALLYPORT_FS=$BUILD/src/sallyport-fs start view "$BUILD/tests/live/fs-mount" host / "$T/view" -- \
	chroot "$T/view" /bin/bash
start host /bin/bash

for ((round = 0; round <= ROUNDS; round++)); do
	[ "$round" != 1 ] || rm -f "$T"/*.us # the first one warms the caches
	for where in session view quiet host; do
		ask $where loop
	done
	if ((round % 4 == 0)); then
		ask session dd
		ask host dd
	fi
	ask session transitions
done

# median FILE DIVISOR
median()
{
	sort -n | awk -v by="$1" '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 / by }'
}

# row NAME WHAT A B LIMIT
row()
{
	printf '%-56s %8.1f ms %8.1f ms  %.3fx%s\n' "$1" "$(median 1000 <"$T/$2.$3.us")" "$(median 1000 <"$T/$2.$4.us")" \
		"$(paste "$T/$2.$3.us" "$T/$2.$4.us" | awk '{ print $1 / $2 }' | median 1)" "$5"
}

printf '%s rounds, medians\n' "$ROUNDS"
row "$LOOP /bin/true: a session | its view without a gate" loop session view "  (to be 1.1x at most)"
row "$LOOP /bin/true: a session with --audit off | that view" loop quiet view ""
row "$LOOP /bin/true: a session | the host" loop session host ""
row "dd bs=1 count=1000000: a session | the host" dd session host "  (to be 1.0x)"
printf '%-56s %8.2f ms each\n' "/c/bin/true, with fork and wait" "$(median 20000 <"$T/transitions.session.us")"
