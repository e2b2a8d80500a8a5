#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is installed beside the program. The manual: that it names what the program knows, that its
# examples give what they show. Completions. Installation: to a prefix, and away again.
. "$(dirname "$0")/lib.sh"

SOURCE=$(cd "$HERE/../.." && pwd)
PAGE=$SOURCE/man/sallyport.1
NAME=manual-$$
mkdir "$T/path"
ln -s "$SALLYPORT" "$T/path/sallyport"

# A container of runc's; the examples call it "web", as if it lay in /srv.
start_web()
{
	local root=$T/web/rootfs applet
	mkdir -p "$root"/{bin,dev,etc,proc,root,srv,sys,tmp}
	cp /bin/busybox "$root/bin/busybox"
	for applet in cat chroot mount sh sleep touch; do
		ln -s /bin/busybox "$root/bin/$applet"
	done
	echo 'www:x:33:33::/srv:/bin/sh' >"$root/etc/passwd"
	printf 'user www\nlisten 8080\n' >"$root/etc/web.conf"
	echo text >"$root/etc/plain"
	echo secret >"$root/etc/key"
	chmod 600 "$root/etc/key"
	(cd "$T/web" && runc spec) || return 1
	jq '.process += {terminal: false, args: ["/bin/sleep", "6000"], user: {uid: 33, gid: 33}, env: ["PATH=/bin"]}
		| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
			syscalls: [{names: ["mount", "ptrace", "keyctl"], action: "SCMP_ACT_ERRNO"}]}' \
		"$T/web/config.json" >"$T/config.json" || return 1
	mv "$T/config.json" "$T/web/config.json"
	ENDINGS+=('runc delete -f "$NAME"')
	runc run -d -b "$T/web" "$NAME" </dev/null >"$T/runc" 2>&1
}
if ! start_web; then
	not_ok "runc starts a container" "$(cat "$T/runc")"
	finish
fi

# The page as it is read, without the overstriking of bold and underlined text.
page()
{
	mandoc -Tutf8 -Owidth=160 "$PAGE" | sed 's/.\x08//g'
}

# section TITLE: its lines, without their indentation
section()
{
	page | sed -n "/^$1\$/,/^[A-Z]/{/^[A-Z]/d; s/^ *//; p}"
}

# Style, of all pages. What is not their fault: which other manuals are installed here.
for page in "$SOURCE"/man/*.[1-8]; do
	lint=$(mandoc -Tlint "$page" 2>&1 | grep -vE 'referenced manual not found|outdated mandoc.db')
	is "${page##*/}: mandoc has nothing to complain of" "$lint" ""
	is "nor has man" "$(man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)" ""
done

# What the program knows, by its own word and by its source.
commands=$("$SALLYPORT" --help | sed -nE 's/^  ([a-z]+) .*/\1/p')
is "each command has its part of the manual" \
	"$(sed -nE 's/^\.Ss sallyport ([a-z]+).*/\1/p' "$PAGE" | sort)" "$(sort <<<"$commands")"
mapfile -t listed < <(section SYNOPSIS | sed -nE 's/^sallyport ([a-z]+) .*/\1/p' | sort -u)
is "and stands in its synopsis" "${listed[*]}" "$(sort <<<"$commands" | paste -sd' ')"

# options_of_help COMMAND, options_of_page COMMAND: "-x" and "--long", one a line
options_of_help()
{
	"$SALLYPORT" "$1" --help | sed -nE 's/^ +((-[a-zA-Z]), )?(--[a-z-]+)([[ ].*|$)/\2\n\3/p' | sed '/^$/d' | sort
}
options_of_page()
{
	sed -n "/^\.Ss sallyport $1 /,/^\.S[hs] /p" "$PAGE" | sed -n 's/^\.It Fl //p' | sed 's/ , Fl /\n/' |
		sed 's/^\([a-zA-Z-]*\).*/-\1/' | sort
}
for command in $commands; do
	want=$(options_of_help "$command")
	# What exec has in common with attach is told there, once.
	[ "$command" != exec ] || want=$(comm -23 <(echo "$want") <(options_of_page attach))
	is "$command: the manual names its options, and no others" "$(options_of_page "$command")" "$want"
