#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sallyport why: failures whose cause is known, since the container was made so, and what it says of each. What
# it does to a container, what it records, who may use it.
. "$(dirname "$0")/isolated.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
have runc || skip_all "$CAUSE"

JOURNAL=/var/log/sallyport/journal.jsonl
why() { timeout 120 "$SALLYPORT" why "$@" </dev/null; }

# What the containers have in common; OWNER is root's uid of it.
program_root()
{
	local root=$T/root.$1 program
	[ ! -d "$root" ] || return 0
	make_rootfs "$root"
	mkdir -p "$root"/{data,nodev,closed,sticky,hidden}
	for program in "$TEST_BIN/calls" "$TEST_BIN/../fidelity/trouble"; do
		cp "$program" "$root/"
		cp "$program" "$root/${program##*/}-setuid"
		cp "$program" "$root/${program##*/}-caps"
	done
	printf '#!/bin/busybox sh\necho plain\n' >"$root/data/script"
	cp "$root/data/script" "$root/data/script-of-mode-644"
	touch "$root"/{secret,of-a-group,listed,of-all,closed/file,sticky/file,vol/file,data/file,private,foreign}
	mknod "$root/nodev/null" c 1 3
	[ "$1" = 0 ] || find "$root" -exec chown -h "$1:$1" {} +
	chown "$(($1 + 0)):$(($1 + 2000))" "$root/of-a-group"
	chown "$(($1 + 1000)):$(($1 + 1000))" "$root/home/app" "$root/private"
	chown 7:7 "$root/foreign"
	chmod 755 "$root"/data/script
	chmod 666 "$root/nodev/null" "$root/of-all" "$root/vol/file"
	chmod 600 "$root/secret" "$root/private" "$root/foreign"
	chmod 640 "$root/of-a-group"
	chmod 644 "$root/data/script-of-mode-644" "$root/listed"
	chmod 700 "$root/closed"
	chmod 1777 "$root/sticky"
	chmod 777 "$root/vol" "$root/data" "$root/nodev"
	chmod 4755 "$root"/*-setuid
	setfacl -m u:$(($1 + 1000)):--- "$root/listed"
	for program in calls trouble; do
		setcap cap_net_raw,cap_sys_chroot+ep "$root/$program-caps"
	done
}

# start CONFIG: the container of it, once; sets NAME, PID and ROOT.
declare -A pids
start()
{
	local owner=0
	case $1 in userns*) owner=100000 ;; esac
	program_root "$owner"
	NAME=sp-why-$1-$$ ROOT=$T/root.$owner
	[ -n "${pids[$1]-}" ] || {
		start_runc_bundle "$NAME" "$(config "$1")" || return 1
		pids[$1]=$PID
		[ "$1" != pids ] || limit_processes "$PID" 1
	}
	PID=${pids[$1]}
}
# limit_processes PID N: of its cgroup; runc's own first processes were more.
limit_processes()
{
	local path
	path=$(sed -nE 's/^[0-9]+:pids:/\/sys\/fs\/cgroup\/pids/p' "/proc/$1/cgroup")
	[ -n "$path" ] || path=$(sed -nE 's/^0::/\/sys\/fs\/cgroup/p' "/proc/$1/cgroup")
	echo "$2" >"$path/pids.max"
}
config()
{
	mkdir -p "$T/$NAME"
	echo "
import sys
sys.path[:0] = ['$HERE', '$HERE/../fidelity']
sys.dont_write_bytecode = True
import why_configs
c['root'] = {'path': '$ROOT', 'readonly': False}
why_configs.CONFIGS['$1'](c)
"
}

# Where the program is a list of calls, it is /calls. CONTAINER	WHAT IT SAYS	COMMAND
CORPUS='
seccomp	sysinfo: EPERM by seccomp	sysinfo
seccomp	getcpu: EACCES by seccomp	getcpu
seccomp	times: EOPNOTSUPP by seccomp	times
seccomp	getrusage: ENOSYS by seccomp	getrusage
seccomp	sched_yield: SIGSYS by seccomp	sched_yield
seccomp	sched_get_priority_max: SIGSYS by seccomp	sched_get_priority_max
seccomp	personality: EPERM by seccomp	personality:0x40000
seccomp	socket: EAFNOSUPPORT by seccomp	socket:38,5,0
seccomp	rmdir: EPERM by seccomp	rmdir:/nothing
seccomp	mount: EPERM by seccomp, capability	mount:none,/tmp,tmpfs,0,
seccomp	chroot: EPERM by seccomp, capability	chroot:/
seccomp	sethostname: EPERM by seccomp, capability	sethostname:x,1
seccomp	unshare: EPERM by seccomp, capability	unshare:0x40000000
seccomp	swapon: EPERM by seccomp	swapon:/secret,0
seccomp_user	chroot: EPERM by seccomp, no_new_privs	/calls-caps chroot:/
seccomp_user	chroot: EPERM by seccomp, capability	chroot:/
root	mount: EPERM by capability	mount:none,/tmp,tmpfs,0,
root	mount: EPERM by capability	/bin/mount -t tmpfs none /tmp
root	chroot: EPERM by capability	chroot:/
root	sethostname: EPERM by capability	/bin/hostname other
root	socket: EPERM by capability	socket:2,3,1
root	setuid: EPERM by capability	setuid:1000
root	setpriority: EACCES by capability	setpriority:0,0,-5
root	openat: EACCES by dac	/bin/cat /private
root	unshare: EPERM by capability	unshare:0x20000
user	setuid: EPERM by capability	setuid:0
user	setgid: EPERM by capability	setgid:0
user	bind: EACCES by capability	/trouble port
bounding	socket: EPERM by capability	socket:2,3,1
bounding	chroot: EPERM by capability	chroot:/
bounding	umount2: EPERM by capability	umount2:/proc,2
ambient	socket: EPERM by capability	socket:2,3,1
ambient	prctl: EPERM by capability	/trouble ambient
user	open: EACCES by dac	open:/secret,0
user	open: EACCES by dac	open:/of-a-group,0
user	open: EACCES by dac	open:/closed/file,0
user	open: EACCES by dac	open:/of-a-group,1
user	open: EACCES by dac	open:/listed,0
user	mkdir: EACCES by dac	mkdir:/new,0755
user	unlink: EPERM by dac	unlink:/sticky/file
user	chmod: EPERM by dac	chmod:/secret,0777
user	execve: EACCES by dac	execve:/bin/not-executable
root	execve: EACCES by dac	execve:/bin/not-executable
userns	open: EACCES by user namespace	open:/foreign,0
userns	chown: EINVAL by user namespace	chown:/secret,3000000,0
userns	chmod: EPERM by user namespace	chmod:/foreign,0777
userns	mount: EPERM by capability	mount:none,/tmp,tmpfs,0,
userns	syslog: EPERM by user namespace	syslog:2,x,1
mounts_root	mkdir: EROFS by mount	mkdir:/new,0755
mounts_root	open: EROFS by mount	open:/vol/file,1
mounts	execve: EACCES by mount	execve:/data/script
mounts	open: EACCES by mount	open:/nodev/null,2
mounts_root	mkdir: EROFS by mount	mkdir:/hidden/x,0755
mounts_root	open: EROFS by mount	open:/proc/sys/kernel/hostname,1
mounts	open: EACCES by dac, mount	open:/etc/passwd,1
mounts	mkdir: EROFS by mount, dac	mkdir:/new,0755
mounts	execve: EACCES by mount, dac	execve:/data/script-of-mode-644
devices	open: EPERM by cgroup	open:/dev/fuse,2
devices	open: EPERM by cgroup	open:/dev/kmsg,0
devices	open: EPERM by cgroup	open:/dev/kmsg,2
devices	execve: EACCES by dac	execve:/bin/not-executable
devices_user	open: EACCES by dac, cgroup	open:/dev/fuse,2
pids	clone: EAGAIN by cgroup	/trouble fork
root	openat: EACCES by landlock	/trouble landlock
nnp	openat: EACCES by landlock	/trouble landlock
nnp	setresuid: EPERM by no_new_privs	/trouble-setuid setuid
nnp	socket: EPERM by no_new_privs	/trouble-caps ping
nnp	chroot: EPERM by no_new_privs	/calls-caps chroot:/
nnp	setuid: EPERM by no_new_privs	/calls-setuid setuid:0
'
right=0 wrong=0 unsure=0 surely_wrong=0
while IFS=$'\t' read -r config wanted command; do
	[ -n "$config" ] || continue
	if ! start "$config"; then
		not_ok "runc starts $config" "$CAUSE"
		continue
	fi
	case $command in /*) ;; *) command="/calls $command" ;; esac
	why --json "$NAME" -- $command >"$T/why" 2>"$T/errors"
	said=$(jq -r '.refusals[0] | "\(.syscall): \(.error) by \([.refused_by[].layer] | join(", "))"' "$T/why" ||
		cat "$T/errors")
	certainty=$(jq -r '[.refusals[0].refused_by[].certainty] | join(", ")' "$T/why")
	if [ "$said" = "$wanted" ]; then
		right=$((right + 1))
		ok "$config: $command: $said ($certainty)"
	elif [[ $said == *unknown* || $certainty == *guess* ]]; then
		unsure=$((unsure + 1))
		diag "$config: $command: $said ($certainty); it is $wanted"
	else
		wrong=$((wrong + 1))
		not_ok "$config: $command: $said ($certainty)" "it is $wanted" "$(cat "$T/why")"
	fi
done <<<"$CORPUS"
diag "right $right, it can't know $unsure, wrong $wrong"
check "of $((right + unsure + wrong)) failures, at least 95 % are explained rightly" \
	test $((100 * right)) -ge $((95 * (right + unsure + wrong)))
is "none is explained wrongly with certainty" "$wrong" 0

# What it says of a command that succeeds, and its status.
start root
out=$(why "$NAME" -- sh -c 'hostname other 2>/dev/null; echo done')
is "a command that succeeds: so it says" "$out" "done
status 0: it succeeds; what was refused on the way (1) did not matter: -v shows it"
matches "with -v it shows what was refused" "$(why -v "$NAME" -- sh -c 'hostname other 2>/dev/null; true')" \
	'sethostname\("other", 5.*: EPERM.*capability: cap_sys_admin.*with cap_sys_admin it works'
is "where nothing was" "$(why "$NAME" -- true)" "status 0: nothing was refused for want of a permission"
for status in 0 1 77; do
	why "$NAME" -- sh -c "chroot / 2>/dev/null; exit $status" >"$T/out" 2>&1
	is "the status is the command's: $status" "$?" "$status"
done
why "$NAME" -- sh -c 'kill -9 $$' >"$T/out" 2>&1
is "of one that a signal ends" "$?" 137
why "$NAME" -- /none >"$T/out" 2>&1
is "of one that is not there" "$?" 127
out=$(why --no-rerun --json "$NAME" -- chroot / 2>/dev/null | jq -c '[.refusals[0].refused_by[] | [.layer, .certainty]]')
is "--no-rerun: nothing is proven" "$out" '[["capability","guess"]]'

out=$(why --no-rerun --json "$NAME" -- /trouble landlock 2>/dev/null | jq -c '[.refusals[0].refused_by[] | [.layer, .certainty]]')
is "--no-rerun: a program with Landlock rules" "$out" '[["landlock","guess"]]'

is "a change in three forms" "$(why --json "$NAME" -- chroot / 2>/dev/null | jq -r '.refusals[0].refused_by[0] | .change, .kubernetes, .oci')" \
	'--cap-add SYS_CHROOT
securityContext.capabilities.add: ["SYS_CHROOT"]
process.capabilities.bounding, .effective and .permitted: "CAP_SYS_CHROOT"'

# What it records: of the container, of each run what exec records, a note for each that has something lifted.
rm -f "$JOURNAL"
why --reason "ticket 9" "$NAME" -- /calls mount:none,/tmp,tmpfs,0, chroot:/ >"$T/out" 2>&1
events() { jq -r 'select(.event == "'"$1"'") | '"$2" "$JOURNAL"; }
is "one begin and one end" "$(jq -r .event "$JOURNAL" | grep -xE 'begin|end' | xargs)" "begin end"
is "which says why, and why it was done" "$(events begin '"\(.command) \(.reason)"')" "why ticket 9"
runs=$(events attempt .transition | wc -l)
check "runs: the first and at least one for each refusal: $runs" test "$runs" -ge 3
is "each is numbered" "$(events attempt .transition | xargs)" "$(seq "$runs" | xargs)"
for event in outcome exit; do
	is "each has its $event" "$(events $event .transition | xargs)" "$(seq "$runs" | xargs)"
done
is "before each but the first stands what is lifted" "$(jq -r '.event' "$JOURNAL" | grep -E 'degraded|attempt' | xargs)" \
	"attempt$(for ((i = 1; i < runs; i++)); do printf ' degraded attempt'; done)"
matches "in words" "$(events degraded .error | sort -u)" 'why: the program is run with cap_sys_admin.*with cap_sys_chroot'
check "the journal is unbroken" "$SALLYPORT" sessions --verify
# A file system that is full: what can't be recorded is not done.
mount -t tmpfs -o size=64k,mode=700 tmpfs /var/log/sallyport
head -c 40k /dev/zero >/var/log/sallyport/filler
i=0
while [ "$i" -lt 40 ] && "$SALLYPORT" exec "$NAME" -- true >"$T/out" 2>&1 </dev/null; do i=$((i + 1)); done
out=$(why --json "$NAME" -- chroot / 2>&1)
lacks "nothing is proven where the journal is full" "$out" '"proven"'
umount /var/log/sallyport

# What becomes of the container: nothing, though the command is run with all that it lacks.
state()
{
	local pid
	for pid in $("$HERE/world.py" in-namespace "$PID" | sort -n); do
		echo "$pid $(tr '\0' ' ' </proc/"$pid"/cmdline) $(grep -E '^(State|Uid|Gid|Cap|NoNewPrivs|Seccomp|Sig[BIC]|TracerPid)' \
			/proc/"$pid"/status | tr '\n\t' '  ')"
		cat /proc/"$pid"/cgroup /proc/"$pid"/limits
	done
	nsenter -t "$PID" -u hostname
	cat "/proc/$PID/mountinfo" "/proc/$PID/oom_score_adj"
	find "$ROOT" -printf '%p %m %U %G %s %T@ %l\n' | sort
	# What a program with a lifted filter could have set the clock to.
	echo "clock $(($(date +%s) / 100000))"
}
for config in powerful userns_powerful; do
	if ! start "$config"; then
		not_ok "runc starts $config" "$CAUSE"
		continue
	fi
	runc exec -d --pid-file "$T/victim" "$NAME" /bin/sleep 6000 </dev/null >"$T/log" 2>&1
	wait_for 10 test -s "$T/victim"
	victim=$(awk '/^NSpid/ { print $NF }' "/proc/$(cat "$T/victim")/status")
	state >"$T/state.before"
	for command in 'mount -t tmpfs none /tmp' 'umount /proc' 'hostname changed' 'rm -f /etc/passwd' 'rmdir /data' \
		'chmod 777 /secret' "kill -9 $victim" 'date -s 2001-01-01' 'mv /secret /public' 'mknod /tmp/x c 1 3'; do
		out=$(why --json "$NAME" -- sh -c "$command; exit 5" 2>"$T/errors")
		matches "$config: $command: seccomp refuses it" "$(jq -r '.refusals[].refused_by[].layer' <<<"$out")" seccomp
	done
	why -v "$NAME" -- sh -c "mount -t tmpfs none /tmp; mount -t proc none /proc; hostname changed; rm -f /etc/passwd
		chmod 777 /secret; kill -9 $victim; date -s 2001-01-01; rmdir /data; umount /proc" >"$T/out" 2>&1
	is "$config: nine at once, each explained" "$(grep -c '^  seccomp: ' "$T/out")" 9
	state >"$T/state.after"
	is "$config: its processes, files, mounts and name are what they were" "$(diff "$T/state.before" "$T/state.after")" ""
	check "$config: none of it was left undone by chance: the state tells of a change" sh -c \
		"touch '$ROOT/home/touched'; find '$ROOT' -printf '%p %m %U %G %s %T@ %l\n' | sort | diff -q - '$T/state.after' >/dev/null && exit 1; rm '$ROOT/home/touched'"
done

# By the rules of the site it is more than exec.
start root
rules() { cat >/etc/sallyport/rules.d/50-why.conf; }
try() { why "$@" "$NAME" -- /calls chroot:/ 2>&1; echo "status $?"; }
rules <<<'allow unset to why on engine runc;'
matches "a rule for why: not without the term degraded" "$(try)" 'degraded.*status 125'
matches "but with --no-rerun" "$(try --no-rerun)" 'chroot: EPERM.*status 1$'
rules <<<'allow unset to why on engine runc with degraded;'
matches "with the term" "$(try)" 'proven: with cap_sys_chroot.*status 1$'
rules <<<'allow unset to exec on engine runc with degraded;'
matches "not by a rule for exec" "$(try)" 'no rule allows.*status 125'
rm /etc/sallyport/rules.d/50-why.conf

# exec --without: one layer less, by the operator's own hand.
without() { timeout 60 "$SALLYPORT" exec "$@" 2>&1; echo "status $?"; }
matches "without: what there is not can't be lifted" "$(without --without seccomp "$NAME" -- true)" \
	'without seccomp: there is nothing of it.*status 125'
start seccomp_user
run_status() { grep -E '^(Cap(Bnd|Amb)|NoNewPrivs|Seccomp):' "$1"; }
matches "without: it fails with all layers" "$(without "$NAME" -- /calls chroot:/)" 'EPERM.*status 1$'
matches "without one of two it fails as before" "$(without --without seccomp "$NAME" -- /calls chroot:/)" 'EPERM.*status 1$'
matches "without both it works" "$(without --without caps,seccomp "$NAME" -- /calls chroot:/)" '^[^E]*status 0$'
own=$(awk '/^CapBnd/ { print $2 }' /proc/self/status)
is "caps: it has all that we have, and else what the init has" "$(without --without=caps "$NAME" -- cat /proc/self/status | run_status -)" \
	"$(run_status "/proc/$PID/status" | sed "s/^\(Cap...:.\).*/\1$own/")"
is "seccomp and no_new_privs: it has none" \
	"$(without --without seccomp,no_new_privs "$NAME" -- grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status)" \
	"$(printf 'NoNewPrivs:\t0\nSeccomp:\t0\nstatus 0')"
matches "it is in the records" "$(events degraded .error | tail -n 1)" 'exec: the program is run without seccomp, without no_new_privs'
matches "a wrong word" "$(without --without seccomp,selinux "$NAME" -- true)" 'no layer "selinux" .they are seccomp, caps.*status 125'
matches "none at all" "$(without --without= "$NAME" -- true)" 'no layer "".*status 125'
rules <<<'allow unset to exec on engine runc with degraded;'
matches "a rule for exec: not without the term" "$(without --without seccomp "$NAME" -- true)" "doesn't allow --without.*status 125"
rules <<<'allow unset to exec on engine runc with without;'
matches "with it" "$(without --without seccomp "$NAME" -- true)" '^status 0'
rm /etc/sallyport/rules.d/50-why.conf

# From within a session: as outside, with the tool's own terminal and pipes, and recorded as one of its own.
start root
inside() { timeout 60 "$SALLYPORT" attach --reason "ticket 10" "$NAME" -- "$@" </dev/null 2>&1; }
is "from within a session: as from outside" "$(inside sh -c '/.sallyport/why chroot /; echo "status $?"')" \
	"$(why "$NAME" -- chroot / 2>&1; echo "status $?")"
matches "a path of the session's, its working directory" "$(inside sh -c 'cd /c/data && /.sallyport/why -v /c/bin/busybox pwd')" \
	'^/data.status 0: nothing'
matches "as JSON, read by a tool" "$(inside sh -c '/.sallyport/why --json --no-rerun chroot / 2>/dev/null | jq -c ".refusals[0].refused_by[0].certainty"')" \
	'^"guess"$'
is "the status is the command's" "$(inside sh -c 'for s in 0 1 77; do /.sallyport/why sh -c "exit $s" >/dev/null; echo $?; done' | xargs)" "0 1 77"
matches "without a command" "$(inside sh -c '/.sallyport/why; echo "status $?"')" 'no program named .usage: .*status 125'
matches "with an option that it lacks" "$(inside sh -c '/.sallyport/why --user app id; echo "status $?"')" 'no option --user .usage: .*status 125'
matches "with too much" "$(inside sh -c '/.sallyport/why echo "$(head -c 70000 /dev/zero | tr "\0" x)"; echo "status $?"')" \
	'65536 bytes of arguments.*outside the session.*status 125'
matches "only root's tools are served" "$(inside setpriv --reuid 1000 --clear-groups /.sallyport/why id)" 'Permission denied .run it as root'
rm -f "$JOURNAL"
inside /.sallyport/why chroot / >"$T/out"
is "it is recorded as a session of its own, with the reason" "$(events begin '"\(.command) \(.reason)"' | xargs)" \
	"attach ticket 10 why ticket 10"
rules <<<'allow unset to attach on engine runc;'
matches "by the rules it is what why is" "$(inside sh -c '/.sallyport/why chroot /; echo "status $?"')" 'no rule allows.*status 125'
rm /etc/sallyport/rules.d/50-why.conf
rm -f "$JOURNAL"
inside sh -c '/.sallyport/why sleep 1000 & sleep 1; kill $!; wait $!; echo "status $?"' >"$T/out"
is "it ends with who asked" "$(grep status "$T/out")" "status 143"
is "and has its end in the journal" "$(jq -r .event "$JOURNAL" | grep -cx end)" 2
inside sh -c '/.sallyport/why sleep 1000 & sleep 1' >"$T/out"
is "and with the session" "$(pgrep -fx 'sleep 1000'; jq -r .event "$JOURNAL" | grep -cx end)" 4

# ^C, in the first run and in a later one, also where the program does not heed it.
interrupted()
{
	local seconds=$1 begin=$EPOCHREALTIME
	shift
	timeout --preserve-status -s INT "$seconds" "$SALLYPORT" why "$NAME" -- "$@" </dev/null >"$T/out" 2>&1
	echo "status $?, $(((${EPOCHREALTIME/./} - ${begin/./}) / 1000000 - seconds)) s late"
}
rm -f "$JOURNAL"
matches "^C ends the first run" "$(interrupted 2 sleep 60)" '^status 130, [01] s late$'
matches "a later one, and there is no other then" "$(interrupted 6 sh -c 'sleep 4; chroot /; mount -t tmpfs none /')" \
	'^status 130, [01] s late$'
matches "one that does not heed it" "$(interrupted 2 sh -c 'trap "" INT; while :; do sleep 1; done')" \
	'^status 130, [012] s late$'
is "each has its end in the journal" "$(jq -r .event "$JOURNAL" | grep -cx end)" 3
nothing_left "why"
finish
