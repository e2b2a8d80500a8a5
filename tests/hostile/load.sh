#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many sessions; see load.py. In full: CYCLES=1000 SESSIONS=50 CONTAINERS=10 TRANSITIONS=20000 SECONDS_OF_WORK=3600.
. "$(dirname "$0")/../live/isolated.sh"
. "$(dirname "$0")/../live/lib.sh"
: "${CYCLES:=20}" "${SESSIONS:=6}" "${CONTAINERS:=2}" "${TRANSITIONS:=300}" "${SECONDS_OF_WORK:=15}"
# Other sessions of this host, below an overlay, come and go.
mount -t tmpfs -o mode=755 tmpfs /run
echo 'journal-size = 1G' >/etc/sallyport/sallyport.conf

root=$T/rootfs
mkdir -p "$root"/{bin,dev,etc,proc,tmp}
cp /bin/busybox "$root/bin/busybox"
ln -s /bin/busybox "$root/bin/sleep"
inits=()
for ((i = 0; i < CONTAINERS; i++)); do
	"$TEST_BIN/box" "$root" "sallyport-load-$$-$i" /bin/sleep 36000 >"$T/pid.$i" &
	STARTED+=($!)
	wait_for 20 test -s "$T/pid.$i"
	inits+=("$(cat "$T/pid.$i")")
	wait_for 20 grep -q sleep "/proc/${inits[i]}/comm"
done
ENDINGS+=('kill -9 "${inits[@]}"')

"$(dirname "$0")/load.py" "$SALLYPORT" "$CYCLES" "$SESSIONS" "$TRANSITIONS" "$SECONDS_OF_WORK" "${inits[@]}" >"$T/out" 2>&1
status=$?
diag "$(grep -v '^WRONG' "$T/out")"
is "nothing is lost, nothing grows" "$status $(grep '^WRONG' "$T/out")" "0 "
is "what they wrote is gone" "$(ls "$root/tmp")" ""
nothing_left "the sessions" 5
finish
