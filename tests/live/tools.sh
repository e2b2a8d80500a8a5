#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The operator's tools in a session: debuggers and tracers on host programs, on the container's and on
# what was started from /c; editors, interpreters, network tools, sudo, tmux.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"

# does NAME PATTERN SCRIPT: what SCRIPT, run by a session's sh, says (its status is added to it).
does()
{
	local out
	out=$(timeout -k 5 60 "$SALLYPORT" attach "$NAME" -- sh -c "$3" </dev/null 2>&1
		echo "status $?")
	matches "$1" "$out" "$2"
}

# needs NAME PROGRAM
needs()
{
	command -v "$2" >/dev/null && return 0
	skip "$1" "$2 is not installed"
	return 1
}

GDB='gdb -q -batch -nx -ex "set confirm off" -ex "set debuginfod enabled off"'

tracers()
{
	local program=$TEST_BIN/seccomp-dump
	needs "$1: strace" strace || return
	does "$1: strace -f of a host program" 'execve\("/[a-z/]*bin/ls".*= 0.*exit_group\(0\).*status 0$' "strace -f ls /"
	does "$1: strace follows a host shell's children" 'execve\("/[a-z/]*bin/true".*status 0$' "strace -f sh -c '/bin/true; :'"
	does "$1: strace through enter sees the container's program" \
		'^container.[0-9]+ +execve\("/bin/cat", \["/bin/cat", "/etc/sallyport-test-world"\].*= 0.*exited with 0.*status 0$' \
		"strace -o $T/trace -f /.sallyport/enter /bin/cat /etc/sallyport-test-world; s=\$?; sed -n '/execve(.\/bin/,\$p' $T/trace; exit \$s"
	does "$1: and enter without a tracer runs it too" '^container.status 0$' \
		"/.sallyport/enter /bin/cat /etc/sallyport-test-world"
	does "$1: strace of a running program from /c" 'exit_group\(.*status 0$' \
		'/c/bin/sleep 3 & sleep 1; strace -p $! 2>&1'
	does "$1: strace /c/bin/true is refused, with the way out" \
		'/c/bin/busybox: its process is traced by strace \(pid [0-9]+\).*strace -f /.sallyport/enter FILE.*status 1$' \
		"strace /c/bin/true"
	needs "$1: gdb" gdb || return
	does "$1: gdb runs a host program: break, bt, continue" \
		'Breakpoint 1, .*main \(argc=1.*#0 +.*main \(argc=1.*exited with code 02.*status 0$' \
		"$GDB -ex 'break main' -ex run -ex bt -ex continue $program"
	does "$1: gdb -p of the container's init" 'process 1.cmdline = ./probe init.*#0 .*Inferior 1 .process 1. detached.*status 0$' \
		"$GDB -p 1 -ex 'info proc' -ex bt -ex detach"
	is "$1: which goes on" "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$PID/status")" S
	does "$1: gdb -p of what was started from /c" "cmdline = ./bin/sleep 100.*#0 .*detached.*status 0$" \
		"/c/bin/sleep 100 & sleep 0.5; $GDB -p \$! -ex 'info proc' -ex bt -ex detach; s=\$?; kill \$!; exit \$s"
	does "$1: gdb of enter holds the container's program at its first instruction" \
		"Catchpoint 1 \(exec'd .*/bin/busybox\).*cmdline = ./bin/true.*exited normally.*" \
		"$GDB -ex 'catch exec' -ex run -ex 'info proc' -ex continue --args /.sallyport/enter /bin/true"
	does "$1: gdb /c/bin/true is refused, with the way out" 'its process is traced by gdb.*/.sallyport/enter FILE' \
		"$GDB -ex run /c/bin/true"
}

