#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine, SELinux enforcing: what sallyport starts in a container has exactly the
# context of the container's process, and no more rights.
. "$(dirname "$0")/../live/lib.sh"
. "$(dirname "$0")/containers.sh"
. "$(dirname "$0")/../live/faithful.sh"

label=system_u:system_r:container_t:s0:c1,c2
SELINUX='
c["process"]["selinuxLabel"] = "'$label'"
c["linux"]["mountLabel"] = "system_u:object_r:container_file_t:s0:c1,c2"
'
relabel()
{
	chcon -R system_u:object_r:container_file_t:s0:c1,c2 "$1"
	chcon system_u:object_r:container_file_t:s0:c3,c4 "$1/vol/other"
	chmod 666 "$1/vol/other"
}

restorecon /etc/ld.so.cache
is "SELinux is enforcing" "$(getenforce)" Enforcing

# check_container WHAT: the container NAME, PID
check_container()
{
	local what=$1 way
	is "$what: its init has the label" "$(label_of "$PID")" "$label"
	for way in exec attach; do
		read_files "$way" "$PID" /proc/self/attr/current /vol/own /vol/other
		is "$what, $way: exactly that label" "${READ[0]:-}" "$label"
		is "$what, $way: it reads its own category's file" "${READ[1]:-}" own
		matches "$what, $way: it is denied another category's" "${READ[2]:-}" 'Permission denied'
	done
}

for engine in crun runc; do
	if start_labelled "$engine" "sp-plain-$engine" "$PLAIN$SELINUX" relabel; then
		check_container "$engine"
		is "$engine: by its name" "$(by_exec "$NAME" /bin/cat /proc/self/attr/current)" "$label"
	else
		not_ok "$engine starts a container" "$CAUSE"
	fi
done
plain=$PID
check_native runc "$label"
matches "the denial is in the audit log and names the context" \
	"$(denials 'denied  { read }' "scontext=$label" 'name="other"' 'tclass=file')" 'comm="cat"'
is "inspect shows it" "$("$SALLYPORT" inspect --json "$plain" | jq -r .target.labels.selinux.label)" "$label"
matches "and its page" "$("$SALLYPORT" inspect "$plain")" "LSM label +$label"
is "list shows it" "$("$SALLYPORT" list --json | jq -r '.[] | select(.name == "sp-plain-crun").lsm_label')" "$label"

for kind in nnp userns seccomp; do
	case $kind in
	nnp) edit=$NNP ;;
	userns) edit=$USERNS ;;
	seccomp) edit=$PLAIN$SECCOMP ;;
	esac
	if start_labelled crun "sp-$kind" "$edit$SELINUX" relabel; then
		check_container "$kind"
		faithful "$kind"
	else
		not_ok "crun starts a container with $kind" "$CAUSE"
	fi
done

# --- another process of the container than its init

other=system_u:system_r:container_t:s0:c1,c2,c5
crun exec --process-label "$other" -d sp-plain-crun /bin/sleep 4242 </dev/null >/dev/null 2>&1
wait_for 5 pgrep -f -x '/bin/sleep 4242'
like=$(pgrep -f -x '/bin/sleep 4242' | head -1)
is "a process of the container with another label" "$(label_of "$like")" "$other"
is "--like gives its label" "$(piped "$SALLYPORT" exec --like "$like" sp-plain-crun -- \
	/bin/cat /proc/self/attr/current)" "$other"
is "also in a session" "$(piped "$SALLYPORT" attach --like "$like" sp-plain-crun -- \
	/c/bin/cat /proc/self/attr/current)" "$other"

# --- /.sallyport/enter: no tracer of ours, the same label

is "enter gives the label" "$(piped "$SALLYPORT" attach "$plain" -- /.sallyport/enter \
	/bin/cat /proc/self/attr/current)" "$label"

# --- the operator's pipes and files, which the container may not use: relayed

matches "(a program of the container may not write to our pipe)" "$(getfattr --only-values -n security.selinux \
	/proc/self/fd/1 | cat -v)" 'unconfined_t:s0-s0:c0.c1023'
