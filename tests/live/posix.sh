#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A view beside the files themselves: random calls compared (posix.py), one file against a buffer (fsx.py), and
# the known differences, which have to be those of docs/views.md. Arguments: fs-mount, sallyport-fs, the source
# folder. SEED and ROUNDS in the environment make it another or a longer run. TAP.
set -u
export LC_ALL=C.UTF-8
HERE=$(cd "$(dirname "$0")" && pwd)
FS_MOUNT=$(realpath "$1")
SALLYPORT_FS=$(realpath "$2")
PAGE=$3/docs/views.md
export SALLYPORT_FS
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
T=$(mktemp -d /var/tmp/posix.XXXXXX)
chmod 755 "$T"
mkdir "$T/n" "$T/s" "$T/s/w" "$T/m"
cd / || exit 1
trap 'rm -rf --one-file-system "$T"' EXIT
checks=0
seed=${SEED:-1}
rounds=${ROUNDS:-6}

# report NAME COMMAND...: that it succeeds; its last line is told
report()
{
	local name=$1 out status
	shift
	out=$("$@" 2>&1)
	status=$?
	checks=$((checks + 1))
	if [ "$status" = 0 ]; then
		echo "ok $checks - $name: $(tail -n 1 <<<"$out")"
	else
		echo "not ok $checks - $name"
		cut -c1-400 <<<"$out" | tail -n 60 | sed 's/^/# /'
	fi
}

# in_view KIND OPTION... -- COMMAND...
in_view()
{
	local kind=$1
	shift
	timeout 600 "$FS_MOUNT" "$kind" "$T/s" "$T/m" "$@"
}

report "calls through the host view" in_view host -- "$HERE/posix.py" --seed "$seed" --rounds "$rounds" "$T/n" "$T/m/w" "$T/s/w"
report "calls through the container view" in_view container -- \
	"$HERE/posix.py" --container --seed "$((seed + 1))" --rounds "$rounds" "$T/n" "$T/m/w" "$T/s/w"
report "three of ten from outside of it" in_view host -- \
	"$HERE/posix.py" --seed "$((seed + 2))" --rounds "$rounds" --behind 30 "$T/n" "$T/m/w" "$T/s/w"
report "with 200 descriptors" in_view host --nofile=200 -- \
	"$HERE/posix.py" --seed "$((seed + 3))" --rounds 2 "$T/n" "$T/m/w" "$T/s/w"
report "fsx natively: the test itself is right" "$HERE/fsx.py" --seed "$seed" "$T/n/f"
for kind in host container; do
	report "fsx through the $kind view" in_view "$kind" -- "$HERE/fsx.py" --seed "$seed" "$T/m/w/f"
	report "fsx, and somebody outside, $kind view" in_view "$kind" -- "$HERE/fsx.py" --seed "$((seed + 1))" "$T/m/w/f" "$T/s/w/f"
	rm -f "$T/s/w/f"
done
rm -f "$T/n/f"
known()
{
	in_view host -- "$HERE/views_known.py" "$T/n" "$T/m/w" "$T/s/w" >"$T/known" || { cat "$T/known"; return 1; }
	sed -n '/^| Call /,/^$/{/^| Call /d; /^|--/d; /^$/d; p}' "$PAGE" >"$T/told"
	# Where there is SELinux files do have labels.
	[ ! -e /sys/fs/selinux/enforce ] && [ ! -e /etc/selinux/config ] || sed -i '/^| SELinux label /d' "$T/told"
	diff "$T/told" "$T/known" && echo "$(wc -l <"$T/known") of them"
}
report "the known differences are those of docs/views.md" known
echo "1..$checks"
