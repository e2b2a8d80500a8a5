#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host looks like, for lib.sh.

world.py in-namespace INIT    all processes of INIT's pid namespace
world.py leavings FOLDER...   all that a session of the programs in FOLDER could leave, one a line
world.py host-pid INNER INIT  the host's pid of the process that is INNER in INIT's pid namespace
"""
import fcntl
import glob
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


def marks(pid):
    """FAN_OPEN_EXEC_PERM where PID has a fanotify group that asks for it."""
    folder = "/proc/%s/fd" % pid
    try:
        numbers = os.listdir(folder)
    except OSError:
        return ""
    for number in numbers:
        if "fanotify" in link("%s/%s" % (folder, number)):
            for line in read("/proc/%s/fdinfo/%s" % (pid, number)).splitlines():
                mask = line.partition(" mask:")[2].split(" ")[0]
                if mask and int(mask, 16) & 0x40000:
                    return "FAN_OPEN_EXEC_PERM"
    return ""


def session_runs():
    """Is there a session, somebody else's then, whose front holds the lock on its file?"""
    for path in glob.glob("/run/sallyport/sessions/*"):
        try:
            with open(path, "r+b") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            pass
    return False


def leavings(*folders):
    """Lines of kind and name. Programs are known by their file: another build's are not meant."""
    for pid in pids():
        exe = link("/proc/%s/exe" % pid)
        if exe.startswith(tuple(folder + "/sallyport" for folder in folders)):
            yield "process %s %s" % (pid, os.path.basename(exe))
        # A gate's watch lives as long as one descriptor of it, in whatever process.
        elif "sallyport" not in exe and "FAN_OPEN_EXEC_PERM" in marks(pid):
            yield "watch held by %s %s" % (pid, exe)
    for line in read("/proc/self/mountinfo").splitlines():
        mount_point, kind = line.split()[4], line.partition(" - ")[2]
        if "sallyport" in line or kind.startswith("fuse") and not kind.startswith("fusectl"):
            yield "mount %s %s" % (mount_point, kind)
    for base, names, _ in os.walk("/sys/fs/cgroup"):
        for name in names:
            # One with processes is somebody's; what is left behind is empty.
            if "sallyport" in name and not read("%s/%s/cgroup.procs" % (base, name)):
                yield "cgroup %s/%s" % (base, name)
    for line in read("/proc/net/unix").splitlines():
        if "sallyport" in line:
            yield "socket " + line.split()[-1]
    for base in ("/run", "/tmp", "/dev/shm", "/"):
        for name in os.listdir(base):
            if name == "sallyport" and base == "/run" and session_runs():
                continue
            if "sallyport" in name or base == "/" and name == "c":
                yield "file %s" % os.path.join(base, name)


def in_namespace(init):
    """Pids on the host, in order."""
    namespace = link("/proc/%s/ns/pid" % init)
    for pid in sorted(pids(), key=int):
        if namespace and link("/proc/%s/ns/pid" % pid) == namespace:
            yield pid


def host_pid(inner, init):
    """The pid on the host, or nothing."""
    namespace = link("/proc/%s/ns/pid" % init)
    for pid in pids():
        if link("/proc/%s/ns/pid" % pid) == namespace:
            for line in read("/proc/%s/status" % pid).splitlines():
                if line.startswith("NSpid:") and line.split()[-1] == inner:
                    yield pid


def main():
    actions = {"leavings": leavings, "in-namespace": in_namespace, "host-pid": host_pid}
    lines = list(actions[sys.argv[1]](*sys.argv[2:]))
    for line in lines:
        print(line)
    return 0 if lines or sys.argv[1] == "leavings" else 1


if __name__ == "__main__":
    sys.exit(main())
