#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A session whose parts die: each of our processes killed, the container, the terminal, ^C and SIGKILL at
# each stage of the set-up. It ends within 2 seconds, says why, leaves nothing, and the container never
# notices.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
: "${STAGES:=40}"

# What one could see of the container if a session had touched it.
container_state()
{
	local pid
	cat "/proc/$PID/mountinfo" "/proc/$PID/environ" | tr '\0' '\n'
	grep -E '^(State|TracerPid|Uid|Groups|Cap|NoNewPrivs|Seccomp|Sig[BIC]|ShdPnd)' "/proc/$PID/status"
	ls -l "/proc/$PID/fd" | awk '{ print $(NF-2), $(NF-1), $NF }'
	for pid in $("$HERE/world.py" in-namespace "$PID"); do
		echo "process $(cat "/proc/$pid/comm" 2>/dev/null)"
	done
	find "$ROOTFS" -xdev -printf '%p %y %m %U %G %s %T@ %C@\n' | sort
}

untouched()
{
	local now tries=20
	while now=$(container_state) && [ "$now" != "$state" ] && [ "$tries" -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	is "$1: the container is untouched" "$(diff <(echo "$state") <(echo "$now"))" ""
}

child_runs()
{
	local pid
	for pid in $(descendants "$1"); do
		[ "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" = "$2" ] && return 0
	done
	return 1
}

# begin attach|exec: a session; a tool of the host that started a program of the container, which waits
begin()
{
	local command=(exec "$NAME" -- /bin/sh -c '/bin/sleep 4322; echo not reached')
	[ "$1" = exec ] ||
		command=(attach "$NAME" -- sh -c '/bin/sleep 4321 & /c/bin/sh -c "/bin/sleep 4322; :"; echo not reached')
	: >"$T/errors"
	"$SALLYPORT" "${command[@]}" </dev/null >"$T/out" 2>"$T/errors" &
	front=$!
	STARTED+=("$front")
	wait_for 10 child_runs "$front" "/bin/sleep 4322 " || not_ok "$1: the session runs" "$(cat "$T/errors")"
}

# ended NAME STATUS [PATTERN]: the front ends within 2 seconds with a status (a regular expression) and
# a word of why.
ended()
{
	local status start=${EPOCHREALTIME/./}
	wait_for 5 is_gone "$front"
	local took=$(((${EPOCHREALTIME/./} - start) / 1000))
	wait "$front" 2>/dev/null
	status=$?
	matches "$1: the session's status" "$status" "^($2)$"
	[ "$took" -lt 2000 ] && ok "$1: within 2 s" || not_ok "$1: within 2 s" "$took ms"
	[ -z "${3-}" ] || matches "$1: and says why" "$(cat "$T/errors")" "$3"
}

# our_processes NAME: the session's, by the file of the program
our_processes()
{
	local pid
	for pid in $(descendants "$front"); do
		[ "$(basename "$(readlink "/proc/$pid/exe")")" != "$1" ] || echo "$pid"
	done
}

each_process_killed()
{
	local victim which pid
	for which in 1 2 3; do
		case $which in
		1) victim=gate ;;
		*) victim=fs ;;
		esac
		begin attach
		kill -KILL "$(our_processes "sallyport-$victim" | sed -n "$((which == 3 ? 2 : 1))p")"
		ended "attach, sallyport-$victim killed ($which)" 125 "sallyport-$victim.* has ended"
		nothing_left "attach, sallyport-$victim killed ($which)"
		untouched "attach, sallyport-$victim killed ($which)"
	done
	for which in attach exec; do
		begin "$which"
		kill -KILL "$front"
		ended "$which, the front killed" 137
		nothing_left "$which, the front killed"
		untouched "$which, the front killed"
	done
	begin exec
	# The process that watches over the program: nobody's but the front's.
	kill -KILL "$(our_processes sallyport)"
	sleep 0.3
	is "exec, its guardian killed: the session goes on" "$(is_gone "$front" || echo goes on)" "goes on"
	kill -TERM "$front"
	ended "exec, its guardian killed, then TERM" 143
	nothing_left "exec, its guardian killed"
	begin attach
	kill -KILL $(our_processes sallyport-gate) $(our_processes sallyport-fs) "$front"
	ended "attach, all of ours killed at once" 137
	# Nor with anybody who could remove the session's file: the next session does.
	"$SALLYPORT" exec "$NAME" -- /bin/true
	nothing_left "attach, all of ours killed at once"
	# With nobody left who knows, what runs in the container goes on, as a program of the container.
	for pid in $("$HERE/world.py" in-namespace "$PID"); do
		[ "$pid" = "$PID" ] || kill -KILL "$pid"
	done
	untouched "attach, all of ours killed at once, and its program"
}

