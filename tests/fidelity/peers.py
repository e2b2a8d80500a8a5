#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""peers.py FOLDER: the page of docs/fidelity.md from what tests/fidelity/peers measured.

FOLDER has a folder for each container with own.json (`sallyport diff` against a process that the
init started), attach.json (the same, started from a session), and WAY.json for each other way, in
which the engine's column is that way's process.
"""
import collections
import json
import os
import sys

# What has to differ for whoever comes from outside: his own identity, his terminal, his session.
OUTSIDERS = {"loginuid", "sessionid", "self.parent_inside", "self.session_keyring", "environ.TERM",
             "sched.autogroup_nice", "self.controlling_terminal", "attr.prev"}
KINDS = (("properties", lambda f: not f.startswith(("syscall.", "can.", "self.", "access.", "list.", "device."))),
         ("system calls", lambda f: f.startswith("syscall.")),
         ("what it may do", lambda f: f.startswith(("can.", "self."))),
         ("files, devices", lambda f: f.startswith(("access.", "list.", "device."))))


def rows_of(path, column):
    """The fields of one process, or None where it didn't start."""
    try:
        with open(path) as f:
            report = json.load(f)
    except (OSError, ValueError):
        return None
    return {row["field"]: row.get(column) for row in report["rows"] if row["field"] not in OUTSIDERS}


def wrong(own, other):
    """The fields in which OTHER is not like the container's own process, by kind."""
    differ = sorted(f for f in own.keys() | other.keys() if own.get(f) != other.get(f))
    return [[f for f in differ if is_kind(f)] for _, is_kind in KINDS]


def short(fields, names):
    """Some of many fields, groups of them by one word."""
    groups = collections.Counter()
    for field in fields:
        head = field.split(".")[0] + ".*" if field.startswith(
            ("syscall.", "access.", "limit.", "environ.", "seccomp.", "list.")) else field
        groups[head] += 1
    return ", ".join("`%s`%s" % (g, " (%d)" % n if n > 1 else "") for g, n in sorted(groups.items()))


def main():
    folder = sys.argv[1]
    lines, details, total = [], [], collections.defaultdict(lambda: [0, 0])
    with open(os.path.join(folder, "order")) as f:
        containers = f.read().split()
    for container in containers:
        here = os.path.join(folder, container)
        own = rows_of(os.path.join(here, "own.json"), "engine")
        if own is None:
            continue
        ways = {"sallyport exec": rows_of(os.path.join(here, "own.json"), "ours"),
                "sallyport attach": rows_of(os.path.join(here, "attach.json"), "ours")}
        for name in sorted(os.listdir(here)):
            if name not in ("own.json", "attach.json") and name.endswith(".json"):
                ways[name[:-len(".json")]] = rows_of(os.path.join(here, name), "engine")
        for way in sorted(ways, key=lambda w: w.startswith("sallyport")):
            other = ways[way]
            if other is None:
                lines.append("| %s | %s | could not start the probe | | | | |" % (container, way))
                continue
            kinds = wrong(own, other)
            count = sum(map(len, kinds))
            total[way][0] += count
            total[way][1] += 1
            lines.append("| %s | %s | %s | **%d** of %d |" % (
                container, way, " | ".join(str(len(k)) for k in kinds), count, len(own)))
            if count:
                details.append("* %s, %s: %s" % (container, way, short(sum(kinds, []), own)))
    print("| container | started by | %s | all |" % " | ".join(k for k, _ in KINDS))
    print("|---|---|---|---|---|---|---|")
    print("\n".join(lines))
    print("\nAll containers together:\n\n| started by | containers | fields that differ |\n|---|---|---|")
    for way, (count, n) in sorted(total.items(), key=lambda item: -item[1][0]):
        print("| %s | %d | %d |" % (way, n, count))
    print("\n## Which fields\n")
    print("\n".join(details))


if __name__ == "__main__":
    main()
