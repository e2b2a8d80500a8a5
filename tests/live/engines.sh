# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after lib.sh: real containers, each engine's own. A function start_ENGINE [NAME] starts a
# container whose pid 1 is `/probe init` and sets
#   ENGINE  the engine, as the product calls it ("" where it has no name for it)
#   NAME    how the operator names it
#   PID     its pid 1, in our pid namespace
#   ROOTFS  the folder of its root filesystem as the host has it, "" where the engine hides it
# It returns 1, with CAUSE set, where the engine is absent or refuses. All is ended and removed when
# the test exits.

# link_applets DIR: links to /bin/busybox there, of the names on stdin. There are hundreds, which is long for
# ln(1) where every instruction is emulated.
link_applets()
{
	python3 -c '
import os, sys
for name in sys.stdin.read().split():
    if not os.path.lexists(os.path.join(sys.argv[1], name)):
        os.symlink("/bin/busybox", os.path.join(sys.argv[1], name))' "$1"
}

# An Alpine-like root: busybox with its applets as absolute links, musl, users.
make_rootfs()
{
	local root=$1
	mkdir -p "$root"/{bin,lib,etc,tmp,proc,sys,dev,run,root,usr,vol,home/app,var/log}
	chmod 1777 "$root/tmp"
	cp "$(command -v busybox)" "$root/bin/busybox"
	"$root/bin/busybox" --list | link_applets "$root/bin"
	cp "$TEST_BIN/probe" "$root/probe"
	cp "$TEST_BIN/hello-musl" "$TEST_BIN/hello-elsewhere" "$root/bin/"
	cp -L /lib/ld-musl-x86_64.so.1 "$root/lib/ld-musl-x86_64.so.1"
	cp -L /lib/ld-musl-x86_64.so.1 "$root/lib/ld-elsewhere.so.1"
	cat >"$root/bin/hello-script" <<-'END'
		#!/bin/busybox sh
		read -r world </etc/sallyport-test-world
		echo "hello-script in ${world:-host} as $0 with $#:$*"
	END
	# A relative link to an absolute one.
	mkdir -p "$root/usr/links"
	ln -s ../../bin/cat "$root/usr/links/cat"
	printf '#!/bin/sh -e\necho "hello-sh in $(cat /etc/sallyport-test-world)"\n' >"$root/bin/hello-sh"
	printf 'echo no interpreter line\n' >"$root/bin/hello-plain"
	chmod 755 "$root"/bin/hello-*
	echo "not a program" >"$root/bin/not-executable"
	chmod 644 "$root/bin/not-executable"
	echo container >"$root/etc/sallyport-test-world"
	cat >"$root/etc/passwd" <<-'END'
		root:x:0:0:root:/root:/bin/sh
		app:x:1000:1000:Application:/home/app:/bin/sh
		nobody:x:65534:65534:nobody:/:/bin/false
	END
	cat >"$root/etc/group" <<-'END'
		root:x:0:
		app:x:1000:
		extra:x:2000:app
		more:x:3000:app
		nogroup:x:65534:
	END
	chown 1000:1000 "$root/home/app"
}

# A root of nothing but one static program.
make_minimal_rootfs()
{
	mkdir -p "$1"
	cp "$TEST_BIN/probe" "$1/probe"
}

ENVIRONMENT=("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "WORLD=container"
	"SPACES=two  words" "EMPTY=" "EQUALS=a=b")
INIT=(/probe init umask=027 slack=60000)

have()
{
	command -v "$1" >/dev/null && return 0
	CAUSE="$1 is not installed"
	return 1
}

# True where PID is the engine's process no more: what it is about to execute has begun.
has_begun()
{
	local command
	command=$(tr '\0' ' ' <"/proc/$PID/cmdline")
	[ -n "$command" ] && [[ $command != *"runc init"* && $command != *"crun run"* ]]
}

# pid_of_file FILE: the pid in it, once it is written and its process is the container's.
pid_of_file()
{
	wait_for 20 test -s "$1" || return 1
	PID=$(cat "$1")
	wait_for 20 has_begun
}

# the_child PID: the first child of a process, once it runs our init.
inits_child()
{
	local child
	for child in $(descendants "$1"); do
		if [ "$(tr '\0' ' ' <"/proc/$child/cmdline" 2>/dev/null | cut -d' ' -f1,2)" = "/probe init" ]; then
			echo "$child"
			return 0
		fi
	done
	return 1
}

