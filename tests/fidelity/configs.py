# SPDX-License-Identifier: GPL-2.0-or-later
"""Configurations of runc's containers: each a function that edits an OCI config, a dictionary."""
import json
import os

ARCHITECTURES = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
# What a static program and the probe can't do without.
NEEDED = """access alarm arch_prctl brk clone clone3 close close_range dup2 dup3 execve execveat exit exit_group
    faccessat faccessat2 fcntl fork fstat fstatfs futex getcwd getdents64 getegid geteuid getgid getgroups
    getpid getppid getpriority getrandom getresgid getresuid getrlimit getsid gettid getuid getxattr
    ioctl kill lseek lstat mmap mprotect mremap munmap newfstatat open openat pipe pipe2 poll prctl
    prlimit64 process_vm_readv read readlink readlinkat rseq rt_sigaction rt_sigprocmask rt_sigreturn
    rt_sigtimedwait set_robust_list set_tid_address setsid stat statfs statx umask uname unlink wait4
    waitid write writev capget capset setgid setuid setgroups setresgid setresuid chdir fchdir""".split()


def capabilities():
    """The names of those that may be given away here: runc can't give what it has not."""
    with open("/proc/self/status") as f:
        bounding = int(next(l for l in f if l.startswith("CapBnd")).split()[1], 16)
    names = []
    for line in open("/usr/include/linux/capability.h"):
        words = line.split()
        if len(words) >= 3 and words[0] == "#define" and words[1].startswith("CAP_") and words[2].isdigit():
            if bounding >> int(words[2]) & 1:
                names.append(words[1])
    return names


def set_caps(c, names, sets=("bounding", "effective", "permitted")):
    """Gives the same capabilities in SETS, none in the others."""
    c["process"]["capabilities"] = {name: list(names) if name in sets else []
                                    for name in ("bounding", "effective", "inheritable", "permitted", "ambient")}


def filter_of(c, default, rules, **more):
    """Rules: (names, action[, errno[, args]])."""
    syscalls = []
    for names, action, *rest in rules:
        rule = {"names": names.split() if isinstance(names, str) else names, "action": "SCMP_ACT_" + action}
        if rest and rest[0] is not None:
            rule["errnoRet"] = rest[0]
        if len(rest) > 1:
            rule["args"] = rest[1]
        syscalls.append(rule)
    c["linux"]["seccomp"] = dict({"defaultAction": "SCMP_ACT_" + default, "architectures": ARCHITECTURES,
                                  "syscalls": syscalls}, **more)


def drop_namespace(c, *kinds):
    c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] not in kinds]


