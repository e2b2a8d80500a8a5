#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine, AppArmor enforcing: each rule of our profiles is needed. Without it the kernel denies
# something to our processes in a session that does what tools do. By hand, for it takes its time.
. "$(dirname "$0")/../live/lib.sh"

profiles=/sys/kernel/security/apparmor/profiles
grep -q '^sallyport-tool (enforce)' "$profiles" 2>/dev/null || skip_all "our AppArmor profiles are not loaded"
box_root cat sleep true
# With no_new_privs the launcher may leave no profile: it must have none.
start_box profiles setpriv --no-new-privs
ENDINGS+=("apparmor_parser -r /etc/apparmor.d/sallyport-fs /etc/apparmor.d/sallyport-tool")
printf 'abi <abi/3.0>,\nprofile sp-other flags=(attach_disconnected) { / r, /** rmix, ptrace, signal, capability, }\n' | apparmor_parser -r

rules_of() { sed -n '/^profile /,/^}/p' "/etc/apparmor.d/$1" | sed -n 's/^ *\([^# ].*,\)$/\1/p; s/^ *\(include .*\)$/\1/p'; }

# kernel_denials: how many those of our processes are, this instant
kernel_denials()
{
	sync # auditd's order
	grep -acE 'apparmor="DENIED".* profile="(sallyport-[a-z]*|[^"]*libexec/sallyport[^"]*)"' /var/log/audit/audit.log
}
more_denials() { [ "$(kernel_denials)" != "$1" ]; }

# tool COMMAND...: in a session
tool() { timeout 20 "$SALLYPORT" attach "$init" -- "$@" </dev/null 2>&1; }
libc()
{
	tool python3 -c 'import ctypes, os, signal, socket, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def do(function, *arguments):
	if function(*arguments) < 0:
		sys.exit(os.strerror(ctypes.get_errno()))
def tmpfs():
	do(libc.mount, b"none", b"/mnt", b"tmpfs", 0, None)
'"$1"
}

# needed PROFILE RULE COMMAND...: what makes use of that rule, and says no more than it has to
needed()
{
	local profile=$1 rule=$2 before out
	shift 2
	covered+=$profile:$rule$'\n'
	if ! rules_of "$profile" | grep -qxF -e "$rule"; then
		not_ok "$profile has the rule: $rule"
		return
	fi
	check "$profile: with all rules: $rule" "$@"
	awk -v rule="$rule" '{ line = $0; sub(/^ */, "", line) } line != rule' "/etc/apparmor.d/$profile" | apparmor_parser -r
	before=$(kernel_denials)
	if ! out=$("$@") || wait_for 1 more_denials "$before"; then
		ok "$profile: denied without $rule"
	else
		not_ok "$profile: denied without $rule" "nothing was; the command: $out"
	fi
	apparmor_parser -r "/etc/apparmor.d/$profile"
}

# unmediated FEATURE PROFILE RULE: what only other kernels ask for (Ubuntu's; the mainline has unix sockets since 6.17)
unmediated()
{
	covered+=$2:$3$'\n'
	if ls -d /sys/kernel/security/apparmor/features/{dbus,network*/af_unix} 2>/dev/null | grep -q "$1"; then
		not_ok "$2: $3" "this kernel mediates it: a check is wanted"
	else
		skip "$2: $3" "this kernel's AppArmor doesn't mediate $1"
	fi
}

tool_rule() { needed sallyport-tool "$@"; }
tool_rule 'capability,' libc 'do(libc.chroot, b"/")'
tool_rule 'network,' libc 'socket.socket(socket.AF_INET, socket.SOCK_DGRAM)'
tool_rule 'mount,' libc 'tmpfs()'
tool_rule 'umount,' libc 'tmpfs(); do(libc.umount2, b"/mnt", 0)'
tool_rule 'pivot_root,' libc 'tmpfs(); os.mkdir("/mnt/old"); os.chdir("/mnt"); do(libc.syscall, 155, b".", b"old")'
tool_rule 'ptrace (trace, read),' tool strace -o /dev/null /bin/true
tool_rule 'ptrace (tracedby, readby) peer={sallyport-fs,sallyport-tool,unconfined},' tool strace -o /dev/null /bin/true
tool_rule 'signal (send),' tool sh -c 'sleep 10 & kill $! && wait $! || true'
tool_rule 'signal (receive) peer={sallyport-tool,unconfined},' tool sh -c 'sleep 10 & kill $! && wait $! || true'
tool_rule 'signal (receive) set=(exists) peer=sallyport-fs,' tool cat /etc/passwd
tool_rule 'change_profile,' tool aa-exec -p sp-other -- /bin/true
tool_rule '/ rwlkm,' tool ls /
tool_rule '/** rwlkmix,' tool cat /etc/passwd
tool_rule '/.sallyport/launch rux,' tool /c/bin/true
tool_rule '/.sallyport/enter rux,' tool /.sallyport/enter /bin/true
unmediated dbus sallyport-tool 'dbus,'
unmediated af_unix sallyport-tool 'unix,'

fs_rule() { needed sallyport-fs "$@"; }
fs_rule 'include <abstractions/base>' tool cat /etc/passwd
fs_rule 'capability,' tool cat /etc/passwd
fs_rule 'ptrace (read),' tool cmp /c/bin/busybox /bin/busybox
fs_rule '/ rw,' tool ls /
fs_rule '/** rwlk,' tool cat /etc/passwd
unmediated af_unix sallyport-fs 'unix peer=(label=unconfined),'

is "all rules were tried" "$(for profile in sallyport-fs sallyport-tool; do
	rules_of "$profile" | sed "s/^/$profile:/"
done | grep -vxF -f <(printf %s "$covered"))" ""
finish
