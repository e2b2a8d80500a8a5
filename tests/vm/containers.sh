# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after lib.sh by the tests that run in the virtual machine: containers with labels, and what
# programs say of their own.
. "$(dirname "${BASH_SOURCE[0]}")/../live/engines.sh"

# All that a container's program can be by its label alone: every capability, no other filter.
CAPABLE='
caps = ["CAP_" + n for n in (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT "
    "SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE "
    "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ "
    "PERFMON BPF CHECKPOINT_RESTORE").split()]
c["process"]["capabilities"] = {k: caps for k in ("bounding", "effective", "permitted")}
c["process"]["noNewPrivileges"] = False
c["linux"].update(maskedPaths=[], readonlyPaths=[])
'
PLAIN='
c["process"]["noNewPrivileges"] = False
'
NNP='
c["process"]["noNewPrivileges"] = True
'
# What a careless joiner needs is forbidden; capset is crun's own need.
SECCOMP='
c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [{"names": ["setns", "unshare", "mount", "acct", "sethostname", "keyctl", "ptrace",
    "pidfd_open"], "action": "SCMP_ACT_ERRNO"}]}
'
WRITABLE='
c["root"]["readonly"] = False
'
SELINUX_LABEL='
c["process"]["selinuxLabel"] = "system_u:system_r:container_t:s0:c1,c2"
c["linux"]["mountLabel"] = "system_u:object_r:container_file_t:s0:c1,c2"
'
# A user namespace, and files that belong to it.
USERNS=$RUNC_USERNS

# start_labelled ENGINE NAME EDIT [LABELLER]: a container of runc or crun; LABELLER gets its root's
# folder before it starts.
start_labelled()
{
	local engine=$1 name=$2 edit=$3 labeller=${4:-:} bundle=$T/$2
	ENGINE=$engine NAME=$name ROOTFS=$bundle/rootfs
	# Made once: hundreds of links take their time in here.
	[ -d "$T/rootfs" ] || make_rootfs "$T/rootfs"
	mkdir -p "$bundle"
	cp -a "$T/rootfs" "$ROOTFS"
	echo own >"$ROOTFS/vol/own"
	echo other >"$ROOTFS/vol/other"
	[[ $edit != *uidMappings* ]] || find "$ROOTFS" -exec chown -h 100000:100000 {} +
	"$labeller" "$ROOTFS"
	runc_bundle "$bundle" "$edit" || return 1
	"$engine" run -d --pid-file "$bundle/pid" -b "$bundle" "$NAME" </dev/null >"$bundle/log" 2>&1 ||
		{ failed_engine "$engine" "$bundle/log"; return 1; }
	ENDINGS+=("$engine delete -f $NAME")
	pid_of_file "$bundle/pid"
}

# label_of PID: as the kernel shows it
label_of()
{
	tr -d '\0\n' 2>/dev/null <"/proc/$1/attr/current"
}

# piped COMMAND...: what it says, without the NULs of the kernel's files
piped()
{
	/bin/sh -c '"$@" </dev/null 2>&1 | tr -d "\\0"' sh "$@"
}

# low COMMAND...: the same of what hands its own pipe on. The operator's has every category, and no container
# of SELinux' may write there.
low()
{
	local range=()
	[ "${MODE:-}" != selinux ] || range=(runcon -l s0)
	"${range[@]}" /bin/sh -c '"$@" </dev/null 2>&1 | tr -d "\\0"' sh "$@"
}

# by_exec TARGET COMMAND...; by_attach TARGET COMMAND...: what a program of the container says
by_exec()
{
	local target=$1
	shift
	piped "$SALLYPORT" exec "$target" -- "$@"
}

by_attach()
{
	local target=$1 program=$2
	shift 2
	piped "$SALLYPORT" attach "$target" -- "/c$program" "$@"
}

