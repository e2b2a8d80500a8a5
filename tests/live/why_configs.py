# SPDX-License-Identifier: GPL-2.0-or-later
"""The containers of why.sh: functions that edit an OCI config, as in tests/fidelity/configs.py."""
import configs


def no_filter(c):
    c["linux"].pop("seccomp", None)
    c["process"]["noNewPrivileges"] = False


def seccomp(c):
    """Each way in which a filter says no."""
    no_filter(c)
    equal = {"index": 0, "op": "SCMP_CMP_EQ"}
    configs.filter_of(c, "ALLOW", [
        ("sysinfo mount chroot sethostname unshare swapon rmdir", "ERRNO", 1),
        ("getcpu", "ERRNO", 13), ("times", "ERRNO", 95), ("getrusage", "ERRNO", 38),
        ("sched_yield", "KILL_PROCESS"), ("sched_get_priority_max", "TRAP"), ("getpriority", "KILL_THREAD"),
        ("personality", "ERRNO", 1, [dict(equal, value=0x40000)]),
        ("socket", "ERRNO", 97, [dict(equal, value=38)]),
        ("statx", "ERRNO", 38)])


def seccomp_user(c):
    """An application's user below a filter, and no_new_privs."""
    seccomp(c)
    configs.set_caps(c, ["CAP_SYS_CHROOT", "CAP_NET_RAW"], ("bounding",))
    configs.user(c, 1000, 1000)
    c["process"]["noNewPrivileges"] = True


def root(c):
    """Root without a capability."""
    no_filter(c)
    configs.set_caps(c, [])


def user(c):
    no_filter(c)
    configs.set_caps(c, [])
    configs.user(c, 1000, 1000)


def bounding(c):
    """A user; all capabilities in the bounding set, as `runAsUser` and `privileged` give."""
    no_filter(c)
    configs.set_caps(c, configs.capabilities(), ("bounding",))
    configs.user(c, 1000, 1000)


def nnp(c):
    bounding(c)
    c["process"]["noNewPrivileges"] = True


def ambient(c):
    """One capability is ambient, another was meant."""
    no_filter(c)
    configs.set_caps(c, ["CAP_NET_BIND_SERVICE"], ("bounding", "effective", "inheritable", "permitted", "ambient"))
    configs.user(c, 1000, 1000)


def mounts(c):
    no_filter(c)
    configs.user(c, 1000, 1000)
    c["root"]["readonly"] = True
    c["linux"]["maskedPaths"] = ["/hidden"]
    c["mounts"] += [
        {"destination": "/vol", "type": "bind", "source": c["root"]["path"] + "/vol", "options": ["rbind", "ro"]},
        {"destination": "/data", "type": "bind", "source": c["root"]["path"] + "/data",
         "options": ["rbind", "noexec", "nosuid", "rw"]},
        {"destination": "/nodev", "type": "bind", "source": c["root"]["path"] + "/nodev",
         "options": ["rbind", "nodev", "rw"]}]


def mounts_root(c):
    mounts(c)
    configs.user(c, 0, 0)


def devices(c):
    no_filter(c)
    configs.device_rules(c)
    for device in c["linux"]["devices"]:
        if device["path"] == "/dev/fuse":
            device["fileMode"] = 0o600


def devices_user(c):
    devices(c)
    configs.user(c, 1000, 1000)


def pids(c):
    """The test lowers the limit when it has started."""
    no_filter(c)
    c["linux"]["resources"]["pids"] = {"limit": 100}


def userns(c):
    no_filter(c)
    configs.user_namespace(c, (0, 100000, 65536))
    configs.set_caps(c, ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETUID", "CAP_SETGID"])


def powerful(c):
    """What could do harm, but for a filter."""
    no_filter(c)
    configs.set_caps(c, configs.capabilities())
    configs.filter_of(c, "ALLOW", [("mount umount2 sethostname rmdir unlink unlinkat chmod fchmodat kill "
                                    "settimeofday clock_settime mknod mknodat rename", "ERRNO", 1)])


def userns_powerful(c):
    powerful(c)
    configs.user_namespace(c, (0, 100000, 65536))


CONFIGS = {f.__name__: f for f in (
    seccomp, seccomp_user, root, user, bounding, nnp, ambient, mounts, mounts_root, devices, devices_user, pids,
    userns, powerful, userns_powerful)}
