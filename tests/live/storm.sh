#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ten thousand execs under /c, mixed with as many of the host, in all ways, from several processes at
# once: each runs in the world that it belongs to, none is missed, none hangs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
: "${STORM:=10000}"

start_docker || start_runc || skip_all "$CAUSE"
cp "$TEST_BIN/probe" "$T/probe"
ln -s probe "$T/link"
host=("$T/probe" host "$T/link" host /bin/echo world)
printf '#!/bin/busybox sh\nexec /probe "$1"\n' >"/proc/$PID/root/bin/storm-script"
chmod 755 "/proc/$PID/root/bin/storm-script"
container=(/c/probe container /c/bin/storm-script container /c/bin/echo world)

check "the storm itself, without a session" "$TEST_BIN/storm" 200 4 "${host[@]}"
ways=$("$TEST_BIN/storm" 8 1 "${host[@]}" | sed -n 's/.*: 8 programs in //p')
[ "$ways" = "7 ways" ] || skip "execve by int 0x80" "this kernel has no 32-bit emulation"

start=$SECONDS
"$SALLYPORT" attach "$NAME" -- "$TEST_BIN/storm" $((STORM * 2)) 8 "${container[@]}" "${host[@]}" \
	</dev/null >"$T/storm" 2>&1
status=$?
if [ "$status" = 0 ]; then
	ok "$STORM execs under /c, $STORM of the host: each in its world"
else
	not_ok "$STORM execs under /c, $STORM of the host: each in its world" \
		"status $status, $(grep -c ^wrong "$T/storm") wrong"$'\n'"$(sort "$T/storm" | uniq -c | sort -rn | head -n 20)"
fi
diag "$((SECONDS - start)) s"
is "nothing else was said" "$(grep -v '^wrong' "$T/storm")" "all well: $((STORM * 2)) programs in $ways"
kill -0 "$PID" && ok "the container is unharmed" || not_ok "the container is unharmed"
nothing_left "after the storm"

# Sessions beside each other don't take each other's execs.
for i in 1 2 3; do
	"$SALLYPORT" attach "$NAME" -- "$TEST_BIN/storm" 400 2 "${container[@]}" "${host[@]}" \
		</dev/null >"$T/storm.$i" 2>&1 &
	STARTED+=($!)
	eval "front$i=$!"
done
for i in 1 2 3; do
	front=front$i
	wait "${!front}"
	is "session $i of three at once" "$? $(cat "$T/storm.$i")" "0 all well: 400 programs in $ways"
done
nothing_left "after three sessions"
finish
