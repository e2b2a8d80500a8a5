#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the virtual machine, whose kernel has 32-bit emulation: execve by int 0x80, whose arguments are of 32
# bits and whose instruction is rewound to as any other.
. "$(dirname "$0")/../live/lib.sh"
. "$(dirname "$0")/../live/engines.sh"

start_runc || not_ok "runc starts a container" "$CAUSE"
cp "$TEST_BIN/probe" "$T/probe"
printf '#!/bin/busybox sh\nexec /probe "$1"\n' >"$ROOTFS/bin/storm-script"
chmod 755 "$ROOTFS/bin/storm-script"
host=("$T/probe" host /bin/echo world)
container=(/c/probe container /c/bin/storm-script container /c/bin/echo world)

is "the kernel takes int 0x80, without a session" "$("$TEST_BIN/storm" -w int80 40 2 "${host[@]}" 2>&1)" \
	"all well: 40 programs in 1 ways"
is "a host tool's, of programs of the container and of the host" \
	"$("$SALLYPORT" attach "$NAME" -- "$TEST_BIN/storm" -w int80 150 2 "${container[@]}" "${host[@]}" </dev/null 2>&1)" \
	"all well: 150 programs in 1 ways"
is "all ways side by side" \
	"$("$SALLYPORT" attach "$NAME" -- "$TEST_BIN/storm" 140 4 "${container[@]}" "${host[@]}" </dev/null 2>&1)" \
	"all well: 140 programs in 7 ways"
nothing_left "after it"
finish
