#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""posix.py [--seed N] [--rounds N] [--ops N] [--behind PERCENT] NATIVE VIEW SOURCE

The same random system calls in the directory NATIVE and, through a view, in VIEW; SOURCE is VIEW's
directory itself. After each call the results (value or errno) and the two trees have to be the same:
names, types, modes, owners, link counts, sizes, contents, link targets, extended attributes, ACLs, and
which of the times changed; and what the view shows has to be what SOURCE holds. Callers are root and
two users. With --behind that many calls of a hundred are done in SOURCE instead, behind the view's back.
Differences are printed with the calls that led to them; the status is then 1. Last line: "N calls, N differences".
What is known to differ (the table in views_known.py) is not among the calls, or let pass.
"""
import argparse
import collections
import ctypes
import errno
import fcntl
import hashlib
import mmap
import os
import random
import resource
import shutil
import signal
import stat
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
USERS = [(0, 0, []), (0, 0, []), (0, 0, []), (1000, 1000, [2000]), (1001, 1001, [1000])]
LONG = "n" * 255
TIMES = ("mtime", "ctime")


class World:
    """One of the two sides: where it lies and what it has open."""

    def __init__(self, base, back):
        self.base, self.back, self.fds = base, back, {}

    def path(self, name, behind=False):
        return os.path.join(self.back if behind else self.base, name)


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


# The calls. Each gets a world, whether it is done behind the view, and its arguments.

def op_open(w, b, name, flags, mode, slot):
    close_slot(w, slot)
    fd = os.open(w.path(name, b), flags | os.O_CLOEXEC | os.O_NONBLOCK, mode)
    w.fds[slot] = fd
    return stat.S_IFMT(os.fstat(fd).st_mode)


def op_tmpfile(w, b, name, flags, mode, slot, target):
    close_slot(w, slot)
    w.fds[slot] = os.open(w.path(name, b), os.O_TMPFILE | os.O_RDWR | flags, mode)
    os.write(w.fds[slot], b"nameless")
    here = b"/proc/self/fd/%d" % w.fds[slot]
    check(libc.linkat(AT_FDCWD, here, AT_FDCWD, os.fsencode(w.path(target, b)), 0x400))


def close_slot(w, slot):
    if slot in w.fds:
        os.close(w.fds.pop(slot))


def op_close(w, b, slot):
    close_slot(w, slot)


def fd_of(w, slot):
    if slot not in w.fds:
        raise OSError(errno.EBADF, "")
    return w.fds[slot]


def op_pwrite(w, b, slot, data, offset):
    return os.pwrite(fd_of(w, slot), data, offset)


def op_write(w, b, slot, data):
    return os.write(fd_of(w, slot), data)


def op_pread(w, b, slot, n, offset):
    return os.pread(fd_of(w, slot), n, offset)


def op_read(w, b, slot, n):
    return os.read(fd_of(w, slot), n)


def op_seek(w, b, slot, offset, whence):
    # Where holes are is the file system's own affair, but for the file's end.
    result = os.lseek(fd_of(w, slot), offset, whence)
    return result if whence in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END) else result >= offset


def op_ftruncate(w, b, slot, size):
    os.ftruncate(fd_of(w, slot), size)


def op_truncate(w, b, name, size):
    os.truncate(w.path(name, b), size)


def op_fallocate(w, b, slot, mode, offset, length):
    check(libc.fallocate(fd_of(w, slot), mode, ctypes.c_long(offset), ctypes.c_long(length)))


def op_copy_file_range(w, b, slot, other, n, from_offset, to_offset):
    return os.copy_file_range(fd_of(w, slot), fd_of(w, other), n, from_offset, to_offset)


def op_sendfile(w, b, slot, other, n, offset):
    return os.sendfile(fd_of(w, other), fd_of(w, slot), offset, n)


def op_mmap(w, b, slot, data, offset):
    fd = fd_of(w, slot)
    size = os.fstat(fd).st_size
    if size < offset + len(data):
        return None
    with mmap.mmap(fd, size) as m:
        before = m[offset:offset + len(data)]
        m[offset:offset + len(data)] = data
        m.flush()
        return before


def op_fsync(w, b, slot, data_only):
    (os.fdatasync if data_only else os.fsync)(fd_of(w, slot))


def op_fchmod(w, b, slot, mode):
    os.fchmod(fd_of(w, slot), mode)


def op_fchown(w, b, slot, uid, gid):
    os.fchown(fd_of(w, slot), uid, gid)


def op_fstat(w, b, slot):
    s = os.fstat(fd_of(w, slot))
    return s.st_mode, s.st_nlink, s.st_uid, s.st_gid, s.st_size if stat.S_ISREG(s.st_mode) else 0


def op_getfl(w, b, slot):
    return fcntl.fcntl(fd_of(w, slot), fcntl.F_GETFL) & ~os.O_NOFOLLOW


def op_setfl(w, b, slot, flags):
    fcntl.fcntl(fd_of(w, slot), fcntl.F_SETFL, flags)


def op_lock(w, b, slot, kind, start, length):
    fcntl.lockf(fd_of(w, slot), kind, length, start)


def op_flock(w, b, slot, kind):
    fcntl.flock(fd_of(w, slot), kind | fcntl.LOCK_NB)


def op_getlk(w, b, slot, start, length):
    arg = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, start, length, 0)
    return struct.unpack("hhqqi4x", fcntl.fcntl(fd_of(w, slot), fcntl.F_GETLK, arg))[:4]


def op_mkdir(w, b, name, mode):
    os.mkdir(w.path(name, b), mode)


def op_rmdir(w, b, name):
    os.rmdir(w.path(name, b))


def op_unlink(w, b, name):
    os.unlink(w.path(name, b))


def op_mknod(w, b, name, mode, device):
    os.mknod(w.path(name, b), mode, device)


def op_symlink(w, b, name, target):
    os.symlink(target, w.path(name, b))


def op_readlink(w, b, name):
    return os.readlink(w.path(name, b))


def op_link(w, b, name, other, follow):
    check(libc.linkat(AT_FDCWD, os.fsencode(w.path(name, b)), AT_FDCWD, os.fsencode(w.path(other, b)),
                      0x400 if follow else 0))


def op_rename(w, b, name, other, flags):
    check(libc.renameat2(AT_FDCWD, os.fsencode(w.path(name, b)), AT_FDCWD, os.fsencode(w.path(other, b)), flags))


def op_chmod(w, b, name, mode):
    os.chmod(w.path(name, b), mode)


def op_chown(w, b, name, uid, gid, follow):
    os.chown(w.path(name, b), uid, gid, follow_symlinks=follow)


def op_access(w, b, name, mode, effective):
    return os.access(w.path(name, b), mode, effective_ids=effective)


def op_utime(w, b, name, atime, mtime, follow):
    """Nanoseconds, or the kernel's words for now (2**30 - 1) and for as it was (2**30 - 2)."""
    spec = struct.pack("qqqq", *(x for t in (atime, mtime)
                                 for x in ((0, t) if t in (0x3fffffff, 0x3ffffffe) else divmod(t, 10**9))))
    check(libc.utimensat(AT_FDCWD, os.fsencode(w.path(name, b)), spec, 0 if follow else 0x100))
    s = os.stat(w.path(name, b), follow_symlinks=follow)
    return [got for got, t in ((s.st_atime_ns, atime), (s.st_mtime_ns, mtime)) if t not in (0x3fffffff, 0x3ffffffe)]


