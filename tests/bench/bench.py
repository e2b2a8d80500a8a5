#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures the host view against the same files natively, and against other FUSE programs.

scripts/bench builds what this needs and calls it. Medians of 7 (3 with --quick), the systems taken
in turn within each round; the first round is thrown away where it's warm. The whole host's caches
are dropped for the cold rows.
"""
import argparse
import os
import platform
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import report  # noqa: E402
import systems  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

COLD = {"start", "read", "walk"}


def run_in(root, workload, env):
    """Seconds and CPU seconds of one run in a chroot of ROOT; None where it failed."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.chroot(root)
            os.chdir("/")
            null = os.open("/dev/null", os.O_RDWR)
            for fd in (0, 1):
                os.dup2(null, fd)
            if isinstance(workload.command, str):
                os.execve("/bin/sh", ["sh", "-c", workload.command], env)
            for _ in range(workload.times):
                pid = os.posix_spawn(workload.command[0], workload.command, env)
                if os.waitpid(pid, 0)[1] != 0:
                    os._exit(1)
            status = 0
        finally:
            os._exit(status)
    begin = time.monotonic()
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - begin
    good = status == 0 or (
        os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1 and str(workload.command).startswith("grep"))
    return (seconds, usage.ru_utime + usage.ru_stime) if good else None


def measure_once(system, workload, data, base):
    work = os.path.join(base, "work-" + system.name)
    shutil.rmtree(work, ignore_errors=True)
    os.mkdir(system.where + work)  # as its user would: a peer may not notice what others make
    os.chmod(work, 0o777)
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "W": work, "D": data,
           "TMPDIR": work}
    if workload.prepare:
        subprocess.run(["sh", "-c", workload.prepare], env=env, check=True)
    before = systems.cpu_seconds(system.servers())
    result = run_in(system.where, workload, env)
    if not system.alive():
        return None
    served = systems.cpu_seconds(system.servers()) - before
    return (result[0], result[1] + served) if result else None


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")


def measure(workload, all_systems, data, base, rounds, cold):
    times = {s.name: [] for s in all_systems}
    failed = set()
    for i in range(rounds + (0 if cold else 1)):
        for system in all_systems:
            if system.name in failed:
                continue
            if cold:
                drop_caches()
            result = measure_once(system, workload, data, base)
            if result is None:
                failed.add(system.name)
                print("bench: %s fails on %s" % (workload.name, system.name), file=sys.stderr)
                if isinstance(system, systems.Peer):
                    system.restart()  # it may be out of descriptors
            elif cold or i > 0:
                times[system.name].append(result)
    good = {n: t for n, t in times.items() if t and n not in failed}
    wall = {n: statistics.median(x[0] for x in t) for n, t in good.items()}
    cpu = {n: statistics.median(x[1] for x in t) for n, t in good.items()}
    if "native" not in wall:
        return None
    return {"group": workload.group, "name": workload.name, "cold": cold,
            "limit": 2.0 if cold else workload.limit, "native_seconds": wall["native"],
            "seconds": wall, "cpu_seconds": cpu, "failed": sorted(failed),
            "ratio": {n: wall[n] / wall["native"] for n in wall if n != "native"},
            "cpu_ratio": {n: cpu[n] / cpu["native"] for n in cpu if n != "native" and cpu["native"] > 0}}


def make_data(base, source):
    """The data sets: $D of the workloads."""
    data = os.path.join(base, "data")
    os.mkdir(data)
    env = dict(os.environ, D=data, S=source, HOME="/root")
    subprocess.run(["bash", "-euc", r"""
        head -c 256M /dev/urandom >$D/large
        head -c 24M /dev/urandom | base64 >$D/medium
        mkdir $D/tree; cp -a /usr/share/perl/[0-9]*.[0-9]*.* /usr/share/doc $D/tree/
        tar -C $D -cf $D/tree.tar tree
        cp -a $D/tree $D/repo; cd $D/repo; git init -q .; git config gc.auto 0; git add .
        git -c user.name=b -c user.email=b@localhost commit -qm 1; git status >/dev/null
        mkdir $D/c; cp -r $S/src/base $S/src/target $D/c/; cp /dev/null $D/c/config.h"""], env=env, check=True)
    return data


def machine():
    cpu = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) // 1048576
    return "Linux %s, %d x %s, %d GiB" % (platform.release(), os.cpu_count(), cpu, memory)