done
is "exec lacks of attach's what the manual says" \
	"$(comm -13 <(options_of_help exec) <(options_of_page attach))" \
	"$(sed -n '/^The options are those of/,/^\.Pp/s/^\.Fl \(-[a-z-]*\).*/-\1/p' "$PAGE" | sort)"
known=$(grep -hoE '\{ "[a-z-]+", (no|required|optional)_argument' "$SOURCE"/src/cli/*.c | cut -d'"' -f2 | sort -u)
is "no option of the source is kept from --help" \
	"$(for command in $commands; do options_of_help "$command"; done | sed -n 's/^--//p' | sort -u)" "$known"
variables=$(grep -rhoE 'getenv\("[A-Z_]+"' "$SOURCE/src" | cut -d'"' -f2 | sort -u | grep -v '^SALLYPORT_SOCKET$')
for variable in $variables; do
	is "the manual tells of $variable" "$(grep -cE "^\.It Ev (.*[ ,])?$variable( |\$)" "$PAGE")" 1
done
is "engines are those that the program names" \
	"$(sed -nE '/^is one of docker/,/^\.Cm/{/^\.Cm/d; s/is one of //; s/ and /, /; s/\.$//; p}' "$PAGE" | tr '\n,' '  ' | xargs)" \
	"$("$SALLYPORT" list --help | sed -n 's/^Engines: //p' | tr -d ,)"
members=$("$SALLYPORT" list --json | jq -r 'map(keys) | add | unique[]')
told=$(sed -n '/^Print a JSON array/,/^What does/{s/^\.Li //p}' "$PAGE" | tr -d ',.' | tr ' ' '\n' | sed '/^$/d' | sort)
is "the members of list --json" "$told" "$members"

# Of sessions: one that runs, one that has ended, with a recording, and one that was refused.
members_of_sessions()
{
	"$SALLYPORT" sessions --json -n 100 |
		jq -r --arg name "$NAME" "map(select(.container == \$name)) | $1"
}
# Who logged in; without the rights to say so nobody did.
login() { sh -c '{ echo 0 >/proc/self/loginuid; } 2>/dev/null; exec "$@"' - "$@"; }
login timeout 60 "$SALLYPORT" attach --reason manual --record="$T/recording" "$NAME" -- sh -c \
	"strace -o /dev/null /c/bin/cat 2>$T/refused; exit 1" </dev/null >"$T/out" 2>&1
matches "a program in a session is refused" "$(cat "$T/refused" "$T/out")" 'is traced by strace'
timeout 60 "$SALLYPORT" attach -u nobody-there "$NAME" -- true </dev/null >"$T/out" 2>&1
timeout 60 "$SALLYPORT" attach --container-view native --host-view native "$NAME" -- sleep 60 </dev/null >"$T/out" 2>&1 &
STARTED+=($!)
wait_for 10 sh -c "'$SALLYPORT' sessions -r --json | grep -q '\"$NAME\"'"
told=$(sed -n '/^\.Ss sallyport sessions/,/^\.It Fl -kill/{s/^\.It Li //p}' "$PAGE" | tr -d , | xargs -n 1 | sort)
printed=$(members_of_sessions 'map(keys) | add | unique[]')
is "sessions --json: their states" "$(members_of_sessions 'map(.state) | unique | join(" ")')" "ended refused running"
is "each member that is printed is told" "$(comm -23 <(sort <<<"$printed") <(echo "$told"))" ""
is "those that need nothing of this host are printed" "$(printf '%s\n' argv command container container_id container_pid \
	container_view ended engine error host_view image owner pid reason recording recording_sha256 session started state status \
	terminal | sort | comm -23 - <(sort <<<"$printed"))" ""
is "and none is told that the source does not know" "$(for member in $told; do
		grep -q "\"$member\"" "$SOURCE/src/cli/past.c" || echo "$member"
	done)" ""
is "so the session itself was not" "$(members_of_sessions '.[] | select(.reason == "manual") | "\(.state) \(.error)"')" "ended null"
for view in container_view host_view; do
	is "the $view is native where it is" "$(members_of_sessions "map(.$view) | unique | join(\" \")")" " native"
done
end_process "${STARTED[-1]}"

# Exit statuses.
status_of()
{
	timeout 60 "$@" </dev/null >/dev/null 2>&1
	echo $?
}
for command in attach exec; do
	run="$SALLYPORT $command $NAME --"
	c=$([ "$command" = exec ] || echo /c)
	is "$command: the program's own status" "$(status_of $run $c/bin/sh -c 'exit 3')" 3
	is "$command: 128+n" "$(status_of $run $c/bin/sh -c 'kill -9 $$')" 137
	is "$command: 126" "$(status_of $run $c/etc/plain)" 126
	is "$command: 127" "$(status_of $run $c/bin/none)" 127
	is "$command: 125" "$(status_of "$SALLYPORT" "$command" --none)" 125
done

# The examples, as the page shows them: numbers of several digits, blanks and the place may differ.
alike()
{
	sed -E "s|$NAME|web|g; s|$T|/srv|g; s/[0-9]{2,}/N/g; s/ +/ /g; s/^ //; s/ \$//; /^\$/d"
}
check_example()
{
	# The file of the container is not the container's name.
	local command=${1//web.conf/CONF} got
	command=${command//web/$NAME}
	got=$(PATH=$T/path:$PATH timeout 60 bash -c "${command//CONF/web.conf}" </dev/null 2>&1)
	# This host can have other containers than ours.
	[ "$1" != 'sallyport list' ] || got=$(grep -E "^ENGINE|$NAME" <<<"$got")
	is "example: $1" "$(alike <<<"$got")" "$(printf '%s' "$2" | alike)"
	examples=$((examples + 1))
}
# check_examples WANTED: those of PAGE, WANTED at least. A line that is indented less ends one.
check_examples()
{
	local line command= shown
	examples=0
	while IFS= read -r line; do
		case $line in
		"          # "* | "           # "*)
			[ -z "$command" ] || check_example "$command" "$shown"
			command=${line#*# }
			shown=
			;;
		"          "*) shown+=$line$'\n' ;;
		"") ;;
		*)
			[ -z "$command" ] || check_example "$command" "$shown"
			command=
			;;
		esac
	done < <(page | sed -n '/^EXAMPLES$/,/^[A-Z]/{/^[A-Z]/d; p}'; echo end)
	check "${PAGE##*/}: worked examples: $examples commands" test "$examples" -ge "$1"
}
check_examples 5
PAGE=$SOURCE/man/sallyport-why.1
check_examples 5

