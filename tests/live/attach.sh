#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sallyport attach against a real container (box.c): host tools at /, the container at /c, and what is run from /c.
. "$(dirname "$0")/lib.sh"

sallyport=$SALLYPORT
init=
box_job=
ENDINGS+=('[ -z "$init" ] || kill -9 "$init"; [ -z "$box_job" ] || wait "$box_job"')
attach() { timeout 60 "$sallyport" attach "$init" -- "$@" </dev/null; }
# gives EXPECTED TOOL...: the tool's output in a session
gives() {
	local want=$1
	shift
	local got
	got=$(attach "$@" 2>&1)
	echo "got: $got"
	[ "$got" = "$want" ]
}
status_is() {
	local want=$1
	shift
	"$@"
	local got=$?
	echo "status $got, expected $want"
	[ "$got" = "$want" ]
}

root=$T/rootfs
mkdir -p "$root"/{bin,dev,etc,proc,root,srv,tmp}
cp /bin/busybox "$root/bin/busybox"
for applet in cat echo env ls readlink sh sleep true; do
	ln -s /bin/busybox "$root/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'of the container' >"$root/etc/mark"
printf '#!/bin/busybox sh\necho "script $0 $1"\n' >"$root/bin/script"
echo 'echo no interpreter line' >"$root/bin/bare"
chmod 755 "$root/bin/script" "$root/bin/bare"
echo data >"$root/etc/plain"
ln -s /etc/hostname "$root/srv/absolute"
ln -s ../../../../etc/hostname "$root/srv/up"
ln -s up "$root/srv/chained"
ln -s / "$root/srv/top"
ln -s top/../etc/hostname "$root/srv/sly"
ln -s /etc "$root/srv/dir"
echo 'of the host' >"$T/mark"

"$TEST_BIN/box" "$root" "sallyport-attach-$$" /bin/sleep 600 >"$T/pid" &
box_job=$!
for _ in $(seq 100); do
	init=$(cat "$T/pid")
	[ -n "$init" ] && grep -q sleep "/proc/$init/comm" 2>/dev/null && break
	sleep 0.05
done

check "the host's files at /" gives 'of the host' cat "$T/mark"
check "the container's at /c" gives 'of the container' cat /c/etc/mark
check "exit status" status_is 7 attach sh -c 'exit 7'
check "a tool that is not there: 127" status_is 127 attach /nosuch
check "an applet by its absolute link" gives '/bin/busybox' /c/bin/readlink -f /proc/self/exe
check "a script by its own interpreter" gives 'script /bin/script x' /c/bin/script x
check "a file without an interpreter line" gives 'no interpreter line' /c/bin/bare
check "run from inside /c by a relative name" gives 'script ./script y' sh -c 'cd /c/bin && exec ./script y'
check "from python's posix_spawn" gives 'of the container' python3 -c 'import subprocess; subprocess.run(["/c/bin/cat", "/etc/mark"])'
check "no tracer stays" gives 0 sh -c '/c/bin/cat /proc/self/status | sed -n "s/^TracerPid:\t//p"'
is "a large paste into a tool that draws before it reads on" \
	"$("$HERE/paste.py" "$sallyport" "$init" </dev/null 2>/dev/null)" 900000
check "strace works on host tools" attach sh -c 'strace -f ls / 2>&1 | grep -q exit_group'
check "strace through /.sallyport/enter sees the container's program" \
	attach sh -c 'strace -f /.sallyport/enter /bin/true 2>&1 | grep -q "execve.*/bin/true.*= 0"'
check "strace of /c/bin/true is refused, and says so" \
	sh -c "timeout 60 '$sallyport' attach $init -- strace /c/bin/true </dev/null 2>&1 | grep -q 'is traced by strace.*/.sallyport/enter'"
for link in absolute up chained sly dir/hostname; do
	check "a link that leads out stays inside: $link" status_is 1 attach cat "/c/srv/$link"
done
attach sh -c 'echo planted >/c/srv/absolute'
check "creating through a link stays inside" grep -q planted "$root/etc/hostname"
attach sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	/c/bin/cat /etc/mark; cat /c/etc/mark >/dev/null; done; /c/bin/echo end' >"$T/many" 2>&1
check "many, one after the other" test "$(grep -c 'of the container' "$T/many")" = 20
# By a pipe: busybox's cat uses sendfile(2), which does not lock the offset of a file that many write to.
attach sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do /c/bin/cat /etc/mark & done; wait' 2>&1 | cat >"$T/many"
check "many at once" test "$(grep -c 'of the container' "$T/many")" = 16

session() { "$sallyport" attach "$init" -- sleep 30 </dev/null >/dev/null 2>"$T/errors" & front=$!; sleep 1; }
gone() { [ -z "$(pgrep -f "^$HELPERS/sallyport-(gate|fs)")" ]; }
for victim in sallyport-gate sallyport-fs; do
	session
	kill -9 "$(pgrep -n -f "^$HELPERS/$victim")"
	wait "$front"
	check "$victim killed: the session ends with 125" test $? = 125
	check "and says so" grep -q "$victim.*has ended" "$T/errors"
done
session
kill -9 "$front"
wait "$front" 2>/dev/null
sleep 1.5
check "the front killed: nothing of it stays" gone
session
kill -9 "$init"
wait "$front"
check "the container killed: the session ends" test $? -ge 125
wait "$box_job"
box_job=
init=
check "nothing of the sessions stays" gone
finish
