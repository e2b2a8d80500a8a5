#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each of our programs with each of its system calls failing; see faults.py. FAULTS is how many are drawn
# (0: all of them, which takes some ten minutes), SEED with which numbers.
. "$(dirname "$0")/../live/isolated.sh"
. "$(dirname "$0")/../live/lib.sh"
# Other sessions of this host, below an overlay, come and go.
mount -t tmpfs -o mode=755 tmpfs /run
: "${FAULTS:=150}" "${SEED:=1}"

root=$T/rootfs
mkdir -p "$root"/{bin,dev,etc,proc,root,tmp} "$T/faults"
cp /bin/busybox "$root/bin/busybox"
for applet in sh sleep grep ls; do
	ln -s /bin/busybox "$root/bin/$applet"
done
echo mark >"$root/etc/mark"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
cat >"$root/bin/status" <<'END'
#!/bin/sh
echo "== begin"
/bin/grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|TracerPid|Umask)' /proc/self/status
/bin/ls -l /proc/self/fd /proc/self/ns /proc/self/root | /bin/grep -o '[0-9a-z]* -> [a-z/]*\(:\[.*\]\)*' |
	/bin/grep -v '^\(0\|1\|2\|3\|self\) '
echo "== end"
END
chmod 755 "$root/bin/status"
"$TEST_BIN/box" "$root" "sallyport-faults-$$" /bin/sleep 3600 >"$T/pid" &
STARTED+=($!)
wait_for 20 test -s "$T/pid"
init=$(cat "$T/pid")
ENDINGS+=('kill -9 "$init"')
wait_for 20 grep -q sleep "/proc/$init/comm"

"$(dirname "$0")/faults.py" "$SALLYPORT" "$HELPERS" "$TEST_BIN/../hostile/failing" "$T/faults" "$init" "$FAULTS" "$SEED" >"$T/table" 2>&1
status=$?
diag "$(grep -v '^WRONG' "$T/table")"
is "no wrong outcome" "$(grep -v -e ' faults' -e ' 0 wrong' "$T/table")" ""
is "the matrix was run" "$status" 0
finish
