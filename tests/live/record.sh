#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Recordings, sessions and replay: a real container (box.c), a real terminal (terminal.py), recordings read by
# a reader of their format (asciicast.py) that is not ours.
. "$(dirname "$0")/isolated.sh"
. "$(dirname "$0")/lib.sh"

sallyport=$SALLYPORT
cast=$HERE/asciicast.py
RECORDINGS=/var/log/sallyport/recordings

box_root cat echo id sh sleep true
mkdir "$root/root" "$root/sys"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
start_box record

newest() { find "$RECORDINGS" -name '*.cast' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2; }

# A terminal: wide characters, colours, a resize, a transition, typed input.
cat >"$T/script" <<'X'
printf '\033[31mred\033[0m "quoted" back\\slash\ttab\n'
printf '日本語 ✓ é 🙂\n'
printf 'invalid \377\376 \355\240\200 end\n'
/c/bin/echo from-the-container
read -r line; echo "read: $line"
stty size
read -r line
stty size
X
out=$(in_pty --size 24x80 --timeout 60 --step 'from-the-container' 'typed-äö\n' --step '24 80' '@resize=33x132' \
	--step '' 'go\n' -- "$sallyport" attach --record --record-input "$init" -- sh "$T/script")
matches "the session ran to its end" "$out" '33 132.*\[status 0\]'
file=$(newest)
is "the recording is asciicast v2" "$("$cast" "$file")" valid
is "it is root's alone" "$(stat -c %a:%u "$file" "$RECORDINGS" | paste -sd' ')" "600:0 700:0"
is "its size" "$("$cast" "$file" header width) $("$cast" "$file" header height)" "80 24"
is "its command" "$("$cast" "$file" header command)" "\"sh $T/script\""
matches "its session" "$("$cast" "$file" header env.SALLYPORT_SESSION)" '^"[0-9a-f]{32}"$'
is "the resize" "$("$cast" "$file" resizes)" 132x33
matches "the transition is a marker" "$("$cast" "$file" markers)" '^exec /bin/echo \(pid [0-9]+\)$'
printed=$("$cast" "$file" output)
matches "wide characters" "$printed" '日本語 ✓ é 🙂'
matches "colours, quotes, backslashes" "$printed" $'\033\\[31mred\033\\[0m "quoted" back\\\\slash\ttab'
matches "bytes that are no UTF-8 are replaced" "$printed" 'invalid �� ��� end'
matches "the input" "$("$cast" "$file" input)" $'typed-äö\ngo'
is "it is what the terminal got" "$(tr -d '\r' <<<"$printed" | grep -c 'from-the-container')" "$(grep -c from-the-container <<<"$out")"

# What is typed without an echo is not recorded, how long it is neither; what a line editor is given is.
cat >"$T/secrets" <<'X'
read -rsp 'password: ' a; echo; echo "got ${#a}"
read -rp 'name: ' b; echo "hello $b"
read -rs -n 4 -p 'pin: ' c; echo; echo "got ${#c} digits"
/c/bin/sh -c 'stty -echo; printf "key: "; read -r d; stty echo; echo; echo "got ${#d} of the container"'
X
echo "PS1='\$((6*7))> '" >"$T/rc"
for applet in stty printf; do
	ln -s /bin/busybox "$root/bin/$applet"
done
out=$(in_pty --timeout 60 --step 'password: ' 'Tr0ub' --step '' 'ador\r' --step 'name: ' 'visible\r' --step 'pin: ' '8642' \
	--step 'key: ' 'k3y-secret\r' --step '42> ' 'echo at-the-prompt\r' --step 'at-the-prompt.*42> ' 'exit\r' -- \
	"$sallyport" attach --record="$T/hidden.cast" --record-input "$init" -- \
	bash -c '. "$1"; exec bash --rcfile "$2" -i' - "$T/secrets" "$T/rc")
matches "the programs got what was typed" "$out" 'got 9.*hello visible.*got 4 digits.*got 10 of the container.*at-the-prompt.*status 0'
is "valid" "$("$cast" "$T/hidden.cast")" valid
# The pin was not ended by Enter: what follows is the same line.
is "the input, without its secrets" "$("$cast" "$T/hidden.cast" input | tr '\r' '|')" \
	'[redacted]visible|[redacted]echo at-the-prompt|exit|'
is "they are nowhere else" "$(grep -cE 'Tr0ub|ador|8642|k3y' "$T/hidden.cast")" 0
out=$(in_pty --timeout 60 --step 'word: ' 's3cret\r' -- "$sallyport" exec --record="$T/hidden-exec.cast" --record-input "$init" -- \
	/bin/sh -c 'stty -echo; printf "word: "; read -r a; stty echo; echo "got ${#a}"')
