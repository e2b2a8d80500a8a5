#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --host-view native: the host's own mounts at /, the container's view at /c as ever; tools are recorded.
. "$(dirname "$0")/lib.sh"
JOURNAL=/var/log/sallyport/journal.jsonl

box_root cat sh sleep
echo inside >"$root/etc/mark"
start_box native-host

native() { timeout 60 "$SALLYPORT" attach --host-view "${VIEW:-native}" "$init" -- "$@" </dev/null 2>&1; }

# The host's files.
is "what a tool writes is on the host" "$(native sh -c "echo written >$T/new && echo done"; cat "$T/new")" "done"$'\n'"written"
is "the same inode" "$(native stat -c %i "$T/new")" "$(stat -c %i "$T/new")"
is "no server stands between" "$(native stat -f -c %T "$T")" "$(stat -f -c %T "$T")"
is "the names of the root, and /c" "$(native find / -mindepth 1 -maxdepth 1 -printf '%f %y\n' | sort)" \
	"$({ find / -mindepth 1 -maxdepth 1 -printf '%f %y\n' | grep -v -e '^c ' -e '^\.sallyport '; echo "c d"; echo ".sallyport d"; } | sort)"
is "links of the root lead where they did" "$(native readlink -f /bin/sh)" "$(readlink -f /bin/sh)"
matches "nothing can be made in the root" "$(native touch "/sallyport-$$")" 'Read-only file system'
is "the host's mounts below" "$(native stat -f -c %T /tmp /var /run)" "$(stat -f -c %T /tmp /var /run)"
mkfifo "$T/fifo"
(echo through >"$T/fifo") &
STARTED+=($!)
is "a named pipe joins host and session" "$(native cat "$T/fifo")" through
python3 - "$T/socket" <<'X' &
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
s.accept()[0].sendall(b"from the host")
X
STARTED+=($!)
wait_for 5 test -S "$T/socket"
is "so does a socket" "$(native python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
print(s.recv(99).decode())' "$T/socket")" "from the host"
is "the working directory" "$(cd "$T" && native pwd)" "$T"
is "what is mounted in the session isn't on the host" \
	"$(native sh -c "mkdir $T/place && mount -t tmpfs tmpfs $T/place && touch $T/place/x && echo done"; ls "$T/place")" "done"

# Read-only.
matches "native-ro: nothing can be written" "$(VIEW=native-ro native sh -c "echo x >$T/new")" 'Read-only file system'
is "native-ro: but to devices and the container" \
	"$(VIEW=native-ro native sh -c 'echo x >/dev/null && echo y >/c/tmp/new && echo done'; cat "$root/tmp/new")" "done"$'\n'"y"
matches "another word" "$(VIEW=quick native true; echo "status $?")" 'takes rw, ro, native or native-ro, not quick.*status 125'

# The container.
status() { grep -E '^(Uid|Cap|NoNewPrivs|Seccomp|TracerPid)' "$1"; }
is "/c shows the container's files" "$(native cat /c/etc/mark)" inside
is "a program of /c is the container's" "$(native /c/bin/cat /etc/mark)" inside
is "with its properties" "$(native /c/bin/cat /proc/self/status | status -)" "$(status "/proc/$init/status")"
is "in a mount namespace of the tool's too" "$(native unshare -m /c/bin/cat /etc/mark)" inside
is "with both views native" "$(native true && timeout 60 "$SALLYPORT" attach --host-view native --container-view native \
	"$init" -- sh -c 'cat /c/etc/mark; /.sallyport/enter /bin/cat /etc/mark' </dev/null 2>&1)" inside$'\n'inside

# What is lost, by sallyport-security(7): the root of a tool that gave up its privileges.
by_the_tool()
{
	VIEW=$1 native setpriv --reuid 65534 --regid 65534 --clear-groups sleep 3 >/dev/null &
	local job=$! pid=
	wait_for 5 sh -c "pgrep -n -x -u 65534 sleep >$T/tool"
	pid=$(awk '/^NSpid/ { print $NF }' "/proc/$(cat "$T/tool")/status")
	timeout 20 "$SALLYPORT" exec -u 65534:65534 "$init" -- /bin/cat "/proc/$pid/root$T/open" 2>&1
	kill "$(cat "$T/tool")"
	wait "$job"
}
chmod 755 "$T"
echo "of the host" >"$T/open"
matches "a server turns the container away" "$(by_the_tool rw)" 'Permission denied'
is "a native view doesn't" "$(by_the_tool native)" "of the host"

# Records: the lines of one session, told apart by its reason.
recorded()
{
	python3 - "$JOURNAL" "$1" "$2" <<'X'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
session = next(e["session"] for e in events if e.get("reason") == sys.argv[2] and e["event"] == "begin")
for e in events:
    if e["session"] == session and e["event"] in sys.argv[3].split(","):
        print(e["event"], e.get("host_view", "-"), e.get("path", "-"), *e.get("argv", [])[1:])
X
}
reason=native-$$
cat >"$T/script" <<'X'
#!/bin/sh
exec sleep 0.2
X
chmod 755 "$T/script"
timeout 60 "$SALLYPORT" attach --host-view native --audit journal --reason "$reason" "$init" -- sh -c \
	"sleep 0.1; for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done; $T/script; /c/bin/cat /etc/mark" </dev/null >/dev/null
is "the session says that its view is native" "$(recorded "$reason" begin | cut -d' ' -f2)" native
is "each tool is recorded" "$(recorded "$reason" tool | cut -d' ' -f3 | sort | uniq -c | sed 's/^ *//')" \
	"1 $T/script
1 $(readlink -f /bin/sh)
2 $(readlink -f /bin/sleep)
10 $(readlink -f /bin/true)"
is "with its arguments, where it lives long enough" "$(recorded "$reason" tool | grep "^tool - $(readlink -f /bin/sleep) " | sed 's/.* //' | sort)" \
	"0.1"$'\n'"0.2"
is "transitions as ever" "$(recorded "$reason" attempt,outcome | cut -d' ' -f1,3)" "attempt /bin/cat"$'\n'"outcome /bin/cat"
nothing_left "native host view"
finish
