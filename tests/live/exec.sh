#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sallyport exec against a real container (box.c) and, where runc starts one, a runc container: what runs is
# compared with the container's init by what the kernel says of both.
# usage: exec.sh SALLYPORT BOX
set -u
sallyport=$(realpath "$1")
box=$2
work=$(mktemp -d /tmp/sallyport-exec.XXXXXX)
number=0
box_job=
init=
finish() {
	[ -z "$init" ] || kill -9 "$init" 2>/dev/null
	[ -z "$box_job" ] || wait "$box_job" 2>/dev/null
	runc delete -f "sallyport-test-$$" >/dev/null 2>&1
	rm -rf --one-file-system "$work"
}
trap finish EXIT

# check NAME COMMAND...: one test
check() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@" >"$work/log" 2>&1; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' "$work/log"
	fi
}
same() { diff "$1" "$2"; }
status_is() {
	local want=$1
	shift
	"$@"
	local got=$?
	echo "status $got, expected $want"
	[ "$got" = "$want" ]
}
says() {
	local pattern=$1
	shift
	"$@" 2>&1 | tee "$work/says"
	grep -qE -e "$pattern" "$work/says" && [ "$(wc -l <"$work/says")" = 1 ]
}

root=$work/rootfs
mkdir -p "$root"/{bin,dev,etc,proc,root,sys,tmp}
cp /bin/busybox "$root/bin/busybox"
for applet in cat env id kill ls readlink sh sleep stat true; do
	ln -s /bin/busybox "$root/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\napp:x:1000:\nextra:x:2000:app\n' >"$root/etc/group"
echo data >"$root/etc/plain"

fields='^(Cap[A-Z][a-z]*|NoNewPrivs|Seccomp|Seccomp_filters|Uid|Gid|Groups|Umask|Sig(Blk|Ign|Cgt)|TracerPid):'

# compare_with_init NAME PID: everything that exec has to copy, for a sleep that runs beside the init
compare_with_init() {
	local name=$1 target=$2
	"$sallyport" exec "$target" -- /bin/sleep 9876 </dev/null >/dev/null 2>"$work/errors" &
	local front=$! program=
	for _ in $(seq 100); do
		program=$(pgrep -f -x '/bin/sleep 9876' | head -1)
		[ -n "$program" ] && [ "$(readlink "/proc/$program/ns/mnt")" = "$(readlink "/proc/$init/ns/mnt")" ] && break
		sleep 0.05
	done
	if [ -z "$program" ]; then
		check "$name: the program runs" cat "$work/errors"
		check "$name: the program runs" false
		return
	fi
	sleep 0.2
	for side in init program; do
		local pid=${!side}
		grep -E "$fields" "/proc/$pid/status" >"$work/$side.status"
		sort "/proc/$pid/cgroup" >"$work/$side.cgroup"
		tr '\0' '\n' <"/proc/$pid/environ" | sort >"$work/$side.environ"
		cat "/proc/$pid/limits" >"$work/$side.limits"
		cat "/proc/$pid/oom_score_adj" "/proc/$pid/coredump_filter" "/proc/$pid/personality" \
			"/proc/$pid/timerslack_ns" >"$work/$side.other"
		for ns in cgroup ipc mnt net pid time user uts; do
			readlink "/proc/$pid/ns/$ns"
		done >"$work/$side.ns"
		stat -L -c '%d:%i' "/proc/$pid/root" "/proc/$pid/exe" >"$work/$side.root"
		readlink "/proc/$pid/cwd" >"$work/$side.cwd"
	done
	ls "/proc/$program/fd" | sort -n | tr '\n' ' ' >"$work/fds"
	printf '0 1 2 ' >"$work/fds.expected"
	check "$name: ids, capabilities, no_new_privs, seccomp, signals, no tracer" same "$work/init.status" "$work/program.status"
	check "$name: cgroup in every hierarchy" same "$work/init.cgroup" "$work/program.cgroup"
	check "$name: environment" same "$work/init.environ" "$work/program.environ"
	check "$name: limits" same "$work/init.limits" "$work/program.limits"
	check "$name: oom_score_adj, coredump filter, personality, timer slack" same "$work/init.other" "$work/program.other"
	check "$name: all namespaces" same "$work/init.ns" "$work/program.ns"
	check "$name: root and executable" same "$work/init.root" "$work/program.root"
	check "$name: descriptors 0 1 2 only" same "$work/fds.expected" "$work/fds"
	kill -9 "$program"
	wait "$front"
	check "$name: a program killed by SIGKILL gives 137" test $? = 137
}

