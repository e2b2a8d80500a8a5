# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the live tests, bash. TAP, a temporary folder, what is left behind, processes.
#
# From the environment: SALLYPORT, the program under test, its helpers beside it; TEST_BIN, the folder
# of the test's own programs. A test ends with `finish`; one that ends without it has failed.

set -u
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8
unset DOCKER_HOST XDG_RUNTIME_DIR LD_PRELOAD MALLOC_PERTURB_
# In a build with sanitizers: what looks for leaks at the end traces its own process, which our own
# filters forbid it.
export ASAN_OPTIONS=detect_leaks=0

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TEST=$(basename "$0" .sh)
ROOT_OF_BUILD=$(dirname "${SALLYPORT:?the program under test}")
HELPERS=${SALLYPORT_HELPERS:-$ROOT_OF_BUILD}	# the folder of sallyport-gate and the others
: "${TEST_BIN:?the programs of the test}"
T=$(mktemp -d "/tmp/sp-test.$TEST.XXXXXX")
# Not all that may look at it is root: users of a container, and nobody.
chmod 755 "$T"

checks=0
failures=0
finished=
STARTED=()	# processes that the test started and that are to be ended
ENDINGS=()	# commands that take down what the test set up, run in reverse order

diag()
{
	printf '%s\n' "$*" | head -c 8000 | sed 's/^/# /'
}

ok()
{
	checks=$((checks + 1))
	printf 'ok %d - %s\n' "$checks" "$1"
}

# not_ok NAME [DIAGNOSTICS...]
not_ok()
{
	local name=$1
	shift
	checks=$((checks + 1))
	failures=$((failures + 1))
	printf 'not ok %d - %s\n' "$checks" "$name"
	[ $# -eq 0 ] || diag "$*"
	return 0
}

# skip NAME CAUSE
skip()
{
	checks=$((checks + 1))
	printf 'ok %d - %s # SKIP %s\n' "$checks" "$1" "$2"
}

skip_all()
{
	printf '1..0 # SKIP %s\n' "$1"
	finished=yes
	exit 0
}

# is NAME GOT WANTED
is()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "got:    $2"$'\n'"wanted: $3"
	fi
}

# matches NAME GOT REGEX: an extended regular expression
matches()
{
	if [[ $2 =~ $3 ]]; then
		ok "$1"
	else
		not_ok "$1" "got:              $2"$'\n'"should match:     $3"
	fi
}

# lacks NAME GOT REGEX
lacks()
{
	if [[ $2 =~ $3 ]]; then
		not_ok "$1" "got:              $2"$'\n'"shouldn't match:  $3"
	else
		ok "$1"
	fi
}

# check NAME COMMAND...: that it succeeds; what it says explains a failure.
check()
{
	local name=$1 out status
	shift
	out=$("$@" 2>&1)
	status=$?
	if [ "$status" = 0 ]; then
		ok "$name"
	else
		not_ok "$name" "$* : status $status"$'\n'"$out"
	fi
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for()
{
	local tries=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

# box_root APPLET...: makes $root, a container's root of busybox with these applets.
box_root()
{
	local applet
	root=$T/rootfs
	mkdir -p "$root"/{bin,dev,etc,proc,tmp}
	cp /bin/busybox "$root/bin/busybox"
	for applet in "$@"; do
		ln -s /bin/busybox "$root/bin/$applet"
	done
}

# start_box NAME [COMMAND...]: a container of $root (box.c), whose init, $init, sleeps till the test's end;
# COMMAND starts it.
start_box()
{
	local box_job name=$1
	shift
	init=
	"$@" "$TEST_BIN/box" "$root" "sallyport-$name-$$" /bin/sleep 6000 >"$T/pid" &
	box_job=$!
	ENDINGS+=("[ -z \"\$init\" ] || kill -9 \"\$init\"; wait $box_job")
	wait_for 10 sh -c "grep -q sleep /proc/\$(cat $T/pid)/comm"
	init=$(cat "$T/pid")
}

is_gone()
{
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
	[ -z "$state" ] || [ "$state" = Z ]
}

# end_process PID: TERM, then KILL; only ever by a pid that we know.
end_process()
{
	kill -TERM "$1" 2>/dev/null || return 0
	wait_for 3 is_gone "$1" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	return 0
}

descendants()
{
	local child
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		descendants "$child"
		echo "$child"
	done
}

# All that a session could leave on the host; processes are known by the file of their program, so
# that another build's are not meant.
leavings()
{
	"$HERE/world.py" leavings "$ROOT_OF_BUILD" "$HELPERS"
}

leavings | sort >"$T/.before"

# nothing_left NAME [SECONDS]: what there is of the product is what there was when the test started.
nothing_left()
{
	local new tries=$((${2:-2} * 10))
	while :; do
		new=$(leavings | sort | comm -13 "$T/.before" -)
		[ -n "$new" ] && [ "$tries" -gt 0 ] || break
		tries=$((tries - 1))
		sleep 0.1
	done
	is "$1: nothing is left" "$new" ""
}

# host_pid INNER INIT: the pid on the host of the process that is INNER in the pid namespace of INIT.
host_pid()
{
	"$HERE/world.py" host-pid "$1" "$2"
}

# in_pty COMMAND...: on a terminal of its own; see terminal.py.
in_pty()
{
	"$HERE/terminal.py" "$@"
}

finish()
{
	finished=yes
	exit 0
}

on_exit()
{
	local status=$? i pid
	trap - EXIT
	trap '' INT TERM
	for ((i = ${#ENDINGS[@]} - 1; i >= 0; i--)); do
		eval "${ENDINGS[i]}" >/dev/null 2>&1
	done
	for pid in "${STARTED[@]}"; do
		end_process "$pid"
	done
	# What is mounted below goes first: nothing but our own files may be removed.
	awk -v t="$T/" 'index($5, t) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
		while read -r mount; do umount -l "$mount"; done
	find "$T" -xdev -depth -delete 2>/dev/null || rm -rf --one-file-system "$T"
	[ -n "$finished" ] || not_ok "the test ran to its end" "it ended early, status $status"
	[ "$checks" = 0 ] || echo "1..$checks"
	[ "$failures" = 0 ] && [ -n "$finished" ]
	exit $?
}
trap on_exit EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

[ "$(id -u)" = 0 ] || skip_all "needs root"
for program in "$SALLYPORT" "$TEST_BIN/probe" "$TEST_BIN/seccomp-dump" "$TEST_BIN/hello-musl" \
	"$TEST_BIN/hello-elsewhere"; do
	[ -x "$program" ] || {
		not_ok "$program is there"
		exit 1
	}
done
