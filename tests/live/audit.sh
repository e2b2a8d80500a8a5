#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a session leaves in the journal: that it is there, whole, and true, whatever a container's program is called,
# whatever goes wrong, and that in required mode nothing happens without it. audit.py reads and counts.
if [ -z "${AUDIT_NAMESPACE-}" ]; then
	# The site's configuration of this test is seen by this test alone.
	AUDIT_NAMESPACE=1 exec unshare --mount --propagation private bash "$0" "$@"
fi
ETC=/etc/sallyport
made_etc=
[ -d "$ETC" ] || { mkdir "$ETC" && made_etc=yes; }
mount -t tmpfs -o mode=755 conf "$ETC"
. "$(dirname "$0")/lib.sh"
ENDINGS+=('umount "$ETC"; [ -z "$made_etc" ] || rmdir "$ETC"')

JOURNAL=$T/log/journal.jsonl
conf()
{
	printf '%s\n' "journal = $JOURNAL" "$@" >"$ETC/sallyport.conf"
}
conf

box_root cat echo false kill ls sh sleep true
mkdir "$root/root" "$root/srv"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
printf '#!/bin/busybox sh\necho "$1" >>/srv/ran\n' >"$root/bin/count"
chmod 755 "$root/bin/count"
start_box audit

attach() { timeout 120 "$SALLYPORT" attach "$@" </dev/null; }
audit() { "$HERE/audit.py" "$JOURNAL" "$@"; }
# field EVENT FILTER: of the last record of that event, as JSON
field() { grep -h "\"event\":\"$1\"" "$JOURNAL" | tail -n 1 | jq -c "$2"; }
fresh() { rm -rf "$T/log"; }

# A whole session.
attach --reason 'ticket 7' "$init" -- sh -c '/c/bin/echo one; cd /c/srv; /c/bin/sh -c "exit 3"; /c/bin/sh -c "kill -9 \$\$"; true' >"$T/out" 2>&1
check "one session: all records, each in its place" audit session begin=1 gate=1 attempt=3 outcome=3 exit=3 end=1
check "the chain is unbroken" audit chain
is "directory and file are root's alone" "$(stat -c '%a %u' "$T/log" "$JOURNAL" | tr '\n' ' ')" "700 0 600 0 "
is "the container" "$(field begin '[.engine,.container,.container_pid]')" "[\"pid\",\"$init\",$init]"
is "the operator" "$(field begin '[.auid,.ses,.uid]')" \
	"[$(sed 's/4294967295/null/' /proc/self/loginuid),$(sed 's/4294967295/null/' /proc/self/sessionid),0]"
is "the reason is in every record" "$(jq -r .reason "$JOURNAL" | sort -u)" "ticket 7"
is "the command" "$(field attempt '[.path,.argv[0],.run_uid]')" '["/bin/sh","/c/bin/sh",0]'
is "its directory" "$(field attempt .cwd)" '"/srv"'
is "exit statuses" "$(jq -c 'select(.event == "exit") | [.transition, .status, .signal]' "$JOURNAL" | tr '\n' ' ')" \
	'[1,0,null] [2,3,null] [3,137,9] '
is "host tools, with their arguments" \
	"$(jq -c 'select(.event == "tool") | .argv[0:2]' "$JOURNAL" | tr '\n' ' ')" '["sh","-c"] '
is "the session's status" "$(field end '[.result,.status]')" '["success",0]'

fresh
attach "$init" -- sh -c 'env true; /c/bin/nosuch; /c/etc/passwd; : >/c/bin/empty; chmod +x /c/bin/empty; strace /c/bin/true' >"$T/out" 2>&1
is "a refused transition is recorded, with its cause" "$(field refused '[.result,.errno,.path]')" '["failed",1,"/c/bin/busybox"]'
matches "and in words" "$(field refused .error)" 'is traced by strace'
is "a chain of execs: each tool" "$(jq -r 'select(.event == "tool" and .pid != null) | .path' "$JOURNAL" | xargs -n1 basename | tr "\n" " ")" 'dash env true chmod strace '
fresh
attach "$init" -- sh -c 'i=0; while [ $i -lt 300 ]; do /bin/true $i; i=$((i + 1)); done'
is "many that end at once, with their arguments" "$(jq -r 'select(.event == "tool" and .argv[0] == "/bin/true") | .argv[1]' "$JOURNAL")" "$(seq 0 299)"
printf '#!%s\n' "$(command -v dash)" >"$T/script"
printf '#!/nosuch/interpreter\n' >"$T/broken"
chmod 755 "$T/script" "$T/broken"
fresh
attach "$init" -- "$T/script"
is "a script, and who runs it" "$(field tool '[.path,.file]')" "[\"$(realpath "$T/script")\",\"$(realpath "$(command -v dash)")\"]"
fresh
attach "$init" -- python3 -c 'import os, sys
try:
    os.execv(sys.argv[1], ["x"])