editors()
{
	needs "$1: git" git || return
	git init -q "$T/repository" && echo one >"$T/repository/file"
	git -C "$T/repository" -c user.name=t -c user.email=t@t add file
	does "$1: git status in a repository of the host" '^A  file.status 0$' "cd $T/repository && git status --short"
	does "$1: git commit, and its log on the host" 'status 0$' \
		"cd $T/repository && git -c user.name=t -c user.email=t@t commit -qm first"
	is "$1: which the host sees" "$(git -C "$T/repository" log --format=%s)" first
	does "$1: git fsck" 'status 0$' "git -C $T/repository fsck --strict"
	rm -rf "$T/repository"
	does "$1: python3 -c, with threads and processes" '^4 container.status 0$' "python3 -c '
import concurrent.futures, subprocess
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(lambda _: 1, range(4))), end=\" \", flush=True)
subprocess.run([\"/c/bin/cat\", \"/etc/sallyport-test-world\"], check=True)'"
	needs "$1: vim" vim || return
	echo "some old line" >"$T/edited"
	does "$1: vim edits a file of the host" 'status 0$' \
		"vim -Nu NONE -i NONE -es -c '%s/old/new/' -c 'set backup backupskip= backupdir=$T' -c wq $T/edited"
	is "$1: and wrote it" "$(cat "$T/edited" "$T/edited~")" "some new line"$'\n'"some old line"
	does "$1: vim edits a file of the container" '^some new line.status 0$' \
		"echo some old line >/c/dev/shm/edited; vim -Nu NONE -i NONE -es -c '%s/old/new/' -c wq /c/dev/shm/edited;
		cat /c/dev/shm/edited && rm /c/dev/shm/edited"
	rm -f "$T/edited" "$T/edited~"
}

network()
{
	if needs "$1: ss, ip" ss; then
		does "$1: ip shows the container's interfaces" '^lo *(UP|UNKNOWN|DOWN) .*status 0$' "ip -br address"
		does "$1: ss shows a listener in the container's network, and who it is" \
			'LISTEN .*127.0.0.1:7654 .*python3.*status 0$' "python3 -c '
import socket, subprocess
s = socket.socket()
s.bind((\"127.0.0.1\", 7654))
s.listen()
subprocess.run([\"ss\", \"-tlnp\"], check=True)'"
		lacks "$1: which is not the host's" "$(ss -tln)" ':7654 '
	fi
	if needs "$1: tcpdump" tcpdump; then
		does "$1: tcpdump -c1 -i lo" 'IP 127.0.0.1.[0-9]+ > 127.0.0.1.7655: UDP.*1 packet captured.*status 0$' "
			(for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; python3 -c '
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b\"x\", (\"127.0.0.1\", 7655))'; done) &
			timeout 20 tcpdump -n -c1 -i lo udp port 7655"
	fi
	if needs "$1: perf" perf; then
		if perf stat -e task-clock true >/dev/null 2>&1; then
			does "$1: perf stat of a host program" 'task-clock.*status 0$' "perf stat -e task-clock true"
			does "$1: perf stat of a program from /c" 'task-clock.*status 0$' \
				"/c/bin/sleep 2 & perf stat -e task-clock -p \$! sleep 0.5"
		else
			skip "$1: perf" "perf doesn't work on this machine at all"
		fi
	fi
}

# Rights: a tool of root's may become a process of the container, another's may not.
other_users()
{
	local refused="its caller, of uid 65534, lacks CAP_SYS_ADMIN.*sallyport exec -u USER"
	if needs "$1: sudo" sudo; then
		does "$1: sudo -u nobody id" 'uid=65534\(nobody\) .*status 0$' "sudo -u nobody id"
		does "$1: nobody can't become the container's root" "cannot run /c/bin/busybox: $refused.*Operation not permitted.*" \
			"sudo -u nobody /c/bin/id"
		does "$1: nor by enter" "serves only root's tools.*sallyport exec -u USER.*status 125$" \
			"sudo -u nobody /.sallyport/enter /bin/id"
	fi
	does "$1: a tool in a user namespace of its own keeps its views" '^0 container.status 0$' \
		"unshare -Ur sh -c 'echo \$(id -u) \$(cat /c/etc/sallyport-test-world)'"
	does "$1: a tool with no_new_privs can't, unless the container has it" \
		"$(grep -q '^NoNewPrivs:.*1' "/proc/$PID/status" && echo 'status 0$' ||
			echo 'has no_new_privs, which the container.s processes have not.*status 126$')" \
		"setpriv --no-new-privs /c/bin/true"
	does "$1: nor can one without a capability that it takes" 'of uid 0, lacks CAP_SETPCAP.*status 126$' \
		"setpriv --bounding-set -setpcap /c/bin/true"
	does "$1: nor one under a filter of its own" 'its caller is under a seccomp filter of its own.*status 126$' \
		"python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
allow = (ctypes.c_ubyte * 8)(6, 0, 0, 0, 0, 0, 0xff, 0x7f)  # BPF_RET | BPF_K, SECCOMP_RET_ALLOW
class Program(ctypes.Structure):
    _fields_ = [(\"length\", ctypes.c_ushort), (\"filter\", ctypes.c_void_p)]
if libc.prctl(22, 2, ctypes.byref(Program(1, ctypes.addressof(allow))), 0, 0) != 0:
    sys.exit(\"prctl: %d\" % ctypes.get_errno())
try:
    os.execv(\"/c/bin/true\", [\"true\"])
except PermissionError:
    sys.exit(126)'"
}

terminals()
{
	local out
	needs "$1: tmux" tmux || return
	out=$(in_pty --timeout 40 --step '\$ ' "PS1='ready> ' TMUX_TMPDIR=$T exec sh -i\n" \
		--step 'ready> ' "tmux -L sp -f /dev/null new-session -d -x 80 -y 24 'sh -i'\n" \
		--step 'ready> ' 'tmux -L sp send-keys "echo a\\$((40 + 2))b; /c/bin/cat /etc/sallyport-test-world; tty" Enter\n' \
		--step 'ready> ' 'sleep 1; tmux -L sp capture-pane -p; echo end-$((0))\n' \
		--step 'end-0' 'tmux -L sp list-sessions; tmux -L sp kill-server; exit 5\n' \
		-- env SHELL=/bin/sh PS1='$ ' "$SALLYPORT" attach "$NAME" 2>&1)
	matches "$1: tmux: keys, a program of the container, a pane" "$out" $'[\n ]a42b\r?\ncontainer\r?\n/dev/pts/[0-9]+\r?\n'
	matches "$1: tmux lists its session, and ends" "$out" ': 1 windows .*.status 5.'
	out=$(in_pty --timeout 30 --step '\$ ' "PS1='ready> ' TMUX_TMPDIR=$T exec sh -i\n" \
		--step 'ready> ' "tmux -L sp -f /dev/null new-session -d sleep 300; echo is-\$((0))there\n" --step 'is-0there' 'exit 6\n' \
		-- env SHELL=/bin/sh PS1='$ ' "$SALLYPORT" attach "$NAME" 2>&1)
	matches "$1: a tmux that is left behind ends with the session" "$out" '.status 6.'
	if needs "$1: vim on a terminal" vim; then
		echo "some old line" >"$T/edited"
		out=$(in_pty --timeout 30 --step 'some old line' ':%s/old/new/\r:wq\r' \
			-- "$SALLYPORT" attach "$NAME" -- vim -Nu NONE -i NONE "$T/edited" 2>&1)
		is "$1: vim on a terminal" "$(cat "$T/edited") $(tail -n 1 <<<"$out")" "some new line [status 0]"
	fi
}

for engine in runc docker; do
	if ! start_"$engine"; then
		skip "$engine" "$CAUSE"
		continue
	fi
	tracers "$engine"
	editors "$engine"
	network "$engine"
	other_users "$engine"
	terminals "$engine"
	kill -0 "$PID" && ok "$engine: the container is unharmed" || not_ok "$engine: the container is unharmed"
	nothing_left "$engine"
done
finish