def op_listdir(w, b, name):
    with os.scandir(w.path(name, b)) as entries:
        return sorted((e.name, e.is_dir(follow_symlinks=False), e.is_symlink()) for e in entries)


def op_stat(w, b, name, follow):
    s = os.stat(w.path(name, b), follow_symlinks=follow)
    return s.st_mode, s.st_nlink, s.st_uid, s.st_gid, s.st_rdev


def op_setxattr(w, b, name, key, value, flags, follow):
    os.setxattr(w.path(name, b), key, value, flags, follow_symlinks=follow)


def op_getxattr(w, b, name, key, follow):
    return os.getxattr(w.path(name, b), key, follow_symlinks=follow)


def op_listxattr(w, b, name, follow):
    return sorted(os.listxattr(w.path(name, b), follow_symlinks=follow))


def op_removexattr(w, b, name, key, follow):
    os.removexattr(w.path(name, b), key, follow_symlinks=follow)


def op_relative(w, b, name, child, mode):
    """openat, fstatat, unlinkat below a descriptor of a directory."""
    fd = os.open(w.path(name, b), os.O_PATH | os.O_DIRECTORY)
    try:
        os.close(os.open(child, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode, dir_fd=fd))
        s = os.stat(child, dir_fd=fd)
        os.unlink(child, dir_fd=fd)
        return s.st_mode, s.st_uid, s.st_gid
    finally:
        os.close(fd)


def op_limited_write(w, b, slot, data, offset, limit):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
    try:
        return os.pwrite(fd_of(w, slot), data, offset)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def op_statvfs(w, b, name):
    s = os.statvfs(w.path(name, b))
    return s.f_namemax, s.f_bsize, s.f_frsize, s.f_blocks


