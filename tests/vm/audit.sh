#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In a virtual machine with auditd: what ausearch and aureport make of a session, and that in required mode, which is the
# default there, nothing happens that auditd doesn't get to know.
. "$(dirname "$0")/../live/lib.sh"

root=$T/rootfs
mkdir -p "$root"/{bin,dev,etc,proc,srv,tmp}
cp /bin/busybox "$root/bin/busybox"
for applet in cat false sh sleep true; do
	ln -s /bin/busybox "$root/bin/$applet"
done
evil=$'evil" res=success\nuid=0 vm="x"'
printf '#!/bin/busybox true\n' >"$root/bin/$evil"
chmod 755 "$root/bin/$evil"
"$TEST_BIN/box" "$root" "sallyport-audit-$$" /bin/sleep 600 >"$T/pid" &
STARTED+=($!)
wait_for 10 test -s "$T/pid"
init=$(cat "$T/pid")
ENDINGS+=("kill -9 $init" "auditctl -b 8192 -r 0 -e 1 --backlog_wait_time 60000; kill -CONT $(pidof auditd); pidof auditd || auditd")
wait_for 10 grep -q sleep "/proc/$init/comm"
is "the kernel's audit is enabled, and auditd collects" \
	"$(auditctl -s | sed -n 's/^enabled //p') $(auditctl -s | sed -n 's/^pid //p')" "1 $(pidof auditd)"

# As pam_loginuid does at a login: nobody can change it afterwards.
as_operator()
{
	(
		echo 1000 >/proc/self/loginuid || exit 99
		timeout 60 "$SALLYPORT" "$@" </dev/null
	)
}
as_operator attach --reason 'ticket 7' "$init" -- sh -c 'true; /c/bin/cat --password=Tr0ub4dor /srv/none; /c/bin/sh -c "exit 3"; "/c/bin/$0"; strace /c/bin/true' "$evil" >"$T/out" 2>&1
as_operator exec "$init" -- /bin/false
as_operator attach nosuch -- true >"$T/out" 2>&1
# The last record of all that.
wait_for 5 grep -aq 'op=refuse.*nosuch' /var/log/audit/audit.log

