#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --container-view native: the container's own mounts at /c. No link leads out, nothing runs from there as a host tool,
# not even in a copy of the mounts; programs start by /.sallyport/enter.
. "$(dirname "$0")/lib.sh"

box_root cat sh sleep
mkdir "$root/srv"
echo inside >"$root/srv/file"
ln -s "$T/secret" "$root/srv/link"
echo outside >"$T/secret"
cp "$root/bin/busybox" "$root/srv/setuid"
chmod 4755 "$root/srv/setuid"
start_box native

native() { timeout 60 "$SALLYPORT" attach --container-view native "$init" -- "$@" </dev/null 2>&1; }

is "a file of the container's" "$(native cat /c/srv/file)" inside
native sh -c 'echo written >/c/srv/new'
is "what is written is there" "$(cat "$root/srv/new")" written
is "no server stands between" "$(native sh -c 'stat -f -c %T /c' | grep -c fuse)" 0
is "the flags of each mount" "$(native sh -c 'grep " /c[ /]" /proc/self/mountinfo |
	awk "!/nosuid/ || !/nodev/ || !/noexec/ || !/nosymfollow/ { print; bad = 1 } END { exit bad }" && echo all')" all
matches "a link is not followed" "$(native cat /c/srv/link)" 'Too many levels of symbolic links'
matches "nor on the way" "$(native /c/bin/sh -c true)" 'Too many levels of symbolic links'
matches "nothing is executed" "$(native sh -c '/c/bin/busybox true; echo $?')" 'Permission denied.*126'
matches "nor in a copy of the mounts" "$(native unshare --mount sh -c '/c/bin/busybox true; echo $?')" 'Permission denied.*126'
matches "nor where it is bound to" \
	"$(native unshare --mount sh -c 'mount --bind /c/srv /mnt && /mnt/setuid true; echo $?')" 'Permission denied.*126'
is "programs by /.sallyport/enter" "$(native /.sallyport/enter /bin/sh -c 'cat /proc/1/comm /srv/file')" \
	"$(printf 'sleep\ninside')"
is "with the exit status" "$(native /.sallyport/enter /bin/sh -c 'exit 7' >"$T/out"; echo $?)" 7
is "under the container's filter" \
	"$(native /.sallyport/enter /bin/cat /proc/self/status | grep -E '^(Seccomp|NoNewPrivs|CapBnd)')" \
	"$(grep -E '^(Seccomp|NoNewPrivs|CapBnd)' "/proc/$init/status")"
nothing_left "native"
finish