class Maker:
    """Random calls, the same for both sides: they depend on nothing but the seed."""

    NAMES = ["a", "b", "c", "d1", "d2", "d1/a", "d1/b", "d1/d", "d1/d/a", "d2/a", "d2/d", "s1", "s2", "d1/s", "d3", "d3/x"]
    ODD = ["", ".", "d1/.", "d1/..", "a/", "d1/", "none/x", "a/x", LONG, LONG + "n", "d1/" + LONG,
           "x/" * 2100, "s1/", "s1/a", "d1/s/a", "./a", "d1//a", "d1/../a", "\udcff", "\n"]
    TARGETS = ["a", "d1", "none", "s1", "s2", "d1/a", ".", "d1/d", "d1/../d2", "x" * 1000, "x" * 4095]
    MODES = [0o644, 0o600, 0o777, 0o000, 0o400, 0o711, 0o4755, 0o2755, 0o1777, 0o6711, 0o7777, 0o444]
    KEYS = ["user.a", "user.b", "user." + "k" * 249, "user." + "k" * 251, "user.", "trusted.t", "security.s",
            "nothing.n", "system.posix_acl_access", "system.posix_acl_default", "system.nothing"]

    def __init__(self, rng):
        self.rng = rng
        self.table = [(getattr(self, n), weight) for n, weight in (
            ("open", 14), ("mkdir", 6), ("files", 10), ("io", 22), ("fdmeta", 8), ("names", 12), ("meta", 14),
            ("xattrs", 10), ("look", 10), ("locks", 4))]

    def name(self):
        return self.rng.choice(self.ODD if self.rng.random() < 0.06 else self.NAMES)

    def slot(self):
        return self.rng.randrange(4)

    def data(self):
        return bytes([self.rng.randrange(1, 256)]) * self.rng.choice([0, 1, 5, 100, 4096, 5000, 70000])

    def offset(self):
        return self.rng.choice([0, 0, 1, 100, 4095, 4096, 10000, 65536, 200000])

    def call(self):
        function = self.rng.choices([f for f, _ in self.table], [weight for _, weight in self.table])[0]
        return function()

    def open(self):
        flags = self.rng.choice([os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR])
        for flag, chance in ((os.O_CREAT, 0.6), (os.O_EXCL, 0.2), (os.O_TRUNC, 0.2), (os.O_APPEND, 0.15),
                             (os.O_NOFOLLOW, 0.1), (os.O_DIRECTORY, 0.06), (os.O_SYNC, 0.05), (os.O_NOATIME, 0.03)):
            if self.rng.random() < chance:
                flags |= flag
        if self.rng.random() < 0.06:
            return op_tmpfile, self.name(), self.rng.choice([0, os.O_EXCL]), self.mode(), self.slot(), self.name()
        return op_open, self.name(), flags, self.mode(), self.slot()

    def mode(self):
        return self.rng.choice(self.MODES)

    def mkdir(self):
        return self.rng.choice([(op_mkdir, self.name(), self.mode()), (op_mkdir, self.name(), 0o777),
                                (op_rmdir, self.name())])

    def files(self):
        kind = self.rng.choice([stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFREG, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFDIR])
        device = os.makedev(1, 3) if kind in (stat.S_IFCHR, stat.S_IFBLK) else 0
        return self.rng.choice([
            (op_unlink, self.name()), (op_symlink, self.name(), self.rng.choice(self.TARGETS)),
            (op_symlink, self.name(), self.rng.choice(self.TARGETS)),
            (op_link, self.name(), self.name(), self.rng.random() < 0.3), (op_link, self.name(), self.name(), False),
            (op_mknod, self.name(), kind | self.mode(), device), (op_unlink, self.name())])

    def io(self):
        s, o = self.slot(), self.offset()
        return self.rng.choice([
            (op_pwrite, s, self.data(), o), (op_write, s, self.data()), (op_pread, s, 5000, o), (op_read, s, 5000),
            (op_seek, s, self.rng.choice([0, 10, 100000, -1]), self.rng.randrange(5)), (op_ftruncate, s, o),
            (op_truncate, self.name(), self.rng.choice([0, 7, 5000, 100000, -1])),
            (op_fallocate, s, self.rng.choice([0, 1, 3, 0x10, 0x11, 0x40]), o, self.rng.choice([1, 4096, 8192, 0, 100000])),
            (op_copy_file_range, s, self.slot(), self.rng.choice([0, 10, 100000]), o, self.offset()),
            (op_sendfile, s, self.slot(), 6000, o), (op_mmap, s, self.data(), o), (op_fsync, s, self.rng.random() < 0.5),
            (op_limited_write, s, self.data(), o, self.rng.choice([0, 4096, 100000])), (op_close, s)])

    def fdmeta(self):
        s = self.slot()
        return self.rng.choice([(op_fchmod, s, self.mode()), (op_fchown, s, *self.ids()), (op_fstat, s), (op_getfl, s),
                                (op_setfl, s, self.rng.choice([0, os.O_APPEND, os.O_NONBLOCK]))])

    def names(self):
        flags = self.rng.choice([0, 0, 0, 0, 1, 2, 4, 3])
        return op_rename, self.name(), self.name(), flags

    def ids(self):
        # Both -1, which changes nothing but a time, is among the known differences.
        return self.rng.choice([(0, -1), (-1, 5), (-1, 0)]) if self.rng.random() < 0.2 else (self.rng.choice([0, 1000, 1001, 4000000]), self.rng.choice([-1, 0, 1000, 1001, 2000, 5]))

    def meta(self):
        moment = [0x3fffffff, 0x3ffffffe, 10**18, 123456789, 10**9 * 2**31, -(10**9)]
        return self.rng.choice([
            (op_chmod, self.name(), self.mode()), (op_chmod, self.name(), 0o777),
            (op_chown, self.name(), *self.ids(), self.rng.random() < 0.6),
            (op_utime, self.name(), self.rng.choice(moment), self.rng.choice(moment), self.rng.random() < 0.7)])

    def acl(self):
        """POSIX ACL attributes, valid ones and others: linux/posix_acl_xattr.h."""
        entries = [(1, 7, -1), (2, self.rng.randrange(8), 1000), (4, self.rng.randrange(8), -1),
                   (8, self.rng.randrange(8), 2000), (0x10, self.rng.randrange(8), -1), (0x20, self.rng.randrange(8), -1)]
        if self.rng.random() < 0.3:
            entries.pop(self.rng.randrange(len(entries)))
        if self.rng.random() < 0.2:
            entries = [entries[0], entries[-1]] if self.rng.random() < 0.5 else [(1, 6, -1), (4, 4, -1), (0x20, 0, -1)]
        return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *e) for e in entries)

    def xattrs(self):
        key, follow = self.rng.choice(self.KEYS), self.rng.random() < 0.7
        value = self.acl() if "acl" in key else self.rng.choice([b"", b"v", b"w" * 300, b"z" * 3000])
        return self.rng.choice([
            (op_setxattr, self.name(), key, value, self.rng.choice([0, 0, os.XATTR_CREATE, os.XATTR_REPLACE, 3]), follow),
            (op_setxattr, self.name(), key, value, 0, follow), (op_getxattr, self.name(), key, follow),
            (op_listxattr, self.name(), follow), (op_removexattr, self.name(), key, follow)])

    def look(self):
        return self.rng.choice([
            (op_stat, self.name(), self.rng.random() < 0.5), (op_listdir, self.name()), (op_readlink, self.name()),
            (op_access, self.name(), self.rng.randrange(8), self.rng.random() < 0.5), (op_statvfs, self.name()),
            (op_relative, self.name(), self.rng.choice(["r", "a", LONG + "n"]), self.mode())])

    def locks(self):
        s = self.slot()
        return self.rng.choice([
            (op_lock, s, self.rng.choice([fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN]) | fcntl.LOCK_NB, 0, self.rng.choice([0, 10])),
            (op_flock, s, self.rng.choice([fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN])), (op_getlk, s, 0, 5)])


