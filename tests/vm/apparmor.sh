#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine, AppArmor enforcing: what sallyport starts in a container has exactly the label
# of the container's process, mode, stack and policy namespace kept, and no more rights.
. "$(dirname "$0")/../live/lib.sh"
. "$(dirname "$0")/containers.sh"
. "$(dirname "$0")/../live/faithful.sh"

# load NAME FLAGS: a container's profile that forbids /vol/other; apparmor_parser's options follow
load()
{
	local name=$1 flags=$2
	shift 2
	apparmor_parser -r "$@" <<-END
		abi <abi/3.0>,
		profile $name flags=($flags) {
			capability, network, mount, umount, pivot_root, signal, ptrace, unix, dbus, file,
			audit deny /vol/other rw,
			audit deny $T/forbidden rw,
		}
	END
}
unload()
{
	apparmor_parser -R <<-END
		profile $1 { }
	END
}
with() { printf 'c["process"]["apparmorProfile"] = "%s"\n' "$1"; }

load sp-enforce attach_disconnected,mediate_deleted
load sp-complain attach_disconnected,mediate_deleted,complain
load sp-second attach_disconnected,mediate_deleted
load sp-gone attach_disconnected,mediate_deleted
matches "AppArmor enforces" "$(cat /sys/kernel/security/apparmor/profiles)" 'sp-enforce \(enforce\)'
for profile in sallyport-fs sallyport-tool; do
	matches "our own profile $profile is loaded" "$(cat /sys/kernel/security/apparmor/profiles)" "$profile \\(enforce\\)"
done

# check_container WHAT LABEL READS [INSIDE]: the container NAME, PID; READS: whether it may read
# /vol/other; INSIDE: the label as its own policy namespace shows it
check_container()
{
	local what=$1 label=$2 reads=$3 inside=${4-$2} way
	is "$what: its init has the label" "$(label_of "$PID")" "$label"
	for way in exec attach; do
		read_files "$way" "$PID" /proc/self/attr/current /vol/other
		is "$what, $way: exactly that label" "${READ[0]:-}" "$inside"
		if [ "$reads" = yes ]; then
			is "$what, $way: reads what the profile lets it" "${READ[1]:-}" other
		else
			matches "$what, $way: is denied what the profile denies" "${READ[1]:-}" 'Permission denied'
		fi
	done
	is "$what: inspect shows it" "$("$SALLYPORT" inspect --json "$PID" | jq -r .target.label)" "$label"
	faithful "$what"
}

start_labelled crun sp-a "$PLAIN$(with sp-enforce)" || not_ok "crun starts a container" "$CAUSE"
enforced=$PID
check_container "enforce" "sp-enforce (enforce)" no
matches "the denial is in the audit log and names the profile" \
	"$(denials 'apparmor="DENIED"' 'profile="sp-enforce"' 'name="/vol/other"')" 'comm="cat"'
is "list shows it" "$("$SALLYPORT" list --json | jq -r '.[] | select(.name == "sp-a").lsm_label')" "sp-enforce (enforce)"
is "enter gives the label" "$("$SALLYPORT" attach "$PID" -- /.sallyport/enter /bin/cat /proc/self/attr/current \
	</dev/null 2>&1)" "sp-enforce (enforce)"

check_native "enforce" "sp-enforce (enforce)"

# A file that a tool gives it and its profile forbids by name is taken away; a pipe has no name.
echo "of the host" >"$T/forbidden"
"$SALLYPORT" attach "$PID" -- /bin/sh -c "/c/bin/echo lost >>$T/forbidden" </dev/null >"$T/out" 2>"$T/errors"
is "a file as a program's standard output that its profile forbids is left alone" "$(cat "$T/forbidden")" "of the host"
matches "and the operator is told" "$(cat "$T/errors")" "label denies its program its standard output: nothing comes or goes"
is "a pipe would do" "$("$SALLYPORT" attach "$PID" -- /bin/sh -c "/c/bin/echo kept | tee -a $T/forbidden" </dev/null 2>&1)" kept

# Whether a rule "deny" bites in complain mode is the kernel's to say.
complaining_reads()
{
	[ "$(crun exec "$NAME" /bin/cat /vol/other </dev/null 2>/dev/null)" = other ] && echo yes || echo no
}
start_labelled crun sp-b "$PLAIN$(with sp-complain)" || not_ok "crun starts a container" "$CAUSE"
check_container "complain" "sp-complain (complain)" "$(complaining_reads)"
complaining=$PID

