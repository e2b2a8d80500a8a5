#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""terminal.py [--size ROWSxCOLS] [--timeout SECONDS] [--step EXPECT SEND]... -- COMMAND...

Runs COMMAND on a terminal of its own and plays its operator: each step waits until the regular
expression EXPECT has been printed (after what the last step saw) and then does SEND:
  text           typed; with Python's escapes, \\x03 is ^C
  @resize=RxC    the window changes its size
  @hangup        the terminal goes away
  @stall         nothing is read any more, until COMMAND, which gets a TERM after a second, has ended
  @wait          nothing
  @kill=SIGNAL   COMMAND itself gets a signal (a number)
Prints all that came from the terminal, then "[status N]" (or "[signal N]", or "[timeout]" with the
expectation that was not met). The status is 0 where COMMAND ended in time, however it ended.
"""
import argparse
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time


def set_size(fd, size):
    rows, columns = (int(n) for n in size.split("x"))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def do(send, pid, master, deadline):
    """Does one step; the master's descriptor afterwards, -1 when it was closed."""
    if send.startswith("@resize="):
        set_size(master, send[8:])
    elif send == "@hangup":
        os.close(master)
        return -1
    elif send == "@stall":
        time.sleep(1)
        os.kill(pid, signal.SIGTERM)
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
    elif send.startswith("@kill="):
        os.kill(pid, int(send[6:]))
    elif send != "@wait":
        os.write(master, send.encode().decode("unicode_escape").encode("latin1"))
    return master


def play(pid, master, steps, deadline):
    """The output, and the expectation that was not met in time (None: COMMAND ended)."""
    seen, start = b"", 0
    while True:
        while steps and master >= 0:
            found = re.search(steps[0][0].encode(), seen[start:], re.MULTILINE | re.DOTALL)
            if not found:
                break
            start += found.end()
            master = do(steps.pop(0)[1], pid, master, deadline)
        ended, status = os.waitpid(pid, os.WNOHANG)
        ready = master >= 0 and select.select([master], [], [], 0.02)[0]
        if master < 0:
            time.sleep(0.02)
        data = b""
        if ready:
            try:
                data = os.read(master, 65536)
            except OSError:
                pass
            seen += data
        if ended:
            while master >= 0 and select.select([master], [], [], 0.1)[0]:
                try:
                    data = os.read(master, 65536)
                except OSError:
                    break
                seen += data
            return seen, status, steps[0][0] if steps else None
        if time.monotonic() > deadline:
            return seen, None, steps[0][0] if steps else "the end"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="24x80")
    parser.add_argument("--timeout", type=float, default=20)
    parser.add_argument("--step", nargs=2, action="append", default=[])
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    pid, master = pty.fork()
    if pid == 0:
        set_size(0, args.size)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execvp(args.command[0], args.command)
    seen, status, unmet = play(pid, master, args.step, time.monotonic() + args.timeout)
    sys.stdout.write(seen.decode(errors="replace").replace("\r", ""))
    if status is None:
        print("\n[timeout: %s]" % unmet)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return 1
    if os.WIFSIGNALED(status):
        print("\n[signal %d]" % os.WTERMSIG(status))
    else:
        print("\n[status %d]" % os.WEXITSTATUS(status))
    if unmet:
        print("[never seen: %s]" % unmet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