# Each member that why --json prints is told there, and no other.
told=$(sed -n '/^\.Ss JSON/,/^\.Sh/{s/^\.It Li //p}' "$PAGE" | tr -d , | xargs -n 1 | sort)
"$SALLYPORT" why --json "$NAME" -- sh -c 'mount -t tmpfs none /tmp; cat /etc/key; exit 1' >"$T/why" 2>&1 </dev/null
is "why --json: its members" "$(jq -r '[keys, (.refusals[] | keys, (.refused_by[] | keys))] | add | unique[]' "$T/why")" "$told"
words=$(sed -nE 's/^\t\[CAUSE_[A-Z_]+\] = "(.*)",/\1/p' "$SOURCE/src/why/explain.c" | sort)
is "each layer that it names is told" "$(sed -n '/^\.Ss What is printed/,/^How certain/{s/^\.It Li //p}' "$PAGE" | tr -d '"' | sort)" "$words"
words=$(sed -nE 's/^\t\[CERTAINTY_[A-Z]+\] = "(.*)",/\1/p' "$SOURCE/src/cli/why.c" | sort)
is "each certainty" "$(sed -n '/^How certain/,/^\.Ss/{s/^\.It Li //p}' "$PAGE" | sort)" "$words"
PAGE=$SOURCE/man/sallyport.1

# Completions.
complete_bash()
{
	PATH=$T/path:$PATH bash --norc -c '. "$1"; shift; COMP_WORDS=(sallyport "$@"); COMP_CWORD=$#; _sallyport
		printf "%s\n" "${COMPREPLY[@]}"' _ "$SOURCE/completions/sallyport.bash" "$@" 2>&1
}
is "bash: commands" "$(complete_bash '' | sed '/^-/d' | sort)" "$(sort <<<"$commands")"
for command in $commands; do
	is "bash: options of $command" "$(complete_bash "$command" -- | tr -d = | sort)" \
		"$(options_of_help "$command" | grep ^--)"
