#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `sallyport exec` in containers of every engine: the program that it starts is compared with the
# container's init, field by field, by what the kernel says of both.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
. "$(dirname "$0")/faithful.sh"

probe_start()
{
	"$SALLYPORT" exec ${ENGINE:+-t "$ENGINE"} "$NAME" -- /probe wait
}

# What a filter, a pipe and a shell script rely on.
pipes_and_status()
{
	local status
	"$SALLYPORT" exec "$NAME" -- /bin/cat <"$T/binary" >"$T/copy" 2>"$T/errors"
	check "$1: a binary goes through stdin and stdout unharmed" cmp "$T/binary" "$T/copy"
	is "$1: and nothing is said" "$(cat "$T/errors")" ""
	"$SALLYPORT" exec "$NAME" -- /bin/sh -c 'echo out; echo err >&2; exit 42' >"$T/out" 2>"$T/err"
	is "$1: the exit status is the program's" $? 42
	is "$1: stdout and stderr stay apart" "$(cat "$T/out")+$(cat "$T/err")" "out+err"
	"$SALLYPORT" exec "$NAME" -- /bin/sh -c 'kill -9 $$' >/dev/null 2>&1
	is "$1: killed by 9 is 137" $? 137
	"$SALLYPORT" exec "$NAME" -- /bin/sh -c 'kill -TERM $$' >/dev/null 2>&1
	is "$1: killed by TERM is 143" $? 143
	"$SALLYPORT" exec "$NAME" -- /bin/no-such >/dev/null 2>&1
	is "$1: no such program is 127" $? 127
	"$SALLYPORT" exec "$NAME" -- /bin/not-executable >/dev/null 2>&1
	is "$1: not executable is 126" $? 126
	is "$1: found by the container's PATH" "$("$SALLYPORT" exec "$NAME" -- hello-musl 2>&1)" \
		"hello-musl in container as hello-musl from /bin/hello-musl"
	seq 1 100000 | "$SALLYPORT" exec "$NAME" -- /bin/head -n 1 >"$T/out" 2>&1
	status=${PIPESTATUS[1]}
	is "$1: a reader that stops early" "$status $(cat "$T/out")" "0 1"
	"$SALLYPORT" exec "$NAME" -- /bin/sh -c 'while :; do echo y; done' 2>/dev/null | head -n 1 >"$T/out"
	is "$1: a writer whose reader stops ends" "${PIPESTATUS[0]}" 141
}

signals()
{
	local front
	"$SALLYPORT" exec "$NAME" -- /bin/sh -c 'trap "echo got; exit 9" TERM; echo ready; while :; do sleep 0.1; done' \
		>"$T/out" 2>&1 </dev/null &
	front=$!
	STARTED+=("$front")
	wait_for 5 grep -q ready "$T/out"
	kill -TERM "$front"
	wait "$front"
	is "$1: a TERM to the front is the program's" "$? $(tail -n 1 "$T/out")" "9 got"
}

options()
{
	local out
	out=$("$SALLYPORT" exec -u app "$NAME" -- /probe show 2>&1)
	matches "$1: -u app: its ids" "$out" "call.gid=1000 1000"$'\n'.*"call.groups=(1000 )?2000 3000"
	matches "$1: -u app: its home" "$out" "env.HOME=/home/app"
	is "$1: -w" "$("$SALLYPORT" exec -w /var/log "$NAME" -- /bin/pwd 2>&1)" /var/log
	is "$1: -e, replaced, new and with blanks" \
		"$("$SALLYPORT" exec -e WORLD=other -e NEW='a  b' "$NAME" -- /bin/sh -c 'echo "$WORLD,$NEW"' 2>&1)" \
		"other,a  b"
	is "$1: -e VAR takes our own value" \
		"$(OURS=mine "$SALLYPORT" exec -e OURS "$NAME" -- /bin/sh -c 'echo "$OURS"' 2>&1)" mine
	is "$1: nothing else of our environment comes in" \
		"$(LEAK=me "$SALLYPORT" exec "$NAME" -- /bin/sh -c 'echo "$LEAK"' 2>&1)" ""
	exec 7<"$HERE/lib.sh"
	lacks "$1: no descriptor of ours comes in" "$("$SALLYPORT" exec "$NAME" -- /probe show 2>&1)" 'fd\.00[3-9]'
	matches "$1: but that of --keep-fd" "$("$SALLYPORT" exec --keep-fd 7 "$NAME" -- /probe show 2>&1)" 'fd\.007'
	exec 7<&-
	out=$(trap '' INT QUIT USR1; "$SALLYPORT" exec "$NAME" -- /probe show 2>&1)
	lacks "$1: ignored signals are reset" "$out" 'signal.ignored'
	lacks "$1: and none is blocked" "$out" 'signal.blocked'
	out=$(umask 077; ulimit -S -n 99; cd "$T" && "$SALLYPORT" exec "$NAME" -- /probe show 2>&1)
	lacks "$1: nor our umask, limit or folder" "$out" "call.umask=0077|=99 |=/tmp/sp-test"
}

# What the daemon is asked by, where it has another container too.
docker_names()
{
	local id other=$NAME-2
	id=$(docker inspect -f '{{.Id}}' "$NAME")
	docker run -d --network none --name "$other" sp-test:1 "${INIT[@]}" >/dev/null
	is "$1: by its name" "$("$SALLYPORT" exec "$NAME" -- /bin/hostname 2>&1)" "${id:0:12}"
	is "$1: by its id" "$("$SALLYPORT" exec "$id" -- /bin/hostname 2>&1)" "${id:0:12}"
	is "$1: by the beginning of its id" "$("$SALLYPORT" exec "${id:0:8}" -- /bin/hostname 2>&1)" "${id:0:12}"
	is "$1: by its pid" "$("$SALLYPORT" exec "$PID" -- /bin/hostname 2>&1)" "${id:0:12}"
	lacks "$1: the other one is another" "$("$SALLYPORT" exec "$other" -- /bin/hostname 2>&1)" "${id:0:12}"
	docker stop -t 0 "$other" >/dev/null
	matches "$1: one that is stopped" "$("$SALLYPORT" exec "$other" -- /bin/true 2>&1)" "$other .docker. is not running"
	docker rm -f "$other" >/dev/null
	matches "$1: of an unknown one the running are told" "$("$SALLYPORT" exec "$other" -- /bin/true 2>&1)" \
		"unknown container \"$other\" .running: .*$NAME"
}

head -c 3000000 /dev/urandom >"$T/binary"
for engine in $ENGINES; do
	if ! start_"$engine"; then
		skip "$engine" "$CAUSE"
		continue
	fi
	faithful "$engine"
	case $engine in
	runc_minimal)
		"$SALLYPORT" exec "$NAME" -- /probe show 5 >"$T/out" 2>&1
		is "$engine: the exit status is the program's" $? 5
		;;
	*) pipes_and_status "$engine" ;;
	esac
	case $engine in
	docker | runc | runc_userns | unshare)
		[ "$engine" != docker ] || docker_names docker
		signals "$engine"
		options "$engine"
		;;
	esac
	nothing_left "$engine"
done
finish
