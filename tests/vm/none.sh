#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine, without any LSM: labels are reported as none, and all else works.
. "$(dirname "$0")/../live/lib.sh"

root=$T/rootfs
mkdir -p "$root"/{bin,dev,etc,proc,tmp}
cp /bin/busybox "$root/bin/busybox"
"$TEST_BIN/box" "$root" "sallyport-none-$$" /bin/busybox sleep 600 >"$T/pid" &
STARTED+=($!)
wait_for 10 test -s "$T/pid"
init=$(cat "$T/pid")
ENDINGS+=("kill -9 $init")
wait_for 10 grep -q busybox "/proc/$init/comm"

lacks "the kernel enforces neither" "$(cat /sys/kernel/security/lsm)" 'selinux|apparmor'
"$SALLYPORT" inspect "$init" >"$T/inspect" 2>&1
matches "inspect says that there is no label" "$(grep -i -A1 -E 'label|lsm' "$T/inspect")" '[Nn]one'
is "exec works" "$("$SALLYPORT" exec "$init" -- /bin/busybox echo exec 2>&1 </dev/null)" exec
is "a session works" "$("$SALLYPORT" attach "$init" -- /c/bin/busybox echo attach 2>&1 </dev/null)" attach
nothing_left "after it"
finish
