#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine, SELinux or AppArmor enforcing: as tests/fidelity/bugs.sh, permission bugs that people
# have reported whose cause is the label. The program fails in the container, in the same way by `sallyport
# exec` and from /c of a session, `sallyport why` names the rule, and it works by nsenter, which forgets the label.
. "$(dirname "$0")/../live/lib.sh"
. "$(dirname "$0")/containers.sh"

# WHAT IT SAYS IN THE CONTAINER	BY NSENTER	LAYER	WORDS OF THE CAUSE	WHO TOLD OF IT	COMMAND
case ${MODE:-} in
selinux)
	LABEL=$SELINUX_LABEL
	BUGS='
open: EACCES	open: works	open by lsm	user_tmp_t	containers/podman#10522: a bind mount of a file with another type	/calls open:/vol/typed,0
open: EACCES	open: works	open by lsm	categories	coreos/coreos-assembler#292: a volume with the categories of another container	/calls open:/vol/other,0
open: EACCES	open: works	open by lsm	write.*user_tmp_t	containers/podman#2245: written to, with the wrong type	/calls open:/vol/typed,1
'
	;;
apparmor)
	# docker-default as it was when these were reported.
	apparmor_parser -r <<-END || exit 1
		abi <abi/3.0>,
		profile sp-bugs flags=(attach_disconnected,mediate_deleted) {
			network, capability, file, umount,
			signal (receive) peer=unconfined,
			ptrace (readby, tracedby) peer=unconfined,
			deny mount,
		}
	END
	LABEL='
c["process"]["apparmorProfile"] = "sp-bugs"
'
	BUGS='
mount: EACCES	mount: works	mount by lsm	sp-bugs	moby/moby#36686: mount fails though SYS_ADMIN was added	/calls mount:none,/tmp,tmpfs,0,
ptrace: EACCES	ptrace: works	ptrace by lsm	ptrace .trace. peer=sp-bugs, ptrace .tracedby. peer=sp-bugs,	moby/moby#7276: strace and gdb fail though SYS_PTRACE was added	/calls ptrace:0x4206,1,0,0
kill: EACCES	kill: works	kill by lsm	signal .send. set=.cont. peer=sp-bugs, signal .receive. set=.cont. peer=sp-bugs,	moby/moby#36809: no rule for signals since the kernel asks for one	/calls kill:1,18
'
	;;
*)
	skip_all "runs in the machines with SELinux and AppArmor"
	;;
esac

prepare()
{
	cp "$TEST_BIN/calls" "$1/calls"
	echo typed >"$1/vol/typed"
	[ "$MODE" = selinux ] || return 0
	chcon -R system_u:object_r:container_file_t:s0:c1,c2 "$1"
	chcon system_u:object_r:container_file_t:s0:c3,c4 "$1/vol/other"
	chcon system_u:object_r:user_tmp_t:s0 "$1/vol/typed"
}
start_labelled crun sp-bugs "$CAPABLE$WRITABLE$LABEL" prepare || not_ok "crun starts a container" "$CAUSE"

while IFS=$'\t' read -r failure works layer words told command; do
	[ -n "$failure" ] || continue
	# shellcheck disable=SC2086
	set -- $command
	is "$told" "$(low crun exec "$NAME" "$@")" "$failure"
	is "$*: sallyport exec" "$(by_exec "$PID" "$@")" "$failure"
	is "$*: sallyport attach" "$(by_attach "$PID" "$@")" "$failure"
	piped "$SALLYPORT" why --json "$PID" -- "$@" >"$T/why"
	matches "$*: sallyport why" "$(jq -r '.refusals[0] | "\(.syscall) by \([.refused_by[].layer] | join(", "))"' "$T/why")" "^$layer\$"
	matches "$*: and its words" "$(jq -r '.refusals[0].refused_by[0] | .detail, .change' "$T/why")" "$words"
	is "$*: by nsenter it works" "$(piped nsenter -t "$PID" -a "$@")" "$works"
done <<<"$BUGS"
nothing_left "the bugs"
finish