def run(call, world, behind, user, umask):
    """The result of a call as that user: a value, or the name of an errno."""
    uid, gid, groups = user
    old = os.umask(umask)
    try:
        os.setgroups(groups)
        os.setegid(gid)
        os.seteuid(uid)
        return call[0](world, behind, *call[1:])
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno))
    except (ValueError, OverflowError) as e:
        return "python: %s" % e
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])
        os.umask(old)


def content(path, st):
    if stat.S_ISLNK(st.st_mode):
        return os.readlink(path)
    if stat.S_ISREG(st.st_mode) and st.st_size < 1 << 20:
        with open(os.open(path, os.O_RDONLY | os.O_NOATIME), "rb") as f:
            return hashlib.md5(f.read()).hexdigest()
    return ""


def snapshot(base):
    """What lies below BASE: name -> (what two trees have to have in common, times)."""
    tree, inodes, stack = {}, {}, [""]
    while stack:
        name = stack.pop()
        path = os.path.join(base, name) if name else base
        st = os.lstat(path)
        try:
            attributes = [(k, os.getxattr(path, k, follow_symlinks=False).hex())
                          for k in sorted(os.listxattr(path, follow_symlinks=False))]
        except OSError as e:
            attributes = errno.errorcode[e.errno]
        size = 0 if stat.S_ISDIR(st.st_mode) else st.st_size
        same = inodes.setdefault(st.st_ino, name)
        mode = st.st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_ISGID | stat.S_IXGRP) == stat.S_ISGID:
            mode &= ~stat.S_ISGID  # of no effect, and known to stay where it would natively go
        tree[name] = ((oct(mode), st.st_nlink, st.st_uid, st.st_gid, size, st.st_rdev, same,
                       content(path, st), attributes), (st.st_mtime_ns, st.st_ctime_ns))
        if stat.S_ISDIR(st.st_mode):
            stack += sorted(os.path.join(name, n) for n in os.listdir(path))
    return tree


