# SPDX-License-Identifier: GPL-2.0-or-later
"""The containers of bugs.sh: functions that edit an OCI config, as in configs.py."""
import configs


def deny(call, errno=1, **condition):
    """A container whose filter answers ERRNO to one system call."""
    def edit(c):
        c["process"]["noNewPrivileges"] = False
        args = [[condition]] if condition else []
        configs.filter_of(c, "ALLOW", [(call, "ERRNO", errno, *args)])
    return edit


def user(c):
    """An application's user, without no_new_privs; what engines leave in the bounding set of it."""
    configs.set_caps(c, ["CAP_NET_RAW", "CAP_SETUID", "CAP_KILL"], ("bounding",))
    configs.user(c, 1000, 1000)
    c["process"]["noNewPrivileges"] = False


def user_nnp(c):
    user(c)
    c["process"]["noNewPrivileges"] = True


def user_all_bounding(c):
    """runAsUser and privileged at once: all in the bounding set, nothing effective."""
    configs.set_caps(c, configs.capabilities(), ("bounding",))
    configs.user(c, 1000, 1000)
    c["process"]["noNewPrivileges"] = False


def user_not_inheritable(c):
    """NET_ADMIN permitted once, to root; the user it runs as has nothing to make ambient."""
    configs.set_caps(c, ["CAP_NET_ADMIN"])
    configs.user(c, 1000, 1000)


def user_namespace(c):
    configs.user_namespace(c, (0, 100000, 65536))


def fuse(c):
    """The node is there, the device cgroup says no: --device was forgotten."""
    configs.set_caps(c, ["CAP_SYS_ADMIN"])
    c["linux"]["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666,
                              "uid": 0, "gid": 0}]
    c["linux"]["resources"]["devices"] = [{"allow": False, "access": "rwm"}]


def nofile(c):
    c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 512, "soft": 512}]


def pids(c):
    c["linux"]["cgroupsPath"] = "/sp-bugs-pids"
    c["linux"]["resources"]["pids"] = {"limit": 1}


def plain(c):
    """What `runc spec` makes."""


CONFIGS = {
    "faccessat2": deny("faccessat2"), "clone3": deny("clone3"), "close_range": deny("close_range"),
    "openat2": deny("openat2"), "statx": deny("statx"), "ptrace": deny("ptrace"),
    "io_uring": deny("io_uring_setup"), "unshare": deny("unshare"), "add_key": deny("add_key"),
    "gdb": deny("personality", 1, index=0, value=0x40000, op="SCMP_CMP_EQ"),
    "ping": user_nnp, "setuid": user_nnp, "ownership": user_all_bounding, "ambient": user_not_inheritable,
    "foreign": user_namespace, "chown": user_namespace, "fuse": fuse, "port": user, "nofile": nofile,
    "fork": pids, "sysctl": plain, "plain": plain,
}
