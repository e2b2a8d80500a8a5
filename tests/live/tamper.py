#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tamper.py JOURNAL HOW SEED: changes a journal of several files, and prints "FILE:LINE WORD" where that must be found.
cut-current prints the bytes of the last line that are left."""
import glob
import hashlib
import json
import os
import random
import sys

journal, how = sys.argv[1:3]
rng = random.Random("%s %s" % (how, sys.argv[3]))
files = sorted(glob.glob(journal + ".[0-9]*"), key=lambda f: -int(f.rsplit(".", 1)[1])) + [journal]
content = {f: open(f, "rb").read().splitlines(keepends=True) for f in files}
rotated = files[rng.randrange(len(files) - 1)]
lines = content[rotated]
# Neither the first nor the last two of a file: what is said is of the same file then.
at = rng.randrange(2, len(lines) - 3)


def found(line, word, name=rotated):
    print("%s:%d %s" % (name, line + 1, word))


def byte():
    """Any byte of a line but its newline becomes another one that is none."""
    line = bytearray(lines[at])
    i = rng.randrange(len(line) - 1)
    line[i] = rng.choice([b for b in range(32, 256) if b != line[i]])
    lines[at] = bytes(line)
    found(at, "(was changed|no record)")


def newline():
    lines[at] = lines[at][:-1] + b" "
    found(at, "no record")


def remove():
    seq = json.loads(lines.pop(at))["seq"]
    found(at, "before record %d, %d to %d are missing" % (seq + 1, seq, seq))


def swap():
    seq = json.loads(lines[at])["seq"]
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    found(at, "record %d stands before record %d" % (seq + 1, seq))


def repeat():
    seq = json.loads(lines[at])["seq"]
    lines.insert(at, lines[at])
    found(at + 1, "record %d stands after record %d" % (seq, seq))


def cut_rotated():
    n = len(lines)
    lines[-1] = lines[-1][: rng.randrange(1, len(lines[-1]))]
    found(n - 1, "ends within a record")


def cut_current():
    last = content[journal]
    last[-1] = last[-1][: rng.randrange(10, len(last[-1]))]
    print(len(last[-1]))


def remove_file():
    """One in the middle."""
    name = files[1]
    first, last = (json.loads(content[name][i])["seq"] for i in (0, -1))
    os.unlink(name)
    del content[name]
    found(0, "before record %d, %d to %d are missing" % (last + 1, first, last), files[2])


def remove_oldest():
    os.unlink(files[0])
    last = json.loads(content.pop(files[0])[-1])["seq"]
    found(0, "before record %d, 1 to %d are missing" % (last + 1, last), files[1])


def forge():
    """A record that was changed, and the next one's hash made to fit: then that one's own is wrong."""
    session = json.loads(lines[at])["session"].encode()
    lines[at] = lines[at].replace(session, session[::-1])
    old = json.loads(lines[at + 1])["prev"].encode()
    lines[at + 1] = lines[at + 1].replace(old, hashlib.sha256(lines[at][:-1]).hexdigest().encode())
    found(at + 1, "was changed")


def foreign_end():
    """Bytes at the end that are not how the next record begins."""
    content[journal].append(b'{"seq":1,"prev":"0')
    found(len(content[journal]) - 1, "18 bytes that are not how a record begins", journal)


{name.replace("_", "-"): f for name, f in globals().items() if callable(f)}[how]()
for name, data in content.items():
    with open(name, "wb") as f:
        f.write(b"".join(data))
