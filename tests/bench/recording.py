#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""recording.py SALLYPORT [--megabytes N] [--rounds N] [--limit RATIO]

How much slower a session is for being recorded: N megabytes of output, as a program prints it (text
with colours, and a part of wide characters), through `sallyport attach` on a terminal whose other
end is read as fast as it comes. Rounds with and without --record take turns; the ratio is the
median of those of neighbours. The time is that of the output alone: from its first byte to its last. Prints a table;
the status is 1 where the ratio is above the limit.

Each recording is read back: its output has to be what the terminal got, byte for byte.
"""
import argparse
import hashlib
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time

BEGIN, END = b"@@begin@@", b"@@end@@"


def make_data(path, megabytes):
    """Lines as builds and logs have them."""
    lines = []
    for i in range(20000):
        kind = i % 5
        if kind == 0:
            lines.append("\x1b[32m[ OK ]\x1b[0m step %6d of the build: src/session/relay_%d.c" % (i, i))
        elif kind == 1:
            lines.append('%06d {"level":"info","msg":"request served","path":"/a\\\\b","ms":%d}' % (i, i % 97))
        elif kind == 2:
            lines.append("日本語の出力 %d ✓ naïve café" % i)
        else:
            lines.append("Nov 24 12:%02d:%02d host service[%d]: %s" % (i // 60 % 60, i % 60, i, "x" * (i % 80)))
    block = ("\n".join(lines) + "\n").encode()
    with open(path, "wb") as file:
        for _ in range(megabytes * 1000000 // len(block) + 1):
            file.write(block)
    os.truncate(path, megabytes * 1000000)


def run(command):
    """Seconds from the first byte of the output to its last, its size and its hash."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    # Looked at afterwards: while it comes, nobody takes time for anything else.
    chunks, began, tail = [], None, b""
    while END not in tail:
        try:
            data = os.read(master, 65536)
        except OSError:
            data = b""
        if not data:
            raise SystemExit("the output has no end: %s" % tail.decode(errors="replace"))
        if began is None and BEGIN in tail + data:
            began = time.monotonic()
        chunks.append(data)
        tail = (tail + data)[-len(BEGIN + END):]
    ended = time.monotonic()
    while True:
        try:
            if not os.read(master, 65536):
                break
        except OSError:
            break
    _, status = os.waitpid(pid, 0)
    os.close(master)
    if began is None or status:
        raise SystemExit("%s: status %d" % (command, status))
    output = b"".join(chunks).split(BEGIN, 1)[1].split(END, 1)[0]
    return ended - began, len(output), hashlib.sha256(output).hexdigest()


def recorded_hash(path):
    """The hash of what is between the marks in a recording's output."""
    with open(path, encoding="utf-8") as file:
        next(file)
        text = "".join(event[2] for event in map(json.loads, file) if event[1] == "o").encode()
    return hashlib.sha256(text.split(BEGIN, 1)[1].split(END, 1)[0]).hexdigest()


def init_of(parent):
    """The pid of PARENT's child, once that has become what it was started for."""
    for _ in range(200):
        time.sleep(0.05)
        with open("/proc/%d/task/%d/children" % (parent, parent), encoding="ascii") as file:
            children = file.read().split()
        if children:
            with open("/proc/%s/comm" % children[0], encoding="ascii") as file:
                if file.read() == "sleep\n":
                    return children[0]
    raise SystemExit("the container did not start")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sallyport")
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=1.10)
    args = parser.parse_args()
    container = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "10000"])
    times = {False: [], True: []}
    try:
        target = init_of(container.pid)
        with tempfile.TemporaryDirectory(prefix="sp-bench.") as folder:
            data, cast = folder + "/data", folder + "/session.cast"
            make_data(data, args.megabytes)
            tool = "stty -opost; printf %s; cat %s; printf %s" % (BEGIN.decode(), data, END.decode())
            for i in range(args.rounds + 1):
                for record in (i % 2 == 0, i % 2 == 1):
                    option = ["--record=" + cast] if record else []
                    seconds, size, digest = run(
                        [args.sallyport, "attach", "-q", *option, target, "--", "sh", "-c", tool])
                    times[record].append(seconds)
                    if record:
                        if recorded_hash(cast) != digest:
                            raise SystemExit("the recording is not what the terminal got")
                        os.unlink(cast)
    finally:
        container.kill()
        container.wait()
    # The first round warms up. Neighbours are compared: the machine's speed changes meanwhile.
    without, with_it = (statistics.median(times[record][1:]) for record in (False, True))
    ratio = statistics.median(b / a for a, b in list(zip(times[False], times[True]))[1:])
    print("%d MB of output, %d rounds, medians" % (size // 1000000, args.rounds))
    print("%-22s %8.3f s  %7.1f MB/s" % ("without a recording", without, size / 1e6 / without))
    print("%-22s %8.3f s  %7.1f MB/s" % ("recorded", with_it, size / 1e6 / with_it))
    print("%-22s %8.3f    (at most %.2f)" % ("ratio of neighbours", ratio, args.limit))
    return 0 if ratio <= args.limit else 1


if __name__ == "__main__":
    sys.exit(main())
