#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""paste.py SALLYPORT CONTAINER: pastes much into a tool that draws three times as much before it
reads on, as an editor does. Prints how many bytes came back, or "stuck"."""
import os
import pty
import select
import sys

SIZE = 300000
TOOL = """
import os
n = 0
os.write(1, b"begin")
while n < %d:
    data = os.read(0, 1000)
    n += len(data)
    os.write(1, data * 3)
""" % SIZE


def main():
    sallyport, container = sys.argv[1:3]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sallyport, [sallyport, "attach", container, "--", "sh", "-c",
                             "stty raw -echo; exec python3 -c '%s'" % TOOL])
    # A terminal emulator never waits for what it writes: the other side may wait for it to read.
    os.set_blocking(terminal, False)
    seen, count, sent = b"", 0, 0
    while True:
        begun = b"begin" in seen
        writers = [terminal] if begun and sent < SIZE else []
        readable, writable, _ = select.select([terminal], writers, [], 20)
        if not readable and not writable:
            os.kill(pid, 9)
            print("stuck")
            return 1
        if writable:
            sent += os.write(terminal, b"x" * min(4096, SIZE - sent))
        if readable:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            count += data.count(b"x")
            seen = seen if begun else seen + data
    os.waitpid(pid, 0)
    print(count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