"$box" "$root" "sallyport-test-$$" /bin/sleep 600 >"$work/pid" &
box_job=$!
for _ in $(seq 100); do
	init=$(cat "$work/pid")
	[ -n "$init" ] && grep -q sleep "/proc/$init/comm" 2>/dev/null && break
	sleep 0.05
done

compare_with_init box "$init"
run() { "$sallyport" exec "$@"; }
check "exit status" status_is 7 run "$init" -- sh -c 'exit 7'
check "a program that is not there: 127" status_is 127 run "$init" -- nosuch
check "a file that can't be executed: 126" status_is 126 run "$init" -- /etc/plain
check "a message that names it" says 'cannot execute nosuch in the container: No such file' run "$init" -- nosuch
check "its filters bite: mount is refused" status_is 1 run "$init" -- busybox mount -t tmpfs none /tmp
head -c 1000000 /dev/urandom >"$work/binary"
run "$init" -- cat <"$work/binary" >"$work/copy"
check "pipes are binary-safe" cmp "$work/binary" "$work/copy"
check "--user by name, with its groups" says 'uid=1000\(app\).*groups=1000\(app\),2000\(extra\)' run -u app "$init" -- id
check "--workdir" says '^/etc$' run -w /etc "$init" -- sh -c pwd
check "--workdir that is not there" says 'enter the directory /nosuch' run -w /nosuch "$init" -- true
check "--env" says '^value$' run -e NAME=value "$init" -- sh -c 'echo $NAME'
check "an unknown container" says 'unknown container "nosuch"' run nosuch -- true
check "a pid that is not there" says 'No such process|unknown container' run 4194303 -- true
check "an unknown engine" says 'unknown engine rkt' run -t rkt "$init" -- true
check "not root: says what is missing" says 'needs CAP_SYS_ADMIN.*sudo' setpriv --reuid 65534 --clear-groups "$sallyport" exec "$init" -- true
check "no container named" says 'no container named' run
kill -9 "$init"
wait "$box_job"
box_job=
check "a container that has ended" says 'No such process|unknown container' run "$init" -- true
check "no cgroup is left" test -z "$(find /sys/fs/cgroup -maxdepth 3 -name "sallyport-test-$$" 2>/dev/null)"

# The same under a real engine's profile.
mkdir -p "$work/bundle"
(cd "$work/bundle" && runc spec && python3 - "$root" <<'PY'
import json, sys
config = json.load(open("config.json"))
config["root"] = {"path": sys.argv[1], "readonly": True}
config["process"]["terminal"] = False
config["process"]["args"] = ["/bin/sleep", "600"]
config["process"]["env"] = ["PATH=/bin", "GREETING=hello world"]
config["process"]["noNewPrivileges"] = True
config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 512, "soft": 256}]
config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [{"names": ["mount", "ptrace"], "action": "SCMP_ACT_ERRNO"}]}
json.dump(config, open("config.json", "w"))
PY
) >"$work/spec" 2>&1
if runc run -d -b "$work/bundle" --pid-file "$work/runc.pid" "sallyport-test-$$" </dev/null >"$work/runc" 2>&1; then
	init=$(cat "$work/runc.pid")
	compare_with_init runc "sallyport-test-$$"
	check "list names it" sh -c "'$sallyport' list | grep -q 'runc  *sallyport-test-$$ '"
	check "list --json is JSON" sh -c "'$sallyport' list --json | python3 -m json.tool"
	check "a unique prefix of its id" status_is 0 run "sallyport-test-${$%?}" -- true
else
	cat "$work/spec" "$work/runc" >&2
	check "runc starts a container" false
fi
echo "1..$number"
