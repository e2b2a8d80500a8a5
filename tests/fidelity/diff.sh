#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `sallyport diff` itself: that it sees a difference where there is one, --like, --engine-exec, JSON, its
# exit status, what it says of wrong uses, and that nothing is left of it.
. "$(dirname "$0")/lib.sh"

start_config caps_few || skip_all "$CAUSE"
truth="$FIDELITY/ask_init.py"

diff_of()
{
	"$SALLYPORT" diff "$@" >"$T/diff" 2>"$T/errors" </dev/null
	status=$?
	last=$(tail -n 1 "$T/diff")
}

diff_of "$NAME"
is "without an engine: the status" "$status $(cat "$T/errors")" "0 "
matches "what can't be compared then is counted so" "$last" "^[0-9]+ same, [0-9]+ differ as expected, [1-9][0-9]* not compared, 0 DIFFER$"
diff_of --engine-exec "$NAME"
is "with runc exec: the status" "$status" 0
matches "runc's umask is shown, and explains what differs" "$(grep self.umask "$T/diff")" "not like the target in status.Umask"
diff_of --all "$NAME"
check "--all has a row for each system call" test "$(grep -c '^syscall\.' "$T/diff")" -gt 400
"$SALLYPORT" diff --json --engine-command "$truth $PID" "$NAME" >"$T/json" 2>"$T/errors"
is "--json: the sums are those of the rows" \
	"$(jq -r '[.summary.same, .summary.expected, .summary.differs, .summary.not_compared] | join(" ")' "$T/json")" \
	"$(jq -r '.rows | map(.verdict) | [(map(select(. == "same")) | length),
		(map(select(. == "differs, expected")) | length), (map(select(. == "DIFFERS")) | length),
		(map(select(. == "not compared")) | length)] | join(" ")' "$T/json")"
is "--json: each difference has its reason" \
	"$(jq '[.rows[] | select(.verdict == "differs, expected" and .because == null)] | length' "$T/json")" 0

# A worker that has dropped privileges and changed its state, by its pid on the host and in the container.
runc exec -d --user 1000:1000 --additional-gids 2000 --pid-file "$T/worker" "$NAME" \
	/probe init umask=077 nice=4 oom=200 slack=77777 core=3
worker=$(cat "$T/worker")
wait_for 5 test -e "/proc/$worker/fd/41"
inner=$(awk '/^NSpid:/ { print $NF }' "/proc/$worker/status")
for like in "$worker" "$inner"; do
	for via in exec attach; do
		diff_of --like "$like" --via "$via" --engine-command "$truth $worker" "$NAME"
		is "--like $([ "$like" = "$inner" ] && echo "a pid inside" || echo "a pid of the host"), via $via: $last" \
			"$status $(grep DIFFERS "$T/diff")$(cat "$T/errors")" "0 "
	done
done
matches "--like: it is the worker's profile" "$("$SALLYPORT" diff --like "$worker" --json "$NAME" |
	jq -r '.rows[] | select(.field == "status.Umask" or .field == "status.Uid") | .ours' | tr '\t\n' '  ')" "1000 1000.*0077"

# What nobody can see from outside can't be copied: the comparison must show it.
end_config
INIT=(/probe init mdwe=1)
start_config plain || not_ok "an init with MDWE starts" "$CAUSE"
diff_of --engine-command "$truth $PID" "$NAME"
is "a difference is seen: the status" "$status" 1
matches "and named" "$(grep DIFFERS "$T/diff")" "self\.mdwe +- +0 +1 +DIFFERS"
end_config

INIT=(/probe init)
start_config read_only
for wrong in "--via ssh $NAME" "--like 1 --like" "" "$NAME more" "--none $NAME"; do
	diff_of $wrong
	is "wrong use: diff $wrong: $(head -n 1 "$T/errors")" "$status $(wc -l <"$T/errors")" "125 1"
done
diff_of --engine-command /bin/false "$NAME"
matches "an engine that doesn't start it" "$status $(cat "$T/errors")" "^125 .*that the engine shall start.*has ended"
diff_of "no-such-$$"
matches "an unknown container" "$status $(cat "$T/errors")" "^125 .*unknown container"

# It is killed in the middle. Probes are known by the file that they run.
probes()
{
	readlink /proc/[0-9]*/exe | grep -c memfd:sallyport-probe
}
no_probes()
{
	[ "$(probes)" = 0 ]
}
seen=0
for after in 0.05 0.2 0.4 0.8 1.6; do
	for via in exec attach; do
		"$SALLYPORT" diff --via "$via" --engine-command "sleep 60 #" "$NAME" >/dev/null 2>&1 &
		front=$!
		sleep "$after"
		no_probes || seen=$((seen + 1))
		kill -KILL "$front"
		wait "$front" 2>/dev/null
	done
done
check "probes were running when it was killed: $seen times" test "$seen" -gt 0
wait_for 5 no_probes
is "killed at any time: no probe is left in the container" "$(probes)" 0
nothing_left "diff" 10
finish