find_inits_child()
{
	wait_for 20 inits_child "$1" || return 1
	PID=$(inits_child "$1")
}

failed_engine()
{
	CAUSE="$1 doesn't start containers here: $(tail -n 2 "$2" 2>/dev/null | tr '\n\0' '  ' | tail -c 300)"
	return 1
}

# --- docker

DOCKERD=
start_dockerd()
{
	[ -z "$DOCKERD" ] || return 0
	have dockerd && have docker || return 1
	mkdir -p "$T/docker"
	echo '{}' | tee "$T/docker/daemon.json" >"$T/docker/config.json"
	dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs \
		--data-root "$T/docker/data" --exec-root "$T/docker/exec" --config-file "$T/docker/daemon.json" \
		-H "unix://$T/docker/sock" --pidfile "$T/docker/pid" "$@" >"$T/docker/log" 2>&1 &
	DOCKERD=$!
	ENDINGS+=("end_process $DOCKERD")
	export DOCKER_HOST="unix://$T/docker/sock"
	# A configuration folder of its own: none of the caller's plug-ins or credentials.
	export DOCKER_CONFIG="$T/docker"
	wait_for 30 docker version || { failed_engine dockerd "$T/docker/log"; return 1; }
	make_rootfs "$T/docker/rootfs"
	tar -C "$T/docker/rootfs" -c . | docker import - sp-test:1 >/dev/null 2>"$T/docker/log.import" ||
		failed_engine docker "$T/docker/log.import"
}

docker_run()
{
	docker rm -f "$NAME" >/dev/null 2>&1
	docker run -d --network none --name "$NAME" "$@" sp-test:1 "${INIT[@]}" >"$T/$NAME.log" 2>&1
}

# start_docker [NAME [OPTION...]]
start_docker()
{
	local var options=()
	ENGINE=docker NAME=${1:-sp-docker-$$} ROOTFS=
	start_dockerd || return 1
	for var in "${ENVIRONMENT[@]}"; do
		options+=(-e "$var")
	done
	# On a busy machine runc sometimes fails to start its own first child.
	docker_run "${options[@]}" "${@:2}" || docker_run "${options[@]}" "${@:2}" ||
		{ failed_engine docker "$T/$NAME.log"; return 1; }
	ENDINGS+=("docker rm -f $NAME")
	PID=$(docker inspect -f '{{.State.Pid}}' "$NAME")
	wait_for 20 has_begun
}

# --- podman

podman_here()
{
	podman --root "$T/podman/root" --runroot "$T/podman/run" --tmpdir "$T/podman/tmp" \
		--storage-driver vfs --cgroup-manager=cgroupfs --events-backend=file --runtime runc "$@"
}

start_podman()
{
	local var options=()
	ENGINE=podman NAME=${1:-sp-podman-$$} ROOTFS=$T/podman/$NAME
	have podman && have runc || return 1
	# Where podman has it by default the policy gives it that.
	mkdir -p "$T/podman/root"
	[ -z "${FILES_LABEL-}" ] || chcon system_u:object_r:container_var_lib_t:s0 "$T/podman" "$T/podman/root"
	make_rootfs "$ROOTFS"
	label_files "$ROOTFS"
	for var in "${ENVIRONMENT[@]}"; do
		options+=(-e "$var")
	done
	# Where the operator's storage is, podman and the product read from the same file.
	cat >"$T/podman/storage.conf" <<-END
		[storage]
		driver = "vfs"
		graphroot = "$T/podman/root"
		runroot = "$T/podman/run"
	END
	export CONTAINERS_STORAGE_CONF="$T/podman/storage.conf"
	podman_here run -d --name "$NAME" --network none --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 \
		"${options[@]}" "${@:2}" --rootfs "$ROOTFS" "${INIT[@]}" >"$T/$NAME.log" 2>&1 </dev/null ||
		{ failed_engine podman "$T/$NAME.log"; return 1; }
	ENDINGS+=("podman_here rm -f -t 0 $NAME")
	PID=$(podman_here inspect -f '{{.State.Pid}}' "$NAME")
	wait_for 20 has_begun
}

# --- runc

