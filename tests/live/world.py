#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host looks like, for lib.sh.

world.py leavings FOLDER      all that a session of the programs in FOLDER could leave, one a line
world.py host-pid INNER INIT  the host's pid of the process that is INNER in INIT's pid namespace
"""
import os
import sys


def read(path):
    """The text of a file, empty where there is none."""
    try:
        with open(path, "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""


def link(path):
    """The target of a link, empty where there is none."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def pids():
    """All processes."""
    return [name for name in os.listdir("/proc") if name.isdigit()]


def leavings(folder):
    """Lines of kind and name. Programs are known by their file: another build's are not meant."""
    for pid in pids():
        exe = link("/proc/%s/exe" % pid)
        if exe.startswith(folder + "/sallyport"):
            yield "process %s %s" % (pid, os.path.basename(exe))
    for line in read("/proc/self/mountinfo").splitlines():
        mount_point, kind = line.split()[4], line.partition(" - ")[2]
        if "sallyport" in line or kind.startswith("fuse") and not kind.startswith("fusectl"):
            yield "mount %s %s" % (mount_point, kind)
    for base, folders, _ in os.walk("/sys/fs/cgroup"):
        for name in folders:
            if "sallyport" in name:
                yield "cgroup %s/%s" % (base, name)
    for line in read("/proc/net/unix").splitlines():
        if "sallyport" in line:
            yield "socket " + line.split()[-1]
    for base in ("/run", "/tmp", "/dev/shm", "/"):
        for name in os.listdir(base):
            if "sallyport" in name or base == "/" and name == "c":
                yield "file %s" % os.path.join(base, name)


def host_pid(inner, init):
    """The pid on the host, or nothing."""
    namespace = link("/proc/%s/ns/pid" % init)
    for pid in pids():
        if link("/proc/%s/ns/pid" % pid) == namespace:
            for line in read("/proc/%s/status" % pid).splitlines():
                if line.startswith("NSpid:") and line.split()[-1] == inner:
                    yield pid


def main():
    actions = {"leavings": leavings, "host-pid": host_pid}
    lines = list(actions[sys.argv[1]](*sys.argv[2:]))
    for line in lines:
        print(line)
    return 0 if lines or sys.argv[1] == "leavings" else 1


if __name__ == "__main__":
    sys.exit(main())
