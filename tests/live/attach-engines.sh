#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `sallyport attach` in containers of every engine: what a host tool starts from /c is compared with
# the container's init; what the tool itself sees; programs that only the container can run.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
. "$(dirname "$0")/faithful.sh"

attach()
{
	timeout -k 5 60 "$SALLYPORT" attach "$NAME" -- "$@"
}

probe_start()
{
	"$SALLYPORT" attach ${ENGINE:+-t "$ENGINE"} "$NAME" -- /bin/sh -c '/c/probe wait; exit $?'
}

# What a host tool sees, and what it is.
tool()
{
	local out
	is "$1: a host tool sees the host's files" "$(attach cat "$T/host-file" 2>&1)" "of the host"
	is "$1: and lists the container's at /c" "$(attach ls /c 2>&1 | grep -x probe)" probe
	out=$(attach "$TEST_BIN/probe" show 2>&1)
	for ns in net ipc uts pid; do
		is "$1: a tool is in the container's $ns namespace" \
			"$(sed -n "s/^ns\.$ns=//p" <<<"$out")" "$(readlink "/proc/$PID/ns/$ns")"
	done
	is "$1: and in the host's user namespace" "$(sed -n 's/^ns\.user=//p' <<<"$out")" \
		"$(readlink /proc/self/ns/user)"
	lacks "$1: in a mount namespace that is neither's" "$(sed -n 's/^ns\.mnt=//p' <<<"$out")" \
		"$(readlink "/proc/$PID/ns/mnt" | tr -dc 0-9)|$(readlink /proc/self/ns/mnt | tr -dc 0-9)"
	is "$1: under no filter of the container's" "$(sed -n 's/^status\.Seccomp_filters=//p' <<<"$out")" \
		"$(awk '/^Seccomp_filters/ { print $2 }' /proc/self/status)"
	is "$1: a tool has no descriptor of ours" "$(grep -c '^fd\.' <<<"$out")" \
		"$("$TEST_BIN/probe" show | grep -c '^fd\.')"
	attach sh -c 'exit 37' >/dev/null 2>&1
	is "$1: a tool's exit status" $? 37
	attach sh -c '/c/probe show 38 >/dev/null; exit $?' >/dev/null 2>&1
	is "$1: a container program's exit status" $? 38
	is "$1: a tool sees the container's processes" "$(attach sh -c 'cat /proc/1/comm' 2>&1)" probe
	attach cat "$T/binary" </dev/null >"$T/copy" 2>/dev/null
	check "$1: a binary file through the host view" cmp "$T/binary" "$T/copy"
}

programs()
{
	local program
	for program in hello-musl hello-elsewhere; do
		is "$1: $program" "$(attach "/c/bin/$program" 2>&1)" "$program in container as /bin/$program from /bin/$program"
	done
	is "$1: a script of the container" "$(attach /c/bin/hello-script one 'two  three' '' 2>&1)" \
		"hello-script in container as /bin/hello-script with 3:one two  three "
	is "$1: a script whose #! is a link with an argument" "$(attach /c/bin/hello-sh 2>&1)" "hello-sh in container"
	is "$1: a file without a #!" "$(attach sh -c /c/bin/hello-plain 2>&1)" "no interpreter line"
	is "$1: an applet, an absolute link" "$(attach /c/bin/cat /etc/sallyport-test-world 2>&1)" container
	is "$1: a relative link to an absolute one" "$(attach /c/usr/links/cat /etc/sallyport-test-world 2>&1)" container
	is "$1: a relative name inside /c" \
		"$(attach sh -c 'cd /c/bin && ./hello-musl' 2>&1)" "hello-musl in container as ./hello-musl from ./hello-musl"
	is "$1: it starts where the tool was" "$(attach sh -c 'cd /c/var/log && /c/bin/pwd' 2>&1)" /var/log
	is "$1: by PATH" "$(attach sh -c 'PATH=/c/bin:$PATH; hello-musl' 2>&1)" \
		"hello-musl in container as hello-musl from /bin/hello-musl"
	is "$1: pipes between both worlds" \
		"$(attach sh -c 'seq 1 1000 | /c/bin/tac | head -n 1 | /c/bin/sed s/1/x/' 2>&1)" x000
	attach /c/bin/cat <"$T/binary" >"$T/copy" 2>"$T/errors"
	check "$1: a binary through a container's program" cmp "$T/binary" "$T/copy"
	attach sh -c '/c/bin/no-such; exit $?' >/dev/null 2>&1
	is "$1: no such program is 127" $? 127
	attach sh -c '/c/bin/not-executable; exit $?' >/dev/null 2>&1
	is "$1: not executable is 126" $? 126
}

head -c 3000000 /dev/urandom >"$T/binary"
echo "of the host" >"$T/host-file"
for engine in $ENGINES; do
	if ! start_"$engine"; then
		skip "$engine" "$CAUSE"
		continue
	fi
	faithful "$engine"
	tool "$engine"
	[ "$engine" = runc_minimal ] || programs "$engine"
	nothing_left "$engine"
done
finish
