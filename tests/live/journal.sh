#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sallyport sessions --verify over a journal that real sessions have written: whole, and each way in which it isn't.
# tamper.py changes it, and says where that is to be found.
. "$(dirname "$0")/isolated.sh"
. "$(dirname "$0")/lib.sh"

JOURNAL=/var/log/sallyport/journal.jsonl
box_root sh sleep true
start_box journal
# So small that it is rotated.
echo 'journal-size = 64k' >/etc/sallyport/sallyport.conf
attach() { timeout 120 "$SALLYPORT" attach "$@" </dev/null; }
verify()
{
	"$SALLYPORT" sessions --verify 2>&1
	echo "status $?"
}
# restore: the journal as the sessions wrote it, without what recovery keeps beside it
restore()
{
	rm -rf /var/log/sallyport
	cp -a "$T/whole" /var/log/sallyport
}

matches "no journal" "$(verify)" 'open the journal .*: No such file.*status 125'
attach "$init" -- sh -c 'for i in $(seq 200); do /c/bin/true $i; done' >"$T/out" 2>&1
attach "$init" -- true
lines=$(cat "$JOURNAL"* | grep -c '^{"seq"')
check "a journal of several files: $lines lines" test -e "$JOURNAL.2" -a "$lines" -gt 600
out=$(verify)
matches "it is unbroken" "$out" "unbroken: $lines lines in $(ls "$JOURNAL" "$JOURNAL".[0-9]* | wc -l) files.status 0"
for file in "$JOURNAL" "$JOURNAL".[0-9]*; do
	line=$(grep "^$file: " <<<"$out")
	wanted="$(wc -l <"$file") lines, records $(head -n 1 "$file" | jq .seq) to $(tail -n 1 "$file" | jq .seq)"
	wanted+=", $(head -n 1 "$file" | jq -r .time) to $(tail -n 1 "$file" | jq -r .time)"
	is "what is told of ${file##*/}" "$line" "$file: $wanted"
done
is "nothing beside it was made" "$(ls /var/log/sallyport | grep -v '^journal.jsonl')" "redaction.key"
cp -a /var/log/sallyport "$T/whole"

# Changes by somebody: the file and the line of the first one.
tampered()
{
	local where out
	restore
	where=$("$HERE/tamper.py" "$JOURNAL" "$@") || not_ok "tamper.py $*" "$where"
	out=$(verify)
	matches "$*: found" "$out" "sallyport: ${where%% *}: .*${where#* }.*BROKEN.status 1"
	lacks "and nothing is called unbroken" "$out" "unbroken"
}
for seed in 1 2 3 4 5 6 7 8 9 10 11 12; do
	tampered byte "$seed"
done
tampered newline 1
for seed in 1 2 3; do
	tampered remove "$seed"
	tampered swap "$seed"
	tampered repeat "$seed"
	tampered cut-rotated "$seed"
done
tampered remove-file 1
tampered remove-oldest 1
tampered forge 1
tampered foreign-end 1

# A crash: a line that was not finished. The next session repairs it.
restore
"$HERE/tamper.py" "$JOURNAL" cut-current 1 >"$T/out"
matches "an unfinished line is told from a change" "$(verify)" \
	"$JOURNAL: .*, then $(cat "$T/out") bytes of a line that a crash cut off.unbroken: $((lines - 1)) lines.*status 0"
attach "$init" -- true
matches "and repaired by the next session" "$(verify)" 'repaired after a crash: 1.unbroken: .*status 0'
lacks "and not told any more" "$(verify)" 'cut off'

# While sessions write, and rotate.
restore
for job in 1 2 3; do
	attach "$init" -- sh -c 'for i in $(seq 300); do /c/bin/true $i; done' >/dev/null 2>&1 &
	jobs[job]=$!
done
bad=
n=0
while kill -0 "${jobs[@]}" 2>/dev/null; do
	out=$(verify)
	n=$((n + 1))
	[[ $out == *"unbroken: "*"status 0" && $out != *"cut off"* ]] || bad+=$out
done
wait "${jobs[@]}"
is "$n times while three sessions write: unbroken" "$bad" ""
check "that was often" test "$n" -gt 10
matches "and afterwards" "$(verify)" 'status 0'

matches "with other options" "$("$SALLYPORT" sessions --verify --json 2>&1; echo $?)" 'goes with nothing else.*125$'
chmod 666 /etc/sallyport/sallyport.conf
matches "a configuration that is not root's" "$(verify)" 'may be written by others.*status 125'
nothing_left "journal"
finish
