#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A hostile container under `sallyport why`: turncoat.c knows when it is run with something lifted and uses it.
. "$(dirname "$0")/../live/isolated.sh"
. "$(dirname "$0")/../live/lib.sh"
. "$HERE/engines.sh"
have runc || skip_all "$CAUSE"
TURNCOAT=$TEST_BIN/../hostile/turncoat
why() { timeout 240 "$SALLYPORT" why "$@" </dev/null; }

start()
{
	local root=$T/$1/rootfs
	make_rootfs "$root"
	mkdir -p "$root/mnt"
	cp "$TURNCOAT" "$root/turncoat"
	touch "$root/tmp/log"
	echo none >"$root/tmp/shared"
	chmod 666 "$root/tmp/log" "$root/tmp/shared"
	mkdir "$root/tmp/"$'\033[31m\nfake: line'
	chmod 700 "$root/tmp/"*fake*
	chown 5:5 "$root/tmp/"*fake*
	start_runc_bundle "$1" "
c['root']['readonly'] = False
c['process']['noNewPrivileges'] = False
$2"
}
# tried MODE: runs it; LOG is what it wrote, in words
tried()
{
	: >"$ROOTFS/tmp/log"
	why --json "$NAME" -- /turncoat "$@" >"$T/why" 2>"$T/errors"
	LOG=$(sed 's/..../& /g' "$ROOTFS/tmp/log")
	SAID=$(jq -r '.refusals[0] | "\(.syscall): \([.refused_by[] | "\(.layer) \(.certainty)"] | join(", "))"' "$T/why")
}
untouched() { is "$1: nothing was made" "$(ls -d "$ROOTFS"/tmp/made* 2>&1)" "ls: cannot access '$ROOTFS/tmp/made*': No such file or directory"; }

if ! start "sp-turncoat-$$" ""; then
	skip_all "$CAUSE"
fi
# The control: by exec it may make what it would make.
"$SALLYPORT" exec "$NAME" -- sh -c 'mkdir /tmp/made && touch /tmp/made-file' </dev/null
is "its files could be made" "$(ls -d "$ROOTFS"/tmp/made* | wc -l)" 2
rm -r "$ROOTFS"/tmp/made*

tried before
matches "before the call: it was run with more" "$LOG" '^same .*more'
untouched "before the call"
matches "and it is not said that the call would work" "$SAID" '^mount: (unknown|capability) guess$'
matches "but before what it was ended" "$(jq -r '.refusals[0].refused_by[0].detail' "$T/why")" 'ended before mkdir\("/tmp/made'
tried after
matches "after the call: it was run with more" "$LOG" 'more'
is "it is told" "$SAID" "mount: capability proven"
untouched "after the call"
seen=
for i in 1 2 3 4 5 6; do
	tried thread
	matches "threads that wait for the mount ($i): it was run with more" "$LOG" 'more'
	is "it is told, as they come to rest before the call" "$SAID" "mount: capability proven"
	seen+=" $(cat "$ROOTFS/tmp/shared")"
done
is "they never see it" "$seen" " none none none none none none"
tried busy
is "a thread that does not come out of its call: so it is said" \
	"$(jq -r '.refusals[0].refused_by[] | "\(.layer) \(.certainty) \(.detail)"' "$T/why" | cut -c 1-28)" "unknown guess not found out:"
matches "and why" "$(jq -r '.refusals[0].refused_by[0].detail' "$T/why")" 'another of its threads was long inside of a call'
for i in 1 2 3 4 5 6; do
	tried moody
	said=$(jq -r '.refusals[0].refused_by[] | "\(.layer) \(.certainty) \(.capabilities // [] | join(","))"' "$T/why" | paste -sd';')
	matches "a program that comes to the call by chance ($i): what is said is right or no verdict" "$said" \
		'^(capability proven sys_admin|[a-z ]* guess [a-z_,]*)$'
done
tried untraced
matches "a child that is not traced: in the first run it is" "$LOG" '^same kid\. '
matches "there is none with more" "$LOG" 'more none'
lacks "never" "$LOG" 'more kid'
untouched "a child that is not traced"
is "it is told" "$SAID" "mount: capability proven"
tried ring
lacks "io_uring: there is none with more" "$LOG" 'more ring'
matches "but no more than that is kept from it" "$LOG" 'more none'
tried foreign
untouched "the 32-bit entry"
tried execute
matches "another thread executes: it was run with more" "$LOG" 'more'
untouched "another thread executes"
is "it is told" "$SAID" "mount: capability proven"
tried changing
is "a path that changes while it is read: it comes to an end" "$(jq '.refusals | length > 0' "$T/why")" true
tried addresses
is "strings that are none" "$(jq '.refusals | length > 0' "$T/why")" true
begin=$SECONDS
tried refusals
is "100,000 refusals: so many are explained" "$(jq '.refusals | length' "$T/why")" 12
is "the others are counted" "$(jq .unexplained "$T/why")" $((100000 - 12))
diag "in $((SECONDS - begin)) s"
begin=$SECONDS
tried forks
is "3,000 forks that are refused each" "$(jq '.refusals[0].times > 2900' "$T/why")" true
diag "in $((SECONDS - begin)) s"

# What is printed is the container's own choice.
: >"$ROOTFS/tmp/log"
why "$NAME" -- /turncoat names >"$T/why" 2>&1
lacks "names with escape sequences, in what is printed" "$(cat "$T/why")" $'\033|\302\233'
is "none begins a line of its own" "$(grep -c '^fake' "$T/why")" 0
matches "they are told" "$(cat "$T/why")" '\\x1b\[31m.*fake: line'
why --json "$NAME" -- /turncoat names >"$T/why" 2>&1
is "as JSON they are sound" "$(jq '.refusals | length > 1' "$T/why")" true
lacks "without control characters" "$(cat "$T/why")" $'\033'

# A filter that is lifted for one call is in force for the others.
runc delete -f "$NAME" >/dev/null 2>&1
start "sp-turncoat-filter-$$" "
c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64'],
    'syscalls': [{'names': ['chmod', 'chroot'], 'action': 'SCMP_ACT_ERRNO'}]}"
mode=$(stat -c %a "$ROOTFS/tmp/log")
tried filter
matches "a filter: it was run without" "$LOG" 'same safe'
lacks "but not for chmod" "$LOG" gone
is "its file is as it was" "$(stat -c %a "$ROOTFS/tmp/log")" "$mode"
matches "chroot is told" "$SAID" '^chroot: seccomp (exact|proven)'
nothing_left "a hostile container"
finish