start_labelled crun sp-c "$PLAIN$(with 'sp-enforce//&sp-second')" || not_ok "crun starts a container" "$CAUSE"
check_container "a stack" "$(label_of "$PID")" no
matches "(it is one)" "$(label_of "$PID")" '^sp-(enforce//&sp-second|second//&sp-enforce) \(enforce\)$'

for kind in nnp userns seccomp; do
	case $kind in
	nnp) edit=$NNP ;;
	userns) edit=$USERNS ;;
	seccomp) edit=$PLAIN$SECCOMP ;;
	esac
	start_labelled crun "sp-$kind" "$edit$(with sp-enforce)" || not_ok "crun starts a container" "$CAUSE"
	check_container "$kind" "sp-enforce (enforce)" no
done

# --- a profile as Docker and Podman make them: only what is unconfined may signal its processes

apparmor_parser -r <<-'END'
	#include <tunables/global>
	profile sp-engine flags=(attach_disconnected,mediate_deleted) {
	  #include <abstractions/base>
	  network, capability, file, umount,
	  signal (receive) peer=unconfined,
	  signal (receive) peer={runc,crun},
	  signal (send,receive) peer=sp-engine,
	  deny @{PROC}/* w,
	  deny @{PROC}/sysrq-trigger rwklx,
	  deny @{PROC}/kcore rwklx,
	  deny mount,
	  deny /sys/[^f]*/** wklx,
	  ptrace (trace,read,tracedby,readby) peer=sp-engine,
	  audit deny /vol/other rw,
	}
END
start_labelled crun sp-engine "$PLAIN$(with sp-engine)" || not_ok "crun starts a container" "$CAUSE"
check_container "an engine's profile" "sp-engine (enforce)" no
start_session "$PID" || not_ok "a session starts" "$(cat "$T/session")"
is "its tools have no profile, or they could not signal it" "$(label_of "$TOOL")" unconfined
end_process "$FRONT"
victim()
{
	crun exec -d sp-engine /bin/sleep 4343 </dev/null >/dev/null 2>&1
	wait_for 5 pgrep -f -x '/bin/sleep 4343'
}
victim
"$SALLYPORT" attach "$PID" -- /usr/bin/pkill -f -x '/bin/sleep 4343' </dev/null >"$T/pkill" 2>&1
check "a tool signals a process of the container" wait_for 5 sh -c '! pgrep -f -x "/bin/sleep 4343"'
matches "a tool traces a program of the container" \
	"$("$SALLYPORT" attach "$PID" -- strace -f /.sallyport/enter /bin/true </dev/null 2>&1)" 'execve.*/bin/true.*= 0'
"$SALLYPORT" exec "$PID" -- /bin/sleep 4344 </dev/null >/dev/null 2>&1 &
front=$!
wait_for 10 pgrep -f -x '/bin/sleep 4344'
kill -TERM "$front"
wait "$front"
is "the front's signals reach what exec started" $? 143
"$SALLYPORT" exec "$PID" -- /bin/sleep 4344 </dev/null >/dev/null 2>&1 &
front=$!
wait_for 10 pgrep -f -x '/bin/sleep 4344'
kill -KILL "$front"
wait "$front" 2>/dev/null
check "and where the front is killed nothing of it stays" wait_for 5 sh -c '! pgrep -f -x "/bin/sleep 4344"'

start_labelled crun sp-free "$PLAIN" || not_ok "crun starts a container" "$CAUSE"
check_container "unconfined" "unconfined" yes

# --- another process of the container than its init

"$(command -v crun)" exec --apparmor sp-second -d sp-a /bin/sleep 4242 </dev/null >/dev/null 2>&1
wait_for 5 pgrep -f -x '/bin/sleep 4242'
like=$(pgrep -f -x '/bin/sleep 4242' | head -1)
is "a process of the container with another label" "$(label_of "$like")" "sp-second (enforce)"
is "--like gives its label" "$("$SALLYPORT" exec --like "$like" "$enforced" -- \
	/bin/cat /proc/self/attr/current </dev/null 2>&1)" "sp-second (enforce)"
is "also in a session" "$("$SALLYPORT" attach --like "$like" "$enforced" -- \
	/c/bin/cat /proc/self/attr/current </dev/null 2>&1)" "sp-second (enforce)"

# --- a policy namespace

if mkdir /sys/kernel/security/apparmor/policy/namespaces/spns 2>"$T/mkdir"; then
	ENDINGS+=("rmdir /sys/kernel/security/apparmor/policy/namespaces/spns")
	load sp-inner attach_disconnected,mediate_deleted -n spns
	start_labelled crun sp-ns "$PLAIN$(with ':spns:sp-inner')" || not_ok "crun starts a container" "$CAUSE"
	check_container "a policy namespace" "$(label_of "$PID")" no "sp-inner (enforce)"
	matches "(it is one)" "$(label_of "$PID")" '^:spns:(//)?sp-inner \(enforce\)$'