matches "exec: the program got it" "$out" 'got 6.*status 0'
is "exec: the recording did not" "$("$cast" "$T/hidden-exec.cast" input)" '[redacted]'

# Characters cut between two reads stay whole: one byte at a time.
cat >"$T/slow.py" <<'X'
import os, time
for byte in "h\u00e9 \u65e5\u672c \U0001f642 \xff".encode("utf-8") + b"\xe2\x82":
    os.write(1, bytes([byte]))
    time.sleep(0.004)
X
in_pty --timeout 60 -- "$sallyport" attach --record="$T/slow.cast" "$init" -- python3 "$T/slow.py" >/dev/null
is "cut characters are whole: valid" "$("$cast" "$T/slow.cast")" valid
is "and all there" "$("$cast" "$T/slow.cast" output)" 'hé 日本 🙂 ÿ�'
is "input only where asked for" "$("$cast" "$T/slow.cast" input)" ""

# Without a terminal: output and error.
"$sallyport" attach --record="$T/plain.cast" "$init" -- sh -c 'echo to-output; echo to-error >&2; exit 4' </dev/null >"$T/out" 2>"$T/err"
is "without a terminal: the status" $? 4
is "the output goes its way" "$(cat "$T/out")/$(cat "$T/err")" to-output/to-error
is "valid" "$("$cast" "$T/plain.cast")" valid
is "both are recorded" "$("$cast" "$T/plain.cast" output | sort | paste -sd' ')" "to-error to-output"
"$sallyport" attach --record="$T/plain.cast" "$init" -- true </dev/null >"$T/out" 2>"$T/err"
matches "a file that exists is never overwritten" "$?$(cat "$T/err")" '^125.*File exists'
timeout 60 "$sallyport" attach --record="$T/head.cast" "$init" -- sh -c 'yes; echo "yes: $?" >&2' </dev/null 2>"$T/err" | head -n 3 >"$T/out"
is "a reader that goes away ends the writer" "$(cat "$T/out" | paste -sd' ')" "y y y"
"$sallyport" exec --record="$T/exec.cast" "$init" -- /bin/sh -c 'echo in-exec; exit 6' </dev/null >"$T/out"
is "exec: the status" $? 6
is "exec: the recording" "$("$cast" "$T/exec.cast" output)" in-exec
matches "exec: the marker" "$("$cast" "$T/exec.cast" markers)" '^exec /bin/sh \(pid [0-9]+\)$'
"$sallyport" exec --record="$T/secret.cast" "$init" -- /bin/true --password=hunter2-$$ </dev/null
matches "a secret of the command line" "$("$cast" "$T/secret.cast" header command)" 'password=.*redacted'
is "is in no file" "$(grep -rl "hunter2-$$" /var/log/sallyport /run/sallyport "$T/secret.cast" 2>/dev/null)" ""

# Replay and proof.
is "replay shows what was printed" "$("$sallyport" replay --speed 0 "$file" | md5sum)" "$("$cast" "$file" output | md5sum)"
# 30 seconds of nothing; the machine may be busy, but not that busy.
printf '%s\n' '{"version": 2, "width": 80, "height": 24}' '[0.1, "o", "a"]' '[30.1, "o", "b"]' >"$T/pause.cast"
for option in '--idle-limit 0.3' '--speed 100' '--speed 20 --idle-limit 6'; do
	began=$(date +%s%N)
	"$sallyport" replay $option "$T/pause.cast" >/dev/null
	took=$((($(date +%s%N) - began) / 1000000))
	check "replay $option: $took ms" test "$took" -ge 300 -a "$took" -lt 15000
done
matches "replay of something else" "$("$sallyport" replay /etc/passwd 2>&1; echo $?)" 'passwd:1: no line of.*125$'
matches "verify: unchanged" "$("$sallyport" replay --verify "$file"; echo "status $?")" 'unchanged, session [0-9a-f]{32}.*status 0'
cp -p "$file" "$T/changed.cast"
printf 'X' | dd of="$T/changed.cast" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc 2>/dev/null
matches "verify: one byte changed" "$("$sallyport" replay --verify "$T/changed.cast" 2>&1; echo "status $?")" 'CHANGED.*status 1'
mv "$T/changed.cast" "$file"
matches "verify: in its place too" "$("$sallyport" replay --verify "$file" 2>&1; echo "status $?")" 'CHANGED.*status 1'
head -n -1 "$T/slow.cast" >"$T/shorter.cast"
matches "verify: an event is missing" "$("$sallyport" replay --verify "$T/shorter.cast" 2>&1; echo "status $?")" 'CHANGED.*status 1'
sed 's/"SALLYPORT_SESSION": "[0-9a-f]*"/"SALLYPORT_SESSION": "0"/' "$T/exec.cast" >"$T/foreign.cast"
matches "verify: of no session" "$("$sallyport" replay --verify "$T/foreign.cast" 2>&1; echo "status $?")" 'no session.s closing record.*status 1'