def changes(old, new):
    """Which times of what is still there have changed."""
    return {name: tuple(TIMES[i] for i in range(2) if new[name][1][i] != old[name][1][i])
            for name in new if name in old}


def compare(native, view, source, before):
    """The first difference of the trees, in words, or None."""
    for what, a, b in (("view", native, view), ("source", view, source)):
        for name in sorted(set(a) | set(b)):
            if name not in a or name not in b:
                return f"{what}: {name!r} is {'there' if name in b else 'missing'}"
            if a[name][0] != b[name][0]:
                fields = "mode nlink uid gid size rdev same content xattr".split()
                return "%s: %r: %s" % (what, name, ", ".join(f"{f} {x!r} became {y!r}" for f, x, y in zip(
                    fields, a[name][0], b[name][0]) if x != y))
    for name in view:
        if view[name][1] != source[name][1]:
            return f"source: {name!r}: times {view[name][1]} are {source[name][1]}"
    if before:
        a, b = changes(before[0], native), changes(before[1], view)
        for name in a:
            if a[name] != b.get(name):
                return f"times of {name!r}: {a[name]} change, in the view {b.get(name)}"
    return None


def describe(call, user, behind):
    text = ", ".join(r if len(r) < 60 else r[:50] + "..." for r in map(repr, call[1:]))
    return "%s(%s)%s%s" % (call[0].__name__[3:], text, "" if user[0] == 0 else f" as {user[0]}",
                           " behind" if behind else "")


def clear(worlds):
    for w in worlds:
        for slot in list(w.fds):
            close_slot(w, slot)
        base = w.back or w.base
        for name in os.listdir(base):
            path = os.path.join(base, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        for key in os.listxattr(base):
            os.removexattr(base, key)
        os.chown(base, 0, 0)
        os.chmod(base, 0o777)


def one_round(rng, worlds, args, found):
    """Calls until the sides differ or enough were made. Returns their number."""
    clear(worlds)
    make, history, before = Maker(rng), collections.deque(maxlen=args.history), None
    for n in range(args.ops):
        call, user, umask = make.call(), rng.choice(USERS), rng.choice([0o022, 0, 0o077])
        behind = rng.randrange(100) < args.behind
        results = [run(call, worlds[0], False, user, umask), run(call, worlds[1], behind, user, umask)]
        words = describe(call, user, behind)
        history.append(f"{words} = {str(results[0])[:60]}")
        trees = [snapshot(worlds[0].base), snapshot(worlds[1].base), snapshot(worlds[1].back)]
        why = (f"{str(results[0])[:100]} natively, {str(results[1])[:100]} in the view" if results[0] != results[1]
               else compare(*trees, before))
        before = trees
        if why:
            found.append((words, why, list(history)))
            return n + 1
    return args.ops


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the number of the first round")
    parser.add_argument("--ops", type=int, default=200)
    parser.add_argument("--history", type=int, default=12)
    parser.add_argument("--behind", type=int, default=0)
    parser.add_argument("--container", action="store_true", help="links with .. are shown resolved")
    parser.add_argument("native")
    parser.add_argument("view")
    parser.add_argument("source")
    args = parser.parse_args()
    if args.container:
        Maker.TARGETS = [t for t in Maker.TARGETS if ".." not in t]
    worlds = [World(args.native, args.native), World(args.view, args.source)]
    calls, found = 0, []
    for i in range(args.first, args.first + args.rounds):
        before = len(found)
        calls += one_round(random.Random(args.seed * 100003 + i), worlds, args, found)
        for words, why, history in found[before:]:
            print("round %d: %s: %s" % (i, words, why))
            print("".join("    %s\n" % line for line in history), end="")
    clear(worlds)
    print("%d calls, %d differences" % (calls, len(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