# label_files ROOT: where a test gives each container a label, FILES_LABEL is SELinux' of their files.
label_files()
{
	[ -z "${FILES_LABEL-}" ] || chcon -R "$FILES_LABEL" "$1"
}

# runc_bundle BUNDLE EDIT: `runc spec` with our init and its environment, then the Python code EDIT on
# the dictionary c, and that of RUNC_LABEL.
runc_bundle()
{
	(cd "$1" && rm -f config.json && runc spec) || return 1
	python3 - "$1/config.json" "$2${RUNC_LABEL-}" "$(printf '%s\n' "${INIT[@]}")" \
		"$(printf '%s\n' "${ENVIRONMENT[@]}")" <<-'END'
		import json, sys
		path, edit, init, env = sys.argv[1:]
		with open(path) as f:
		    c = json.load(f)
		c["process"].update(terminal=False, args=init.split("\n"), env=env.split("\n"))
		exec(edit)
		with open(path, "w") as f:
		    json.dump(c, f, indent=1)
	END
	(cd "$1" && label_files "$(jq -r .root.path config.json)")
}

# A filter under which a careless joiner can't do its work: what it needs is forbidden.
RUNC_SECCOMP='
c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64",
    "SCMP_ARCH_X86"], "syscalls": [{"names": ["setns", "unshare", "mount", "capset", "acct",
    "sethostname", "keyctl", "ptrace", "pidfd_open"], "action": "SCMP_ACT_ERRNO"}]}
'
RUNC_USER='
c["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [2000, 3000]}
c["process"]["oomScoreAdj"] = 77
c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 512, "soft": 256},
    {"type": "RLIMIT_CORE", "hard": 4096, "soft": 0}]
c["process"]["cwd"] = "/home/app"
'
RUNC_USERNS='
c["linux"]["namespaces"] += [{"type": "user"}]
c["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
c["process"]["noNewPrivileges"] = False
c["mounts"] = [m for m in c["mounts"] if m["type"] != "cgroup"]
'
# As little as runc starts: one static program in a root that nobody can write to.
RUNC_MINIMAL='
c["root"]["readonly"] = True
c["mounts"] = [m for m in c["mounts"] if m["destination"] == "/proc"]
c["linux"].update(maskedPaths=[], readonlyPaths=[])
c["process"]["env"] = []
'

# start_runc_bundle NAME EDIT, with the bundle's rootfs made already
start_runc_bundle()
{
	local bundle=$T/$1
	ENGINE=runc NAME=$1 ROOTFS=$bundle/rootfs
	runc_bundle "$bundle" "$2" || return 1
	runc run -d --pid-file "$bundle/pid" -b "$bundle" "$NAME" </dev/null >"$bundle/log" 2>&1 ||
		{ failed_engine runc "$bundle/log"; return 1; }
	ENDINGS+=("runc delete -f $NAME")
	pid_of_file "$bundle/pid"
}

start_runc()
{
	local name=${1:-sp-runc-$$}
	have runc || return 1
	make_rootfs "$T/$name/rootfs"
	start_runc_bundle "$name" "${2-$RUNC_SECCOMP$RUNC_USER}"
}

start_runc_userns()
{
	local name=${1:-sp-runc-userns-$$}
	have runc || return 1
	make_rootfs "$T/$name/rootfs"
	find "$T/$name/rootfs" -exec chown -h 100000:100000 {} +
	chmod 755 "$T/$name"
	start_runc_bundle "$name" "$RUNC_USERNS${2-}"
}

start_runc_minimal()
{
	local name=${1:-sp-runc-minimal-$$}
	have runc || return 1
	make_minimal_rootfs "$T/$name/rootfs"
	start_runc_bundle "$name" "$RUNC_MINIMAL${2-}"
}

# --- crun: where cgroups are v1 and v2 mixed it refuses, so it gets a mount namespace without v2.

start_crun()
{
	local bundle
	ENGINE=crun NAME=${1:-sp-crun-$$}
	bundle=$T/$NAME ROOTFS=$bundle/rootfs
	have crun && have runc || return 1
	make_rootfs "$ROOTFS"
	runc_bundle "$bundle" "$RUNC_SECCOMP" || return 1
	unshare -m --propagation private sh -c '! [ -d /sys/fs/cgroup/unified ] || umount /sys/fs/cgroup/unified
		exec crun run -d --pid-file "$1/pid" -b "$1" "$2"' sh "$bundle" "$NAME" \
		</dev/null >"$bundle/log" 2>&1 || { failed_engine crun "$bundle/log"; return 1; }
	ENDINGS+=("crun delete -f $NAME")
	pid_of_file "$bundle/pid"
}

# --- lxc

start_lxc()
{
	local path=$T/lxc var
	ENGINE=lxc NAME=${1:-sp-lxc-$$} ROOTFS=$path/${1:-sp-lxc-$$}/rootfs
	have lxc-start || return 1
	make_rootfs "$ROOTFS"
	cat >"$path/$NAME/config" <<-END
		lxc.rootfs.path = dir:$ROOTFS
		lxc.uts.name = $NAME
		lxc.net.0.type = empty
		lxc.mount.auto = proc:mixed
		lxc.autodev = 1
		lxc.pty.max = 8
		lxc.init.cmd = ${INIT[*]}
		lxc.cap.drop = sys_module sys_time mknod
		lxc.apparmor.profile = unconfined
	END
	for var in "${ENVIRONMENT[@]}"; do
		case $var in *" "*) ;; *) echo "lxc.environment = $var" >>"$path/$NAME/config" ;; esac
	done
	lxc-start -P "$path" -n "$NAME" -o "$path/log" -l ERROR </dev/null >"$path/out" 2>&1 ||
		{ failed_engine lxc "$path/log"; return 1; }
	ENDINGS+=("lxc-stop -P $path -n $NAME -k")
	PID=$(lxc-info -P "$path" -n "$NAME" -pH)
	[ -n "$PID" ] && wait_for 5 grep -q probe "/proc/$PID/comm"
}