def inner(args):
    """In the mount namespace where all systems are mounted."""
    base = args.inner
    where = lambda name: os.path.join(base, "m-" + name)
    plain = where("plain")  # without what is mounted below: passthrough_hp refuses that
    os.mkdir(plain)
    subprocess.run(["mount", "--bind", "/", plain], check=True)
    everyone = [systems.Native(where("native")), systems.Ours(where("sallyport"), base + "/pid")]
    if args.hp:
        everyone += [
            systems.Peer("passthrough_hp", [args.hp, "--foreground", "--nopassthrough", plain, "{where}"],
                         where("hp")),
            systems.Peer("passthrough_hp+pt", [args.hp, "--foreground", plain, "{where}"], where("hp-pt"))]
    if shutil.which("bindfs"):
        everyone.append(systems.Peer("bindfs", ["bindfs", "-f", plain, "{where}"], where("bindfs")))
    chosen = [w for w in WORKLOADS if (not args.quick or w.quick) and
              (not args.rows or any(r in w.group + ": " + w.name for r in args.rows.split(",")))]
    results = []
    try:
        for system in everyone:
            os.makedirs(system.where, exist_ok=True)
            system.start()
        data = make_data(base, args.source)
        for system in everyone:
            systems.add_kernel_mounts(system.where)
        idle = systems.resident(everyone[1].servers())
        for cold in (False, True):
            for workload in chosen:
                if cold and (not args.cold or workload.group not in COLD):
                    continue
                row = measure(workload, everyone, data, base, args.rounds if not cold else min(3, args.rounds),
                              cold)
                if row:
                    results.append(row)
                    print("%s%s: %s: %s" % (row["group"], " (cold)" if cold else "", row["name"], " ".join(
                        "%s %.2f" % x for x in row["ratio"].items())), file=sys.stderr, flush=True)
        print("\n".join(report.table(results, [s.name for s in everyone])))
        print("sallyport-fs: %d KiB resident idle, %d KiB at the end" % (
            idle, systems.resident(everyone[1].servers())))
    finally:
        for system in everyone:
            if isinstance(system, systems.Peer) and system.process is not None:
                system.stop()
    os.makedirs(args.out, exist_ok=True)
    report.write_json(os.path.join(args.out, "bench.json"), results, machine())
    report.write_svg(os.path.join(args.out, "bench.svg"), results, [s.name for s in everyone], machine())
    return 0


def outer(args):
    """Mounts the view in a namespace of its own and goes on there. The server turns away whoever
    belongs to a container, which costs time; the container is a process that sleeps."""
    base = tempfile.mkdtemp(prefix="bench.", dir="/var/tmp")
    os.chmod(base, 0o755)
    stand_in = subprocess.Popen(["unshare", "-m", "sleep", "infinity"])
    try:
        time.sleep(0.3)
        where = os.path.join(base, "m-sallyport")
        os.mkdir(where)
        env = dict(os.environ, SALLYPORT_FS=os.path.join(args.build, "src/sallyport-fs"))
        return subprocess.run(
            ["unshare", "-m", os.path.join(args.build, "tests/live/fs-mount"), "host", "/", where,
             "--check=%d" % stand_in.pid, "--pid-file=" + base + "/pid", "--",
             sys.executable, os.path.abspath(__file__), "--inner", base] + sys.argv[1:],
            env=env, check=False).returncode
    finally:
        stand_in.kill()
        stand_in.wait()
        subprocess.run(["rm", "-rf", "--one-file-system", base], check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="the build folder")
    parser.add_argument("--source", required=True, help="the source folder")
    parser.add_argument("--out", required=True, help="where bench.json and bench.svg go")
    parser.add_argument("--hp", help="libfuse's passthrough_hp, 3.17 or later")
    parser.add_argument("--quick", action="store_true", help="medians of 3, the shorter workloads")
    parser.add_argument("--cold", action="store_true", help="also with the host's caches dropped")
    parser.add_argument("--rows", help="only the workloads with one of these words, separated by commas")
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    args.rounds = 3 if args.quick else 7
    if os.geteuid() != 0:
        sys.exit("bench: must be root")
    # Peers have a descriptor for each file that they ever saw.
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
    except ValueError:
        print("bench: the limit of descriptors can't be raised: peers may run out of them", file=sys.stderr)
    return inner(args) if args.inner else outer(args)


if __name__ == "__main__":
    sys.exit(main())
