#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""recording.py SALLYPORT [--megabytes N] [--rounds N] [--limit RATIO]

How much slower a session is for being recorded: N megabytes of output, as a program prints it (text
with colours, and a part of wide characters), through `sallyport attach`, on two terminals:

* tmux, which draws what it gets, as each terminal that somebody looks at does;
* a reader that only reads, as fast as it comes: several times as fast as any terminal, so the worst case.

Rounds with and without --record take turns; the ratio is the median of those of neighbours. The time
is that of the output alone: from its first byte to its last. Prints a table; the status is 1 where
the ratio on tmux is above the limit.

Each recording is read back: its output has to be what was printed, byte for byte; so has what the reader got.
"""
import argparse
import hashlib
import json
import os
import pty
import shlex
import shutil
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


def on_reader(command, folder):
    """Runs COMMAND on a terminal that is only read. Seconds from the first byte of the output to its last."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    # Looked at afterwards, and its memory touched before: while it comes, nobody takes time for anything else.
    room = bytearray(os.path.getsize(folder + "/data") + (1 << 20))
    room[::4096] = b"x" * len(room[::4096])
    view, at, began = memoryview(room), 0, None
    while began is None or END not in room[max(0, at - len(END)):at]:
        try:
            n = os.readv(master, [view[at:at + 65536]])
        except OSError:
            n = 0
        if n == 0:
            raise SystemExit("the output has no end: %s" % room[max(0, at - 4096):at].decode(errors="replace"))
        if began is None and BEGIN in room[:at + n]:
            began = time.monotonic()
        at += n
    ended = time.monotonic()
    view.release()
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
    output = bytes(room[:at]).split(BEGIN, 1)[1].split(END, 1)[0]
    if hashlib.sha256(output).hexdigest() != printed_hash(folder):
        raise SystemExit("the terminal did not get what was printed")
    return ended - began


def on_tmux(command, folder):
    """The same in a tmux of its own. Its clock is the program's: the end is when the last byte is taken."""
    script = folder + "/command"
    with open(script, "w", encoding="ascii") as file:
        file.write("%s; echo $? > %s/status\n" % (shlex.join(command), folder))
    tmux = ["tmux", "-S", folder + "/tmux", "-f", "/dev/null", "new-session", "sh " + script]
    # tmux draws on a terminal, which is read by script(1).
    subprocess.run(["script", "-qc", shlex.join(tmux), "/dev/null"], stdin=subprocess.PIPE,
                   stdout=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm"}, check=True)
    with open(folder + "/status", encoding="ascii") as file:
        if file.read() != "0\n":
            raise SystemExit("%s failed in tmux" % command)
    return mtime(folder + "/ended") - mtime(folder + "/began")


def mtime(path):
    return os.stat(path).st_mtime_ns / 1e9


def printed_hash(folder):
    """The hash of what the program prints."""
    with open(folder + "/data", "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


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


def measure(args, target, folder, terminal):
    """The table's rows for TERMINAL. Returns the ratio."""
    data, cast = folder + "/data", folder + "/session.cast"
    tool = "stty -opost; printf %s; date > %s/began; cat %s; date > %s/ended; printf %s" % (
        BEGIN.decode(), folder, data, folder, END.decode())
    digest = printed_hash(folder)
    times = {False: [], True: []}
    for i in range(args.rounds + 1):
        for record in (i % 2 == 0, i % 2 == 1):
            option = ["--record=" + cast] if record else []
            times[record].append(
                terminal([args.sallyport, "attach", "-q", *option, target, "--", "sh", "-c", tool], folder))
            if record:
                if recorded_hash(cast) != digest:
                    raise SystemExit("the recording is not what was printed")
                os.unlink(cast)
    # The first round warms up. Neighbours are compared: the machine's speed changes meanwhile.
    for what, record in (("without a recording", False), ("recorded", True)):
        seconds = statistics.median(times[record][1:])
        print("  %-22s %8.3f s  %7.1f MB/s" % (what, seconds, args.megabytes / seconds))
    ratio = statistics.median(b / a for a, b in list(zip(times[False], times[True]))[1:])
    print("  %-22s %8.3f" % ("ratio of neighbours", ratio))
    return ratio


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sallyport")
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--limit", type=float, default=1.10)
    args = parser.parse_args()
    if not shutil.which("tmux"):
        raise SystemExit("needs tmux: apt-get install tmux")
    container = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "10000"])
    try:
        target = init_of(container.pid)
        with tempfile.TemporaryDirectory(prefix="sp-bench.") as folder:
            make_data(folder + "/data", args.megabytes)
            print("%d MB of output, %d rounds, medians" % (args.megabytes, args.rounds))
            print("on tmux, at most %.2f" % args.limit)
            ratio = measure(args, target, folder, on_tmux)
            print("on a terminal that is only read")
            measure(args, target, folder, on_reader)
    finally:
        container.kill()
        container.wait()
    return 0 if ratio <= args.limit else 1


if __name__ == "__main__":
    sys.exit(main())