done
is "bash: a container's name" "$(complete_bash attach --share /tmp "${NAME%?}")" "$NAME"
is "bash: engines" "$(complete_bash list -t podm)" podman
is "bash: a value after =" "$(complete_bash attach --host-view = r | paste -sd' ')" "rw ro"
is "bash: a tool of the host" "$(complete_bash attach "$NAME" -- mkf | grep -x mkfifo)" mkfifo

# zsh shows its matches on a terminal only.
complete_zsh()
{
	PATH=$T/path:$PATH HOME=$T zsh -f -c 'zmodload zsh/zpty
		zpty z "PS1= TERM=dumb zsh -f -i"
		zpty -w z "fpath=($1 \$fpath); autoload -U compinit; compinit -D -u; setopt no_beep; stty cols 150; echo ready\$((1))"
		zpty -r z out "*ready1*"
		zpty -n -w z "$2"$'"'\\t\\t'"'
		repeat 200; do
			while zpty -r -t z out; do all+=$out; done
			[[ ${all//[$'"'\\r\\n\\0'"']/} =~ $3 ]] && break; sleep 0.1
		done; print -rn -- "$all"' _ "$SOURCE/completions" "$1" "$2" | tr '\r\0' '  '
}
check "zsh: the function is sound" zsh -n "$SOURCE/completions/_sallyport"
matches "zsh: commands" "$(complete_zsh 'sallyport ' 'exec.*list')" "attach.*exec.*inspect.*list"
matches "zsh: a container's name" "$(complete_zsh "sallyport attach ${NAME%?}" "$NAME")" "$NAME"
matches "zsh: options" "$(complete_zsh 'sallyport attach --host' 'host-view')" "--host-view="

# Installation, as a packager and as a user does it.
BUILD=$(dirname "$ROOT_OF_BUILD")
files="bin/sallyport libexec/sallyport/sallyport-fs libexec/sallyport/sallyport-gate libexec/sallyport/sallyport-launch libexec/sallyport/sallyport-probe
	share/man/man1/sallyport.1 share/man/man1/sallyport-diff.1 share/man/man1/sallyport-why.1 share/bash-completion/completions/sallyport share/zsh/site-functions/_sallyport"
missing_in()
{
	local file
	for file in $files; do
		[ -s "$1/$file" ] || echo "$file"
	done
}
prefix=$(meson introspect --buildoptions "$BUILD" | jq -r '.[] | select(.name == "prefix").value')
check "DESTDIR: installs" env DESTDIR="$T/dest" meson install -C "$BUILD" --no-rebuild
is "DESTDIR: all is there" "$(missing_in "$T/dest$prefix")" ""
check "a build for a prefix" meson setup "$T/build" "$SOURCE" --prefix "$T/prefix"
mapfile -t installed < <(meson introspect --targets "$T/build" |
	jq -r --arg root "$T/build/" '.[] | select(.installed) | .filename[] | ltrimstr($root)')
check "builds" ninja -C "$T/build" "${installed[@]}"
check "prefix: installs" meson install -C "$T/build" --no-rebuild
is "prefix: all is there" "$(missing_in "$T/prefix")" ""
is "prefix: man finds the manual" "$(MANPATH=$T/prefix/share/man man -w sallyport 2>&1)" \
	"$T/prefix/share/man/man1/sallyport.1"
# From here on the build is away: nothing of it may be needed.
mv "$T/build/src" "$T/build/src.away"
is "prefix: what is installed attaches, and runs a program of the container" \
	"$("$T/prefix/bin/sallyport" attach "$NAME" -- /c/bin/cat /etc/plain </dev/null 2>&1)" text
is "prefix: exec" "$("$T/prefix/bin/sallyport" exec "$NAME" -- cat /etc/plain </dev/null 2>&1)" text
mv "$T/build/src.away" "$T/build/src"
check "prefix: uninstall" ninja -C "$T/build" uninstall
is "prefix: uninstall leaves nothing" "$(find "$T/prefix" -mindepth 1 2>/dev/null)" ""
nothing_left "the manual's test"
finish
