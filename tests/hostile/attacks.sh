#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A container that was broken into attacks while an operator works in a session: docs/attacks.md has
# the table. attacker.c is what runs inside; it runs with the container's own rights, by exec.
. "$(cd "$(dirname "$0")/../live" && pwd)/lib.sh"

# In the virtual machine the container's processes have a label: with SELinux box(1) gives it.
label=() own_label=
case ${MODE:-} in
selinux)
	own_label=system_u:system_r:container_t:s0:c1,c2
	;;
apparmor)
	# An engine's own profile denies more; this one is the least that tells theirs from ours.
	apparmor_parser -r <<-END
		abi <abi/3.0>,
		profile sp-attacks flags=(attach_disconnected,mediate_deleted) {
			capability, network, mount, umount, pivot_root, unix, file,
			signal peer=sp-attacks,
			ptrace peer=sp-attacks,
			signal receive,
			ptrace (readby, tracedby),
		}
	END
	label=(aa-exec -p sp-attacks --) own_label='sp-attacks (enforce)'
	;;
esac
ATTACKER=$TEST_BIN/../hostile/attacker
launcher=$HELPERS/sallyport-launch
cp "$launcher" "$T/launcher"
root=$T/rootfs
mkdir -p "$root"/{bin,dev,etc,proc,root,srv,tmp,work}
cp /bin/busybox "$root/bin/busybox"
cp "$ATTACKER" "$root/bin/attacker"
for applet in cat echo ls mkdir rm sh sleep true; do
	ln -s /bin/busybox "$root/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"

# What is the host's own: nothing in the container may show it or change it. The container has a
# directory of the same name, where links may lead.
canary=$T/canary
mkdir "$canary" "$T/out" && mkdir -p "$root$canary"
echo 'secret of the host' >"$canary/file"
echo 'of the container' >"$root$canary/file"
canary_state() { find "$canary" -printf '%p %y %u %g %m %s %T@\n' | sort; cat "$canary/file"; }
before=$(canary_state)
unharmed() { is "$1: the host's files are as they were" "$(canary_state)" "$before"; }

init=
start_box()
{
	: >"$T/pid"
	"${label[@]}" "$TEST_BIN/box" "$root" "sallyport-attacks-$$" /bin/sleep 1000 >"$T/pid" &
	box=$!
	STARTED+=("$box")
	wait_for 20 test -s "$T/pid"
	init=$(cat "$T/pid")
	wait_for 20 grep -q sleep "/proc/$init/comm"
}
end_box()
{
	[ -z "$init" ] || kill -9 "$init" 2>/dev/null
	wait "$box" 2>/dev/null
	init=
}
ENDINGS+=(end_box)
start_box
[ -z "$own_label" ] || is "(the container is confined)" "$(tr -d '\0\n' <"/proc/$init/attr/current")" "$own_label"

attach() { timeout 60 "$SALLYPORT" attach "$init" -- "$@" </dev/null; }

# attack ATTACK [ARG...]: lets it run in the background; what it says goes to $T/said.
attack()
{
	"$SALLYPORT" exec "$init" -- /bin/attacker "$@" </dev/null >"$T/said" 2>&1 &
	attack_job=$!
	STARTED+=("$attack_job")
	wait_for 5 attack_runs
}
attack_runs() { grep -q attacker /proc/"$(cut -d' ' -f1 /proc/"$attack_job"/task/"$attack_job"/children)"/comm; }
end_attack() { end_process "$attack_job"; }
said() { head -c 2000 "$T/said" | tr -d '\0'; }

