#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sallyport exec against a real container (box.c) and, where runc starts one, a runc container: what runs is
# compared with the container's init by what the kernel says of both.
. "$(dirname "$0")/lib.sh"

sallyport=$SALLYPORT
init=
box_job=
ENDINGS+=('runc delete -f "sallyport-test-$$"')
ENDINGS+=('[ -z "$init" ] || kill -9 "$init"; [ -z "$box_job" ] || wait "$box_job"')
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
	"$@" 2>&1 | tee "$T/says"
	grep -qE -e "$pattern" "$T/says" && [ "$(wc -l <"$T/says")" = 1 ]
}

root=$T/rootfs
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
	"$sallyport" exec "$target" -- /bin/sleep 9876 </dev/null >/dev/null 2>"$T/errors" &
	local front=$! program=
	for _ in $(seq 100); do
		program=$(pgrep -f -x '/bin/sleep 9876' | head -1)
		[ -n "$program" ] && [ "$(readlink "/proc/$program/ns/mnt")" = "$(readlink "/proc/$init/ns/mnt")" ] && break
		sleep 0.05
	done
	if [ -z "$program" ]; then
		check "$name: the program runs" cat "$T/errors"
		check "$name: the program runs" false
		return
	fi
	sleep 0.2
	for side in init program; do
		local pid=${!side}
		grep -E "$fields" "/proc/$pid/status" >"$T/$side.status"
		sort "/proc/$pid/cgroup" >"$T/$side.cgroup"
		tr '\0' '\n' <"/proc/$pid/environ" | sort >"$T/$side.environ"
		cat "/proc/$pid/limits" >"$T/$side.limits"
		cat "/proc/$pid/oom_score_adj" "/proc/$pid/coredump_filter" "/proc/$pid/personality" \
			"/proc/$pid/timerslack_ns" >"$T/$side.other"
		for ns in cgroup ipc mnt net pid time user uts; do
			readlink "/proc/$pid/ns/$ns"
		done >"$T/$side.ns"
		stat -L -c '%d:%i' "/proc/$pid/root" "/proc/$pid/exe" >"$T/$side.root"
		readlink "/proc/$pid/cwd" >"$T/$side.cwd"
	done
	ls "/proc/$program/fd" | sort -n | tr '\n' ' ' >"$T/fds"
	printf '0 1 2 ' >"$T/fds.expected"
	check "$name: ids, capabilities, no_new_privs, seccomp, signals, no tracer" same "$T/init.status" "$T/program.status"
	check "$name: cgroup in every hierarchy" same "$T/init.cgroup" "$T/program.cgroup"
	check "$name: environment" same "$T/init.environ" "$T/program.environ"
	check "$name: limits" same "$T/init.limits" "$T/program.limits"
	check "$name: oom_score_adj, coredump filter, personality, timer slack" same "$T/init.other" "$T/program.other"
	check "$name: all namespaces" same "$T/init.ns" "$T/program.ns"
	check "$name: root and executable" same "$T/init.root" "$T/program.root"
	check "$name: descriptors 0 1 2 only" same "$T/fds.expected" "$T/fds"
	kill -9 "$program"
	wait "$front"
	check "$name: a program killed by SIGKILL gives 137" test $? = 137
}

"$TEST_BIN/box" "$root" "sallyport-test-$$" /bin/sleep 600 >"$T/pid" &
box_job=$!
for _ in $(seq 100); do
	init=$(cat "$T/pid")
	[ -n "$init" ] && grep -q sleep "/proc/$init/comm" 2>/dev/null && break
	sleep 0.05
done

compare_with_init box "$init"
run() { "$sallyport" exec "$@"; }
check "exit status" status_is 7 run "$init" -- sh -c 'exit 7'
check "a program that is not there: 127" status_is 127 run "$init" -- nosuch
check "a file that can't be executed: 126" status_is 126 run "$init" -- /etc/plain
check "a message that names it" says 'cannot execute nosuch in the container: No such file' run "$init" -- nosuch
fails_on_a_terminal() {
	in_pty --timeout 10 -- "$sallyport" exec "$init" -- nosuch >"$T/says"
	cat "$T/says"
	grep -q 'cannot execute nosuch in the container: No such file' "$T/says" && grep -qF '[status 127]' "$T/says"
}
check "the same on a terminal" fails_on_a_terminal
check "its filters bite: mount is refused" status_is 1 run "$init" -- busybox mount -t tmpfs none /tmp
head -c 1000000 /dev/urandom >"$T/binary"
run "$init" -- cat <"$T/binary" >"$T/copy"
check "pipes are binary-safe" cmp "$T/binary" "$T/copy"
check "--user by name, with its groups" says 'uid=1000\(app\).*groups=1000\(app\),2000\(extra\)' run -u app "$init" -- id
check "--workdir" says '^/etc$' run -w /etc "$init" -- sh -c pwd
check "--workdir that is not there" says 'enter the directory /nosuch' run -w /nosuch "$init" -- true
check "--env" says '^value$' run -e NAME=value "$init" -- sh -c 'echo $NAME'

