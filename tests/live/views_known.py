#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""views_known.py NATIVE VIEW SOURCE: what a view is known to do otherwise than the files themselves.

Each case is run in the directory NATIVE and, through the view, in VIEW, whose own files are in SOURCE. Prints
a row of a Markdown table for each: docs/views.md holds these rows, and its test compares them. The status is 1
where a row's two results are the same, for then it is no difference any more.
"""
import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)


def create(path, data=b"0123456789" * 1000, mode=0o644):
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(fd, data)
    os.fchmod(fd, mode)
    return fd


def shift(base, back, mode):
    fd = create(base + "/f", b"x" * 16384)
    if libc.fallocate(fd, mode, ctypes.c_long(4096), ctypes.c_long(4096)) != 0:
        raise OSError(ctypes.get_errno(), "")
    return "done"


def unix_socket(base, back):
    """A server binds on the host's side, a client connects by the name."""
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(back + "/sock")
        server.listen(1)
        client.connect(base + "/sock")
        return "connected"


def fifo(base, back):
    """A reader on the host's side, a writer by the name."""
    os.mkfifo(back + "/fifo")
    reader = os.open(back + "/fifo", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(base + "/fifo", os.O_WRONLY | os.O_NONBLOCK)
    os.write(writer, b"x")
    return "connected" if os.read(reader, 1) else "nothing"


def notify(base, back):
    """A change on the host's side, watched by inotify by the name."""
    fd = libc.inotify_init1(os.O_NONBLOCK)
    libc.inotify_add_watch(fd, os.fsencode(base), 0x100)
    os.close(create(back + "/new"))
    return "told" if select.select([fd], [], [], 0.3)[0] else "not told"


def chown_nothing(base, back):
    fd = create(base + "/c")
    before = os.fstat(fd).st_ctime_ns
    select.select([], [], [], 0.02)
    os.fchown(fd, -1, -1)
    return "ctime changes" if os.fstat(fd).st_ctime_ns != before else "ctime stays"


def set_group(base, back):
    """A stranger writes to a file that is set-group-ID and not executable for its group."""
    fd = create(base + "/g", mode=0o2766)
    os.setgroups([])
    os.setegid(1000)
    os.seteuid(1000)
    try:
        os.write(fd, b"x")
    finally:
        os.seteuid(0)
        os.setegid(0)
    return "taken away" if not os.fstat(fd).st_mode & 0o2000 else "kept"


def fiemap(base, back):
    fd = create(base + "/e")
    fcntl.ioctl(fd, 0xc020660b, bytearray(struct.pack("QQIIII", 0, 1 << 20, 1, 0, 0, 0)))
    return "told"


def birth(base, back):
    os.close(create(base + "/b"))
    buffer = ctypes.create_string_buffer(256)
    libc.statx(-100, os.fsencode(base + "/b"), 0, 0xfff, buffer)
    return "known" if struct.unpack_from("I", buffer.raw)[0] & 0x800 else "unknown"


def kind(base, back):
    buffer = ctypes.create_string_buffer(256)
    libc.statfs(os.fsencode(base), buffer)
    return "FUSE" if struct.unpack_from("l", buffer.raw)[0] == 0x65735546 else "its own"


def has_selinux():
    return os.path.exists("/sys/fs/selinux/enforce") or os.path.exists("/etc/selinux/config")


def label(base, back):
    """Of a file that has none, on a host without SELinux; on another it is left out."""
    os.close(create(base + "/l"))
    return os.getxattr(base + "/l", "security.selinux").decode()


CASES = [
    ("`fallocate` that inserts a range", lambda b, s: shift(b, s, 0x20), "the kernel's FUSE passes on no such mode"),
    ("`fallocate` that takes a range out", lambda b, s: shift(b, s, 8), "the same"),
    ("`connect` to a Unix socket of the host", unix_socket, "a socket is found by its inode, and the view's is another one: use `--share`"),
    ("a FIFO between the host and the session", fifo, "a FIFO's pipe belongs to its inode: use `--share`"),
    ("inotify of a change from outside the session", notify, "the kernel tells what goes through the watched inode"),
    ("`chown` to nobody (-1, -1)", chown_nothing, "the kernel's FUSE leaves such a call out"),
    ("set-group-ID without execution, at a write by a stranger", set_group, "the kernel's FUSE knows the older rule; the bit is without effect"),
    ("`FIEMAP`", fiemap, "where blocks lie is nobody's business in a view"),
    ("time of birth (`statx`)", birth, "libfuse 3.14 has no word for it"),
    ("SELinux label of a file that has none, without SELinux", label, "`ls -l` asks once then and not for each file"),
    ("file system type (`statfs`)", kind, "a program that asks for ext4, say, finds none"),
]


def attempt(function, base, back):
    try:
        return function(base, back)
    except OSError as e:
        return errno.errorcode[e.errno]


def main():
    native, view, source = sys.argv[1:]
    same = 0
    for what, function, why in CASES:
        if function is label and has_selinux():
            continue
        results = [attempt(function, native, native), attempt(function, view, source)]
        print("| %s | %s | %s | %s |" % (what, *results, why))
        same += results[0] == results[1]
    return 1 if same else 0


if __name__ == "__main__":
    sys.exit(main())