def user_namespace(c, *ranges):
    c["linux"]["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        c["linux"][key] = [{"containerID": i, "hostID": h, "size": n} for i, h, n in ranges]
    c["mounts"] = [m for m in c["mounts"] if m["type"] != "cgroup"]


def user(c, uid, gid, *groups, **more):
    c["process"]["user"] = dict({"uid": uid, "gid": gid, "additionalGids": list(groups)}, **more)


def init(c, *settings):
    c["process"]["args"] = ["/probe", "init"] + list(settings)


def plain(c):
    """What `runc spec` makes."""


def caps_all(c):
    set_caps(c, capabilities())


def caps_none(c):
    set_caps(c, [])


def caps_few(c):
    set_caps(c, ["CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE", "CAP_NET_ADMIN", "CAP_SETUID", "CAP_SETGID"])
    c["process"]["noNewPrivileges"] = False


def caps_bounding_only(c):
    """Capabilities that a set-user-id program could still gain."""
    set_caps(c, capabilities(), ("bounding",))
    c["process"]["noNewPrivileges"] = False
    user(c, 1000, 1000)


def caps_ambient(c):
    set_caps(c, ["CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_CHOWN"],
             ("bounding", "effective", "inheritable", "permitted", "ambient"))
    user(c, 1000, 1000, 2000)
    c["process"]["noNewPrivileges"] = False


def caps_ambient_nnp(c):
    caps_ambient(c)
    c["process"]["noNewPrivileges"] = True


def caps_inheritable(c):
    """As engines gave them for years."""
    set_caps(c, ["CAP_NET_RAW", "CAP_SETUID", "CAP_KILL", "CAP_SETFCAP", "CAP_MKNOD"],
             ("bounding", "effective", "inheritable", "permitted"))


def seccomp_engine(c):
    """The profile that podman and docker come with, its conditions decided for no capability."""
    with open("/usr/share/containers/seccomp.json") as f:
        profile = json.load(f)
    rules = []
    for rule in profile["syscalls"]:
        if rule.get("includes", {}).get("caps") or rule.get("includes", {}).get("minKernel"):
            continue
        if rule.get("includes", {}).get("arches") and "amd64" not in rule["includes"]["arches"]:
            continue
        rules.append({key: rule[key] for key in ("names", "action", "args", "errnoRet") if rule.get(key) is not None})
    c["linux"]["seccomp"] = {"defaultAction": profile["defaultAction"], "architectures": ARCHITECTURES,
                             "defaultErrnoRet": profile.get("defaultErrnoRet", 38), "syscalls": rules}


def seccomp_allow_list(c):
    filter_of(c, "ERRNO", [(NEEDED, "ALLOW")])


def seccomp_allow_list_nosys(c):
    filter_of(c, "ERRNO", [(NEEDED, "ALLOW")], defaultErrnoRet=38)


def seccomp_odd_errnos(c):
    filter_of(c, "ALLOW", [("mount", "ERRNO", 38), ("chroot", "ERRNO", 95), ("swapon", "ERRNO", 0),
                           ("acct", "ERRNO", 300), ("quotactl", "ERRNO", 13)])


def seccomp_kill(c):
    filter_of(c, "ALLOW", [("mount umount2 swapon keyctl ptrace", "KILL_PROCESS"), ("acct reboot", "KILL_THREAD")])


def seccomp_trap(c):
    filter_of(c, "ALLOW", [("mount init_module bpf", "TRAP"), ("unshare", "ERRNO")])


def seccomp_trace(c):
    filter_of(c, "ALLOW", [("mount unshare", "TRACE", 7)])


def seccomp_log(c):
    filter_of(c, "ALLOW", [("mount unshare", "LOG")])


def seccomp_arguments(c):
    filter_of(c, "ALLOW", [
        ("personality", "ERRNO", 1, [{"index": 0, "value": 0x40000, "op": "SCMP_CMP_EQ"}]),
        ("socket", "ERRNO", 97, [{"index": 0, "value": 38, "op": "SCMP_CMP_EQ"}]),
        ("clone", "ERRNO", 1, [{"index": 0, "value": 0x10000000, "valueTwo": 0x10000000,
                                "op": "SCMP_CMP_MASKED_EQ"}]),
        ("clone3", "ERRNO", 38)])


def seccomp_no_launcher(c):
    """Forbids all that one needs to get into a container."""
    filter_of(c, "ALLOW", [("setns unshare chroot setgroups setresuid setresgid setuid setgid capset prctl "
                            "personality close_range ptrace keyctl seccomp fchdir chdir", "ERRNO", 1)])
    c["process"]["noNewPrivileges"] = True


def seccomp_nnp(c):
    seccomp_engine(c)
    c["process"]["noNewPrivileges"] = True
    user(c, 1000, 1000)


def no_nnp(c):
    c["process"]["noNewPrivileges"] = False


def userns(c):
    user_namespace(c, (0, 100000, 65536))


def userns_odd(c):
    user_namespace(c, (0, 100000, 1), (1, 101000, 999), (1000, 100500, 1), (1001, 110000, 30000))
    user(c, 1000, 1000, 2000, 3000)
    no_nnp(c)


def userns_caps(c):
    userns(c)
    caps_all(c)
    no_nnp(c)


def userns_seccomp(c):
    userns(c)
    seccomp_engine(c)


def read_only(c):
    c["root"]["readonly"] = True
    c["linux"]["readonlyPaths"] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
                                   "/etc", "/sys"]


def masked(c):
    c["linux"]["maskedPaths"] = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/proc/acpi",
                                 "/sys/firmware", "/etc/group", "/proc/sys/kernel/core_pattern", "/proc/cmdline"]


def device_rules(c):
    """Nodes that are there, and may not be opened."""
    c["linux"]["devices"] = [{"path": "/dev/" + name, "type": "c", "major": major, "minor": minor,
                              "fileMode": 0o666, "uid": 0, "gid": 0}
                             for name, major, minor in (("fuse", 10, 229), ("kmsg", 1, 11), ("mem", 1, 1))]
    c["linux"]["resources"]["devices"] = [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"},
        {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "w"}]
    caps_all(c)


