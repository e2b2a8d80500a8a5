#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Times the ways into containers; enter.sh starts these and calls it.

usage: enter.py [--rounds N] [--json FILE] --true FILE SALLYPORT box=PID [ENGINE=NAME=PID...]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

# Runs in a session, and on the host: microseconds of each start of FILE, to its end.
SPAWN = """
import os, sys, time
path, times = sys.argv[1], int(sys.argv[2])
for i in range(times + 3):
    begin = time.monotonic_ns()
    pid = os.posix_spawn(path, [path], {})
    status = os.waitpid(pid, 0)[1]
    if status:
        sys.exit("%s ends with %d" % (path, status))
    if i >= 3:
        print((time.monotonic_ns() - begin) / 1000)
"""


def spawns(argv, path, times):
    done = subprocess.run(argv + ["/usr/bin/python3", "-c", SPAWN, path, str(times)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, check=True, text=True)
    return [float(line) for line in done.stdout.split()]


def transitions(args, pid):
    session = [args.sallyport, "attach", pid, "--"]
    bare = [args.sallyport, "attach", "--audit", "off", pid, "--"]
    got = {"native": [], "session": [], "session, --audit off": []}
    for _ in range(5):
        got["native"] += spawns([], args.true, 100)
        got["session"] += spawns(session, "/c/bin/true", 100)
        got["session, --audit off"] += spawns(bare, "/c/bin/true", 100)
    native = statistics.median(got["native"])
    rows = []
    for name in ("session", "session, --audit off"):
        median = statistics.median(got[name])
        rows.append({"what": "a transition, " + name, "ms": median / 1000, "peer": "fork and exec natively",
                     "peer_ms": native / 1000, "ratio": median / native, "limit": 3.0})
    return rows


def throughput(args, pid):
    """Transitions a second of two tools at a time, and natively the same."""
    seconds = {}
    for name, argv, path in (("native", [], args.true),
                             ("session", [args.sallyport, "attach", "--audit", "off", pid, "--"], "/c/bin/true")):
        each = 2000
        script = "import subprocess, sys, time\nt = time.monotonic()\n" \
            "p = [subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2], sys.argv[3]], " \
            "stdout=subprocess.DEVNULL) for _ in range(2)]\nfailed = [x.wait() for x in p]\n" \
            "print(time.monotonic() - t)\nsys.exit(1 if any(failed) else 0)"
        done = subprocess.run(argv + ["/usr/bin/python3", "-c", script, SPAWN, path, str(each)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True)
        seconds[name] = 2 * each / float(done.stdout)
    return [{"what": "transitions a second, two tools", "per_second": seconds["session"],
             "peer": "fork and exec natively", "peer_per_second": seconds["native"]}]


def once(argv):
    begin = time.monotonic()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          check=False)
    if done.returncode != 0:
        sys.exit("%s: status %d: %s" % (" ".join(argv), done.returncode, done.stderr.decode()))
    return (time.monotonic() - begin) * 1000


def entries(args, pid, engines):
    commands = {"nsenter -a": ["nsenter", "-a", "-t", pid, "/bin/true"],
                "sallyport exec": [args.sallyport, "exec", pid, "--", "/bin/true"],
                "sallyport attach": [args.sallyport, "attach", pid, "--", "/bin/true"]}
    pairs = [("sallyport exec", "nsenter -a", 1.5), ("sallyport attach", "sallyport exec", 2.0)]
    for engine, name, _ in engines:
        tried = subprocess.run([engine, "exec", name, "/bin/true"], stdin=subprocess.DEVNULL, capture_output=True,
                               check=False)
        if tried.returncode != 0:
            print("without %s, whose exec fails here: %s" % (engine, tried.stderr.decode().strip()), file=sys.stderr)
            continue
        commands[engine + " exec"] = [engine, "exec", name, "/bin/true"]
        commands["sallyport exec, " + engine] = [args.sallyport, "exec", name, "--", "/bin/true"]
        pairs.append(("sallyport exec, " + engine, engine + " exec", 0.1 if engine == "docker" else 0.5))
    times = {name: [] for name in commands}
    for i in range(args.rounds + 2):
        for name, argv in commands.items():
            ms = once(argv)
            if i >= 2:
                times[name].append(ms)
    median = {name: statistics.median(values) for name, values in times.items()}
    return [{"what": ours, "ms": median[ours], "peer": peer, "peer_ms": median[peer],
             "ratio": median[ours] / median[peer], "limit": limit} for ours, peer, limit in pairs]


def show(rows):
    for row in rows:
        if "ratio" in row:
            print("%-40s %8.2f ms   %-24s %8.2f ms   %5.2fx  (aim %.2f: %s)" % (
                row["what"], row["ms"], row["peer"], row["peer_ms"], row["ratio"], row["limit"],
                "met" if row["ratio"] <= row["limit"] else "missed"))
        else:
            print("%-40s %8.0f      %-24s %8.0f" % (
                row["what"], row["per_second"], row["peer"], row["peer_per_second"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json", help="where the figures go")
    parser.add_argument("--true", required=True, help="the container's /bin/true, on the host")
    parser.add_argument("sallyport")
    parser.add_argument("containers", nargs="+", help="box=PID, ENGINE=NAME=PID")
    args = parser.parse_args()
    pid = args.containers[0].split("=")[1]
    engines = [tuple(c.split("=")) for c in args.containers[1:]]
    rows = transitions(args, pid) + throughput(args, pid) + entries(args, pid, engines)
    show(rows)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"cpus": os.cpu_count(), "rows": rows}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