# read_files exec|attach TARGET FILE...: sets READ to what programs of the container read, all in one session; a line for
# each
read_files()
{
	local way=$1 target=$2 cat=/bin/cat
	shift 2
	[ "$way" = exec ] || cat=/c/bin/cat
	readarray -t READ < <(piped "$SALLYPORT" "$way" "$target" -- \
		/bin/sh -c 'for file; do "$0" "$file"; echo; done' "$cat" "$@" | tr -s '\n')
}

# For faithful.sh.
probe_start()
{
	"$SALLYPORT" attach "$PID" -- /bin/sh -c '/c/probe wait; exit $?'
}

# check_native WHAT LABEL: the container's own mounts at /c, of the container NAME, PID, ROOTFS
check_native()
{
	local what=$1 label=$2 said
	native() { "$SALLYPORT" attach --container-view native "$PID" -- "$@" </dev/null 2>&1; }
	readarray -t said < <(native /bin/sh -c 'cat /c/vol/own
		echo written >/c/dev/shm/native && cat /c/dev/shm/native
		/.sallyport/enter /bin/cat /proc/self/attr/current; echo
		/.sallyport/enter /bin/cat /dev/shm/native
		/c/bin/busybox true; echo "status $?"' | tr -d '\0' | tr -s '\n')
	is "$what, native view: a tool reads" "${said[0]:-}" own
	is "$what, native view: and writes" "${said[1]:-}" written
	is "$what, native view: enter gives exactly the label" "${said[2]:-}" "$label"
	is "$what, native view: what a tool wrote there, a program reads" "${said[3]:-}" written
	matches "$what, native view: nothing runs there by itself" "${said[*]:4}" 'Permission denied.*status 126'
	if [ -e /sys/fs/selinux/enforce ]; then
		matches "$what, the host's view native: our policy has no rules for that" \
			"$("$SALLYPORT" attach --host-view native "$PID" -- /bin/true </dev/null 2>&1; echo "status $?")" \
			'SELinux policy has no rules for a native host view.*--host-view rw.*status 125'
	else
		is "$what, both views native: a tool reads, a program has exactly the label" \
			"$("$SALLYPORT" attach --container-view native --host-view native "$PID" -- /bin/sh -c \
				'cat /c/vol/own; /.sallyport/enter /bin/cat /proc/self/attr/current' </dev/null 2>&1 | tr -d '\0')" \
			"own
$label"
		is "$what, the host's view native: a program has exactly the label" \
			"$("$SALLYPORT" attach --host-view native "$PID" -- /c/bin/cat /proc/self/attr/current </dev/null 2>&1 | tr -d '\0')" \
			"$label"
	fi
}

# start_session TARGET: a session whose tool waits; sets FRONT and TOOL
start_session()
{
	local target=$1
	"$SALLYPORT" attach "$target" -- /bin/sleep 4321 </dev/null >"$T/session" 2>&1 &
	FRONT=$!
	STARTED+=("$FRONT")
	TOOL=0
	wait_for 20 tool_of "$FRONT" || return 1
	TOOL=$(tool_of "$FRONT")
}

tool_of()
{
	local child
	for child in $(descendants "$1"); do
		if [ "$(tr '\0' ' ' <"/proc/$child/cmdline" 2>/dev/null)" = "/bin/sleep 4321 " ]; then
			echo "$child"
			return 0
		fi
	done
	return 1
}

# inner PID: its number in its own pid namespace
inner()
{
	awk '/^NSpid:/ { print $NF }' "/proc/$1/status"
}

# denials WORDS...: the kernel's denials since the machine started in whose record all of these words
# are; auditd may need a moment for them.
denials()
{
	local word found
	for _ in 1 2 3 4 5 6 7 8; do
		found=$(grep -ah -e 'avc:  denied' -e 'apparmor="DENIED"' /var/log/audit/audit.log)
		for word; do
			found=$(printf '%s\n' "$found" | grep -F -e "$word")
		done
		[ -z "$found" ] || break
		sleep 0.25
	done
	printf '%s\n' "$found"
}