except FileNotFoundError:
    os.execv("/bin/true", ["true"])' "$T/broken"
is "a failed exec hides no other" "$(field tool '[.argv[0],.file]')" "[\"true\",\"$(realpath /bin/true)\"]"
fresh
printf '#!/nosuch/interpreter\n' >"$root/bin/bad"
chmod 755 "$root/bin/bad"
attach "$init" -- /c/bin/bad >"$T/out" 2>&1
is "a program that can't begin" "$(field outcome '[.result,.errno,.status]')" '["failed",2,127]'
matches "what the launcher said" "$(field outcome .error)" 'cannot execute /bin/bad in the container: the interpreter'
attach "$init" -- /.sallyport/enter /bin/sh -c 'exit 4'
is "by /.sallyport/enter" "$(field outcome '[.result,.path,.argv[0]]') $(field exit .status)" '["success","/bin/sh","/bin/sh"] 4'
attach "$init" -- /.sallyport/enter /bin/nosuch >"$T/out" 2>&1
is "and what fails there" "$(field outcome '[.result,.errno]')" '["failed",2]'
timeout 60 "$SALLYPORT" exec "$init" -- /bin/sh -c 'exit 5' </dev/null
is "exec" "$(field attempt .path) $(field outcome .result) $(field exit .status) $(field end .status)" '"/bin/sh" "success" 5 5'
timeout 60 "$SALLYPORT" exec "$init" -- /bin/nosuch </dev/null >"$T/out" 2>&1
is "exec of what is not there" "$(field outcome '[.result,.errno,.status]')" '["failed",2,127]'
attach nosuch -- true >"$T/out" 2>&1
is "a refused session" "$(field refused '[.result,.container,.command]')" '["failed","nosuch","attach"]'
check "the chain is unbroken" audit chain

# Names and arguments that try to be something else.
fresh
audit names "$root/bin"
attach "$init" -- python3 "$HERE/audit.py" - run-names "$root/bin" >"$T/out" 2>&1
check "hostile names, to the byte" audit check-names "$root/bin"
check "the chain is unbroken" audit chain
fresh
attach "$init" -- python3 "$HERE/audit.py" - run-many-args >"$T/out" 2>&1
check "5,000 arguments, and 120 KB in one" audit check-many-args
fresh
attach "$init" -- python3 "$HERE/audit.py" - run-parallel 100 >"$T/out" 2>&1
check "100 at once: each record intact" audit check-parallel 100
check "the chain is unbroken" audit chain

# Secrets.
fresh
secret=Tr0ub4dor-$$
script="/c/bin/true --password=$secret; /c/bin/true --token $secret; env DB_PASSWORD=$secret /c/bin/true; mysql -p$secret"
attach --record="$T/log/recording" "$init" -- sh -c "$script; true" >"$T/out" 2>&1
timeout 60 "$SALLYPORT" exec "$init" -- /bin/true --password "$secret" </dev/null
check "no secret in any file" sh -c "! grep -rF -e '$secret' '$T/log'"
check "but its mark" grep -q 'redacted:[0-9a-f]\{16\}' "$JOURNAL"
is "always the same" "$(grep -o 'redacted:[0-9a-f]*' "$JOURNAL" | sort -u | wc -l)" 1

# The configuration.
refused()
{
	local out status
	out=$(attach "$@" true 2>&1)
	status=$?
	printf '%s: %s' "$status" "$out"
}
conf 'audit = perhaps'
matches "a wrong line" "$(refused "$init")" '125: .*sallyport.conf:2: audit must be required, journal, off or auto'
conf 'audit-minimum = journal'
matches "less than the site's minimum" "$(refused --audit off "$init")" '125: .*audit-minimum .* is journal'
conf 'audit-kernel = yes'
matches "the kernel's audit is demanded" "$(refused --audit required "$init")" "125: .*kernel's audit is disabled"
conf
chmod 666 "$ETC/sallyport.conf"
matches "others may write it" "$(refused "$init")" '125: .*sallyport.conf may be written by others'
chmod 644 "$ETC/sallyport.conf"
fresh
attach --audit off "$init" -- /c/bin/true
check "off: nothing is written" test ! -e "$JOURNAL"
mkdir -p -m 700 "$T/log"
mkdir "$JOURNAL"
matches "required and no journal: no session" "$(refused --audit required "$init")" '125: .*audit: open .*journal.jsonl: Is a directory'
matches "journal and no journal: a warning" "$(refused --audit journal "$init")" '0: .*audit: open .*journal.jsonl: Is a directory'
fresh

