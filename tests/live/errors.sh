#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each wrong use, and each thing that a host can lack, gets one line that says what failed, on what, why,
# and what to do; and its exit status. With runc's containers, whose state runc really keeps.
. "$(dirname "$0")/lib.sh"

S=$SALLYPORT
N=errors-$$
LONG=$(printf 'n%.0s' {1..5000})
# says NAME STATUS REGEX COMMAND...: that this is all the command prints, in one line
says()
{
	local name=$1 status=$2 regex=$3 out got
	shift 3
	out=$("$@" 2>&1 </dev/null)
	got=$?
	if [ "$got" = "$status" ] && [[ $out =~ $regex ]] && [[ $out == sallyport:\ * ]] &&
		[ "$(wc -l <<<"$out")" = 1 ] && [ "${#out}" -lt 1200 ]; then
		ok "$name"
	else
		not_ok "$name" "status $got, wanted $status; to match: $regex"$'\n'"$(cut -c1-1500 <<<"$out")"
	fi
}

# start NAME FILTER: a container whose config.json jq has changed by FILTER
start()
{
	mkdir -p "$T/$1"
	jq ".root = {path: \"$T/rootfs\", readonly: true} | .process.terminal = false
		| .process.args = [\"/bin/busybox\", \"sleep\", \"6000\"] | .process.env = [\"PATH=/bin\"] | $2" \
		"$T/spec.json" >"$T/$1/config.json"
	ENDINGS+=("runc delete -f $1")
	runc run -d -b "$T/$1" "$1" </dev/null >"$T/runc" 2>&1 || {
		not_ok "runc starts $1" "$(cat "$T/runc")"
		exit 1
	}
}

mkdir -p "$T/rootfs"/{bin,dev,etc,proc,sys,tmp}
cp /bin/busybox "$T/rootfs/bin/busybox"
for applet in cat mkdir sh sleep true; do
	ln -s busybox "$T/rootfs/bin/$applet"
done
echo 'root:x:0:0::/:/bin/sh' >"$T/rootfs/etc/passwd"
echo 'root:x:0:' >"$T/rootfs/etc/group"
echo data >"$T/rootfs/etc/plain"
printf '#!/usr/bin/nothing\n' >"$T/rootfs/bin/script"
cp "$TEST_BIN/hello-elsewhere" "$T/rootfs/bin/elsewhere"
chmod 755 "$T/rootfs/bin/script"
mkdir "$T/spec" && runc spec -b "$T/spec" && mv "$T/spec/config.json" "$T/spec.json"
filter='{defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"], syscalls: [{names: ["keyctl"], action: "SCMP_ACT_ERRNO"}]}'
start "$N-web" ".linux.seccomp = $filter"
start "$N-two" .
start "$N-gone" .
start "$N-stopped" .
start "$N-paused" .
runc kill "$N-stopped" KILL
wait_for 5 sh -c "runc state $N-stopped | grep -q '\"status\": \"stopped\"'"
runc pause "$N-paused"

# Names.
says "unknown container, the nearest first" 125 \
	"unknown container \"$N-wbe\" \\(running: $N-web, .*see sallyport list\\)" "$S" exec "$N-wbe" -- true
says "a name with control characters" 125 'unknown container "we\\x0ab\\x1b\[31m"' "$S" exec $'we\nb\x1b[31m' -- true
says "a name that is too long" 125 'unknown container "n{64}"' "$S" exec "$LONG" -- true
says "an empty name" 125 "the container's name is empty" "$S" exec '' -- true
says "ambiguous: the candidates" 125 "container \"$N\" is ambiguous: $N-gone \\(runc .*$N-two .*$N-web .*by its id or pid" \
	"$S" attach "$N" -- true
says "not running" 125 "container $N-stopped \\(runc\\) is not running \\(start it" "$S" attach "$N-stopped" -- true
for command in attach exec; do
	says "paused: $command" 125 "$N-paused: the container is paused.*\\(unpause it first\\)" \
		"$S" "$command" "$N-paused" -- true
done
says "no such process" 125 'no container is named 4194303, and no process has this number: No such process' "$S" exec 4194303 -- true
says "a kernel thread" 125 'process 2 is a kernel thread' "$S" exec 2 -- true
says "an unknown engine: those that are known" 125 'unknown engine rkt \(known: docker, podman,' "$S" exec -t rkt "$N-web" -- true
says "the wrong engine" 125 "^sallyport: -t docker: unknown container \"$N-web\"" "$S" exec -t docker "$N-web" -- true
says "-t pid takes a pid" 125 'web is not a pid' "$S" inspect -t pid web
says "--like takes a pid" 125 '--like 1x: not a pid' "$S" exec --like 1x "$N-web" -- true
says "--like a process of the host's" 125 "--like $$: process $$ is not of container $N-web" "$S" inspect --like $$ "$N-web"
says "--like nobody" 125 "--like 4194303: process 4194303 of container $N-web: No such process" "$S" exec --like 4194303 "$N-web" -- true

# The command line.
says "no such command" 125 'no such command: exce \(did you mean exec; see sallyport --help\)' "$S" exce web
for command in attach exec inspect list diff rules; do
	says "$command: an unknown option" 125 "$command has no option --nosuch \\(see sallyport $command --help\\)" "$S" "$command" --nosuch=x
	says "$command: an unknown letter" 125 "$command has no option -Z" "$S" "$command" -Z
	says "$command: a value is missing" 125 "$command: option -t takes a value" "$S" "$command" -t
	says "$command: no value wanted" 125 "$command: option --help takes no value" "$S" "$command" --help=x
done
says "an abbreviation of several" 125 'attach: option --h could be any of --help, --host-view' "$S" attach --h=x web
for command in sessions replay; do
	says "$command: an unknown option" 125 "$command has no option --nosuch \\(see sallyport $command --help\\)" "$S" "$command" --nosuch=x
done
for command in attach exec; do
	says "$command: no container" 125 'no container named' "$S" "$command"
done
says "inspect: no container" 125 'inspect takes one container, not 0' "$S" inspect
says "list: an argument" 125 'list takes no container, but got web' "$S" list web
for option in --share --host-view --container-view; do
	says "exec: no view, no $option" 125 "exec has no option $option" "$S" exec $option x "$N-web" -- true
done
says "--host-view: what it takes" 125 '--host-view takes rw, ro, native or native-ro, not x' "$S" attach --host-view x "$N-web"
says "--container-view: what it takes" 125 '--container-view takes fuse or native, not x' "$S" attach --container-view x "$N-web"
says "--keep-fd: not open" 125 '--keep-fd: no open descriptor 77' "$S" exec --keep-fd 77 "$N-web" -- true
says "--keep-fd: no number" 125 '--keep-fd: no open descriptor x' "$S" exec --keep-fd x "$N-web" -- true
says "--keep-fd: a directory" 125 '--keep-fd 7 is a directory of the host' bash -c "'$S' exec --keep-fd 7 $N-web -- true 7</tmp"
says "standard input is a directory" 125 'descriptor 0 is a directory of the host.*</dev/null' bash -c "'$S' exec $N-web -- true </tmp"
says "--env without a name" 125 '--env =x: no name' "$S" exec -e =x "$N-web" -- true
says "--workdir, relative" 125 '--workdir takes an absolute directory, not etc' "$S" exec -w etc "$N-web" -- true
says "--user unknown" 125 '--user nobody: the container has no user "nobody" in its /etc/passwd' "$S" exec -u nobody "$N-web" -- true
says "its group unknown" 125 '--user root:tty: the container has no group "tty"' "$S" exec -u root:tty "$N-web" -- true
says "--user empty" 125 'it should be USER\[:GROUP\]' "$S" attach -u : "$N-web" -- true
says "--share of what is not there" 125 '--share /nosuch: No such file or directory' "$S" attach --share /nosuch "$N-web" -- true
says "--share of a name that is too long" 125 "--share /n+\\.\\.\\.: File name too long$" "$S" attach --share "/$LONG" "$N-web" -- true
# The launcher says this, in the words of the C library that it was built with.
too_long=$(grep -aoEm1 'File ?name too long' "$(dirname "$(realpath "$SALLYPORT")")/sallyport-launch" | head -n 1)
check "the launcher has words for that" test -n "$too_long"
for command in exec attach; do
	c=$([ "$command" = exec ] || echo /c)
	run=("$S" "$command")
	says "$command: --workdir not there" 125 'enter the directory /nosuch of the container: No such file' \
		"${run[@]}" -w /nosuch "$N-web" -- $c/bin/true
	says "$command: --workdir is a file" 125 'enter the directory /etc/plain of the container: Not a directory' \
		"${run[@]}" -w /etc/plain "$N-web" -- $c/bin/true
	says "$command: --workdir too long" 125 "$too_long" "${run[@]}" -w "/$LONG" "$N-web" -- $c/bin/true
	says "$command: not found" 127 "cannot execute $c/bin/nosuch.*: No such file or directory" "${run[@]}" "$N-web" -- $c/bin/nosuch
	says "$command: not executable" 126 "cannot execute $c/etc/plain.*: Permission denied" "${run[@]}" "$N-web" -- $c/etc/plain
	says "$command: a directory" 126 "cannot execute $c/etc.*: Permission denied" "${run[@]}" "$N-web" -- $c/etc
	says "$command: no interpreter" 127 'cannot execute /bin/script in the container: the interpreter or loader that it names is not there' \
		"${run[@]}" "$N-web" -- $c/bin/script
	says "$command: no loader" 127 'cannot execute /bin/elsewhere in the container: the interpreter or loader' \
		"${run[@]}" "$N-web" -- $c/bin/elsewhere
done
says "exec: not found in PATH" 127 'cannot execute nosuch in the container: No such file' "$S" exec "$N-web" -- nosuch
says "attach: a host tool not found" 127 'cannot execute nosuch: No such file' "$S" attach "$N-web" -- nosuch
says "attach: a host tool not executable" 126 'cannot execute /etc/passwd: Permission denied' "$S" attach "$N-web" -- /etc/passwd

# Rights.
for command in attach exec; do
	says "$command: not root" 125 'needs CAP_SYS_ADMIN in the initial user namespace.*run it as root, with sudo' \
		setpriv --reuid 65534 --clear-groups "$S" "$command" "$N-web" -- true
	says "$command: root without ptrace" 125 'needs CAP_SYS_PTRACE' \
		setpriv --bounding-set -sys_ptrace "$S" "$command" "$N-web" -- true
	says "$command: root of a user namespace only" 125 'needs the initial user namespace, this is another one: Operation not permitted \(run it as root of the host' \
		unshare -Ur "$S" "$command" "$N-web" -- true
done
says "inspect: not root" 125 "unknown container \"$N-web\".*root sees more of them: use sudo" \
	setpriv --reuid 65534 --clear-groups "$S" inspect "$N-web"
says "under a seccomp filter" 125 'sallyport itself runs under a seccomp filter.*start it from a shell without one' \
	bwrap --dev-bind / / --cap-add ALL --seccomp 9 "$S" exec "$N-web" -- true 9< <(printf '\6\0\0\0\0\0\377\177')

# What the host lacks. strace gives the errors that such a kernel gives; files are hidden by mounts of our own.
inject()
{
	local call=$1
	shift
	strace -f -o /dev/null -e "trace=${call%%:*}" -e "inject=$call" "$@"
}
private()
{
	unshare -m sh -euc "$1" 2>&1
}
says "no /dev/fuse" 125 "$N-web: open /dev/fuse: No such file or directory \\(load the module: modprobe fuse\\)" \
	private "mount -t tmpfs none /dev; mknod /dev/null c 1 3; exec '$S' attach $N-web -- true"
says "another thing in its place" 125 '/dev/fuse is not the FUSE device.*mknod' \
	private "mount --bind /dev/zero /dev/fuse; exec '$S' attach $N-web -- true"
says "/dev/fuse forbidden" 125 'open /dev/fuse: Operation not permitted \(a device cgroup' \
	strace -f -o /dev/null -P /dev/fuse -e trace=openat -e inject=openat:error=EPERM "$S" attach "$N-web" -- true
says "a kernel without fanotify" 125 'sallyport-gate: start fanotify: Function not implemented \(needs .*Linux 5.0' \
	inject fanotify_init:error=ENOSYS "$S" attach "$N-web" -- true
says "no fanotify group left" 125 'start fanotify: Too many open files \(raise fs.fanotify.max_user_groups' \
	inject fanotify_init:error=EMFILE "$S" attach "$N-web" -- true
says "a kernel without FAN_OPEN_EXEC_PERM" 125 'sallyport-gate: watch the container view for FAN_OPEN_EXEC_PERM: Invalid argument \(needs Linux 5.0' \
	inject fanotify_mark:error=EINVAL "$S" attach "$N-web" -- true
says "a kernel without the new mount calls" 125 'Function not implemented \(needs .*Linux 5\.' \
	inject fsopen:error=ENOSYS "$S" attach "$N-web" -- true
says "a kernel without open_tree" 125 'clone the mount at .*: Function not implemented \(needs .*Linux 5.2' \
	inject open_tree:error=ENOSYS "$S" exec "$N-web" -- true
mkdir -p "$T/kernel/yama"
cp /proc/sys/kernel/cap_last_cap "$T/kernel"
echo 3 >"$T/kernel/yama/ptrace_scope"
for command in attach exec; do
	says "$command: ptrace forbidden for good: yama 3" 125 'ptrace is forbidden on this host: kernel.yama.ptrace_scope is 3.*reboot' \
		private "mount --bind '$T/kernel' /proc/sys/kernel; exec '$S' $command $N-web -- true"
	says "$command: ptrace of the target forbidden" 125 'cannot read the seccomp filter of pid [0-9]+: Operation not permitted \(.*yama ptrace_scope or LSM' \
		inject ptrace:error=EPERM "$S" "$command" "$N-web" -- true
done
# Of the gate alone: in a place of its own, where the front finds it traced.
mkdir "$T/traced"
cp "$ROOT_OF_BUILD"/sallyport{,-fs,-launch} "$T/traced"
printf '#!/bin/sh\nexec /usr/bin/strace -o /dev/null -e trace=ptrace -e inject=ptrace:error=EPERM %s/sallyport-gate\n' \
	"$ROOT_OF_BUILD" >"$T/traced/sallyport-gate"
chmod 755 "$T/traced/sallyport-gate"
out=$(timeout 60 "$T/traced/sallyport" attach "$N-web" -- /c/bin/true 2>&1 </dev/null)
is "ptrace of a tool forbidden: status" $? 126
matches "ptrace of a tool forbidden: the gate says why" "$out" \
	"$N-web: cannot run /c/bin/busybox: ptrace process [0-9]+: Operation not permitted \(yama's ptrace_scope or a security module"

# In the middle: the container ends while it is looked at, and right after.
late()
{
	(sleep 3; runc kill "$N-gone" KILL) &
	strace -o /dev/null -e "trace=$1" -e "inject=$1:delay_enter=6000000:when=1" "$S" "$2" "$N-gone" -- true
	local status=$?
	wait $!
	wait_for 5 runc delete -f "$N-gone"
	wait_for 5 sh -c "! runc state $N-gone"
	runc run -d -b "$T/$N-gone" "$N-gone" </dev/null >/dev/null 2>&1
	return $status
}
for command in attach exec; do
	says "$command: the target ends between capture and start" 125 \
		"$N-gone: the container has ended before the session began: No such process" late memfd_create "$command"
	says "$command: the target ends while it is examined" 125 \
		"$N-gone: .*(ended while it was examined|has ended)" late sched_getattr "$command"
done

# A filter with a listener: runc hands it to an agent, which keeps it.
cat >"$T/agent.py" <<'PY'
import socket, sys, time
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(1)
agent = server.accept()[0]
held = agent.recvmsg(65536, 1024)
time.sleep(1000)
PY
python3 "$T/agent.py" "$T/agent" &
STARTED+=($!)
wait_for 10 test -S "$T/agent"
start "$N-notify" ".linux.seccomp = $filter | .linux.seccomp += {listenerPath: \"$T/agent\"}
	| .linux.seccomp.syscalls += [{names: [\"mkdir\"], action: \"SCMP_ACT_NOTIFY\"}]"
what='seccomp filter 1 of 1 asks a listener \(SECCOMP_RET_USER_NOTIF\), which can.t be copied'
for command in attach exec; do
	c=$([ "$command" = exec ] || echo /c)
	says "$command: a filter with a listener" 125 "$what: Operation not supported \\(--degraded goes on" \
		timeout 60 "$S" "$command" "$N-notify" -- $c/bin/true
	says "$command: --degraded goes on, and says what is missing" 0 "$what; calls meant for the listener fail with ENOSYS" \
		timeout 60 "$S" "$command" --degraded "$N-notify" -- $c/bin/true
	is "$command: as it says" "$(timeout 60 "$S" "$command" -q --degraded "$N-notify" -- $c/bin/mkdir /dev/shm/x 2>&1 </dev/null)" \
		"mkdir: can't create directory '/dev/shm/x': Function not implemented"
done
check "the container's init was not disturbed" sh -c "runc state $N-notify | grep -q '\"status\": \"running\"'"
nothing_left "errors"
finish
