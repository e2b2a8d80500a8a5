# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the tests of this folder, bash: the containers of tests/live, their configurations, and
# `sallyport diff` against a process that the container's own init has started.
FIDELITY=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$FIDELITY/../live/lib.sh"
. "$FIDELITY/../live/engines.sh"

# An engine removes its container's cgroup, but not those above, which it made too.
ENDINGS+=('find /sys/fs/cgroup -depth -type d -path "*/${T##*/}*" -exec rmdir {} +')

# start_config NAME: a container of runc's by the function NAME of configs.py. All share a root.
start_config()
{
	local owner=0 bundle=$T/sp-$1-$$
	have runc || return 1
	case $1 in userns*) owner=100000 ;; esac
	[ -d "$T/root.$owner" ] || {
		make_rootfs "$T/root.$owner"
		[ "$owner" = 0 ] || find "$T/root.$owner" -exec chown -h "$owner:$owner" {} +
	}
	mkdir -p "$bundle"
	ln -sfn "$T/root.$owner" "$bundle/rootfs"
	start_runc_bundle "sp-$1-$$" "
import sys
sys.path.insert(0, '$FIDELITY')
sys.dont_write_bytecode = True
import configs
c['root']['path'] = '$T/root.$owner'
configs.CONFIGS['$1'](c)
"
}

end_config()
{
	runc delete -f "$NAME" >/dev/null 2>&1
}

# compare NAME VIA: the probe, started VIA exec or attach, is like a process of the container's own.
compare()
{
	local status
	"$SALLYPORT" diff ${ENGINE:+-t "$ENGINE"} --via "$2" \
		--engine-command "$FIDELITY/ask_init.py $PID" "$NAME" >"$T/diff" 2>"$T/errors" </dev/null
	status=$?
	if [ "$status" = 0 ]; then
		ok "$1, via $2: $(tail -n 1 "$T/diff")"
	else
		not_ok "$1, via $2: $(tail -n 1 "$T/diff")" "status $status"$'\n'"$(cat "$T/errors"; grep DIFFERS "$T/diff")"
	fi
}

# More of what the engines start by options of their own.

start_podman_read_only()
{
	start_podman "${1:-sp-podman-ro-$$}" --read-only --user 1000:1000 --group-add 2000 --cap-add net_raw \
		--security-opt no-new-privileges --tmpfs /data --volume /usr/share/doc:/vol:ro --pids-limit 200
}

start_podman_caps()
{
	start_podman "${1:-sp-podman-caps-$$}" --cap-drop all --cap-add setuid,setgid,sys_ptrace,dac_override \
		--security-opt seccomp=unconfined --security-opt mask=/proc/version --ipc private
}

start_docker_user()
{
	start_docker "${1:-sp-docker-user-$$}" --user 1000:1000 --group-add 2000 --read-only --tmpfs /data \
		--security-opt no-new-privileges --cap-drop all --cap-add net_raw --oom-score-adj 33 --init=false
}

# As near to --privileged as dockerd can get here: see DOCKER_CAPS.
start_docker_privileged()
{
	start_docker "${1:-sp-docker-all-$$}" --cap-add all --cap-drop sys_resource \
		--security-opt seccomp=unconfined --security-opt systempaths=unconfined --device /dev/fuse --pid host
}

# Without the filter of start_crun, under which crun's own exec fails: it forbids capset(2), which crun calls
# after it has loaded the filter.
start_crun_plain()
{
	local RUNC_SECCOMP=
	start_crun "${1:-sp-crun-plain-$$}"
}

start_unshare_time()
{
	start_unshare --time --boottime 1000000
}

# A user's own podman, with the two ranges of /etc/subuid.
start_podman_rootless()
{
	local user=sp-rootless home=$T/rootless
	ENGINE=podman NAME=sp-podman-rootless-$$ ROOTFS=$home/rootfs
	have podman && have runc && have newuidmap || return 1
	useradd -M -d "$home" "$user" 2>/dev/null
	ENDINGS+=("userdel -f $user; sed -i /^$user:/d /etc/subuid /etc/subgid")
	grep -q "^$user:" /etc/subuid || usermod --add-subuids 500000-565535 --add-subgids 500000-565535 "$user"
	mkdir -p "$home/run"
	make_rootfs "$ROOTFS"
	chmod 700 "$home/run"
	chown -R "$user:" "$home"
	as_user "$user" "$home" run -d --name "$NAME" --network none --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 \
		--rootfs "$ROOTFS" "${INIT[@]}" >"$T/$NAME.log" 2>&1 </dev/null ||
		{ failed_engine "rootless podman" "$T/$NAME.log"; return 1; }
	ENDINGS+=("as_user $user $home rm -f -t 0 $NAME; as_user $user $home system migrate")
	PID=$(as_user "$user" "$home" inspect -f '{{.State.Pid}}' "$NAME")
	# Its storage is where no operator would look: by its pid.
	ENGINE= NAME=$PID
}

# as_user USER HOME ARG...: podman
as_user()
{
	local user=$1 home=$2
	shift 2
	(cd / && setpriv --reuid "$user" --regid "$user" --init-groups env -i PATH="$PATH" HOME="$home" \
		XDG_RUNTIME_DIR="$home/run" podman --storage-driver vfs --cgroup-manager=cgroupfs --events-backend=file \
		--runtime runc "$@")
}
