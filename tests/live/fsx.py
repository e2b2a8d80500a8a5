#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""fsx.py [--seed N] [--ops N] FILE [BACK]

What fsx of xfstests does: random reads, writes, truncations, mapped reads and writes, punched and zeroed
ranges, copies within the file, appends, closes and opens of FILE, by two descriptors; after each the file has
to be what a plain buffer says. With BACK, the same file behind a view, a part of the calls goes there instead,
and then FILE is opened anew, as a program does that looks at a changed file. Last line: "N operations, equal".
"""
import argparse
import ctypes
import mmap
import os
import random
import sys

libc = ctypes.CDLL(None, use_errno=True)
LIMIT = 300000


class Model:
    def __init__(self, rng, path, back):
        self.rng, self.path, self.back = rng, path, back
        self.data = bytearray()
        open(path, "wb").close()
        self.fds = [os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)]

    def fd(self):
        return self.rng.choice(self.fds)

    def place(self, most=LIMIT):
        offset = self.rng.choice([0, 1, 4095, 4096, 8192, 65536, len(self.data), self.rng.randrange(LIMIT)])
        return min(offset, LIMIT - 1), self.rng.choice([1, 7, 4096, 4097, 20000, self.rng.randrange(1, most // 4)])

    def put(self, offset, data):
        if len(self.data) < offset:
            self.data.extend(bytes(offset - len(self.data)))
        self.data[offset:offset + len(data)] = data

    def write(self):
        offset, n = self.place()
        data = self.rng.randbytes(n)
        assert os.pwrite(self.fd(), data, offset) == n
        self.put(offset, data)

    def read(self):
        offset, n = self.place()
        expect(os.pread(self.fd(), n, offset), self.data[offset:offset + n])

    def truncate(self):
        size = self.place()[0]
        os.ftruncate(self.fd(), size)
        self.data = self.data[:size] + bytes(max(0, size - len(self.data)))

    def mapped(self):
        offset, n = self.place()
        if offset + n > len(self.data):
            return
        with mmap.mmap(self.fd(), len(self.data)) as m:
            expect(m[offset:offset + n], self.data[offset:offset + n])
            if self.rng.random() < 0.6:
                data = self.rng.randbytes(n)
                m[offset:offset + n] = data
                self.put(offset, data)
                if self.rng.random() < 0.5:
                    m.flush()

    def allocate(self):
        offset, n = self.place()
        mode = self.rng.choice([0, 1, 3, 0x10, 0x11])
        if libc.fallocate(self.fd(), mode, ctypes.c_long(offset), ctypes.c_long(n)) != 0:
            raise OSError(ctypes.get_errno(), "fallocate %d" % mode)
        # 1 keeps the size; 2 and 0x10 make zeros, 0 and 1 leave what there is.
        end = min(offset + n, len(self.data)) if mode & 1 else offset + n
        if mode == 0:
            self.put(max(end, len(self.data)), b"")
        elif mode != 1 and offset < end:
            self.put(offset, bytes(end - offset))

    def copy(self):
        offset, n = self.place()
        to = self.place()[0]
        n = min(n, max(0, len(self.data) - offset), abs(to - offset))
        if n > 0:
            done = os.copy_file_range(self.fd(), self.fd(), n, offset, to)
            self.put(to, bytes(self.data[offset:offset + done]))

    def append(self):
        data = self.rng.randbytes(self.rng.randrange(1, 5000))
        with open(self.path, "ab") as f:
            f.write(data)
        self.data += data

    def reopen(self):
        i = self.rng.randrange(2)
        os.close(self.fds[i])
        self.fds[i] = os.open(self.path, os.O_RDWR)

    def sync(self):
        os.fsync(self.fd())

    def behind(self):
        """Somebody else writes: what is still cached here was written through, so nothing is lost."""
        offset, n = self.place()
        data = self.rng.randbytes(n)
        with open(self.back, "r+b") as f:
            if self.rng.random() < 0.3:
                f.truncate(offset)
                self.data = self.data[:offset] + bytes(max(0, offset - len(self.data)))
            f.seek(offset)
            f.write(data)
        self.put(offset, data)
        for i in range(2):
            os.close(self.fds[i])
        self.fds = [os.open(self.path, os.O_RDWR), os.open(self.path, os.O_RDWR)]

    def check(self):
        expect(os.fstat(self.fds[0]).st_size, len(self.data))
        with open(self.path, "rb") as f:
            expect(f.read(), bytes(self.data))
        if self.back:
            with open(self.back, "rb") as f:
                expect(f.read(), bytes(self.data))


def expect(got, wanted):
    if got != wanted:
        if isinstance(got, int):
            raise SystemExit("the size is %d, not %d" % (got, wanted))
        at = next((i for i, (x, y) in enumerate(zip(got, wanted)) if x != y), min(len(got), len(wanted)))
        raise SystemExit("%d bytes, not %d, the first other one at %d" % (len(got), len(wanted), at))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ops", type=int, default=2000)
    parser.add_argument("file")
    parser.add_argument("back", nargs="?")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    model = Model(rng, args.file, args.back)
    kinds = [(model.write, 20), (model.read, 20), (model.truncate, 8), (model.mapped, 20), (model.allocate, 10),
             (model.copy, 8), (model.append, 5), (model.reopen, 5), (model.sync, 1)]
    if args.back:
        kinds.append((model.behind, 12))
    history = []
    for n in range(args.ops):
        operation = rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
        history.append(operation.__name__)
        try:
            operation()
            if operation != model.read:
                model.check()
        except (SystemExit, OSError) as e:
            raise SystemExit("operation %d of seed %d, after %s: %s" % (n, args.seed, " ".join(history[-8:]), e))
    print("%d operations, equal" % args.ops)


if __name__ == "__main__":
    sys.exit(main())
