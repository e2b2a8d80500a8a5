#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sallyport-fs alone: real programs in a view, compared with the same on the files themselves.
# Arguments: fs-mount, sallyport-fs. TAP.
set -u
export LC_ALL=C.UTF-8
HERE=$(cd "$(dirname "$0")" && pwd)
FS_MOUNT=$(realpath "$1")
SALLYPORT_FS=$(realpath "$2")
export SALLYPORT_FS
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
T=$(mktemp -d /var/tmp/views.XXXXXX)
chmod 755 "$T"
M=$T/m
mkdir "$M" "$T/s"
export T M HERE
# fio leaves its state where it stands.
cd "$T" || exit 1
checks=0
trap 'cd /; umount -l "$T/tmpfs" 2>/dev/null; [ -z "${OTHER:-}" ] || kill "$OTHER"; rm -rf --one-file-system "$T"' EXIT

# report STATUS NAME OUTPUT
report()
{
	checks=$((checks + 1))
	if [ "$1" = 0 ]; then
		echo "ok $checks - $2"
	else
		echo "not ok $checks - $2"
		printf '%s\n' "$3" | head -n 30 | sed 's/^/# /'
	fi
}

# in_view NAME VIEW SOURCE OPTIONS SCRIPT: SCRIPT succeeds, by bash -e, in a view of SOURCE at $M.
in_view()
{
	local out status
	# shellcheck disable=SC2086
	out=$(timeout 300 "$FS_MOUNT" "$2" "$3" "$M" $4 -- bash -euc "$5" 2>&1)
	status=$?
	report "$status" "$1" "$out (status $status)"
}

# needs NAME PROGRAM: true where it's there; says so where it is not.
needs()
{
	command -v "$2" >/dev/null && return 0
	checks=$((checks + 1))
	echo "ok $checks - $1 # SKIP no $2"
	return 1
}

syscalls()
{
	in_view "$1" "$2" "$3" "$4" "exec python3 $HERE/views.py $5 $M $3"
}

S=$T/s
cp -a /usr/share/perl-base /usr/share/python3 "$S" 2>/dev/null || cp -a /etc "$S"
cp /usr/bin/ls "$S/ls"
ln -s ls "$S/link"
mkfifo "$S/fifo"
export S

# Reading what is there.

in_view "a walk sees the same: names, attributes, inode numbers" host / "" '
	cd /usr/share; find perl* python* -printf "%p %y %m %U %G %s %T@ %n %l %i\n" | sort >$T/1
	cd $M/usr/share; find perl* python* -printf "%p %y %m %U %G %s %T@ %n %l %i\n" | sort >$T/2
	cmp $T/1 $T/2; [ $(wc -l <$T/1) -gt 100 ]'
in_view "tar packs the same bytes" host / "" '
	[ "$(tar -C /usr/share -c --sort=name perl python3 | sha256sum)" = \
		"$(tar -C $M/usr/share -c --sort=name perl python3 | sha256sum)" ]'
in_view "no loops and no false hard links over several filesystems" host / "" '
	mkdir -p $T/tmpfs
	find $M/proc/sys/kernel $M/sys/kernel $M/dev $M/usr/share/perl* -xdev >/dev/null 2>$T/err || true
	! grep -i loop $T/err
	find $M/proc/sys $M/sys/kernel $M/usr/share/perl* -type d -printf "%i\n" | sort | uniq -d >$T/double
	[ ! -s $T/double ]'
in_view "a server with 300 descriptors walks a tree of 3000 directories" host "$S" \
	"--nofile=300 --pid-file=$T/pid" '
	mkdir -p $S/wide; (cd $S/wide && seq 3000 | xargs mkdir && seq 3000 | sed s,$,/f, | xargs touch)
	[ $(find $M/wide | wc -l) = 6001 ]; [ $(find $M/wide -type f -links 1 | wc -l) = 3000 ]
	[ $(ls /proc/$(cat $T/pid)/fd | wc -l) -lt 300 ]
	rm -r $M/wide; [ ! -e $S/wide ]'
syscalls "a very deep tree, with few descriptors" host "$S" "--nofile=200" deep
in_view "pseudo files are read whole, and can be written" host / "" '
	[ "$(cat $M/proc/version)" = "$(cat /proc/version)" ]; [ -n "$(cat $M/proc/self/mounts)" ] || true
	[ "$(cat $M/proc/sys/kernel/ostype)" = Linux ]
	old=$(cat /proc/sys/kernel/printk_delay); echo $old >$M/proc/sys/kernel/printk_delay'
