#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ask_init.py INIT PROGRAM

Lets the init of a test's container (pid INIT in our namespace, `probe init`) start PROGRAM, a path
of the container's, and relays its standard input and output: for --engine-command. What runs then
is a process that the container started itself: the truth that all others are measured by.
"""
import os
import select
import signal
import sys


def main():
    init, program = int(sys.argv[1]), sys.argv[2]
    # Opened by name: pipes of the init's, at numbers that probe.c fixes.
    answers = os.open("/proc/%d/fd/41" % init, os.O_RDONLY | os.O_NONBLOCK)
    requests = os.open("/proc/%d/fd/40" % init, os.O_WRONLY)
    os.kill(init, signal.SIGUSR1)
    os.write(requests, program.encode() + b"\n")
    while True:
        ready, _, _ = select.select([0, answers], [], [])
        if answers in ready:
            data = os.read(answers, 65536)
            if data:
                os.write(1, data)
        if 0 in ready and not os.read(0, 4096):
            return 0


if __name__ == "__main__":
    sys.exit(main())
