#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine, after other tests: the kernel denied nothing to our own processes.
. "$(dirname "$0")/../live/lib.sh"

sleep 1 # for auditd to write what the kernel said last
log=/var/log/audit/audit.log
case ${MODE:-} in
selinux)
	# The machine's own standard error is a pipe of the kernel's domain, that of its pid 1.
	denials=$(grep -aE 'avc:  denied.*scontext=[^ ]*:sallyport_[a-z_]*_?t:|op=security_(bounded|compute).*sallyport_' "$log" |
		grep -v 'tcontext=system_u:system_r:kernel_t:s0 tclass=fd' |
		# vm/selinux forbids it for a while: sallyport_enter_unconfined.
		grep -v 'denied  { ptrace }.*tcontext=unconfined_u:unconfined_r:unconfined_t:s0 tclass=process')
	runcon system_u:system_r:container_t:s0:c9 cat /etc/shadow >"$T/control" 2>&1
	check "auditd records denials" \
		wait_for 5 grep -aq "denied.*scontext=system_u:system_r:container_t:s0:c9" "$log"
	;;
apparmor)
	# What is denied to the processes of the tests' containers is named after its victim too.
	denials=$(grep -aE 'apparmor="DENIED".*profile="(sallyport|[^"]*//&sallyport)' "$log" |
		grep -vE 'requested_mask="(receive|readby|tracedby)".* peer="sp-')
	printf 'profile sp-control { / r, /** rmix, audit deny /etc/shadow r, }' | apparmor_parser -r
	aa-exec -p sp-control -- cat /etc/shadow >"$T/control" 2>&1
	check "auditd records denials" wait_for 5 grep -aq "apparmor=.DENIED.*sp-control" "$log"
	;;
*)
	skip_all "no LSM enforces here"
	;;
esac
is "nothing was denied to our processes" "$(printf '%s\n' "$denials" | head -n 40)" ""
finish
