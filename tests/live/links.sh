#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Symbolic links in /c lead nowhere but into the container, whatever they say and whoever changes them
# meanwhile: for stat, open, create, rename and exec; in the root file system and in a volume.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"

# What lies at the same path on both sides, each with its own content.
make_secret()
{
	mkdir -p "$1$T/secret/folder"
	echo "$2" >"$1$T/secret/file"
	echo "$2" >"$1$T/secret/folder/inner"
	printf '#!/bin/sh\necho "%s"\n' "$2" >"$1$T/secret/program"
	chmod 755 "$1$T/secret/program"
}

# make_links FOLDER UP: links there; UP leads from FOLDER to far above the root.
make_links()
{
	ln -s "$T/secret/file" "$1/absolute"
	ln -s "$2$T/secret/file" "$1/up"
	ln -s up "$1/chained"
	ln -s "$T/secret" "$1/folder"
	ln -s "$2$T/secret" "$1/folder-up"
	ln -s / "$1/top"
	ln -s folder/../secret "$1/dotted"
	ln -s "$T/secret/program" "$1/program"
	ln -s "$2$T/secret/program" "$1/program-up"
	ln -s "top/.$T/secret/program" "$1/program-chained"
	ln -s "$T/secret/absent" "$1/absent"
	ln -s "$T/host-only" "$1/host-only"
	ln -s "$2$T/host-only" "$1/host-only-up"
	ln -s /proc/1/root "$1/magic"
	ln -s loop "$1/loop"
}

session()
{
	timeout -k 5 120 "$SALLYPORT" attach "$NAME" -- "$@" </dev/null 2>&1
}

# The host's side, which nothing may change.
secret_state()
{
	find "$T/secret" "$T/host-only" -printf '%p %y %m %s %T@ %C@\n' | sort
	cat "$T/secret/file" "$T/secret/folder/inner" "$T/secret/program" "$T/host-only"
}

# follow NAME FOLDER: every way through the links of FOLDER, as /c has it
follow()
{
	local link name=$1 at=$2
	for link in absolute up chained folder/file folder-up/file "top$T/secret/file" dotted/file folder/folder/inner; do
		is "$name: open: $link" "$(session cat "$at/$link")" "of the container"
		is "$name: stat: $link" "$(session stat -L -c %i "$at/$link")" \
			"$(stat -c %i "$ROOTFS$T/secret/$(case $link in *inner) echo folder/inner ;; *) echo file ;; esac)")"
	done
	for link in host-only host-only-up magic/etc/hostname loop; do
		matches "$name: leads nowhere: $link" "$(session sh -c "cat $at/$link || echo refused")" \
			'(No such file|Too many levels|Permission denied|Not a directory).*refused'
	done
	for link in program program-up program-chained folder/program "top$T/secret/program"; do
		is "$name: exec: $link" "$(session "$at/$link")" "of the container"
	done
	is "$name: realpath stays in /c" "$(session realpath "$at/up")" "/c$T/secret/file"
	is "$name: ls of a folder by a link" "$(session ls "$at/folder-up/")" "file"$'\n'"folder"$'\n'"program"
	session sh -c "echo new >$at/folder/created; echo new >$at/absent; mkdir $at/folder-up/made;
		mv $at/folder/created $at/folder-up/renamed; mv $at/folder/renamed $at/dotted/made/moved;
		ln $at/folder/file $at/folder/hard; ln -s x $at/folder-up/soft; touch $at/up; chmod 640 $at/chained;
		rm $at/folder/soft" >"$T/said"
	is "$name: create, mkdir, rename, link, unlink by links: nothing is said" "$(cat "$T/said")" ""
	is "$name: and all of it was done in the container" "$(cd "$ROOTFS$T/secret" && find . -printf '%P %m\n' | sort | tr '\n' ' ')" \
		"$(printf '%s ' " $(stat -c %a "$ROOTFS$T/secret")" "absent 644" "file 640" "folder 755" "folder/inner 644" "hard 640" \
			"made 755" "made/moved 644" "program 755")"
	is "$name: a rename onto a link replaces the link" \
		"$(session sh -c "echo x >$at/plain; mv -T $at/plain $at/absolute; stat -c %F $at/absolute; cat $ROOTFS$T/secret/file")" \
		"regular file"$'\n'"of the container"
	rm -rf "$ROOTFS$T/secret/absent" "$ROOTFS$T/secret/made" "$ROOTFS$T/secret/hard"
	is "$name: the host's files are as they were" "$(secret_state)" "$before"
}

