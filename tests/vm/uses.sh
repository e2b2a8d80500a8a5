#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine, SELinux enforcing: what operators do that the other tests don't, for each of it
# needs rules of our policy. vm/denials, after it, says whether the kernel denied any of it.
. "$(dirname "$0")/../live/lib.sh"
. "$(dirname "$0")/containers.sh"
[ "${MODE:-}" = selinux ] || skip_all "SELinux does not enforce here"

label=system_u:system_r:container_t:s0:c1,c2
relabel() { chcon -R system_u:object_r:container_file_t:s0:c1,c2 "$1"; }
start_labelled crun sp-uses "$PLAIN"'
c["process"]["selinuxLabel"] = "'$label'"
c["root"]["readonly"] = False
c["linux"]["mountLabel"] = "system_u:object_r:container_file_t:s0:c1,c2"
c["mounts"].append({"destination": "/nosuid", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]})
' relabel || not_ok "crun starts a container" "$CAUSE"
plain=$PID

# --- files of every kind, by tools, in both views

# every_kind FOLDER
every_kind='
set -e
mkdir "$1"
cd "$1"
mkdir a b
chmod 700 a
mv b a/c
echo 1 >a/file
echo 2 >>a/file
chmod 600 a/file
chown 1000:1000 a/file
touch -d 2001-01-01 a/file
ln a/file a/c/hard
mv a/file a/c/file
truncate -s 1 a/c/file
flock a/c/file true
python3 -ISc "
import fcntl, os, socket, struct
fd = os.open(\"a/c/file\", os.O_RDONLY)
flags = struct.unpack(\"i\", fcntl.ioctl(fd, 0x80086601, bytes(4)))[0]
for change in 0x10, 0:
    fcntl.ioctl(fd, 0x40086602, struct.pack(\"i\", flags | change))
socket.socket(socket.AF_UNIX).bind(\"sock\")"
ln -s file a/c/link
readlink a/c/link >/dev/null
chown -h 1000 a/c/link
mv a/c/link a/link
ln -P a/link a/hardlink
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 a/c/file
mkfifo fifo
chmod 600 fifo
mv fifo a/fifo
ln a/fifo a/fifo2
echo through >a/fifo &
[ "$(cat a/fifo)" = through ]
chmod 600 sock
mv sock a/sock
ln a/sock a/sock2
for kind in "c 1 3" "b 7 0"; do
	mknod node $kind
	chmod 600 node
	mv node a/node
	ln a/node a/node2
	ls -l a/node >/dev/null
	rm a/node a/node2
done
stat -f . >/dev/null
mount --bind a a
umount a
mount --bind a/c/hard a/c/hard
umount a/c/hard
chmod 1777 .
setpriv --reuid 1000 --regid 1000 --clear-groups touch theirs
[ "$(stat -c %u:%g theirs)" = 1000:1000 ]
rm theirs
find . -ls >/dev/null
cp -a a copy
rm -r a copy
cd /
rmdir "$1"
echo all
'
for folder in "$T/files" /c/files; do
	is "files of every kind, in $folder" \
		"$(piped "$SALLYPORT" attach "$plain" -- /bin/sh -c "$every_kind" sh "$folder")" all
done
matches "what a session has of its own" "$(piped "$SALLYPORT" attach "$plain" -- /bin/ls -l /.sallyport)" ' gate.* launch'

# --- a program on a file system without set-uid programs

is "a program of a nosuid mount has the label" "$(piped "$SALLYPORT" attach "$plain" -- /bin/sh -c \
	'cp /c/bin/busybox /c/nosuid/busybox && /c/nosuid/busybox cat /proc/self/attr/current')" "$label"

# --- another user, whose output is a pipe

is "a user's program opens its output again" \
	"$(piped "$SALLYPORT" exec -u 1000:1000 "$plain" -- /bin/sh -c 'echo again >/dev/stdout')" again

# --- signals

# in_background COMMAND...: sallyport in the background, until it has said "begun"; sets FRONT
in_background()
{
	: >"$T/said"
	"$SALLYPORT" "$@" </dev/null >"$T/said" 2>&1 &
	FRONT=$!
	STARTED+=("$FRONT")
	wait_for 20 grep -q begun "$T/said"
}
stands() { grep -q '^State:.T' "/proc/$1/status"; }
for way in exec attach; do
	[ "$way" = exec ] && sh=/bin/sh || sh=/c/bin/sh
	in_background "$way" -u 1000:1000 "$plain" -- "$sh" -c 'trap "echo got it; exit 3" TERM; echo begun; while :; do sleep 0.1; done'
	kill -TSTP "$FRONT"
	check "$way: it stops with its program" wait_for 10 stands "$FRONT"
	kill -CONT "$FRONT"
	kill -TERM "$FRONT"
	wait "$FRONT"
	is "$way: a signal reaches the program" "$? $(tail -n 1 "$T/said")" "3 got it"
done
in_background attach "$plain" -- /bin/sh -c 'trap "echo got it; exit 3" TERM; echo begun; while :; do sleep 0.1; done'
kill -TERM "$FRONT"
wait "$FRONT"
is "a signal reaches a tool" "$? $(tail -n 1 "$T/said")" "3 got it"
in_background attach "$plain" -- /bin/sh -c '/c/bin/sleep 4343 & /c/bin/sh -c "echo begun"'
wait "$FRONT"
lacks "what is left of a session has ended with it" "$(pgrep -f -x '/bin/sleep 4343')" .

# A server of the views that hangs is ended all the same.
in_background attach "$plain" -- /bin/sh -c 'echo begun; exec sleep 4321'
servers=$(for pid in $(descendants "$FRONT"); do [[ $(readlink "/proc/$pid/exe") != *sallyport-fs ]] || echo "$pid"; done)
# shellcheck disable=SC2086
matches "both views have a server" "$(echo $servers)" '^[0-9]+ [0-9]+$'
# shellcheck disable=SC2086
kill -STOP $servers
pkill -f -x 'sleep 4321'
wait "$FRONT"
# shellcheck disable=SC2086
lacks "servers that hang are killed" "$(ps -o pid= -p "$(echo $servers | tr ' ' ,)")" .

# --- a session over which the policy changes

in_background attach "$plain" -- /bin/sh -c 'echo begun; while [ ! -e '"$T"'/go ]; do sleep 0.1; done; echo tool; cat /etc/hostname | /c/bin/cat; /c/bin/echo program'
setsebool sallyport_container_redirect on
setsebool sallyport_container_redirect off
: >"$T/go"
wait "$FRONT"
is "a session goes on when the policy has changed" "$? $(tr '\n' ' ' <"$T/said")" "0 begun tool $(cat /etc/hostname) program "

# --- a terminal of the container's

for way in exec attach; do
	[ "$way" = exec ] && sh=/bin/sh || sh=/c/bin/sh
	matches "$way: a terminal" "$(in_pty -- "$SALLYPORT" "$way" "$plain" -- "$sh" -c \
		'[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && tr -d "\0" </proc/self/attr/current && stty size')" "$label.*[0-9]+ [0-9]+"
done

# --- operators of other kinds: an administrator, who came by ssh with a socket or with pipes

# as CONTEXT PROGRAM...: it begins in that domain, which we may not enter ourselves
as()
{
	local context=$1 before
	shift
	before=$(getenforce)
	setenforce 0
	runcon "$context" "$@" &
	local job=$!
	sleep 2
	setenforce "$before"
	: >"$T/enforced"
	wait "$job"
}
# usage: operator.py OUT socket|pipe COMMAND...: runs it with descriptors of our own domain, once SELinux enforces
cat >"$T/operator.py" <<'EOF'
import os, socket, subprocess, sys
out, kind, *command = sys.argv[1:]
result = open(out, "wb", buffering=0)
if kind == "socket":
    ours, theirs = socket.socketpair()
    read, write = ours.detach(), theirs.detach()
    stdin = write
else:
    read, write = os.pipe()
    stdin, unused = os.pipe()
child = subprocess.Popen(command, stdin=stdin, stdout=write, stderr=write)
os.close(write)
said = b""
while data := os.read(read, 4096):
    said += data
result.write(said + b" status %d" % child.wait())
EOF
chmod 755 "$T/operator.py"
wait_enforced='while [ ! -e '"$T"'/enforced ]; do sleep 0.1; done; exec "$@"'
for kind in pipe socket; do
	for context in root:sysadm_r:sysadm_t:s0-s0:c0.c1023 system_u:system_r:sshd_t:s0-s0:c0.c1023; do
		[[ $context = *sysadm_t* ]] && enter=() || enter=(runcon unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023)
		for way in exec attach; do
			[ "$way" = exec ] && cat=/bin/cat || cat=/c/bin/cat
			rm -f "$T/enforced" "$T/operator"
			as "$context" python3 -IS "$T/operator.py" "$T/operator" "$kind" "${enter[@]}" /bin/sh -c "$wait_enforced" sh \
				"$SALLYPORT" "$way" "$plain" -- "$cat" /proc/self/attr/current
			is "$context, a $kind, $way: the label" "$(tr -d '\0' <"$T/operator")" "$label status 0"
		done
	done
done

# --- an engine with its own policy

CAUSE="its container does not begin"
mkdir -p "$T/podman/sp-podman" "$T/podman/root" "$T/podman/run"
# As in their usual places; what is made in them gets the same.
chcon -t container_file_t "$T/podman/sp-podman"
chcon -t container_var_lib_t "$T/podman/root"
chcon -t container_runtime_t "$T/podman/run"
if start_podman sp-podman; then
	mkdir -p /etc/containers
	cp "$T/podman/storage.conf" /etc/containers/storage.conf
	restorecon -R /etc/containers
	unset CONTAINERS_STORAGE_CONF
	own=$(label_of "$PID")
	matches "podman: it has a label of its own" "$own" ':container_t:s0:c[0-9]+,c[0-9]+$'
	is "podman: exec gives exactly that, by its name" "$(by_exec "$NAME" /bin/cat /proc/self/attr/current)" "$own"
	is "podman: attach too" "$(by_attach "$NAME" /bin/cat /proc/self/attr/current)" "$own"
else
	not_ok "podman starts a container" "$CAUSE; $(tail -n 5 "$T/sp-podman.log")"
fi
nothing_left "after all that"
finish