work='i=0; while [ $i -lt 20 ]; do /c/bin/true || exit 1; cat /c/etc/passwd >/dev/null; ls / >/dev/null; i=$((i+1)); done; echo done'
echo "of the host" >"$T/host-only"
for each in "through-proc:$T/host-only" look-inside: overwrite-exe: trace: join:; do
	name=${each%%:*}
	attack "$name" ${each#*:}
	out=$(attach sh -c "$work" 2>&1)
	end_attack
	# Who traces the container's own programs can hold them up; that is the container's business.
	if [[ ${MODE:-} = selinux && $out = *'audit'*'No buffer space'* ]]; then
		# What is denied so often fills the audit's queue; then nothing runs that may have no record.
		ok "$name: a transition is refused, and says why"
	elif [ "$name" != trace ]; then
		is "$name: the session goes on" "$out" done
	fi
	is "$name: nothing was gained" "$(said)" ""
done
check "overwrite-exe: the launcher is as it was" cmp "$launcher" "$T/launcher"

# Everything that comes is stopped, and goes on; the gate waits for nobody.
attack stop
began=$SECONDS
out=$(attach sh -c 'i=0; while [ $i -lt 10 ]; do /c/bin/true || exit 1; i=$((i+1)); done; echo done' 2>&1)
end_attack
is "stop: transitions come through" "${out##*$'\n'}" done

# Everything that comes is killed: the session ends, and nothing stays.
attack kill
attach sh -c "$work" >"$T/out/killed" 2>&1
lacks "kill: the session ends" "$?" '^(0|124)$'
end_attack
wait_for 5 is_gone "$init" || true
nothing_left kill 5
end_box
start_box

# Links that change between check and use.
reset_work()
{
	rm -rf "$root/work" && mkdir -p "$root/work/dir"
	echo 'of the container' >"$root/work/dir/file"
	cp "$root/bin/busybox" "$root/work/dir/true"
	ln -s "$canary" "$root/work/link"
}
swapping()
{
	local name=$1
	shift
	reset_work
	attack swap /work/dir /work/link
	attach sh -c "i=0; while [ \$i -lt 25 ]; do $* ; i=\$((i+1)); done" >"$T/out/said" 2>&1
	end_attack
	unharmed "swap, $name"
	is "swap, $name: nothing of the host's was seen" "$(grep -rl 'secret of the host' "$T/out" "$root")" ""
}
swapping 'cat and ls' 'cat /c/work/dir/file /c/work/link/file; ls -la /c/work/dir/ /c/work/link/'
swapping 'cp -r' "rm -rf $T/out/copy; cp -rL /c/work $T/out/copy"
swapping 'tar' "tar -ch -C /c work -f $T/out/work.tar"
swapping 'write' 'echo written >/c/work/dir/file; echo more >>/c/work/link/file'
swapping 'create and rename' 'echo new >/c/work/dir/new; mv /c/work/dir/new /c/work/dir/newer; mkdir /c/work/dir/d; rmdir /c/work/dir/d'
swapping 'chown -R and chmod -R' 'chown -RL 1234 /c/work; chmod -R a+w /c/work/dir/ /c/work/link/'
swapping 'rm -rf' 'rm -rf /c/work/dir/* /c/work/link/*'
swapping 'exec' '/c/work/dir/true true; /c/work/link/true true'
swapping 'truncate and touch' 'truncate -s 0 /c/work/dir/file; touch -d 2001-01-01 /c/work/link/file'
swapping 'ln' "ln -f /c/work/dir/file /c/work/hard; ln -sfn x /c/work/dir/soft"

# A device's node by another name.
disk=$(for dev in /sys/class/block/*/dev; do cat "$dev"; break; done | tr : ' ')
if [ -n "$disk" ]; then
	"$SALLYPORT" exec "$init" -- /bin/attacker node /disk $disk
	if [ "${MODE:-}" = selinux ]; then
		check "node: its label may not make one" test ! -e "$root/disk"
	else
		check "node: it is there" test -b "$root/disk"
		out=$(attach head -c 1 /c/disk 2>&1)
		matches "node: a tool can't open the host's disk by it" "$out" 'Permission denied'
	fi
	rm -f "$root/disk"
else
	skip "node: a tool can't open the host's disk by it" "the host has no block device"
fi

# What a tool hands over, and what it doesn't.
out=$(attach sh -c "cd $canary && /c/bin/attacker descriptors" 2>&1)
is "descriptors: 0, 1 and 2, and a directory inside (CVE-2024-21626)" "$out" ""
out=$(attach sh -c "exec 7<$canary/file 9</etc; /c/bin/attacker descriptors" 2>&1)
is "descriptors: the tool's own are closed" "$out" ""
if [ "${MODE:-}" = selinux ]; then
	# The kernel puts its null device in the place of what a label denies.
	for given in "$canary" "$canary/file"; do
		out=$(attach sh -c "/c/bin/cat <$given" 2>&1)
		matches "$given that was given to read: the label denies it" "$out" 'label denies its program its standard input'
		lacks "$given: nothing of it was seen" "$out" 'secret of the host'
	done
else
	out=$(attach sh -c "/c/bin/attacker reopen <$canary/file" 2>&1)
	is "reopen: a file of the host that was given to read" "$out" ""
	out=$(attach sh -c "/c/bin/attacker handle <$canary/file" 2>&1)
	is "handle: of a file of the host that was given to read" "$out" ""
	out=$(attach sh -c "/c/bin/true <$canary" 2>&1)
	matches "a directory of the host as descriptor 0 is refused" "$out" 'directory of the host'
fi
unharmed 'descriptors'

# Files where the front and the launcher look: none may hold them up.
passwd_is()
{
	local name=$1 out
	shift
	mv "$root/etc/passwd" "$root/etc/passwd.kept"
	"$@"
	out=$(timeout 20 "$SALLYPORT" exec -u app "$init" -- /bin/true 2>&1 </dev/null)
	lacks "passwd is $name: exec -u ends" "$?" '^(0|124)$'
	matches "passwd is $name: and says why" "$out" 'sallyport: .*passwd|user'
	timeout 20 "$SALLYPORT" exec "$init" -- /bin/true </dev/null >/dev/null 2>&1
	lacks "passwd is $name: exec ends" "$?" '^124$'
	rm -rf "$root/etc/passwd"
	mv "$root/etc/passwd.kept" "$root/etc/passwd"
}
passwd_is 'a fifo' mkfifo "$root/etc/passwd"
passwd_is 'a link to /dev/zero' ln -s /dev/zero "$root/etc/passwd"
passwd_is 'a link to the host' ln -s "$canary/file" "$root/etc/passwd"
passwd_is 'a file of 10 GB' truncate -s 10G "$root/etc/passwd"
passwd_is 'a directory' mkdir "$root/etc/passwd"

# Programs that are none.
for kind in fifo socket device directory; do
	case $kind in
	fifo) mkfifo "$root/tmp/program" ;;
	socket) python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$root/tmp/program" ;;
	device) mknod "$root/tmp/program" c 1 5 ;;
	directory) mkdir "$root/tmp/program" ;;
	esac
	chmod 755 "$root/tmp/program"
	attach /c/tmp/program >"$T/out/said" 2>&1
	is "a $kind as the program: 126" "$?" 126
	rm -rf "$root/tmp/program"
done

# Names that would draw on the operator's terminal, or forge a line.
evil=$'evil\nsallyport: web: all is well\e[2J\e]0;title\a'
printf 'x' >"$root/tmp/$evil"
attach "/c/tmp/$evil" >"$T/out/said" 2>&1
is "a name with newlines and escapes: one line" "$(wc -l <"$T/out/said")" 1
lacks "a name with newlines and escapes: none is printed" "$(cat "$T/out/said")" $'[\e\a]'
timeout 20 "$SALLYPORT" exec "$init" -- "/tmp/$evil" >"$T/out/said" 2>&1 </dev/null
is "the same by exec" "$(wc -l <"$T/out/said")$(grep -c $'\e' "$T/out/said")" 10

# Trees without end.
ln -s loop2 "$root/work/loop1" && ln -s loop1 "$root/work/loop2" && ln -s . "$root/work/self"
out=$(attach cat /c/work/loop1 2>&1)
matches "links in a circle" "$out" 'Too many levels'
check "a link to its own directory" attach ls /c/work/self/self/self/self
mkdir "$root/deep"
"$SALLYPORT" exec -w /deep "$init" -- /bin/attacker deep
if [ "${MODE:-}" = apparmor ]; then
	# AppArmor asks for a whole path, of 8 KiB at most: what is below that, the views' server is denied.
	matches "1,000 directories, one in the other: walked as far as AppArmor goes" \
		"$(attach sh -c 'find /c/deep 2>/dev/null | wc -l' 2>&1)" '^2[0-9][0-9]$'
else
	is "1,000 directories, one in the other: walked" "$(attach sh -c 'find /c/deep | wc -l' 2>/dev/null)" 1001
	check "1,000 directories: removed" attach rm -rf /c/deep
fi

# A tree that moves, and is covered, while it is walked.
reset_work
mkdir -p "$root/work/in/dir/deep/er"
echo 'of the container' >"$root/work/in/dir/deep/er/file"
attack shuffle /work/in/dir /work/dir/moved
attach sh -c "i=0; while [ \$i -lt 25 ]; do find /c/work >/dev/null; ls /c/work/in/dir/deep/../../../.. /c/work/dir/moved/../..;
	rm -rf $T/out/copy; cp -r /c/work/in $T/out/copy; cat /c/work/in/dir/deep/../../../..$canary/file; i=\$((i+1)); done" >"$T/out/said" 2>&1
attach rm -rf /c/work/in >/dev/null 2>&1
end_attack
unharmed "shuffle, a tree that moves"
is "shuffle: nothing of the host's was seen" "$(grep -rl 'secret of the host' "$T/out" "$root")" ""
reset_work
mkdir "$root/work/over"
covering() { while :; do nsenter -t "$init" -m /bin/busybox mount --bind /work/over /work/dir; nsenter -t "$init" -m /bin/busybox umount /work/dir; done; }
covering 2>/dev/null &
cover=$!
attach sh -c "i=0; while [ \$i -lt 25 ]; do find /c/work >/dev/null; cat /c/work/dir/file; echo new >/c/work/dir/new; rm -f /c/work/dir/new; i=\$((i+1)); done" \
	>"$T/out/said" 2>&1
is "mounts that come and go in a walk: the session goes on" "$?" 0
end_process "$cover"
nsenter -t "$init" -m /bin/busybox umount /work/dir 2>/dev/null
unharmed "mounts that come and go"

# The same names as ours.
mkdir -p "$root/.sallyport" "$root/c/bin"
cp "$root/bin/attacker" "$root/.sallyport/launch"
cp "$root/bin/attacker" "$root/c/bin/true"
is "names of ours in the container: ours are meant" \
	"$(attach sh -c '/c/bin/true && /.sallyport/enter /bin/echo entered && cmp /.sallyport/launch /.sallyport/enter && echo same' 2>&1)" $'entered\nsame'
rm -r "$root/.sallyport" "$root/c"

# Who is no tool of the session and asks its gate, or what starts sallyport why, all the same, by a descriptor of their
# folder: what lives in the container's mount namespace, and another user.
cat >"$T/poser.py" <<'END'
import ctypes, os, socket, struct, sys
try:
    folder = os.open(sys.argv[1], os.O_PATH)
except PermissionError:
    sys.exit("refused: it has no way there") # by SELinux
if sys.argv[2] == "inside":
    if ctypes.CDLL(None).setns(os.open(sys.argv[3], os.O_RDONLY), 0x20000):
        sys.exit("setns")
else:
    os.setresuid(1000, 1000, 1000)
os.fchdir(folder)
ENTER, PLAN, WHY, ENDED = 5, 6, 12, 13
asked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asked.settimeout(10)
try:
    asked.connect(sys.argv[4])
except PermissionError:
    sys.exit("refused: it may not connect")
try:
    if sys.argv[4] == "gate":
        asked.send(struct.pack("=II", ENTER, 8 + 4096) + b"/bin/true".ljust(4096, b"\0"))
    else:
        request = struct.pack("=II", 0, 1) + bytes(4096) + b"/bin/true".ljust(65536, b"\0")
        socket.send_fds(asked, [struct.pack("=II", WHY, 8 + len(request)) + request], [0, 1, 2])
except ConnectionError:
    pass # who is refused at once has an answer, or none
try:
    answer = asked.recv(65536)
except ConnectionError:
    sys.exit("refused: it hangs up")
kind = struct.unpack("=I", answer[:4])[0] if answer else 0
print("BREACH" if kind in (PLAN, ENDED) else "refused: type %d," % kind, answer[12:].split(b"\0")[0].decode())
END
attach sleep 1001 >/dev/null 2>&1 &
session=$!
STARTED+=("$session")
wait_for 10 pgrep -f -x 'sleep 1001'
tool=$(pgrep -n -f -x 'sleep 1001')
for whom in gate ask; do
	for who in inside other; do
		matches "poser: $who, to $whom" "$(python3 "$T/poser.py" "/proc/$tool/root/.sallyport" "$who" "/proc/$init/ns/mnt" $whom 2>&1)" '^refused: '
	done
done
# The same message from a tool is served: it is not for its form that it was refused.
is "poser: a tool is served" "$(attach /.sallyport/why /bin/true 2>&1)" "status 0: nothing was refused for want of a permission"
kill "$tool"
wait "$session"

# What changes while its profile is read.
attack change
changing=$(cut -d' ' -f1 "/proc/$attack_job/task/$attack_job/children")
for i in 1 2 3 4 5 6 7 8 9 10; do
	timeout 20 "$SALLYPORT" exec --like "$changing" "$init" -- /bin/cat /proc/self/status </dev/null >"$T/status.$i" 2>"$T/said.$i"
	status=$?
	[ "$status" = 0 ] || { [ "$status" != 124 ] && [ -s "$T/said.$i" ]; } || echo "run $i: status $status" >>"$T/changed"
done
is "change: each exec --like runs, or says why not" "$(cat "$T/changed" 2>/dev/null)" ""
bounding=$(sed -n 's/^CapBnd:\t//p' "/proc/$init/status")
is "change: never with more than the container may have" "$(sed -n 's/^CapBnd:\t//p' "$T"/status.* | sort -u | grep -v "^$bounding\$")" ""
is "change: never with our own user's groups" "$(sed -n 's/^Groups:\t//p' "$T"/status.* | grep -vE '^(0|1000)? *$' | sort -u)" ""
end_attack

# The pid of what was killed, in a transition or before it, taken by a process of the container.
nsenter -t "$init" -m -p /bin/attacker reuse </dev/null >"$T/said" 2>&1 &
reuser=$!
STARTED+=("$reuser")
wait_for 5 pgrep -f -x '/bin/attacker reuse'
[ -n "${MODE:-}" ] && times=20 || times=200
is "reuse: the session goes on" "$(attach sh -c "i=0; while [ \$i -lt $times ]; do /c/bin/true; i=\$((i+1)); done; echo done" 2>/dev/null)" done
pkill -KILL -f -x '/bin/attacker reuse'
wait "$reuser" 2>/dev/null
check "reuse: pids were taken: $(grep -c '^took' "$T/said")" grep -q '^took' "$T/said"
is "reuse: nothing was done to who had them then" "$(grep -v '^took' "$T/said")" ""

# A file system of the container's own that never answers.
reset_work
nsenter -t "$init" -m /bin/attacker hung /work/dir </dev/null >"$T/said" 2>&1 &
hanging=$!
STARTED+=("$hanging")
hangs() { grep -q ' /work/dir .* - fuse hung ' "/proc/$init/mountinfo"; }
wait_for 5 hangs
began=$SECONDS
out=$(attach sh -c 'i=0; while [ $i -lt 20 ]; do cat /c/work/dir/file & i=$((i+1)); done; sleep 1; i=0
	while [ $i -lt 5 ]; do /c/bin/true && cat /c/etc/passwd >/dev/null && ls /c/bin >/dev/null || exit; i=$((i+1)); done; echo done' 2>&1)
is "hung: 20 that wait for it hold up no other" "$out" done
check "hung: nor the end ($((SECONDS - began)) s)" test $((SECONDS - began)) -lt 30
is "hung: it still hangs" "$(hangs && kill -0 "$hanging" && echo yes)" yes
nothing_left "hung" 5
end_process "$hanging"
nsenter -t "$init" -m /bin/busybox umount /work/dir

# More changes at once than the kernel's queue of them has room for.
reset_work
mkdir "$root/work/many"
for ((i = 0; i < 200; i++)); do echo old >"$root/work/many/$i"; done
queue=/proc/sys/fs/inotify/max_queued_events
kept=$(cat $queue)
ENDINGS+=("echo $kept >$queue")
echo 4 >$queue
"$SALLYPORT" exec -w /work "$init" -- /bin/sh -c 'until [ -e go ]; do :; done
	for i in many/*; do echo new >$i; done; : >gone' </dev/null >"$T/said" 2>&1 &
changer=$!
STARTED+=("$changer")
is "overflow: each of 200 changes is seen at once" "$(attach sh -c 'ls -l /c/work/many >/dev/null; cat /c/work/many/* | sort -u; : >/c/work/go
	until [ -e /c/work/gone ]; do :; done; cat /c/work/many/* | sort | uniq -c | xargs' 2>&1)" $'old\n200 new'
wait "$changer"
echo "$kept" >$queue

# What there is, used up.
reset_work
# An emulated machine takes a minute for a tenth of them.
[ -n "${MODE:-}" ] && files=1000 || files=20000
"$SALLYPORT" exec -w /work "$init" -- /bin/attacker files "$files"
is "files: $files with two names each are listed" "$(attach sh -c 'ls /c/work | wc -l' 2>&1)" $((2 * files + 2))
check "files: and removed" attach sh -c 'rm -rf /c/work/file* /c/work/link* 2>/dev/null || find /c/work -name "*[0-9]" -delete'
is "files: all of them" "$(find "$root/work" -name '*[0-9]' | wc -l)" 0
memory_max=$(ls -d /sys/fs/cgroup/memory/sallyport-attacks-$$/memory.limit_in_bytes /sys/fs/cgroup/sallyport-attacks-$$/memory.max 2>/dev/null | head -n 1)
if [ -w "$memory_max" ]; then
	echo 64M >"$memory_max"
	attack memory
	sleep 1
	is "memory: host tools go on" "$(attach sh -c 'i=0; while [ $i -lt 5 ]; do /c/bin/true; i=$((i+1)); done; cat /etc/passwd >/dev/null; echo outside' 2>/dev/null)" outside
	end_box
	end_attack
	start_box
else
	skip "memory: host tools go on" "no memory controller"
fi

# A process table that is full.
pids_max=$(ls -d /sys/fs/cgroup/pids/sallyport-attacks-$$ /sys/fs/cgroup/sallyport-attacks-$$ 2>/dev/null | head -n 1)/pids.max
if [ -w "$pids_max" ]; then
	echo 50 >"$pids_max"
	attack bomb
	sleep 1
	is "bomb: host tools and transitions go on" \
		"$(attach sh -c '/c/bin/echo inside; echo outside' 2>&1)" $'inside\noutside'
	end_box
	end_attack
	start_box
else
	skip "bomb: host tools and transitions go on" "no pids controller"
fi

# A terminal's input.
out=$(in_pty --timeout 30 --step '[#$] ' '/c/bin/attacker console\n' --step '[#$] ' 'exit\n' -- \
	env SHELL=/bin/sh "$SALLYPORT" attach "$init")
matches "console: TIOCLINUX was tried" "$out" 'tried TIOCLINUX'
lacks "console: TIOCLINUX is refused" "$out" BREACH
if [ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null)" = 0 ]; then
	out=$(in_pty --timeout 30 --step '[#$] ' '/c/bin/attacker terminals\n' --step '[#$] ' 'exit\n' -- \
		env SHELL=/bin/sh "$SALLYPORT" attach "$init")
	lacks "terminals: TIOCSTI is refused" "$out" BREACH
else
	skip "terminals: TIOCSTI is refused" "dev.tty.legacy_tiocsti is 1 or the kernel has no such switch"
fi

# A /proc of lies.
lies=$root/srv/lies
mkdir -p "$lies/1" "$lies/self/attr" && echo liar >"$lies/1/comm"
nsenter -t "$init" -m /bin/busybox mount --bind /srv/lies /proc
is "a false /proc: it is there" "$(nsenter -t "$init" -m /bin/busybox cat /proc/1/comm)" liar
is "a false /proc: a tool sees the kernel's" "$(attach cat /proc/1/comm 2>&1)" sleep
is "a false /proc: exec works" "$(timeout 20 "$SALLYPORT" exec "$init" -- /bin/echo yes 2>&1 </dev/null)" yes
nsenter -t "$init" -m /bin/busybox umount /proc

unharmed 'at the end'
end_box
nothing_left 'at the end'
finish