# A full disk. What is long doesn't fit into the rest of a page either.
long=$(printf %06000d 0)
mkdir -p -m 700 "$T/log"
mount -t tmpfs -o size=256k,mode=700 full "$T/log"
: >"$root/srv/ran"
attach --audit required "$init" -- bash -c "/c/bin/count before; head -c 10M /dev/zero >'$T/log/fill'; /c/bin/count full $long; echo \$?; rm '$T/log/fill'; /c/bin/count after" >"$T/out" 2>&1
is "a full disk: nothing runs until there is room again" "$(tr '\n' ' ' <"$root/srv/ran")" "before after "
matches "and why is said" "$(cat "$T/out")" '/bin/count is not executed: audit: write to the journal .*: No space left on device'
check "what was written is whole" audit chain
head -c 10M /dev/zero >"$T/log/fill" 2>/dev/null
matches "and no session begins" "$(refused --audit required "$init" -- echo "$long")" '125: .*No space left on device'
attach --audit journal "$init" -- /c/bin/count warned "$long" >"$T/out" 2>&1
matches "in journal mode with a warning" "$(cat "$T/out")" 'No space left on device'
is "it goes on" "$(tail -n 1 "$root/srv/ran")" warned
umount "$T/log"
fresh

# Deaths. Of the gate after the attempt: the launcher dies with it, and the front closes the record.
attach "$init" -- sh -c 'exec /c/bin/sleep 100' >/dev/null 2>&1 &
front=$!
wait_for 10 grep -q '"event":"outcome"' "$JOURNAL"
kill -9 "$(jq -r 'select(.event == "gate") | .pid' "$JOURNAL")"
wait "$front"
check "the gate killed: the session's end is told" audit session begin=1 attempt=1 outcome=1 end=1
fresh
attach "$init" -- sleep 100 >/dev/null 2>&1 &
front=$!
wait_for 10 grep -q '"event":"gate"' "$JOURNAL"
kill -9 "$(jq -r 'select(.event == "begin") | .pid' "$JOURNAL")"
wait "$front" 2>/dev/null
nothing_left "the front killed"
attach "$init" -- true
is "and the next session records its end" "$(jq -c 'select(.event == "end") | [.result, .recovered]' "$JOURNAL" | head -1)" \
	'["unknown",true]'
check "the chain is unbroken" audit chain
fresh

# 1,000 transitions with faults at random.
mkdir -p -m 700 "$T/log"
mount -t tmpfs -o size=8M,mode=700 small "$T/log"
: >"$root/srv/ran"
timeout 900 "$HERE/audit.py" "$JOURNAL" storm "$SALLYPORT" "$init" 1000 >"$T/out" 2>&1
diag "$(tail -n 3 "$T/out")"
attach --audit required "$init" -- true
diag "$(audit check-storm "$root/srv/ran" 1000 2>&1)"
check "1,000 transitions with faults: no program without its record, none lost, none twice" \
	audit check-storm "$root/srv/ran" 1000
check "the chain is unbroken" audit chain
umount "$T/log"

# What it costs, by turns, the journal on tmpfs: the quickest tenth of each, since the machine does other things too.
fresh
mkdir -p -m 700 "$T/log"
mount -t tmpfs -o size=64M,mode=700 quick "$T/log"
for turn in 1 2 3; do
	for mode in off required; do
		attach --audit "$mode" "$init" -- python3 "$HERE/audit.py" - run-timed 60 >>"$T/$mode" 2>&1
	done
done
diag "ms without records: $(tr '\n' ' ' <"$T/off"), with: $(tr '\n' ' ' <"$T/required")"
check "a recorded transition takes at most 1.5 times as long" \
	jq -e -n --slurpfile off "$T/off" --slurpfile required "$T/required" '($required | min) <= 1.5 * ($off | min)'
umount "$T/log"
nothing_left "all of it"
finish