# --- systemd-nspawn

start_nspawn()
{
	local var options=() pid
	ENGINE=nspawn NAME=${1:-sp-nspawn-$$} ROOTFS=$T/${1:-sp-nspawn-$$}
	have systemd-nspawn || return 1
	make_rootfs "$ROOTFS"
	for var in "${ENVIRONMENT[@]}"; do
		options+=("--setenv=$var")
	done
	systemd-nspawn --register=no --keep-unit -q -M "$NAME" -D "$ROOTFS" --console=pipe \
		"${options[@]}" -- "${INIT[@]}" </dev/null >"$T/$NAME.log" 2>&1 &
	pid=$!
	STARTED+=("$pid")
	find_inits_child "$pid" || { failed_engine systemd-nspawn "$T/$NAME.log"; return 1; }
}

# --- containers that nobody keeps track of: named by their pid

start_bwrap()
{
	local pid
	ENGINE= ROOTFS=$T/bwrap
	have bwrap || return 1
	make_rootfs "$ROOTFS"
	bwrap --unshare-all --as-pid-1 --die-with-parent --bind "$ROOTFS" / --proc /proc --dev /dev --hostname sp-bwrap \
		--clearenv --setenv PATH /bin --setenv WORLD container "${INIT[@]}" \
		</dev/null >"$T/bwrap.log" 2>&1 &
	pid=$!
	STARTED+=("$pid")
	find_inits_child "$pid" || { failed_engine bwrap "$T/bwrap.log"; return 1; }
	NAME=$PID
}

# start_unshare [OPTION...]: nothing but namespaces, a root by chroot, and an odd state.
start_unshare()
{
	local pid root
	ENGINE=
	root=$(mktemp -d "$T/unshare.XXXXXX")
	ROOTFS=$root
	chmod 755 "$root"
	make_rootfs "$root"
	env -i "${ENVIRONMENT[@]}" unshare --fork --pid --mount --uts --ipc --net --cgroup \
		--root="$root" --mount-proc --kill-child "$@" \
		"${INIT[@]}" personality=0x40000 nice=3 </dev/null >"$T/unshare.log" 2>&1 &
	pid=$!
	STARTED+=("$pid")
	find_inits_child "$pid" || { failed_engine unshare "$T/unshare.log"; return 1; }
	NAME=$PID
}

start_unshare_userns()
{
	start_unshare --user --map-root-user
}

# All of them, as the tests go through them.
ENGINES="docker podman runc runc_userns runc_minimal crun lxc nspawn bwrap unshare unshare_userns"
