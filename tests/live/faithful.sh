# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after lib.sh: is a process that was started in a container the same as its init?

# What may differ between a container's init and a program that an operator starts, each with its cause.
MAY_DIFFER=(
	--ignore SigIgn			# dispositions start anew
	--ignore environ.TERM		# the operator's terminal
	--ignore environ.HOME		# by the container's passwd
	--ignore environ.USER
	--ignore attr.exec		# of the moment
	--ignore attr.keycreate
)

# faithful NAME: runs the function probe_start, which starts `/probe wait` in the container of the
# process PID, and compares what it started with PID. Leaves what the probe said in $T/said.
faithful()
{
	local name=$1 front inner outer out status
	rm -f "$T/stop" "$T/said"
	mkfifo "$T/stop"
	probe_start <"$T/stop" >"$T/said" 2>"$T/errors" &
	front=$!
	STARTED+=("$front")
	exec 8>"$T/stop"
	if ! wait_for 15 grep -q '^ready' "$T/said"; then
		exec 8>&-
		not_ok "$name: the program runs" "$(cat "$T/errors" "$T/said")"
		end_process "$front"
		return 1
	fi
	ok "$name: the program runs"
	inner=$(sed -n 's/^pid=//p' "$T/said")
	outer=$(host_pid "$inner" "$PID")
	if [ -z "$outer" ]; then
		not_ok "$name: it is in the container's pid namespace" "it says that its pid is $inner"
	else
		check "$name: it is like the init in every field" "$HERE/compare.py" "${MAY_DIFFER[@]}" "$PID" "$outer"
		"$TEST_BIN/seccomp-dump" "$PID" "$T/filters.init" && "$TEST_BIN/seccomp-dump" "$outer" "$T/filters.ours"
		check "$name: its filters are the init's, byte for byte ($(grep -c ^filter "$T/filters.init"))" \
			cmp "$T/filters.init" "$T/filters.ours"
		is "$name: its loginuid is the operator's" "$(cat "/proc/$outer/loginuid")" "$(cat /proc/self/loginuid)"
		is "$name: no process of ours traces it" "$(awk '/^TracerPid/ { print $2 }' "/proc/$outer/status")" 0
	fi
	is "$name: it has three descriptors" "$(grep -c '^fd\.' "$T/said")" 3
	lacks "$name: no signal is blocked or ignored" "$(cat "$T/said")" 'signal\.(blocked|ignored)'
	lacks "$name: no parent's death signal, no kept capabilities" "$(cat "$T/said")" 'pdeathsig=[1-9]|keepcaps=1'
	is "$name: argv[0] and AT_EXECFN are as the container has them" \
		"$(grep -E '^(argv\.0|execfn)=' "$T/said" | tr '\n' ' ')" "argv.0=/probe execfn=/probe "
	lacks "$name: nothing of the host in it" "$(grep -E '^(env|argv|execfn|call\.cwd)' "$T/said")" \
		"SALLYPORT|$T|$ROOT_OF_BUILD/sallyport|=/c/|/\.sallyport"
	is "$name: no word of ours on stderr" "$(cat "$T/errors")" ""
	exec 8>&-
	wait_for 5 is_gone "$front" || diag "the front outlives the program"
	wait "$front"
	status=$?
	is "$name: ends with the program's status" "$status" 0
}