# --plan: the steps, by what the init has; nothing is started, nothing is recorded.
planned() { "$sallyport" exec --plan "$@" 2>&1; echo "status $?"; }
journal() { grep -c "\"container_pid\":$init," /var/log/sallyport/journal.jsonl 2>/dev/null; }
lines_before=$(journal)
plan=$(planned "$init" -- cat /etc/plain)
check "--plan: all can be done" sh -c "echo '$plan' | grep -E '^  execute +/bin/cat$' && echo '$plan' | tail -n 1 | grep -x 'status 0'"
check "--plan: the init's bounding set" sh -c "echo '$plan' | grep 'bounding $(awk '/^CapBnd/ { print $2 }' "/proc/$init/status")'"
check "--plan: its filters, each" test "$(echo "$plan" | grep -c 'load filter')" = "$(awk '/^Seccomp_filters/ { print $2 }' "/proc/$init/status")"
check "--plan: its cgroups, each" test "$(echo "$plan" | grep -c ' join .*/')" = "$(grep -c . "/proc/$init/cgroup")"
check "--plan: no such file" sh -c "echo '$(planned "$init" -- nosuch)' | grep 'REFUSED: the container has no such file'"
check "--plan: not executable" sh -c "echo '$(planned "$init" -- /etc/plain)' | tr '\n' ' ' | grep 'REFUSED: it is not executable status 125'"
check "--plan: by a path that is relative to the directory" sh -c "echo '$(planned -w /etc "$init" -- ./plain)' | tr '\n' ' ' | grep '/etc/./plain .*REFUSED: it is not executable'"
check "--plan: an empty name in PATH is the directory" sh -c "echo '$(planned -e PATH=/none: -w /bin "$init" -- cat)' | grep -E '^  execute +/bin/cat$'"
check "--plan: nothing was recorded" test "$(journal)" = "$lines_before"
# A thread with a filter and ids of its own.
cat >"$T/threads.py" <<'PY'
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
def restrict():
    told = open(sys.argv[1], "w")
    allow = (ctypes.c_ubyte * 8)(6, 0, 0, 0, 0, 0, 0xff, 0x7f)  # BPF_RET | BPF_K, SECCOMP_RET_ALLOW
    if libc.prctl(22, 2, ctypes.byref(Program(1, ctypes.addressof(allow))), 0, 0) or \
            libc.syscall(117, 12345, 12345, 12345):  # setresuid of this thread alone
        sys.exit("the thread: errno %d" % ctypes.get_errno())
    print(threading.get_native_id(), file=told, flush=True)
    time.sleep(600)
threading.Thread(target=restrict, daemon=True).start()
time.sleep(600)
PY
unshare -m --propagation private python3 "$T/threads.py" "$T/thread" >"$T/threads.out" 2>&1 &
threads=$!
ENDINGS+=('kill "$threads"')
wait_for 10 test -s "$T/thread"
check "--like a thread: its filter and ids" sh -c "'$sallyport' exec --like '$(cat "$T/thread")' '$threads' -- /bin/cat /proc/self/status |
	grep -E '^(Uid|Seccomp_filters):' | tr '\n\t' '  ' | grep -x 'Uid: 12345 12345 12345 12345 Seccomp_filters: 1 '"
check "and without: those of its first one" sh -c "'$sallyport' exec -q '$threads' -- /bin/cat /proc/self/status |
	grep -E '^(Uid|Seccomp_filters):' | tr '\n\t' '  ' | grep -x 'Uid: 0 0 0 0 Seccomp_filters: 0 '"
check "a thread is no container" says 'is a thread of process' run "$(cat "$T/thread")" -- /bin/true
kill "$threads"
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
mkdir -p "$T/bundle"
(cd "$T/bundle" && runc spec && python3 - "$root" <<'PY'
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
) >"$T/spec" 2>&1
if runc run -d -b "$T/bundle" --pid-file "$T/runc.pid" "sallyport-test-$$" </dev/null >"$T/runc" 2>&1; then
	init=$(cat "$T/runc.pid")
	compare_with_init runc "sallyport-test-$$"
	check "list names it" sh -c "'$sallyport' list | grep -q 'runc  *sallyport-test-$$ '"
	check "list --json is JSON" sh -c "'$sallyport' list --json | python3 -m json.tool"
	check "a unique prefix of its id" status_is 0 run "sallyport-test-${$%?}" -- true
else
	cat "$T/spec" "$T/runc" >&2
	check "runc starts a container" false
fi
finish
