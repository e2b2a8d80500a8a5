#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine, SELinux or AppArmor enforcing: sallyport why names the label where it refuses,
# with the rule, alone and in series with another layer, and does not where something else does.
. "$(dirname "$0")/../live/lib.sh"
. "$(dirname "$0")/containers.sh"

USER='
c["process"]["user"] = {"uid": 1000, "gid": 1000}
'
case ${MODE:-} in
selinux)
	LABEL=$SELINUX_LABEL
	corpus='
plain	openat: EACCES by lsm	the categories are not	/bin/cat /vol/other
plain	open: EACCES by lsm	the categories are not	/calls open:/vol/other,1
plain	mkdir: EACCES by lsm	class dir	/calls mkdir:/closed/new,0755
plain	execve: EACCES by lsm	execute	/calls execve:/vol/program
plain	open: EACCES by lsm	var_log_t	/calls open:/vol/typed,0
plain	execve: EACCES by lsm	var_log_t	/calls execve:/vol/typed
capable	swapon: EPERM by lsm	sys_admin	/calls swapon:/vol/own,0
capable	sethostname: EPERM by lsm	sys_admin	/calls sethostname:x,1
capable	unshare: EPERM by lsm	sys_admin	/calls unshare:0x20000
user	open: EACCES by dac, lsm	categories	/calls open:/vol/secret,0
user	open: EACCES by dac, lsm	dac_	/calls open:/vol/private,0
plain	chroot: EPERM by capability, lsm	cap_sys_chroot.*sys_chroot	/calls chroot:/
plain	chroot: EPERM by capability, lsm	cap_sys_chroot.*sys_chroot	/bin/chroot /
'
	;;
apparmor)
	apparmor_parser -r <<-END
		abi <abi/3.0>,
		profile sp-why flags=(attach_disconnected,mediate_deleted) {
			capability, network, umount, pivot_root, signal, ptrace, unix, file,
			deny capability sys_chroot,
			audit deny capability sys_admin,
			deny network inet raw,
			audit deny network inet6 raw,
			deny /vol/other rw,
			deny /vol/secret rw,
			deny /vol/program x,
			deny /closed/** w,
			deny /closed/ w,
		}
	END
	LABEL='
c["process"]["apparmorProfile"] = "sp-why"
'
	corpus='
plain	openat: EACCES by lsm	denies . read . of /vol/other	/bin/cat /vol/other
plain	open: EACCES by lsm	denies . write . of /vol/other	/calls open:/vol/other,1
plain	mkdir: EACCES by lsm	denies . write . of /closed/new	/calls mkdir:/closed/new,0755
plain	execve: EACCES by lsm	denies . execute . of /vol/program	/calls execve:/vol/program
capable	mount: EACCES by lsm	operation=.mount.*in the profile: mount fstype=.tmpfs. .*none -> /tmp/,	/calls mount:none,/tmp,tmpfs,0,
capable	chroot: EPERM by lsm	.	/calls chroot:/
capable	socket: EACCES by lsm	the label of the container	/calls socket:2,3,1
capable	socket: EACCES by lsm	in the profile: network inet6 raw,	/calls socket:10,3,58
capable	sethostname: EPERM by lsm	in the profile: capability sys_admin,	/calls sethostname:x,1
user	open: EACCES by dac, lsm	.	/calls open:/vol/secret,0
user	open: EACCES by dac	mode 0600	/calls open:/vol/private,0
plain	sethostname: EPERM by capability, lsm	cap_sys_admin.*the label of the container	/calls sethostname:x,1
'
	;;
*)
	skip_all "runs in the machines with SELinux and AppArmor"
	;;
esac

prepare()
{
	cp "$TEST_BIN/calls" "$1/calls"
	mkdir -p "$1/closed"
	chmod 777 "$1/closed"
	cp "$1/bin/busybox" "$1/vol/program"
	for file in secret private typed; do echo "$file" >"$1/vol/$file"; done
	chmod 600 "$1/vol/secret" "$1/vol/private"
	chmod 755 "$1/vol/typed"
	[ "$MODE" = selinux ] || return 0
	chcon -R system_u:object_r:container_file_t:s0:c1,c2 "$1"
	chcon system_u:object_r:container_file_t:s0:c3,c4 "$1"/vol/{other,secret,program} "$1/closed"
	chcon system_u:object_r:var_log_t:s0 "$1/vol/typed"
}
[ "$MODE" != selinux ] || restorecon /etc/ld.so.cache

declare -A edits=([plain]=$PLAIN [capable]=$CAPABLE [user]=$PLAIN$USER) pids
for kind in plain capable user; do
	start_labelled crun "sp-why-$kind" "${edits[$kind]}$WRITABLE$LABEL" prepare || not_ok "crun starts $kind" "$CAUSE"
	pids[$kind]=$PID
done

while IFS=$'\t' read -r kind wanted words command; do
	[ -n "$kind" ] || continue
	# shellcheck disable=SC2086
	out=$(timeout 120 "$SALLYPORT" why --json "${pids[$kind]}" -- $command 2>"$T/errors" </dev/null)
	said=$(jq -r '.refusals[0] | "\(.syscall): \(.error) by \([.refused_by[].layer] | join(", "))"' <<<"$out")
	is "$kind: $command" "${said:-$(cat "$T/errors")}" "$wanted"
	matches "$kind: $command: its words" "$(jq -r '[.refusals[0].refused_by[] | .detail, .change] | join("; ")' <<<"$out")" "$words"
	lacks "$kind: $command: it is no guess" "$(jq -r '[.refusals[0].refused_by[].certainty] | join(" ")' <<<"$out")" guess
	case $command in
	# The first of two that can both be lifted, or a call that lasts.
	/calls\ mkdir:* | /calls\ swapon:* | /calls\ open:*,1) ;;
	*) matches "$kind: $command: it is proven" "$(jq -r '.refusals[0].refused_by[-1].certainty' <<<"$out")" '^proven$' ;;
	esac
	[ "$said" = "$wanted" ] || diag "$out"
done <<<"$corpus"
# From within a session.
out=$(piped "$SALLYPORT" attach "${pids[plain]}" -- sh -c '/.sallyport/why --json /c/bin/cat /vol/other; echo "status $?"')
is "from within a session" "$(sed '$d' <<<"$out" | jq -r '.refusals[0] | "\(.syscall) \(.refused_by[0].layer) \(.refused_by[0].certainty)"'; tail -n 1 <<<"$out")" \
	"openat lsm proven
status 1"
nothing_left "why"
finish