# A process of the container that changes what /vol/swap and /vol/way are, as fast as it can.
SWAPPER="cd /vol; mkdir -p real; echo of the container >real/file; cp $T/secret/program real/program
	while :; do
		ln -sfn real/file swap; ln -sfn $T/secret way
		ln -sfn ../../../../../../../..$T/host-only swap; ln -sfn real way
		ln -sfn $T/host-only swap; ln -sfn ../../../../../../..$T/secret way
		rm -f way; mkdir way; echo of the container >way/file; rm -r way; rm -f swap; echo of the container >swap
	done"

swapping()
{
	local front out
	"$SALLYPORT" exec "$NAME" -- /bin/sh -c "$SWAPPER" </dev/null >"$T/swapper" 2>&1 &
	front=$!
	STARTED+=("$front")
	wait_for 5 test -e "$ROOTFS/../volume/real/program" || not_ok "the links are swapped" "$(cat "$T/swapper")"
	out=$(session python3 -c '
import os, subprocess, time
seen, end, n = {}, time.monotonic() + 10, 0
def note(what):
    seen[what] = seen.get(what, 0) + 1
def attempt(name, act):
    try:
        note(name + act())
    except OSError as e:
        note(name + os.strerror(e.errno))
def create():
    with open("/c/vol/way/made", "w") as f:
        f.write("by the tool")
    return "done"
def rename():
    with open("/c/vol/plain", "w") as f:
        f.write("by the tool")
    os.rename("/c/vol/plain", "/c/vol/way/renamed")
    return "done"
while time.monotonic() < end:
    n += 1
    attempt("open: ", lambda: open("/c/vol/swap").read().strip())
    attempt("below: ", lambda: open("/c/vol/way/file").read().strip())
    attempt("stat: ", lambda: "host" if os.stat("/c/vol/swap").st_size == 14 else "container")
    attempt("create: ", create)
    attempt("rename: ", rename)
    if n % 20 == 0:
        attempt("exec: ", lambda: subprocess.run(["/c/vol/way/program"], capture_output=True).stdout.decode().strip())
for what in sorted(seen):
    print(what, seen[what])
')
	lacks "swapped while they are used: never the host's" "$out" 'of the host|host only|: host|Traceback'
	matches "swapped while they are used: the container's is read" "$out" 'open: of the container'
	matches "swapped while they are used: the container's is run" "$out" 'exec: of the container'
	matches "swapped while they are used: files are made and renamed" "$out" 'create: done.*rename: done'
	diag "$out"
	end_process "$front"
	is "swapped while they are used: the host's files are as they were" "$(secret_state)" "$before"
}

name=sp-runc-links-$$
ROOTFS=$T/$name/rootfs
make_rootfs "$ROOTFS"
make_secret "" "of the host"
make_secret "$ROOTFS" "of the container"
echo "the host only" >"$T/host-only"
mkdir -p "$T/$name/volume/links" "$ROOTFS/links"
make_links "$ROOTFS/links" ../../../../../../../..
make_links "$T/$name/volume/links" ../../../../../../../../..
start_runc_bundle "$name" '
c["root"]["readonly"] = False
c["mounts"] += [{"destination": "/vol", "type": "bind", "source": "'"$T/$name/volume"'", "options": ["rbind", "rw"]}]
' || skip_all "$CAUSE"
before=$(secret_state)

follow "the root" /c/links
follow "a volume" /c/vol/links
swapping
nothing_left "links"
finish