in_view "a directory can be read from where one was" host / "" '
	perl -e '\''opendir(D, "$ENV{M}/usr/bin"); my @all; my @at;
		while (1) { my $p = telldir(D); my $n = readdir(D); last unless defined $n;
			push @all, $n; push @at, $p; }
		die "few" if @all < 100;
		for my $i (50, 3, $#all, 0, 77) { seekdir(D, $at[$i]); my $n = readdir(D);
			die "$i: $n is not $all[$i]" if $n ne $all[$i]; }'\'''

# What changes.

in_view "a change behind the view is seen at once" host "$S" "" '
	for i in $(seq 200); do
		echo $i >$S/new; [ "$(cat $M/new)" = $i ]; rm $S/new; [ ! -e $M/new ]
		echo $i >$M/new; [ "$(cat $S/new)" = $i ]; mv $S/new $S/new2; [ -e $M/new2 ]; [ ! -e $M/new ]
		rm $M/new2; [ ! -e $S/new2 ]
	done
	echo aaaa >$S/same; cat $M/same >/dev/null
	for i in $(seq 200); do
		printf "%04d\n" $i 1<>$S/same; [ "$(cat $M/same)" = $(printf "%04d" $i) ]
	done; rm $S/same'
in_view "a directory moved behind the view is still where one stands" host "$S" "" '
	mkdir -p $S/a/b/c; cd $M/a/b/c; echo 1 >f; mv $S/a/b $S/moved; [ "$(cat f)" = 1 ]; echo 2 >f
	[ "$(cat $S/moved/c/f)" = 2 ]; mv $S/moved $S/a; mkdir $S/a/x; ls ../../moved/c >/dev/null
	cd /; rm -r $M/a; [ ! -e $S/a ]'
in_view "directories moved into one another behind the view" host "$S" "" '
	mkdir -p $S/a/b; ls $M/a/b; cd $M/a/b; mv $S/a/b $S/b; mv $S/a $S/b/a; ls $M/b/a; ls a; touch a/f
	[ -e $S/b/a/f ]; cd /; rm -r $M/b'
syscalls "files: unlinked and open, renamed, exchanged, without a name, sparse, mapped" host "$S" "" files
syscalls "contents that the kernel keeps, changed behind the view" host "$S" "" kept
syscalls "locks: flock and POSIX, against the host, waiting, interrupted" host "$S" "" locks
# With FUSE passthrough the kernel holds a file open for all who have it open.
for view in host container; do
	in_view "$view: a lock ends with its own opener, while others have the file open" "$view" "$S" "" \
		'echo >$M/lock
		exec 8<$M/lock; flock 8
		(exec 8<&-; exec 9<$M/lock; timeout 10 flock 9) & waiter=$!
		sleep 0.3
		exec 8<&-
		wait $waiter'
done
syscalls "identity: owners, umask, groups, ACLs, set-id bits, capabilities" host "$S" "" identity
syscalls "attributes: xattrs, flags, times" host "$S" "" attributes
in_view "root's files belong to the owner of the folder, where asked to" host "$S" "--owner=1234:1235" '
	mkdir $S/home $S/other; chown 1234:1235 $S/home; touch $M/home/f $M/other/f; mkdir $M/home/d
	ln -s x $M/home/l; [ "$(stat -c %u:%g $S/home/f $S/home/d $S/home/l | sort -u)" = 1234:1235 ]
	[ "$(stat -c %u:%g $S/other/f)" = 0:0 ]; rm -r $M/home $M/other'
in_view "a read-only view refuses all changes" host "$S" "--read-only" '
	touch $S/ro; no() { ! "$@" 2>$T/err && grep -q "Read-only" $T/err; }
	no touch $M/x; no mkdir $M/x; no ln -s a $M/x; no ln $M/ro $M/x; no rm -f $M/ro; no mv $M/ro $M/x
	no chmod 600 $M/ro; no chown 1 $M/ro; no truncate -s 5 $M/ro; no mkfifo $M/x; no setfattr -n user.a $M/ro
	no dd if=/dev/zero of=$M/ro count=1 conv=notrunc; cat $M/ro; rm $S/ro'