else
	skip "a policy namespace" "the kernel allows none: $(cat "$T/mkdir")"
fi

# --- our own processes

start_labelled crun sp-capable "$CAPABLE$(with sp-enforce)" || not_ok "crun starts a capable container" "$CAUSE"
capable=$PID
start_session "$capable" || not_ok "a session starts" "$(cat "$T/session")"
is "the front has none" "$(label_of "$FRONT")" unconfined
is "the tool's profile" "$(label_of "$TOOL")" "sallyport-tool (enforce)"
profiles_of()
{
	local pid
	for pid in $(descendants "$FRONT"); do
		[ "$(basename "$(readlink "/proc/$pid/exe")")" != "sallyport-$1" ] || label_of "$pid"
	done | sed 's/)/)\n/g' | sort -u | tr '\n' ' '
}
is "the gate neither" "$(profiles_of gate)" "unconfined "
is "the views' profile" "$(profiles_of fs)" "sallyport-fs (enforce) "

# --- what the views serve, and to whom

echo "of the host alone" >"$T/secret"
chmod 600 "$T/secret"
is "a tool reads the host's files" "$("$SALLYPORT" attach "$capable" -- /bin/cat "$T/secret" </dev/null 2>&1)" \
	"of the host alone"
tool=$(inner "$TOOL")
in_container() { crun exec sp-capable "$@" </dev/null 2>&1; }
lacks "the container can't signal a tool" "$(in_container /bin/sh -c "kill -9 $tool && echo killed")" killed
check "the tool lives" kill -0 "$TOOL"
lacks "it can't read a host file by the tool's root" "$(in_container /bin/cat "/proc/$tool/root$T/secret")" 'host alone'
lacks "nor the tool's descriptors" "$(in_container /bin/ls -l "/proc/$tool/fd/")" '->'
lacks "nor the tool's memory" "$(in_container /bin/sh -c "head -c 1 /proc/$tool/mem && echo read")" read
lacks "nor its environment" "$(in_container /bin/cat "/proc/$tool/environ")" SALLYPORT
matches "AppArmor denied the signal" "$(denials 'apparmor="DENIED"' 'operation="signal"' 'sallyport-tool')" kill
matches "AppArmor denied the look into the tool" "$(denials 'apparmor="DENIED"' 'operation="ptrace"' 'sallyport-tool')" \
	'sp-enforce'
end_process "$FRONT"

# --- a profile that was unloaded, or became another, while a session was going on

# meanwhile TARGET COMMAND...: runs COMMAND between the beginning of a session and the program that its
# tool starts; what they said is in $T/said, the program's status in STATUS.
meanwhile()
{
	local target=$1 front
	shift
	rm -f "$T/begun" "$T/go" "$T/status"
	"$SALLYPORT" attach "$target" -- /bin/sh -c "touch $T/begun; while [ ! -e $T/go ]; do sleep 0.1; done
		/c/bin/cat /proc/self/attr/current; echo \$? >$T/status" </dev/null >"$T/said" 2>&1 &
	front=$!
	wait_for 30 test -e "$T/begun"
	"$@"
	touch "$T/go"
	wait "$front"
	STATUS=$(cat "$T/status")
}

start_labelled crun sp-gone "$PLAIN$(with sp-gone)" || not_ok "crun starts a container" "$CAUSE"
meanwhile "$PID" unload sp-gone
is "unloaded meanwhile: the program does not start" "$STATUS" 125
matches "and the cause is named" "$(cat "$T/said")" 'exec sp-gone.*the profile has been unloaded'
# The kernel sets the processes of a profile free that is unloaded.
is "the container itself is free then" "$(label_of "$PID")" unconfined
for way in by_exec by_attach; do
	is "unloaded before, $way: the program is what its container is" \
		"$("$way" "$PID" /bin/cat /proc/self/attr/current)" unconfined
done

meanwhile "$complaining" load sp-complain attach_disconnected,mediate_deleted
matches "a profile that became another: the program is killed before it begins" "$(cat "$T/said")" \
	'killed before it began: its apparmor label is sp-complain \(enforce\) and not the container.s, sp-complain \(complain\)'
is "with SIGKILL" "$STATUS" 137
lacks "it said nothing" "$(cat "$T/said")" $'(^|\n)sp-complain'
nothing_left "after all that"
finish
