#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The file system suites that Debian ships, on the files themselves and through each view: the results have to be
# the same. Arguments: fs-mount, sallyport-fs. TAP; the table of docs/views.md is in the lines that begin with "#".
# (xfstests and ltp, with fsx and fsstress, are not packaged: fsx.py and posix.py do what they do.)
set -u
export LC_ALL=C.UTF-8
FS_MOUNT=$(realpath "$1")
SALLYPORT_FS=$(realpath "$2")
export SALLYPORT_FS
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
T=$(mktemp -d /var/tmp/suites.XXXXXX)
chmod 755 "$T"
mkdir "$T/n" "$T/s" "$T/s/w" "$T/m"
cd / || exit 1
# A file of stress-ng's stays immutable where that was killed.
trap 'chattr -R -i "$T" 2>/dev/null; rm -rf --one-file-system "$T"' EXIT
checks=0

# What a suite needs not more than a directory for, of `stress-ng --class filesystem?`: not those of other
# things than files (binderfs, bind-mount, eventfd, ioprio, procfs).
STRESSORS="access chattr chdir chmod chown copy-file dentry dir dirdeep dirmany dnotify dup fallocate fanotify
	fcntl fiemap file-ioctl filename flock fpunch fsize fstat getdent handle hdd inode-flags inotify io iomix
	lease link locka lockf lockofd mknod open rename symlink sync-file touch utime xattr"

# Each prints nothing where it passes; what it can't do here is said as "skipped".
suite_stress()
{
	local out status
	out=$(stress-ng "--$1" 1 --verify -t 1 --temp-path . 2>&1)
	status=$?
	if [ "$status" = 3 ] || grep -qE 'skipping stress|not implemented' <<<"$out"; then
		echo skipped
	elif [ "$status" != 0 ]; then
		grep -E 'fail|error' <<<"$out"
		return 1
	fi
}
suite_fio()
{
	fio --name="$1" --directory=. --ioengine="$1" --rw=randrw --bs=4k-64k --size=16m --verify=crc32c --do_verify=1 \
		--verify_fatal=1 --numjobs=2 --group_reporting $([ "$1" != libaio ] || echo --direct=1) >../fio 2>&1 || {
		grep -E 'verify|err=' ../fio
		return 1
	}
}
suite_dbench()
{
	# It takes a semaphore whose number is 0, the first of all, for none.
	ipcmk -S 1 >/dev/null
	# It fails at any call of the client's script that fails.
	dbench -D . -t 3 -c /usr/share/dbench/client.txt 2 >../dbench 2>&1 || { tail -n 5 ../dbench; return 1; }
	! grep -E 'failed|ERROR' ../dbench
}
suite_bonnie()
{
	bonnie++ -q -f -u root -d . -s 32M:8k -r 16 -n 1:2000:10:4 -m x >../bonnie 2>&1 || { tail -n 5 ../bonnie; return 1; }
}
suite_fs_mark()
{
	fs_mark -d ./fs_mark -n 200 -s 5000 -t 2 -S "$1" -L 2 >../fs_mark 2>&1 || { tail -n 5 ../fs_mark; return 1; }
	rm -rf fs_mark
}

# on SIDE DIRECTORY SUITE ARGUMENT
run_in()
{
	cd "$1" || return 1
	"suite_$2" "$3"
	status=$?
	cd /
	return "$status"
}
export -f run_in suite_stress suite_fio suite_dbench suite_bonnie suite_fs_mark
on()
{
	local command="run_in '$2' '$3' '$4'" out status
	case $1 in
	# In an IPC namespace of its own: what they leave of semaphores goes with it.
	native) out=$(timeout 400 unshare -i bash -c "$command" 2>&1) ;;
	*) out=$(timeout 400 "$FS_MOUNT" "$1" "$T/s" "$T/m" -- unshare -i bash -c "$command" 2>&1) ;;
	esac
	status=$?
	if [ "$status" = 0 ]; then
		echo "${out:-passed}"
	else
		echo "failed ($status) $out"
	fi
	find "$T/n" "$T/s/w" -mindepth 1 -delete 2>/dev/null
}

# same NAME SUITE ARGUMENT [ALLOWED]: on the three sides; ALLOWED is what a view may say where natively it passes.
same()
{
	local native host container
	native=$(on native "$T/n" "$2" "$3")
	host=$(on host "$T/m/w" "$2" "$3")
	container=$(on container "$T/m/w" "$2" "$3")
	checks=$((checks + 1))
	if { [ "$native" = "$host" ] && [ "$native" = "$container" ] && [[ $native != failed* ]]; } ||
		{ [ "$native" = passed ] && [ "$host" = "${4-}" ] && [ "$container" = "${4-}" ]; }; then
		echo "ok $checks - $1: $native, $host, $container"
	else
		echo "not ok $checks - $1"
		printf '# %s\n' "native: $native" "host view: $host" "container view: $container" | head -n 30
	fi
	echo "# | $1 | $native | $host | $container |"
}

missing=
for program in stress-ng fio dbench bonnie++ fs_mark; do
	command -v "$program" >/dev/null || missing+=" $program"
done
[ -z "$missing" ] || { echo "not ok 1 - installed"; echo "# missing:$missing"; echo 1..1; exit 1; }
for stressor in ${ONLY-$STRESSORS}; do
	allowed=
	# Where blocks lie is not told through a view.
	[ "$stressor" != fiemap ] || allowed=skipped
	same "stress-ng --$stressor --verify" stress "$stressor" "$allowed"
done
for engine in psync mmap libaio; do
	same "fio --ioengine=$engine --verify=crc32c" fio "$engine"
done
same "dbench, 2 clients" dbench ''
same "bonnie++, 32 MB and 1024 files" bonnie ''
for sync in 0 1; do
	same "fs_mark, 2 threads, sync method $sync" fs_mark "$sync"
done
echo "1..$checks"
