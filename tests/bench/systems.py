# SPDX-License-Identifier: GPL-2.0-or-later
"""The file systems that are compared: each shows / at a folder of its own."""
import os
import subprocess
import sys
import time


def wait_mounted(path, process):
    for _ in range(200):
        if os.path.ismount(path):
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    return False


class Native:
    """The same files by a bind mount: what all others are divided by."""
    name = "native"

    def __init__(self, where):
        self.where = where

    def start(self):
        subprocess.run(["mount", "--bind", "/", self.where], check=True)

    def servers(self):
        return []

    def alive(self):
        return True


class Peer:
    """A FUSE program in the foreground."""

    def __init__(self, name, argv, where):
        self.name, self.argv, self.where, self.process = name, argv, where, None

    def start(self):
        argv = [a.replace("{where}", self.where) for a in self.argv]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_mounted(self.where, self.process):
            sys.exit("bench: %s does not start" % " ".join(argv))

    def restart(self):
        subprocess.run(["umount", "-l", self.where], check=False, stderr=subprocess.DEVNULL)
        self.stop()
        self.start()
        add_kernel_mounts(self.where)

    def servers(self):
        return [self.process.pid]

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        self.process.kill()
        self.process.wait()


class Ours:
    """Mounted already, by fs-mount, which runs us."""
    name = "sallyport"

    def __init__(self, where, pid_file):
        self.where = where
        self.pid = None
        self.pid_file = pid_file

    def start(self):
        with open(self.pid_file, encoding="ascii") as file:
            self.pid = int(file.read())

    def servers(self):
        return [self.pid]

    def alive(self):
        return os.path.exists("/proc/%d" % self.pid)


def add_kernel_mounts(where):
    """As in a session: /proc, /dev and /sys are not the view's."""
    for name in ("proc", "dev", "sys"):
        subprocess.run(["mount", "--rbind", "/" + name, os.path.join(where, name)], check=True)


def cpu_seconds(pids):
    """User and system time of these processes so far."""
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def resident(pids):
    """Resident kilobytes of these processes."""
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        except OSError:
            pass
    return total