# The operator's terminal, on which an interactive session runs.
terminal_gone()
{
	local out how
	for how in attach exec; do
		out=$(in_pty --timeout 10 --step '[$#] ' "/bin/sleep 4323 & /bin/sleep 4324\n" --step sleep @hangup \
			-- env SHELL=/bin/sh PS1='$ ' "$SALLYPORT" "$how" "$NAME" $([ "$how" = attach ] || echo -- /bin/sh) 2>&1)
		matches "$how: the terminal hangs up: it ends" "$out" '.(status 129|signal 1).'
		nothing_left "$how: the terminal hangs up"
		untouched "$how: the terminal hangs up"
	done
}

# stages NAME SIGNAL STATUS COMMAND...: the signal at every so many system calls of the front, up to the
# whole set-up.
stages()
{
	local name=$1 signal=$2 status=$3 calls at bad=0 got start took last
	shift 3
	calls=$(strace -c -o /dev/stdout "$@" </dev/null 2>/dev/null | awk '$NF == "total" { print $4 }')
	for ((i = 1; i <= STAGES; i++)); do
		# Most calls are made before the session itself is begun: these half the time.
		at=$((i % 2 ? calls * i / STAGES : calls - 400 + 400 * i / STAGES))
		[ "$at" -gt 0 ] || at=1
		start=${EPOCHREALTIME/./}
		# In a process group of its own: ^C goes to all that the front has there.
		timeout -k 1 20 strace -qq -o /dev/null -e trace=none -e inject=all:signal="$signal":when="$at" \
			"$@" </dev/null >"$T/out" 2>"$T/errors"
		got=$?
		took=$(((${EPOCHREALTIME/./} - start) / 1000))
		# The last ones may come when the program has run.
		if ! [[ $got =~ ^($status|0)$ ]] || [ "$took" -gt 4000 ] ||
			{ [ "$signal:$got" = INT:130 ] && ! grep -q 'ended by SIGINT' "$T/errors" && ! grep -q ran "$T/out"; }; then
			bad=$((bad + 1))
			diag "$name: $signal at call $at of $calls: status $got after $took ms: $(cat "$T/errors")"
		fi
		[ "$got" = 0 ] && last=$((${last:-0} + 1))
	done
	is "$name: SIG$signal at $STAGES stages ends it, ${last:-0} of them came too late" "$bad" 0
	nothing_left "$name: SIG$signal at $STAGES stages"
	untouched "$name: SIG$signal at $STAGES stages"
}

# One of our processes is killed while the session is being set up.
helpers_killed_early()
{
	local delay victim i bad=0 pid start took status
	for delay in 0 0.01 0.02 0.03 0.05 0.08; do
		for victim in sallyport-fs sallyport-gate; do
			"$SALLYPORT" attach "$NAME" -- sleep 5 </dev/null >"$T/out" 2>"$T/errors" &
			front=$!
			pid=
			while [ -z "$pid" ] && ! is_gone "$front"; do
				pid=$(our_processes "$victim" | head -n 1)
			done
			sleep "$delay"
			[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
			start=${EPOCHREALTIME/./}
			wait_for 5 is_gone "$front"
			took=$(((${EPOCHREALTIME/./} - start) / 1000))
			wait "$front"
			status=$?
			[ "$status" = 125 ] && [ "$took" -lt 2000 ] && grep -q "^sallyport: .*sallyport-" "$T/errors" && continue
			bad=$((bad + 1))
			diag "$victim ($pid) killed after $delay s: status $status after $took ms: $(cat "$T/errors")"
		done
	done
	is "attach: a helper killed during the set-up ends it, and is named" "$bad" 0
	nothing_left "attach: a helper killed during the set-up"
	untouched "attach: a helper killed during the set-up"
}

container_dies()
{
	local how
	for how in attach exec; do
		begin "$how"
		kill -KILL "$PID"
		ended "$how, the container dies" 125 'the container has ended'
		nothing_left "$how, the container dies"
		start_again
	done
	for how in 0.05 0.1 0.15 0.2 0.3; do
		: >"$T/errors"
		"$SALLYPORT" attach "$NAME" -- sleep 4321 </dev/null >"$T/out" 2>"$T/errors" &
		front=$!
		STARTED+=("$front")
		sleep "$how"
		kill -KILL "$PID"
		ended "attach, the container dies after $how s of set-up" 125 '^sallyport: .*(ended|No such process|not running|unknown container)'
		nothing_left "attach, the container dies after $how s of set-up"
		start_again
	done
}

start_again()
{
	runc delete -f "$NAME" >/dev/null 2>&1
	start_runc_bundle "$NAME" "$RUNC_SECCOMP" || { not_ok "the container starts again" "$CAUSE"; finish; }
}

make_rootfs "$T/sp-runc-$$/rootfs"
start_runc_bundle "sp-runc-$$" "$RUNC_SECCOMP" || skip_all "$CAUSE"
state=$(container_state)

each_process_killed
terminal_gone
helpers_killed_early
stages attach INT 130 "$SALLYPORT" attach "$NAME" -- echo ran
stages attach KILL 137 "$SALLYPORT" attach "$NAME" -- echo ran
stages exec INT 130 "$SALLYPORT" exec "$NAME" -- /bin/echo ran
stages exec KILL 137 "$SALLYPORT" exec "$NAME" -- /bin/echo ran
container_dies
finish
