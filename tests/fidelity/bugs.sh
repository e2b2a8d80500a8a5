#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Permission bugs that people have reported, each rebuilt as a small container: a program fails in it;
# it fails at the same system call with the same errno when it is started by `sallyport exec` and from
# /c of a session; and it works where the container's profile is not taken over, so that whoever looks
# into the container in that way does not see the bug.
. "$(dirname "$0")/lib.sh"

# NAME	THE FAILURE	WHERE IT WORKS (ns: nsenter -a, mnt: without the user namespace, caps: a privileged
# container)	WHICH LAYER IT IS BY `sallyport why`	WHO TOLD OF IT
BUGS='
faccessat2	faccessat2: EPERM	ns	seccomp	lxqt/lxqt-panel#1562: no fallback, glibc expects ENOSYS
clone3	clone3: EPERM	ns	seccomp	moby/moby#42680: "getaddrinfo() thread failed to start"
close_range	close_range: EPERM	ns	seccomp	moby/moby#43595: "close_range EPERM", the profile is older than glibc
openat2	openat2: EPERM	ns	seccomp	opencontainers/runc#4984: "openat2 ...: operation not permitted"
statx	statx: EPERM	ns	seccomp	moby/moby#36417, docker/for-linux#208: Qt reads files by it
ping	socket: EPERM	ns	no_new_privs	moby/moby#45491: file capabilities are ignored under no_new_privs
setuid	setresuid: EPERM	ns	no_new_privs	Hansehart/o3s#109: set-user-ID is ignored under no_new_privs
foreign	openat: EACCES	mnt	user namespace	containers/podman#10403: root, and a file of an unmapped user
chown	chown: EINVAL	mnt	user namespace	containers/podman#8592: an id that the user namespace lacks
fuse	openat: EPERM	ns	cgroup	gitpod-io/gitpod#4652: the node is there, the device cgroup refuses
ownership	chown: EPERM	ns	capability	kubernetes/kubectl#1650: CapBnd full, CapEff 0
ambient	prctl: EPERM	ns	capability	kubernetes/kubernetes#56374: no ambient capability after the switch of user
port	bind: EACCES	ns	capability	moby/moby#8460: a low port, and a user
ptrace	ptrace: EPERM	ns	seccomp	moby/moby#21051: SYS_PTRACE is there, seccomp refuses
io_uring	io_uring_setup: EPERM	ns	seccomp	axboe/liburing#989: who refused, kernel or sandbox?
unshare	unshare: EPERM	ns	seccomp	containers/bubblewrap#632: no user namespace in a container
add_key	add_key: EPERM	ns	seccomp	rkt/rkt#3557: keyrings are refused
gdb	personality: EPERM	ns	seccomp	moby/moby#43011: "Error disabling address space randomization"
nofile	prlimit64: EPERM	ns	capability	ClickHouse/ClickHouse#71: "error setting limit (Operation not permitted)"
fork	clone: EAGAIN	ns	cgroup	containers/podman#17647: "fork: retry: Resource temporarily unavailable"
sysctl	openat: EROFS	caps	mount	linuxserver/docker-wireguard#206: "Read-only file system"
'

program_root()
{
	local root=$T/root.$1
	[ ! -d "$root" ] || return 0
	make_rootfs "$root"
	cp "$TEST_BIN/../fidelity/trouble" "$root/trouble"
	cp "$root/trouble" "$root/trouble-caps"
	cp "$root/trouble" "$root/trouble-setuid"
	echo secret >"$root/foreign"
	[ "$1" = 0 ] || find "$root" -exec chown -h "$1:$1" {} +
	chown 7:7 "$root/foreign"
	chmod 600 "$root/foreign"
	chmod 4755 "$root/trouble-setuid"
	setcap cap_net_raw+ep "$root/trouble-caps"
}

# bug_bundle BUNDLE BUG ARG...: its configuration, for the program ARG...
bug_bundle()
{
	local bundle=$1 bug=$2
	shift 2
	mkdir -p "$bundle"
	runc_bundle "$bundle" "
import sys
sys.path.insert(0, '$FIDELITY')
sys.dont_write_bytecode = True
import bug_configs, configs
c['root'] = {'path': '$ROOT', 'readonly': False}
bug_configs.CONFIGS['$bug'](c)
c['process']['args'] = '$*'.split()
"
}

# in_itself BUG ARG...: the program as a container's own first one
in_itself()
{
	bug_bundle "$T/own" "$@"
	runc run -b "$T/own" "sp-own-$$" </dev/null 2>&1
}

works()
{
	case $1 in
	ns) nsenter -t "$PID" -a -- "${@:2}" ;;
	mnt) nsenter -t "$PID" -m -p -n -i -u -C -- "${@:2}" ;;
	caps)
		bug_bundle "$T/privileged" plain "${@:2}"
		python3 -B - "$T/privileged/config.json" "$FIDELITY" <<-'END'
			import json, sys
			sys.path.insert(0, sys.argv[2])
			import configs
			c = json.load(open(sys.argv[1]))
			configs.privileged(c)
			json.dump(c, open(sys.argv[1], "w"))
		END
		runc run -b "$T/privileged" "sp-privileged-$$" </dev/null
		;;
	esac 2>&1
}

have runc || skip_all "$CAUSE"
while IFS=$'\t' read -r bug failure where layer told; do
	[ -n "$bug" ] || continue
	case $bug in foreign | chown) owner=100000 ;; *) owner=0 ;; esac
	case $bug in ping) program=/trouble-caps ;; setuid) program=/trouble-setuid ;; *) program=/trouble ;; esac
	program_root "$owner"
	ROOT=$T/root.$owner NAME=sp-bug-$$
	is "$bug: in the container ($told)" "$(in_itself "$bug" "$program" "$bug")" "$failure"
	bug_bundle "$T/bug" "$bug" /probe init
	if ! runc run -d --pid-file "$T/bug/pid" -b "$T/bug" "$NAME" </dev/null >"$T/bug/log" 2>&1; then
		not_ok "$bug: runc starts it" "$(cat "$T/bug/log")"
		continue
	fi
	ENDINGS+=("runc delete -f $NAME")
	pid_of_file "$T/bug/pid"
	is "$bug: sallyport exec" "$("$SALLYPORT" exec "$NAME" -- "$program" "$bug" 2>&1 </dev/null)" "$failure"
	is "$bug: sallyport attach" "$("$SALLYPORT" attach "$NAME" -- "/c$program" "$bug" 2>&1 </dev/null)" "$failure"
	"$SALLYPORT" why --json "$NAME" -- "$program" "$bug" >"$T/why" 2>"$T/errors" </dev/null
	is "$bug: sallyport why" "$(jq -r '.refusals[0] | "\(.syscall): \(.error) by \([.refused_by[].layer] | join(", "))"' "$T/why" ||
		cat "$T/errors")" "$failure by $layer"
	is "$bug: it works by $where" "$(works "$where" "$program" "$bug" </dev/null)" "works"
	runc delete -f "$NAME" >/dev/null 2>&1
done <<<"$BUGS"
nothing_left "the bugs"
finish