search() { ausearch --input-logs "$@" 2>&1 </dev/null; }
search --vm-name "$init" --raw >"$T/raw"
search --vm-name "$init" -i >"$T/read"
cp "$T/read" "${SALLYPORT_TEST_KEEP:-$T}/ausearch.txt" 2>/dev/null
count() { grep -c -e "$1" "$T/read"; }
is "the session begins and ends" "$(count 'VIRT_CONTROL.*op=attach ') $(count 'VIRT_CONTROL.*op=detach ')" "1 2"
is "exec too" "$(count 'VIRT_CONTROL.*op=exec ')" 1
is "attempts" "$(count 'USER_CMD.*op=transition ')" 4
is "outcomes" "$(count 'VIRT_CONTROL.*op=transition .*res=success')" 4
is "ends" "$(count 'VIRT_CONTROL.*op=exit ')" 4
matches "with its status where it is our child" "$(grep 'op=exit' "$T/read")" 'status=1 '
if [ "$(printf '6.15\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.15 ]; then
	matches "and where it is a tool's" "$(grep 'op=exit' "$T/read")" 'status=3 '
else
	skip "and where it is a tool's" "before Linux 6.15 the kernel tells only while its parent has not asked"
fi
is "the refused transition" "$(count 'VIRT_CONTROL.*op=refuse .*res=failed')" 1
matches "host tools" "$(grep 'op=tool' "$T/read")" 'cmd=sh -c true'
matches "a command as it was typed" "$(grep 'op=transition' "$T/read")" 'cmd=/c/bin/cat --password=\[redacted:[0-9a-f]{16}\] /srv/none'
lacks "no secret" "$(cat /var/log/audit/audit.log)" Tr0ub4dor
is "every record has the operator's login uid" "$(grep -o ' auid=[^ ]*' "$T/raw" | sort | uniq -c | awk '{ print $2 }')" "auid=1000"
is "and one login session each" "$(grep -c ' ses=4294967295 ' "$T/raw")" 0
is "the reason" "$(grep 'op=attach' "$T/raw" | grep -o ' reason=[^ ]*')" " reason=$(printf 'ticket 7' | od -An -tx1 | tr -d ' \n' | tr a-f A-F)"
matches "the container's pid" "$(grep 'op=attach' "$T/read")" "vm=$init .*vm-pid=$init .*virt=pid"
hex=$(printf '/bin/%s' "$evil" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F)
is "a hostile name, to the byte" "$(grep 'op=transition' "$T/raw" | grep -c " path=$hex ")" 2
is "and passes for nothing else" "$(search --vm-name x --raw | grep -c type=)" 0
is "a refused session" "$(search --vm-name nosuch --loginuid 1000 -i | grep -c 'op=refuse .*res=failed')" 1
matches "aureport counts virtual machines' events" "$(aureport --input-logs --virt --summary -i 2>&1)" '[1-9][0-9]* +VIRT_CONTROL' 
matches "and commands" "$(aureport --input-logs --event --summary -i 2>&1)" '[0-9]+ +USER_CMD'
matches "as CSV" "$(search --vm-name "$init" --format csv)" 'USER_CMD'
journal=/var/log/sallyport/journal.jsonl
is "each has its line in the journal" \
	"$(grep -o 'jseq=[0-9]*' "$T/raw" | cut -d= -f2 | sort -n | tr '\n' ' ')" \
	"$(jq -r 'select(.container == "'"$init"'" and .event != "gate") | .seq' "$journal" | sort -n | tr '\n' ' ')"
is "and the line has the hash that the kernel was told" \
	"$(grep -o 'jseq=[0-9]* jhash=[0-9a-f]*' "$T/raw" | sort -u)" \
	"$(python3 -c '
import hashlib, json, sys
for line in open(sys.argv[1], "rb"):
    record = json.loads(line)
    if record.get("container") == sys.argv[2] and record["event"] != "gate":
        print("jseq=%d jhash=%.16s" % (record["seq"], hashlib.sha256(line.rstrip(b"\n")).hexdigest()))
' "$journal" "$init" | sort -u)"
matches "the journal itself is unbroken" "$("$SALLYPORT" sessions --verify; echo "status $?")" 'unbroken: .*status 0'
as_operator attach --container-view native "$init" -- true
sleep 1
matches "the native view is told" "$(search --vm-name "$init" -i | grep 'op=attach' | tail -n 1)" 'view=native'

# What can't be recorded doesn't happen.
tries() { timeout 60 "$SALLYPORT" attach "$init" -- /c/bin/sh -c 'echo ran' 2>&1 </dev/null; echo "status $?"; }
# in_session BREAK MEND: three programs; BREAK is run before the second, MEND before the third. From outside: a tool lives in
# the container's pid namespace, from which the kernel's audit can't be changed.
in_session()
{
	rm -f "$T"/step.*
	timeout 60 "$SALLYPORT" attach "$init" -- bash -c "step() { touch $T/step.\$1; until [ -e $T/step.\$1.go ]; do sleep 0.1; done; }
		/c/bin/sh -c 'echo before'; step 1; /c/bin/sh -c 'echo during'; step 2; /c/bin/sh -c 'echo after'" >"$T/steps" 2>&1 </dev/null &
	local front=$!
	wait_for 20 test -e "$T/step.1"
	eval "$1"
	touch "$T/step.1.go"
	wait_for 20 test -e "$T/step.2"
	eval "$2"
	touch "$T/step.2.go"
	wait "$front"
	cat "$T/steps"
}
# In the background: more records than auditd's socket holds, until it is ended; type 1121, TRUSTED_APP.
fill()
{
	exec timeout 60 python3 -c '
import contextlib, itertools, socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
text = b"op=fill " + b"x" * 4000 + b"\0"
for i in itertools.count():
    with contextlib.suppress(OSError):
        s.send(struct.pack("=IHHII", 16 + len(text), 1121, 1, i % 2**32, 0) + text)'
}
auditd_pid=$(pidof auditd)
kill -TERM "$auditd_pid"
wait_for 10 sh -c '! pidof auditd && auditctl -s | grep -q "^pid 0"'
out=$(tries)
matches "auditd stopped: no session" "$out" 'nobody collects.*status 125'
is "but in journal mode" "$(timeout 60 "$SALLYPORT" exec --audit journal "$init" -- /bin/sh -c 'echo ran' 2>&1 </dev/null)" ran
auditd
wait_for 10 sh -c 'auditctl -s | grep -q "^pid [1-9]"'
out=$(in_session "auditctl -e 0 >/dev/null" "auditctl -e 1 >/dev/null")
matches "disabled in the middle: not until it is enabled again" "$out" "before.*/bin/sh is not executed: audit: the kernel's audit is disabled.*after"
lacks "and it did not run" "$out" during
auditctl --backlog_wait_time 0 >/dev/null
out=$(in_session "auditctl -b 4; kill -STOP \$(pidof auditd); fill & filler=\$!; sleep 2" \
	"kill \$filler; wait \$filler; kill -CONT \$(pidof auditd); auditctl -b 8192; sleep 1" 2>&1 | grep -v '^[a-z_]* [0-9]*$')
matches "its queue full: not until there is room again" "$out" 'before.*(is not executed|was killed before it began): audit: .*(queue of the kernel.s audit is full|lost records).*after'
# bash names what was killed.
lacks "and it did not run" "$out" $'(^|\n)during'
nothing_left "all of it"
finish
