#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What changes behind a view is seen in it by the system call that follows, although the kernel keeps
# names and attributes. Arguments: fs-mount, sallyport-fs, coherence. TAP.
set -u
FS_MOUNT=$(realpath "$1")
SALLYPORT_FS=$(realpath "$2")
COHERENCE=$(realpath "$3")
export SALLYPORT_FS
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
T=$(mktemp -d /var/tmp/coherence.XXXXXX)
trap 'umount -l "$T/overlay" 2>/dev/null; rm -rf --one-file-system "$T"' EXIT
mkdir "$T/m" "$T/ext" "$T/lower" "$T/upper" "$T/work" "$T/overlay"
cd / || exit 1
checks=0

report()
{
	checks=$((checks + 1))
	if [ "$1" = 0 ]; then
		echo "ok $checks - $2"
	else
		echo "not ok $checks - $2"
		printf '%s\n' "$3" | tail -n 20 | sed 's/^/# /'
	fi
}

# changes NAME VIEW SOURCE N SEED DIRS
changes()
{
	local out status
	out=$(timeout 280 "$FS_MOUNT" "$2" "$3" "$T/m" -- "$COHERENCE" "$3" "$T/m" "$4" "$5" "$6" 2>&1)
	status=$?
	report "$status" "$1: $(printf '%s\n' "$out" | tail -n 1)" "$out"
}

# Are names kept at all? Else the rest shows nothing. A second look must not reach the server.
mkdir -p "$T/ext/kept"
touch "$T/ext/kept/f"
out=$("$FS_MOUNT" host "$T/ext" "$T/m" --pid-file="$T/pid" -- sh -c '
	for i in 1 2 3; do ls -l '"$T"'/m/kept >/dev/null; stat '"$T"'/m/kept/f '"$T"'/m/kept/none >/dev/null 2>&1; done
	requests() { awk "/^syscr/ { print \$2 }" /proc/$(cat '"$T"'/pid)/io; }
	before=$(requests)
	for i in 1 2 3 4 5 6 7 8 9 10; do stat '"$T"'/m/kept/f '"$T"'/m/kept/none >/dev/null 2>&1; done
	echo $(($(requests) - before))' 2>&1)
[ "$out" -lt 5 ]
report $? "the kernel keeps names and attributes" "$out requests for 20 looks at what is known"

# A file with several names, as a system that is deployed by links has them: it is watched itself, so that a change by a
# name that nobody looks at is seen.
mkdir -p "$T/ext/linked" "$T/ext/elsewhere"
echo one >"$T/ext/linked/f"
ln "$T/ext/linked/f" "$T/ext/elsewhere/g"
out=$("$FS_MOUNT" host "$T/ext" "$T/m" --pid-file="$T/pid" -- sh -c '
	f='"$T"'/m/linked/f
	for i in 1 2 3; do ls -l '"$T"'/m/linked >/dev/null; cat $f >/dev/null; stat $f >/dev/null; done
	requests() { awk "/^syscr/ { print \$2 }" /proc/$(cat '"$T"'/pid)/io; }
	before=$(requests)
	for i in 1 2 3 4 5 6 7 8 9 10; do stat $f >/dev/null; done
	echo $(($(requests) - before))
	chmod 600 '"$T"'/ext/elsewhere/g; stat -c %a $f
	echo more >>'"$T"'/ext/elsewhere/g; stat -c %s $f
	mv '"$T"'/ext/elsewhere/g '"$T"'/ext/elsewhere/h; [ "$(stat -c %z $f)" = "$(stat -c %z '"$T"'/ext/linked/f)" ] || echo "time of change"
	rm '"$T"'/ext/elsewhere/h; stat -c %h $f' 2>&1)
[ "$(echo "$out" | tail -n +2 | tr '\n' ' ')" = "600 9 1 " ] && [ "$(echo "$out" | head -n 1)" -lt 5 ]
report $? "one with several names" "$out"

changes "host view of a plain file system" host "$T/ext" 5000 "$RANDOM" 400
# So few that each is given up and taken up again all the time.
changes "the same where much is done in the same places" host "$T/ext" 3000 "$RANDOM" 12
if mount -t overlay -o "lowerdir=$T/lower,upperdir=$T/upper,workdir=$T/work" none "$T/overlay" 2>"$T/why"; then
	changes "container view of an overlay" container "$T/overlay" 5000 "$RANDOM" 400
else
	checks=$((checks + 1))
	echo "ok $checks - container view of an overlay # SKIP $(cat "$T/why")"
fi

# A file system that is mounted on the host while the view is there.
out=$("$FS_MOUNT" host / "$T/m" -- sh -c '
	mkdir -p '"$T"'/ext/mnt; touch '"$T"'/ext/mnt/below
	for i in 1 2 3; do ls -l '"$T"'/m'"$T"'/ext/mnt >/dev/null; done
	nsenter -t '$$' -m mount -t tmpfs none '"$T"'/ext/mnt || exit 1
	[ ! -e '"$T"'/m'"$T"'/ext/mnt/below ] || { echo "not seen: mount"; exit 1; }
	for i in 1 2 3; do ls -l '"$T"'/m'"$T"'/ext/mnt >/dev/null; done
	nsenter -t '$$' -m umount -l '"$T"'/ext/mnt || exit 1
	[ -e '"$T"'/m'"$T"'/ext/mnt/below ] || { echo "not seen: umount"; exit 1; }' 2>&1)
report $? "what is mounted and unmounted on the host" "$out"
echo "1..$checks"
