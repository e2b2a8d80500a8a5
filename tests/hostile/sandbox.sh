#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What our own processes keep while a session runs, read from /proc, is what the manual says.
HERE_OF_LIVE=$(cd "$(dirname "$0")/../live" && pwd)
. "$HERE_OF_LIVE/lib.sh"
MANUAL=$(cd "$(dirname "$0")/../../man" && pwd)/sallyport-security.7

root=$T/rootfs
mkdir -p "$root"/{bin,dev,etc,proc,root,tmp}
cp /bin/busybox "$root/bin/busybox"
ln -s /bin/busybox "$root/bin/sleep"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
"$TEST_BIN/box" "$root" "sallyport-sandbox-$$" /bin/sleep 600 >"$T/pid" &
STARTED+=($!)
wait_for 20 test -s "$T/pid"
init=$(cat "$T/pid")
ENDINGS+=('kill -9 "$init"')
wait_for 20 grep -q sleep "/proc/$init/comm"

"$SALLYPORT" attach "$init" -- sleep 300 </dev/null >"$T/out" 2>&1 &
front=$!
STARTED+=("$front")

# helpers NAME: pids of the front's children of that name
helpers()
{
	local pid
	for pid in $(cat "/proc/$front/task/$front/children"); do
		[ "$(cat "/proc/$pid/comm")" != "$1" ] || echo "$pid"
	done
}
session_runs()
{
	local pid
	for pid in $(cat "/proc/$front/task/$front/children"); do
		[ "$(cat "/proc/$pid/comm")" != sleep ] || return 0
	done
	return 1
}
wait_for 20 session_runs || not_ok "the session began" "$(cat "$T/out")"

# documented NAME: its capabilities by the manual, those that we have at all
documented()
{
	local cap
	for cap in $(sed -n "/^.\\\\\" capabilities $1\$/,/^.\\\\\" end/s/^\.It //p" "$MANUAL"); do
		capsh --has-p="$cap" >/dev/null 2>&1 && echo "$cap"
	done | sort | paste -sd,
}
# held PID FIELD: capabilities by /proc
held()
{
	capsh --decode="$(sed -n "s/^$2:\t//p" "/proc/$1/status")" | sed 's/.*=//' | tr , '\n' | sort | paste -sd,
}
field()
{
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/task/$1/status"
}

for name in sallyport sallyport-fs sallyport-gate; do
	[ "$name" = sallyport ] && pids=$front || pids=$(helpers "$name")
	is "$name: as many as expected" "$(wc -w <<<"$pids")" "$([ "$name" = sallyport-fs ] && echo 2 || echo 1)"
	for pid in $pids; do
		for set in CapPrm CapEff; do
			is "$name $set" "$(held "$pid" "$set")" "$(documented "$name")"
		done
		is "$name CapInh" "$(field "$pid" CapInh)" 0000000000000000
		is "$name CapAmb" "$(field "$pid" CapAmb)" 0000000000000000
		is "$name NoNewPrivs" "$(field "$pid" NoNewPrivs)" 1
		is "$name Seccomp" "$(field "$pid" Seccomp)" "$([ "$name" = sallyport-gate ] && echo 0 || echo 2)"
		# Its threads are no exception.
		is "$name: every thread" \
			"$(cat /proc/"$pid"/task/*/status | grep -E '^(CapPrm|NoNewPrivs|Seccomp):' | sort -u | wc -l)" 3
	done
done
# What starts sallyport why for a tool keeps its rights, and nothing else of the front's.
asked=$(helpers sallyport-why)
is "sallyport-why: one" "$(wc -w <<<"$asked")" 1
is "sallyport-why: its descriptors" "$(for fd in /proc/"$asked"/fd/*; do readlink "$fd"; done | sed 's/:.*//' | xargs)" \
	"/dev/null /dev/null /dev/null socket socket"
is "sallyport-why: no terminal" "$(awk '{ print $7 }' "/proc/$asked/stat")" 0
finish