for way in exec attach; do
	[ "$way" = exec ] && cat=/bin/cat sh=/bin/sh || cat=/c/bin/cat sh=/c/bin/sh
	head -c 1000000 /dev/urandom >"$T/binary"
	"$SALLYPORT" "$way" "$plain" -- "$cat" <"$T/binary" >"$T/relayed" 2>"$T/errors"
	check "$way: files as input and output, to the byte" cmp "$T/binary" "$T/relayed"
	is "$way: and nothing was said" "$(cat "$T/errors")" ""
	"$SALLYPORT" "$way" "$plain" -- "$sh" -c 'echo 1; echo 2 >&2; echo 3; echo 4 >&2' </dev/null >"$T/both" 2>&1
	is "$way: output and errors to one file keep their order" "$(tr '\n' ' ' <"$T/both")" "1 2 3 4 "
	"$SALLYPORT" "$way" "$plain" -- "$sh" -c 'echo lost; echo kept >&2' </dev/null 2>"$T/errors" >/dev/null
	is "$way: errors apart" "$(cat "$T/errors")" kept
	check "$way: input that nobody reads is not waited for" \
		sh -c 'yes | timeout 30 "$@"' sh "$SALLYPORT" "$way" "$plain" -- "$sh" -c 'exit 0'
	is "$way: by its name a program opens its output again" \
		"$("$SALLYPORT" "$way" "$plain" -- "$sh" -c 'echo again >/dev/stdout' </dev/null 2>&1)" again
	"$SALLYPORT" "$way" "$plain" -- "$sh" -c 'while :; do echo y; done' </dev/null 2>"$T/errors" | head -n 1 >"$T/first"
	is "$way: a reader that has had enough ends it" "$(cat "$T/first")" y
done

# --- a container without a devpts of its own

start_labelled crun sp-nopts "$PLAIN$SELINUX"'
c["mounts"] = [m for m in c["mounts"] if m["destination"] != "/dev/pts"]
' relabel || not_ok "crun starts a container without devpts" "$CAUSE"
matches "its programs have a terminal all the same" "$(in_pty -- "$SALLYPORT" attach "$PID" -- \
	/c/bin/sh -c '[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && tr -d "\0" </proc/self/attr/current && stty size')" \
	"$label.*[0-9]+ [0-9]+"

# --- containers that nothing confines, whose files have any type

for domain in spc_t unconfined_t; do
	case $domain in
	spc_t) free=system_u:system_r:spc_t:s0 ;;
	unconfined_t) free=unconfined_u:unconfined_r:unconfined_t:s0 ;;
	esac
	mkdir -p "$T/volume.$domain"
	cp "$(command -v busybox)" "$T/volume.$domain/busybox"
	chcon -R system_u:object_r:var_lib_t:s0 "$T/volume.$domain"
	any_type() { chcon -R system_u:object_r:usr_t:s0 "$1" && chcon system_u:object_r:etc_t:s0 "$1/etc" "$1/etc/passwd"; }
	if start_labelled crun "sp-$domain" "$PLAIN"'
c["process"]["selinuxLabel"] = "'"$free"'"
c["mounts"].append({"destination": "/volume", "type": "bind", "source": "'"$T/volume.$domain"'", "options": ["bind"]})
' any_type; then
		is "$domain: its init has the label" "$(label_of "$PID")" "$free"
		is "$domain: exec gives exactly that" "$(by_exec "$PID" /bin/cat /proc/self/attr/current)" "$free"
		said=$(piped "$SALLYPORT" attach "$PID" -- /bin/sh -c \
			'/c/bin/cat /proc/self/attr/current; echo; /c/volume/busybox cat /proc/self/attr/current')
		is "$domain: a program of /c gets exactly that, one of a volume too" "$said" "$free
$free"
		is "$domain: another user, by its passwd" "$(piped "$SALLYPORT" exec -u app "$PID" -- /bin/id -un)" app
		faithful "$domain"
	else
		not_ok "crun starts a container of $domain" "$CAUSE"
	fi
done
setsebool sallyport_enter_unconfined off
matches "unless the site forbids it" "$(by_exec "$PID" /bin/true)" 'Operation not permitted|SELinux denies'
matches "which the audit log says" "$(denials sallyport_t:s0 "tcontext=$free" tclass=process)" 'denied  \{ ptrace \}'
is "ordinary ones it may enter" "$(by_exec "$plain" /bin/cat /proc/self/attr/current)" "$label"
setsebool sallyport_enter_unconfined on

# --- our own processes

start_labelled crun sp-capable "$CAPABLE$SELINUX" relabel || not_ok "crun starts a capable container" "$CAUSE"
capable=$PID
start_session "$capable" || not_ok "a session starts" "$(cat "$T/session")"
type_of() { label_of "$1" | cut -d: -f3; }
is "the front's domain" "$(type_of "$FRONT")" sallyport_t
is "the tool's domain" "$(type_of "$TOOL")" sallyport_tool_t
types_of()
{
	local pid
	for pid in $(descendants "$FRONT"); do
		[ "$(basename "$(readlink "/proc/$pid/exe")")" != "sallyport-$1" ] || { type_of "$pid"; echo; }
	done | sed '/^$/d' | sort -u | tr '\n' ' '
}
is "the gate's domain" "$(types_of gate)" "sallyport_t "
is "the views' domain" "$(types_of fs)" "sallyport_fs_t "
is "the host view's, the container view's and the launcher's labels" \
	"$("$SALLYPORT" attach "$capable" -- /usr/bin/stat -c %C /etc/passwd /c/etc/passwd /.sallyport/launch \
		</dev/null 2>&1 | cut -d: -f3 | tr '\n' ' ')" \
	"sallyport_host_view_t sallyport_container_view_t sallyport_session_t "

