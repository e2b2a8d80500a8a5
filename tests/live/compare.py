#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""compare.py [--ignore FIELD]... PIDA PIDB

Reads, from the host's side, all that two processes of one container have in common and prints each
field that differs: "FIELD: A's | B's". FIELD may end in * with --ignore. The status is 1 where
something differs, 2 where a process can't be read. Knows nothing of the product's code.
"""
import argparse
import fnmatch
import os
import sys

# loginuid, ids, parents and times differ between any two processes.
STATUS = ("Umask", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "Seccomp_filters", "CapInh",
          "CapPrm", "CapEff", "CapBnd", "CapAmb", "TracerPid", "SigIgn", "THP_enabled",
          "Cpus_allowed", "Mems_allowed", "Speculation_Store_Bypass",
          "SpeculationIndirectBranch")
FILES = ("oom_score_adj", "coredump_filter", "timerslack_ns", "personality", "uid_map", "gid_map",
         "mountinfo", "setgroups")


def read(pid, name):
    """The file /proc/PID/NAME, or the name of the error."""
    try:
        with open("/proc/%d/%s" % (pid, name), "rb") as f:
            return f.read().decode(errors="surrogateescape")
    except OSError as e:
        return "unreadable: %s" % e.strerror


def fields(pid):
    """All comparable fields of PID as a dictionary."""
    out = {}
    status = dict(line.split(":", 1) for line in read(pid, "status").splitlines() if ":" in line)
    for name in STATUS:
        out[name] = " ".join(status.get(name, "absent").split())
    for name in FILES:
        out[name] = read(pid, name).strip()
    for name in os.listdir("/proc/%d/ns" % pid):
        out["ns." + name] = os.readlink("/proc/%d/ns/%s" % (pid, name))
    root = os.stat("/proc/%d/root" % pid)
    out["root"] = "%d:%d %d" % (os.major(root.st_dev), os.minor(root.st_dev), root.st_ino)
    out["root.path"] = os.readlink("/proc/%d/root" % pid)
    for line in read(pid, "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        out["cgroup." + (controllers or "v2")] = path
    for line in read(pid, "limits").splitlines()[1:]:
        out["limit." + line[:26].strip().replace("Max ", "").replace(" ", "_")] = " ".join(
            line[26:].split()[:2])
    for var in read(pid, "environ").split("\0"):
        if var:
            name, _, value = var.partition("=")
            out["environ." + name] = value
    for name in ("current", "exec", "fscreate", "keycreate", "sockcreate", "apparmor/current"):
        out["attr." + name] = read(pid, "attr/" + name).strip("\0\n")
    stat = read(pid, "stat").rpartition(")")[2].split()
    out["nice"] = stat[16]
    out["sched"] = "%s %s" % (stat[37], stat[38])  # rt_priority, policy
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ignore", action="append", default=[])
    parser.add_argument("a", type=int)
    parser.add_argument("b", type=int)
    args = parser.parse_args()
    try:
        a, b = fields(args.a), fields(args.b)
    except (OSError, IndexError) as e:
        print("can't be read: %s" % e)
        return 2
    differ = 0
    for name in sorted(set(a) | set(b)):
        if any(fnmatch.fnmatch(name, pattern) for pattern in args.ignore):
            continue
        if a.get(name) != b.get(name):
            differ = 1
            print("%s: %s | %s" % (name, a.get(name, "absent"), b.get(name, "absent")))
    return differ


if __name__ == "__main__":
    sys.exit(main())
