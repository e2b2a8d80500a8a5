# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of sallyport(1) for bash. What there is to complete, the program itself tells.

# The long options of COMMAND, one a line; those that take a value as "--name=".
_sallyport_options()
{
	sallyport "$1" --help 2>/dev/null |
		sed -nE 's/^ +(-[a-zA-Z], )?(--[a-z-]+) [^ ].*/\2=/p; t
			s/^ +(-[a-zA-Z], )?(--[a-z-]+)([[ ].*|$)/\2/p'
}

# The options of COMMAND that take a value, short and long ones, in one line.
_sallyport_valued()
{
	sallyport "$1" --help 2>/dev/null |
		sed -nE 's/^ +((-[a-zA-Z]), )?(--[a-z-]+) [^ ].*/\2 \3/p' | tr '\n' ' '
}

# Names are a container's own choice, and compgen expands its words: plain names alone.
_sallyport_containers()
{
	sallyport list --json 2>/dev/null |
		sed -nE 's/^ *"name": ?"([A-Za-z0-9][A-Za-z0-9_.-]*)",?$/\1/p'
}

_sallyport_engines()
{
	sallyport list --help 2>/dev/null | sed -n 's/^Engines: //p' | tr -d ','
}

# Sets COMPREPLY to what may follow OPTION.
_sallyport_value()
{
	local option=$1 current=$2
	case $option in
	-t | --type) mapfile -t COMPREPLY < <(compgen -W "$(_sallyport_engines)" -- "$current") ;;
	--share) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
	--host-view) mapfile -t COMPREPLY < <(compgen -W 'rw ro native native-ro' -- "$current") ;;
	--via) mapfile -t COMPREPLY < <(compgen -W 'exec attach' -- "$current") ;;
	--engine-command) mapfile -t COMPREPLY < <(compgen -c -- "$current" | sort -u) ;;
	--container-view) mapfile -t COMPREPLY < <(compgen -W 'fuse native' -- "$current") ;;
	--without) mapfile -t COMPREPLY < <(compgen -W 'seccomp caps no_new_privs lsm cgroup' -- "$current") ;;
	-e | --env) mapfile -t COMPREPLY < <(compgen -v -- "$current") ;;
	esac
}

_sallyport()
{
	local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
	local i word previous valued container=
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		word=$(sallyport --help 2>/dev/null | sed -nE 's/^  ([a-z]+) .*/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$word --help --version" -- "$current")
		return 0
	fi
	valued=" $(_sallyport_valued "$command") "
	for ((i = 2; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == -- ]]; then
			continue
		elif [[ $valued == *" $word "* ]]; then
			previous=$word
			# --name=value has come here in three words.
			[ "${COMP_WORDS[i + 1]}" = = ] && i=$((i + 1))
			i=$((i + 1))
			if [ "$i" -ge "$COMP_CWORD" ]; then
				_sallyport_value "$previous" "${current#=}"
				return 0
			fi
		elif [[ $word != -* ]]; then
			container=$word
			break
		fi
	done
	if [ -n "$container" ]; then
		# A program: of the host for attach; that of exec is the container's, unknown here.
		[ "$command" != attach ] ||
			mapfile -t COMPREPLY < <(compgen -c -- "$current" | sort -u)
	elif [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_sallyport_options "$command")" -- "$current")
		[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
	elif sallyport "$command" --help 2>/dev/null | grep -q '^Usage:.* CONTAINER'; then
		mapfile -t COMPREPLY < <(compgen -W "$(_sallyport_containers)" -- "$current")
	fi
	return 0
}
complete -F _sallyport sallyport
