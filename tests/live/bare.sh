#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A build without libaudit, libselinux and libapparmor: that it compiles, says what it lacks, and works without.
. "$(dirname "$0")/isolated.sh"
. "$(dirname "$0")/lib.sh"

SOURCE=$(cd "$HERE/../.." && pwd)
LIBRARIES="libaudit libselinux libapparmor"
programs="sallyport sallyport-gate sallyport-fs sallyport-launch"
units="test_audit_conf test_audit_redact test_lsm_label"
check "it configures" meson setup "$T/build" "$SOURCE" -Daudit=disabled -Dselinux=disabled -Dapparmor=disabled
check "it compiles, without a warning" \
	ninja -C "$T/build" $(printf 'src/%s ' $programs) $(printf 'tests/unit/%s ' $units)
HELPERS=$T/build/src
bare=$HELPERS/sallyport
[ -x "$bare" ] || finish
for unit in $units; do
	check "$unit" "$T/build/tests/unit/$unit"
done

# needs PROGRAM LIBRARY: it is linked with it, or has it in itself
declare -A function_of=([libaudit]=audit_open [libselinux]=setexeccon_raw [libapparmor]=aa_change_onexec)
needs()
{
	readelf -d "$1" | grep -q "NEEDED.*\[$2\.so" || nm "$1" 2>/dev/null | grep -q " [Tt] ${function_of[$2]}\$"
}
is "nothing of it needs them" "$(for program in $programs; do for library in $LIBRARIES; do
		! needs "$HELPERS/$program" "$library" || echo "$program $library"
	done; done)" ""
for library in $LIBRARIES; do
	matches "it says that it lacks $library" "$("$bare" --version -v)" "$library +no: "
	word=$(needs "$SALLYPORT" "$library" && echo yes || echo no)
	matches "of the usual build $word is said" "$("$SALLYPORT" --version --verbose)" "$library +$word"
done
is "--version alone is one line" "$("$bare" --version | wc -l)" 1
matches "and takes nothing else" "$("$bare" --version -x 2>&1; echo $?)" 'takes no -x.*125$'

box_root sh sleep true
start_box bare
run() { timeout 60 "$bare" "$@" </dev/null 2>&1; }

is "attach, every record required" "$(run attach --audit required "$init" -- sh -c '/c/bin/sh -c "exit 3"'; echo $?)" 3
is "the journal has them" "$(jq -r .event /var/log/sallyport/journal.jsonl | paste -sd' ')" \
	"begin gate tool attempt outcome exit end"
is "exec" "$(run exec "$init" -- /bin/sh -c 'exit 4'; echo $?)" 4
echo 'audit-kernel = yes' >/etc/sallyport/sallyport.conf
matches "the kernel's audit is demanded: refused, and why" "$(run attach --audit required "$init" -- true; echo $?)" \
	'audit-kernel is yes in .*built without libaudit.*125$'
nothing_left "bare"
finish