def sub_cgroup(c):
    # Below the name of the test's own folder: lib.sh takes away what the engine leaves of it.
    test = os.path.basename(os.path.dirname(c["root"]["path"]))
    c["linux"]["cgroupsPath"] = "/%s/%d/leaf.slice" % (test, os.getpid())
    c["linux"]["resources"]["pids"] = {"limit": 500}
    c["linux"]["resources"]["memory"] = {"limit": 200 << 20}


def one_processor(c):
    c["linux"]["resources"]["cpu"] = {"cpus": "0", "shares": 100}


def groups(c):
    user(c, 1000, 1000, 2000, 3000, 5, umask=0o077)
    c["process"]["cwd"] = "/home/app"


def odd_ids(c):
    """A user without an entry in passwd, and another group."""
    user(c, 12345, 54321)


def volumes(c):
    c["mounts"] += [
        {"destination": "/vol", "type": "bind", "source": "/usr/share/doc", "options": ["rbind", "ro"]},
        {"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["noexec", "nosuid", "mode=0700"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m"]},
        {"destination": "/etc/hosts", "type": "bind", "source": "/etc/hosts", "options": ["bind", "rw"]}]
    c["process"]["cwd"] = "/data"


def host_network(c):
    drop_namespace(c, "network")


def host_everything_else(c):
    drop_namespace(c, "network", "ipc", "uts")
    c["hostname"] = ""
    del c["hostname"]


def host_pid(c):
    drop_namespace(c, "pid")


def shared_pid(c):
    """The pid namespace of another container: SP_PEER is its init."""
    for namespace in c["linux"]["namespaces"]:
        if namespace["type"] in ("pid", "ipc"):
            namespace["path"] = "/proc/%s/ns/%s" % (os.environ["SP_PEER"], namespace["type"])


def privileged(c):
    set_caps(c, capabilities(), ("bounding", "effective", "inheritable", "permitted"))
    c["process"]["noNewPrivileges"] = False
    c["linux"].update(maskedPaths=[], readonlyPaths=[])
    c["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
    for mount in c["mounts"]:
        mount["options"] = [o for o in mount.get("options", []) if o != "ro"]


def limits(c):
    c["process"]["rlimits"] = [{"type": "RLIMIT_" + name, "soft": soft, "hard": hard} for name, soft, hard in (
        ("NOFILE", 64, 128), ("NPROC", 4000, 5000), ("CORE", 0, 4096), ("MEMLOCK", 65536, 65536),
        ("STACK", 1 << 20, 8 << 20), ("FSIZE", 1 << 20, 1 << 30), ("CPU", 500, 600), ("AS", 1 << 32, 1 << 33),
        ("SIGPENDING", 100, 100), ("MSGQUEUE", 1000, 2000), ("NICE", 0, 0), ("RTPRIO", 0, 0))]
    c["process"]["oomScoreAdj"] = 500


def changed_state(c):
    """An init that has made itself unlike what its engine knows of it."""
    init(c, "umask=0", "slack=123456", "nice=7", "personality=%d" % 0x40000)


def changed_more(c):
    init(c, "umask=0177", "personality=%d" % 0x0400000, "oom=321", "ioprio=%d" % (2 << 13 | 6), "thp=1", "dump=0",
         "core=%d" % 0x11, "nofile=99")


def linux32(c):
    init(c, "personality=8")


def scheduling(c):
    init(c, "autogroup=11", "policy=3", "cpus=1")


def speculation(c):
    """PR_SPEC_DISABLE of both: what is switched off so may be switched on again."""
    init(c, "speculation=4")


CONFIGS = {f.__name__: f for f in (
    plain, caps_all, caps_none, caps_few, caps_bounding_only, caps_ambient, caps_ambient_nnp, caps_inheritable,
    seccomp_engine, seccomp_allow_list, seccomp_allow_list_nosys, seccomp_odd_errnos, seccomp_kill, seccomp_trap,
    seccomp_trace, seccomp_log, seccomp_arguments, seccomp_no_launcher, seccomp_nnp, no_nnp,
    userns, userns_odd, userns_caps, userns_seccomp, read_only, masked, device_rules, sub_cgroup, one_processor,
    groups, odd_ids, volumes, host_network, host_everything_else, host_pid, shared_pid, privileged, limits,
    changed_state, changed_more, linux32, scheduling, speculation)}

if __name__ == "__main__":
    print("\n".join(CONFIGS))