in_view "mount points of the host view" host "$S" "" '
	[ "$(stat -c "%F %a" $M/c)" = "directory 755" ]; [ "$(stat -c "%F %a" $M/.sallyport)" = "directory 755" ]
	ls -A $M | grep -qx c; ! ls -A $M | grep -q sallyport; [ -z "$(ls -A $M/c $M/.sallyport | grep -v :)" ]
	! touch $M/c/x; ! mkdir $M/.sallyport/x; ! rmdir $M/c 2>$T/err; grep -q busy $T/err
	! mv $M/c $M/d; ! mv $M/ls $M/c; ! touch $M/c/ls; [ "$(ls $M | wc -l)" = $(($(ls $S | wc -l) + 1)) ]
	mkdir $S/c; [ "$(ls $M | grep -cx c)" = 1 ]; touch $S/c/hidden; [ ! -e $M/c/hidden ]; rm -r $S/c
	mount -t tmpfs none $M/c; touch $M/c/f; [ -e $M/c/f ]'

unshare -m sleep 1000 &
OTHER=$!
while [ "$(readlink /proc/$OTHER/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ]; do sleep 0.05; done
export OTHER
in_view "a program of the container can't open a file of ours anew" host "$S" "--check=$OTHER" '
	echo secret >$S/f; inside() { nsenter -t $OTHER -m -- "$@"; }
	[ "$(inside cat <$M/f)" = secret ]; ! inside sh -c "cat /proc/self/fd/0" <$M/f
	! inside sh -c "echo x >/proc/self/fd/0" <$M/f; ! inside sh -c "chmod 777 /proc/self/fd/0" <$M/f
	! inside sh -c "ls /proc/self/fd/0/ | grep ." <$M; ! inside sh -c "touch /proc/self/fd/0/x" <$M
	! unshare -U cat $M/f; [ "$(cat $M/f)" = secret ]; rm $M/f; [ ! -e $S/x ]'

# The container view.

in_view "nothing is executed from the container view by the host" container "$S" "" '
	rc=0; $M/ls 2>/dev/null || rc=$?; [ $rc = 126 ]
	rc=0; /lib64/ld-linux-x86-64.so.2 $M/ls / >/dev/null 2>&1 || rc=$?; [ $rc != 126 ]
	cmp $M/ls $S/ls; [ ! -e $M/.sallyport ]'
mkdir -p "$S/app/sub/deep" "$S/etc2"
ln -s /etc/shadow "$S/app/absolute"
ln -s ../../../../etc/shadow "$S/app/sub/escape"
ln -s ../etc2 "$S/app/up"
ln -s sub/deep "$S/app/in"
ln -s in/../x "$S/app/through"
ln -s ../../../.. "$S/app/sub/deep/top"
ln -s loop "$S/app/loop"
ln -s loop/../x "$S/app/over-loop"
ln -s ../newfile "$S/app/dangling"
ln -s /../../.././app/../etc2/. "$S/app/dots"
in_view "links stay inside" container "$S" "" '
	is() { [ "$(readlink $M/app/$1)" = "$2" ] || { echo "$1: $(readlink $M/app/$1), not $2"; exit 1; }; }
	is absolute /c/etc/shadow; is sub/escape /c/etc/shadow; is up /c/etc2; is in sub/deep
	is through /c/app/sub/x; is sub/deep/top /c; is loop loop; is over-loop /c/app/x
	is dangling /c/newfile; is dots /c/etc2/.
	find $M -type l -printf "%l\n" >$T/links; ! grep -E "(^|/)\.\.(/|$)" $T/links; ! grep "^/" $T/links | grep -v "^/c"'
in_view "ids are the container's" container "$S" \
	"--uid-map=0:100000:65536 --gid-map=0:200000:65536" '
	mkdir $S/u; chown 100000:200000 $S/u; chown 0:0 $S/ls; chmod 755 $S/u
	touch $M/u/f; [ "$(stat -c %u:%g $S/u/f)" = 100000:200000 ]; [ "$(stat -c %u:%g $M/u/f)" = 0:0 ]
	chown 5:6 $M/u/f; [ "$(stat -c %u:%g $S/u/f)" = 100005:200006 ]; [ "$(stat -c %u:%g $M/ls)" = 65534:65534 ]
	! chown 70000 $M/u/f 2>$T/err; grep -q Invalid $T/err
	setfacl -m u:7:rw,g:8:r $M/u/f; getfacl -n $S/u/f 2>/dev/null | grep -q user:100007:rw
	getfacl -n $S/u/f 2>/dev/null | grep -q group:200008:r; getfacl -n $M/u/f | grep -q "user:7:rw"
	setcap cap_net_raw+ep $M/u/f; getcap -n $S/u/f | grep -q rootid=100000; getcap -n $M/u/f | grep -q net_raw
	! getcap -n $M/u/f | grep rootid
	mkdir $M/u/open; chmod 777 $M/u/open
	setpriv --reuid=70000 --regid=3 --clear-groups touch $M/u/open/x 2>$T/err && exit 1; grep -q "too large" $T/err
	setpriv --reuid=3 --regid=3 --clear-groups touch $M/u/open/y; [ "$(stat -c %u:%g $S/u/open/y)" = 100003:200003 ]
	rm -r $M/u'

# Programs that ask much of a filesystem.

needs git git && in_view "git: init, commit, clone, gc, fsck" host "$S" "" '
	mkdir $M/git; cd $M/git; git init -q a; cd a; cp -r /usr/share/perl* . ; git add .
	git -c user.name=a -c user.email=a commit -qm 1; git status --porcelain >$T/status; [ ! -s $T/status ]
	cd ..; git clone -q a b; cd b; git gc -q; git fsck --strict; git status --porcelain >$T/status; [ ! -s $T/status ]
	cd $S/git/b; git -c safe.directory=* fsck; git -c safe.directory=* status --porcelain >$T/status; [ ! -s $T/status ]; rm -rf $M/git'
needs sqlite sqlite3 && in_view "sqlite: WAL, several writers, one of them on the host" host "$S" "" '
	sqlite3 $M/db "pragma journal_mode=delete; create table t(a);" >/dev/null
	work() { for i in $(seq 40); do sqlite3 -cmd ".timeout 20000" $1 "insert into t values($i)"; done; }
	work $M/db & work $M/db & work $S/db & wait; [ "$(sqlite3 $M/db "select count(*) from t")" = 120 ]
	[ "$(sqlite3 $M/db "pragma integrity_check")" = ok ]; [ "$(sqlite3 $M/db "pragma journal_mode=wal")" = wal ]
	work $M/db & work $M/db & work $M/db & wait; [ "$(sqlite3 $M/db "select count(*) from t")" = 240 ]
	[ "$(sqlite3 $M/db "pragma integrity_check")" = ok ]; rm $M/db*'
needs fio fio && in_view "fio verifies what it wrote" host "$S" "" '
	for e in psync mmap libaio; do
		fio --name=$e --directory=$M --ioengine=$e --rw=randrw --bs=4k-64k --size=16m --verify=crc32c \
			--do_verify=1 --verify_fatal=1 --numjobs=2 --group_reporting $([ $e != libaio ] || echo --direct=1) >$T/fio ||
			{ cat $T/fio; exit 1; }
	done; rm -f $M/*.0'
needs stress-ng stress-ng && in_view "stress-ng verifies its filesystem tests" host "$S" "" '
	mkdir $M/stress; cd $M/stress
	for t in rename link symlink dentry dir dirdeep fallocate fiemap flock lockf lockofd hdd seek utime xattr \
		getdent chmod fcntl fstat io mknod copy-file sparsematrix touch unlink; do
		timeout 60 stress-ng --$t 2 --$t-ops 200 --verify -t 4 --temp-path . >$T/stress 2>&1 ||
			{ [ $? = 3 ] || grep -q "not a valid\|unrecognized" $T/stress || { echo $t; cat $T/stress; exit 1; }; }
	done; cd /; rm -r $M/stress'
syscalls "many threads create, rename, exchange and unlink" host "$S" "--nofile=300" hammer

# Ends.

in_view "an absent name and a wrong type" host "$S" "" '
	! cat $M/none 2>$T/err; grep -q "No such" $T/err; ! cat $M/ls/x 2>$T/err; grep -q "Not a dir" $T/err
	timeout 5 sh -c "echo hi >$M/fifo & cat $M/fifo" | grep -q hi'
"$FS_MOUNT" host "$S" "$M" --pid-file="$T/pid" -- sh -c 'echo $$ >"$T/child"; exec sleep 1000' &
front=$!
for _ in $(seq 50); do [ -s "$T/child" ] && sleep 0.1 && break; sleep 0.1; done
kill -9 "$front"
kill "$(cat "$T/child")"
wait "$front" 2>/dev/null
server=$(cat "$T/pid")
for _ in $(seq 50); do [ -d "/proc/$server" ] || break; sleep 0.1; done
[ ! -d "/proc/$server" ]
report $? "the server ends with its front" "still there: $server"
echo "1..$checks"