# --- what the views serve, and to whom

echo "of the host alone" >"$T/secret"
chmod 600 "$T/secret"
is "a tool reads the host's files" "$("$SALLYPORT" attach "$capable" -- /bin/cat "$T/secret" </dev/null 2>&1)" \
	"of the host alone"
matches "the container's label could not" "$(runcon "$label" cat "$T/secret" 2>&1)" 'Permission denied'
# The container's root with every capability: nothing but its label stands between.
tool=$(inner "$TOOL")
in_container() { low crun exec sp-capable "$@"; }
is "(the container's root sees the tool)" "$(in_container /bin/cat "/proc/1/comm")" "$(cat "/proc/$capable/comm")"
lacks "it can't signal a tool" "$(in_container /bin/sh -c "kill -9 $tool && echo killed")" killed
check "the tool lives" kill -0 "$TOOL"
lacks "it can't read a host file by the tool's root" "$(in_container /bin/cat "/proc/$tool/root$T/secret")" 'host alone'
lacks "nor the tool's descriptors" "$(in_container /bin/ls -l "/proc/$tool/fd/")" '->'
lacks "nor the tool's memory" "$(in_container /bin/sh -c "head -c 1 /proc/$tool/mem && echo read")" read
lacks "nor its environment" "$(in_container /bin/cat "/proc/$tool/environ")" SALLYPORT
matches "SELinux denied the signal" "$(denials 'denied  { sigkill }' "scontext=$label" sallyport_tool_t)" 'tclass=process'
matches "SELinux denied the look into the tool" "$(denials "scontext=$label" sallyport_tool_t)" \
	'denied  \{ (ptrace|search|read|getattr)'
taken=$("$SALLYPORT" attach "$plain" -- /bin/sh -c "/c/bin/cat <$T/secret" </dev/null 2>"$T/taken")
is "a host file as a program's standard input: nothing comes" "$taken" ""
matches "and the operator is told" "$(cat "$T/taken")" 'label denies .*standard input'
matches "the denial names the view" "$(denials "scontext=$label" sallyport_host_view_t)" 'denied  \{'
end_process "$FRONT"

# --- without the rules

# A copy that has not our file's label leaves its caller in his own domain.
cp "$SALLYPORT" "$T/copy"
matches "a domain that may not is refused, the permission and the rule are named" \
	"$(piped "$T/copy" attach "$plain" -- /bin/true)" \
	'SELinux denies \{ relabelto \} of class filesystem from [a-z_:]*unconfined_t:s0[^ ]* to [a-z_:]*sallyport_host_view_t:s0.* the rule that is missing: allow unconfined_t sallyport_host_view_t:filesystem relabelto;'
# The kernel takes a policy by one write; load_policy(8) takes no file's name.
load_policy_file()
{
	dd if="$1" of=/sys/fs/selinux/load bs=64M 2>/dev/null
}
nnp=$(cat "$T/sp-nnp/pid")
if [ -e /work/policy.without ]; then
	load_policy_file /work/policy.without
	check "a policy without our module is loaded" sh -c '! printf system_u:system_r:sallyport_t:s0 >/sys/fs/selinux/context'
	for pid in "$plain" "$nnp"; do
		for way in exec attach; do
			[ "$way" = exec ] && cat=/bin/cat || cat=/c/bin/cat
			# Without it a program of a container may write to no pipe of ours either.
			got=$(in_pty -- "$SALLYPORT" "$way" "$pid" -- "$cat" /proc/self/attr/current | tr -d '\0\r')
			if [[ $got = *"$label"* && $got = *"[status 0]"* ]]; then
				ok "without our module, $way: the right label"
			else
				matches "without our module, $way: refused, what is missing is named" "$got" \
					'(SELinux denies \{ [a-z_]+ \} of class|file of context .*_exec_t).* \(load sallyport.s policy module'
			fi
		done
	done
	planned=$("$SALLYPORT" exec --plan "$plain" -- /bin/true 2>&1; echo "status $?")
	[[ $planned = *"status 0" ]] || matches "without our module: --plan says so" "$planned" 'REFUSED: .*\(load sallyport.s policy module.*status 125'
	load_policy
	matches "with it: --plan finds nothing" "$("$SALLYPORT" exec --plan "$plain" -- /bin/true 2>&1; echo "status $?")" \
		"label +.*$label.*status 0\$"
else
	not_ok "/work/policy.without is there"
fi
is "with the module again" "$(by_attach "$plain" /bin/cat /proc/self/attr/current)" "$label"
nothing_left "after all that"
finish