# A disk that is full.
mkdir "$T/full"
mount -t tmpfs -o size=64k,mode=700 tmpfs "$T/full"
"$sallyport" attach --audit journal --record="$T/full/a.cast" "$init" -- sh -c 'head -c 300000 /dev/zero | tr "\0" x; sleep 0.5; echo went-on' </dev/null >"$T/out" 2>"$T/err"
is "disk full, not required: the session goes on" "$?$(tail -c 8 "$T/out")" "0went-on"
matches "with a warning" "$(cat "$T/err")" "the recording .*full/a.cast can't go on: No space left"
is "what there is can be read" "$("$cast" "$T/full/a.cast")" valid
matches "and has its hash" "$("$sallyport" replay --verify "$T/full/a.cast")" unchanged
rm "$T/full/a.cast"
printf 'record = required\nrecord-dir = %s\n' "$T/full" >/etc/sallyport/sallyport.conf
began=$SECONDS
"$sallyport" attach --audit journal "$init" -- sh -c 'head -c 300000 /dev/zero | tr "\0" x; sleep 30; echo went-on' </dev/null >"$T/out" 2>"$T/err"
is "disk full, required: the session ends" "$?$(grep -o went-on "$T/out")" 125
matches "and says why" "$(cat "$T/err")" "the recording .*can't go on: No space left.*had to be recorded"
check "at once" test $((SECONDS - began)) -lt 20
: >/etc/sallyport/sallyport.conf
umount "$T/full"

# Sessions.
"$sallyport" attach --reason 'ticket 7' "$init" -- sleep 60 </dev/null >/dev/null 2>&1 &
front=$!
wait_for 10 sh -c 'ls /run/sallyport/sessions/*'
id=$(basename /run/sallyport/sessions/*)
json=$("$sallyport" sessions --json --running)
is "a session that runs" "$(jq -r '.[0] | "\(.session) \(.state) \(.command) \(.reason) \(.pid)"' <<<"$json")" "$id running attach ticket 7 $front"
matches "in the table" "$("$sallyport" sessions -r)" "${id:0:12} +running"
is "its file is root's alone" "$(stat -c %a /run/sallyport /run/sallyport/sessions "/run/sallyport/sessions/$id" | paste -sd' ')" "700 700 600"
matches "kill: no such" "$("$sallyport" sessions --kill 0000zzzz 2>&1; echo $?)" 'no session that runs.*125$'
matches "kill: too short" "$("$sallyport" sessions --kill "${id:0:3}" 2>&1; echo $?)" '4 characters.*125$'
matches "kill" "$("$sallyport" sessions --kill "${id:0:8}"; echo $?)" "session $id has ended.*0$"
wait "$front"
is "it has ended" "$("$sallyport" sessions --json | jq -r ".[] | select(.session == \"$id\").state")" ended
check "its file is gone, and the directories" test ! -e /run/sallyport
is "those that ended: with recording and hash" \
	"$("$sallyport" sessions --json -n 0 | jq -r '[.[] | select(.recording_sha256 != null)] | length > 5')" true
trap_script='trap "" TERM INT HUP; while :; do sleep 1; done'
"$sallyport" exec "$init" -- /bin/sh -c "$trap_script" </dev/null >/dev/null 2>&1 &
front=$!
wait_for 10 sh -c 'ls /run/sallyport/sessions/*'
id=$(basename /run/sallyport/sessions/*)
sleep 1
matches "kill: one that won't" "$("$sallyport" sessions --kill "$id"; echo $?)" "has ended.*0$"
wait "$front" 2>/dev/null
for command in "attach $init -- sleep 60" "exec $init -- /bin/sleep 60"; do
	"$sallyport" $command </dev/null >/dev/null 2>&1 &
	front=$!
	wait_for 10 sh -c 'ls /run/sallyport/sessions/*'
	sleep 1
	kill -9 "$front"
	wait "$front" 2>/dev/null
	check "${command%% *}: a front that is killed leaves no file" wait_for 5 test ! -e /run/sallyport
done
echo '{}' >"$T/dead"
mkdir -p /run/sallyport/sessions
chmod 700 /run/sallyport /run/sallyport/sessions
cp "$T/dead" /run/sallyport/sessions/0123456789abcdef0123456789abcdef
is "what a dead one left is no session" "$("$sallyport" sessions --json -r | jq length)" 0
check "and is cleared away" test ! -e /run/sallyport
nothing_left "record"
finish
