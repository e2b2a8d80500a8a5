#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""views.py TEST VIEW SOURCE: system calls on a view and on what it shows; used by views.sh."""
import ctypes
import errno
import fcntl
import mmap
import os
import random
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

TEST, VIEW, SOURCE = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
NOREPLACE, EXCHANGE = 1, 2


def expect(what, got, wanted):
    if got != wanted:
        raise SystemExit(f"{what}: {got!r}, not {wanted!r}")


def fails(code, function, *args, **named):
    try:
        function(*args, **named)
    except OSError as e:
        expect(f"{function.__name__}{args}", errno.errorcode[e.errno], errno.errorcode[code])
        return
    raise SystemExit(f"{function.__name__}{args} succeeded")


def renameat2(a, b, flags):
    if libc.renameat2(AT_FDCWD, a.encode(), AT_FDCWD, b.encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def link_fd(fd, path):
    if libc.linkat(AT_FDCWD, f"/proc/self/fd/{fd}".encode(), AT_FDCWD, path.encode(), 0x400) != 0:
        raise OSError(ctypes.get_errno(), "linkat")


def write(path, data, mode="w"):
    with open(path, mode) as f:
        f.write(data)


def read(path):
    with open(path) as f:
        return f.read()


def as_user(uid, gid, function, groups=(), umask=None):
    """Runs FUNCTION in a child with those ids; its exception's errno, or 0."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            if umask is not None:
                os.umask(umask)
            function()
        except OSError as e:
            code = e.errno
        except BaseException as e:
            print(e, file=sys.stderr)
            code = 255
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def files():
    d = tempfile.mkdtemp(dir=VIEW)
    s = os.path.join(SOURCE, os.path.basename(d))
    # unlinked and open
    fd = os.open(d + "/gone", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"abc")
    os.unlink(d + "/gone")
    for i in range(600):  # more than the server's descriptors
        write(f"{d}/f{i}", "")
    expect("nlink", os.fstat(fd).st_nlink, 0)
    expect("pread", os.pread(fd, 10, 0), b"abc")
    os.fchmod(fd, 0o640)
    os.ftruncate(fd, 2)
    expect("mode, size", (os.fstat(fd).st_mode & 0o777, os.fstat(fd).st_size), (0o640, 2))
    os.close(fd)
    # a directory removed while one stands in it
    os.mkdir(d + "/here")
    here = os.open(d + "/here", os.O_PATH)
    os.rmdir(d + "/here")
    fails(errno.ENOENT, os.open, "x", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.close(here)
    # names
    write(d + "/a", "a")
    write(d + "/b", "b")
    fails(errno.EEXIST, renameat2, d + "/a", d + "/b", NOREPLACE)
    renameat2(d + "/a", d + "/b", EXCHANGE)
    expect("exchanged", (read(s + "/a"), read(s + "/b")), ("b", "a"))
    expect("exchanged, in view", (read(d + "/a"), read(d + "/b")), ("b", "a"))
    b = open(d + "/b")
    os.rename(d + "/a", d + "/b")
    expect("replaced, still open", b.read(), "a")
    expect("replaced", read(d + "/b"), "b")
    os.makedirs(d + "/x/y/z")
    inside = os.open(d + "/x/y/z", os.O_RDONLY)
    os.rename(d + "/x", d + "/w")
    write(d + "/w/y/z/f", "1")
    expect("renamed above", os.listdir(inside), ["f"])
    fails(errno.EINVAL, os.rename, d + "/w", d + "/w/y/w")
    fails(errno.ENOTEMPTY, os.rmdir, d + "/w")
    fails(errno.EISDIR, os.unlink, d + "/w")
    fails(errno.ENOTDIR, os.rmdir, d + "/b")
    fails(errno.EEXIST, os.mkdir, d + "/b")
    fails(errno.EEXIST, os.open, d + "/b", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    fails(errno.ENAMETOOLONG, os.mkdir, d + "/" + "n" * 256)
    os.mkdir(d + "/" + "n" * 255)
    os.mkdir(d + "/new\nline \x1b[0m")
    expect("odd name", os.path.isdir(s + "/new\nline \x1b[0m"), True)
    # links
    os.link(d + "/b", d + "/hard")
    expect("one inode", os.stat(d + "/b").st_ino, os.stat(d + "/hard").st_ino)
    expect("links", os.stat(d + "/b").st_nlink, 2)
    os.unlink(d + "/b")
    write(d + "/hard", "more", "a")
    expect("by the other name", read(s + "/hard"), "bmore")
    os.symlink("hard", d + "/soft")
    fails(errno.ELOOP, os.open, d + "/soft", os.O_RDONLY | os.O_NOFOLLOW)
    # without a name
    fd = os.open(d, os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(fd, b"unnamed")
    expect("nlink without a name", os.fstat(fd).st_nlink, 0)
    link_fd(fd, d + "/named")
    expect("named", read(s + "/named"), "unnamed")
    os.close(fd)
    fd = os.open(d, os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
    fails(errno.ENOENT, link_fd, fd, d + "/never")
    os.close(fd)
    # data
    fd = os.open(d + "/sparse", os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b"x" * 4096, 1 << 20)
    expect("SEEK_DATA", os.lseek(fd, 0, os.SEEK_DATA), 1 << 20)
    expect("SEEK_HOLE", os.lseek(fd, 0, os.SEEK_HOLE), 0)
    os.posix_fallocate(fd, 2 << 20, 4096)
    expect("allocated", os.stat(s + "/sparse").st_size, (2 << 20) + 4096)
    to = os.open(d + "/copy", os.O_RDWR | os.O_CREAT)
    expect("copy_file_range", os.copy_file_range(fd, to, 4096, 1 << 20, 0), 4096)
    expect("copied", read(s + "/copy"), "x" * 4096)
    os.fsync(to)
    os.fdatasync(to)
    parent = os.open(d, os.O_RDONLY)
    os.fsync(parent)
    # appending, from two sides
    one = os.open(d + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    other = os.open(s + "/log", os.O_WRONLY | os.O_APPEND)
    for i in range(50):
        os.write(one, b"1\n")
        os.write(other, b"2\n")
    expect("appended", read(d + "/log"), "1\n2\n" * 50)
    # shared memory, between processes
    fd = os.open(d + "/map", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 65536)
    m = mmap.mmap(fd, 65536)
    pid = os.fork()
    if pid == 0:
        n = mmap.mmap(os.open(d + "/map", os.O_RDWR), 65536)
        n[0:5] = b"hello"
        while n[5:6] != b"!":
            pass
        os._exit(0)
    while m[0:5] != b"hello":
        pass
    m[5:6] = b"!"
    expect("child", os.waitpid(pid, 0)[1], 0)
    m.flush()
    expect("written back", read(s + "/map")[:6], "hello!")
    # direct
    fd = os.open(d + "/direct", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    page = mmap.mmap(-1, 4096)
    page[0:3] = b"xyz"
    expect("direct write", os.write(fd, page), 4096)
    expect("direct", read(s + "/direct")[:3], "xyz")
    fd = os.open(d + "/direct", os.O_RDWR | os.O_TRUNC)
    expect("truncated", os.stat(s + "/direct").st_size, 0)
    st = os.statvfs(d)
    expect("statvfs", (st.f_blocks, st.f_bsize), (os.statvfs(s).f_blocks, os.statvfs(s).f_bsize))
    subprocess.run(["rm", "-r", d], check=True)
    expect("removed", os.path.exists(s), False)


def lockf(fd, kind, start=0, length=0):
    fcntl.fcntl(fd, fcntl.F_SETLK, struct.pack("hhqqi4x", kind, 0, start, length, 0))


def in_child(function):
    pid = os.fork()
    if pid == 0:
        try:
            function()
        except OSError as e:
            os._exit(e.errno)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def seconds(function):
    start = time.monotonic()
    function()
    return time.monotonic() - start


def kept():
    """Contents of small old files, which the kernel may keep, changed behind the view."""
    old = time.time() - 7200
    names = [f"{i}/{j}" for i in range(100) for j in range(2)]  # a directory that changes much isn't watched
    for name in names:
        os.makedirs(f"{SOURCE}/kept/" + os.path.dirname(name), exist_ok=True)
        write(f"{SOURCE}/kept/{name}", "0" * 5000)
        os.utime(f"{SOURCE}/kept/{name}", (old, old))
    opened = {}
    rng = random.Random(1)
    for i in range(2000):
        name = rng.choice(names)
        here, there = f"{VIEW}/kept/{name}", f"{SOURCE}/kept/{name}"
        for _ in range(5):  # looked at, and read: the kernel has it
            os.stat(here)
            read(here)
        if rng.random() < 0.2:
            fd = opened.pop(name, None)
            if fd is not None:
                os.close(fd)
            opened[name] = os.open(here, os.O_RDONLY)
        text = f"{i:05}" * rng.choice([1000, 1000, 900, 1100])
        way = rng.randrange(4)
        if way == 0:  # the same size, the same time
            with open(there, "r+") as file:
                file.write(text)
        elif way == 1:
            write(there, text)
        elif way == 2:
            write(there + ".new", text)
            os.rename(there + ".new", there)
            fd = opened.pop(name, None)  # has what was there before
            if fd is not None:
                os.close(fd)
        else:
            with open(there, "r+b") as file:
                with mmap.mmap(file.fileno(), 0) as m:
                    m[:5] = text[:5].encode()
        now = read(there)
        os.utime(there, (old, old))
        expect(f"change {i}, {way}", read(here), now)
        if name in opened:
            os.lseek(opened[name], 0, os.SEEK_SET)
            expect(f"change {i}, {way}, open", os.read(opened[name], 10000).decode(), now)
    for fd in opened.values():
        os.close(fd)


def locks():
    write(VIEW + "/lock", "0123456789")
    v = os.open(VIEW + "/lock", os.O_RDWR)
    v2 = os.open(VIEW + "/lock", os.O_RDWR)
    s = os.open(SOURCE + "/lock", os.O_RDWR)
    nb = fcntl.LOCK_EX | fcntl.LOCK_NB
    fcntl.flock(v, fcntl.LOCK_EX)
    fails(errno.EAGAIN, fcntl.flock, v2, nb)
    fails(errno.EAGAIN, fcntl.flock, s, nb)
    fcntl.flock(v, fcntl.LOCK_SH)
    fcntl.flock(s, fcntl.LOCK_SH)
    fcntl.flock(v, fcntl.LOCK_UN)
    fcntl.flock(s, fcntl.LOCK_EX)
    threading.Timer(0.3, lambda: fcntl.flock(s, fcntl.LOCK_UN)).start()
    t = seconds(lambda: fcntl.flock(v, fcntl.LOCK_EX))
    expect(f"waited for the host ({t})", 0.2 < t < 3, True)
    fcntl.flock(v, fcntl.LOCK_UN)
    # the last close unlocks
    x = os.open(VIEW + "/lock", os.O_RDWR)
    fcntl.flock(x, fcntl.LOCK_EX)
    os.close(x)
    fcntl.flock(v2, nb)
    os.close(v2)
    v2 = os.open(VIEW + "/lock", os.O_RDWR)
    fcntl.flock(s, fcntl.LOCK_EX)
    fcntl.flock(s, fcntl.LOCK_UN)

    # POSIX locks: ranges, across the view, closing one descriptor drops them all
    lockf(v, fcntl.F_WRLCK, 0, 5)
    child = lambda fd, *a: in_child(lambda: lockf(fd, *a))
    expect("range is held", child(v, fcntl.F_WRLCK, 2, 1), errno.EAGAIN)
    expect("other range", child(v, fcntl.F_WRLCK, 5, 5), 0)
    expect("held on the host", child(s, fcntl.F_RDLCK, 2, 1), errno.EAGAIN)
    got = fcntl.fcntl(v, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
    expect("own locks don't count", struct.unpack("hhqqi4x", got)[0], fcntl.F_UNLCK)
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        got = fcntl.fcntl(v2, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        os.write(w, got)
        os._exit(0)
    os.waitpid(pid, 0)
    kind, _, start, length, holder = struct.unpack("hhqqi4x", os.read(r, 100))
    expect("holder", (kind, start, length, holder), (fcntl.F_WRLCK, 0, 5, os.getpid()))
    os.close(os.open(VIEW + "/lock", os.O_RDONLY))
    expect("a close drops them", child(s, fcntl.F_WRLCK, 0, 0), 0)

    # waiting, many at once, and interrupted
    lockf(s, fcntl.F_WRLCK)
    children = []
    for i in range(100):
        pid = os.fork()
        if pid == 0:
            fcntl.lockf(v, fcntl.LOCK_EX)
            os._exit(0)
        children.append(pid)
    time.sleep(0.5)
    expect("the view still answers", read(VIEW + "/lock"), "0123456789")
    # (reading closed a descriptor, but the lock is the host descriptor's owner's: take it again)
    lockf(s, fcntl.F_WRLCK)
    victim = children.pop()
    os.kill(victim, signal.SIGKILL)
    expect("killed", os.waitpid(victim, 0)[1], signal.SIGKILL)
    lockf(s, fcntl.F_UNLCK)
    for pid in children:
        expect("got it", os.waitpid(pid, 0)[1], 0)
    lockf(s, fcntl.F_WRLCK)
    signal.signal(signal.SIGALRM, lambda *a: (_ for _ in ()).throw(InterruptedError(errno.EINTR)))
    pid = os.fork()
    if pid == 0:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            fcntl.lockf(v, fcntl.LOCK_EX)
        except InterruptedError:
            os._exit(0)
        os._exit(1)
    expect("interrupted", os.waitpid(pid, 0)[1], 0)
    # a read lock of a file opened to be read ends with its owner, though a child has the file still
    lockf(s, fcntl.F_UNLCK)
    r = os.open(VIEW + "/lock", os.O_RDONLY)
    ready, end_owner, end_child = os.pipe(), os.pipe(), os.pipe()
    owner = os.fork()
    if owner == 0:
        lockf(r, fcntl.F_RDLCK)
        child_of_owner = os.fork() == 0
        os.write(ready[1], b"x")
        os.read(end_child[0] if child_of_owner else end_owner[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    os.close(r)
    fails(errno.EAGAIN, lockf, s, fcntl.F_WRLCK)
    os.write(end_owner[1], b"x")
    os.waitpid(owner, 0)
    for _ in range(100):
        if child(s, fcntl.F_WRLCK) == 0:
            break
        time.sleep(0.01)
    expect("its end is the lock's", child(s, fcntl.F_WRLCK), 0)
    os.write(end_child[1], b"x")

    # one of a file opened to be written only ends with its last close
    lockf(s, fcntl.F_UNLCK)
    w = os.open(VIEW + "/lock", os.O_WRONLY)
    lockf(w, fcntl.F_WRLCK)
    expect("it holds", child(s, fcntl.F_WRLCK), errno.EAGAIN)
    os.close(w)
    for _ in range(100):
        if child(s, fcntl.F_WRLCK) == 0:
            break
        time.sleep(0.01)
    expect("the close is its end", child(s, fcntl.F_WRLCK), 0)

    # open file description locks
    OFD_SETLK = 37
    lockf(s, fcntl.F_UNLCK)
    whole = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    fcntl.fcntl(v, OFD_SETLK, whole)
    fails(errno.EAGAIN, fcntl.fcntl, v2, OFD_SETLK, whole)
    fails(errno.EAGAIN, fcntl.fcntl, s, OFD_SETLK, whole)
    os.close(v)
    fcntl.fcntl(s, OFD_SETLK + 1, whole)  # the release takes a moment
    os.close(s)
    os.close(v2)
    os.unlink(VIEW + "/lock")


def owner(path):
    st = os.lstat(path)
    return st.st_uid, st.st_gid


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def identity():
    d = tempfile.mkdtemp(dir=VIEW)
    s = os.path.join(SOURCE, os.path.basename(d))
    os.chmod(d, 0o777)

    def make():
        os.close(os.open(d + "/f", os.O_CREAT | os.O_WRONLY, 0o666))
        os.mkdir(d + "/d", 0o777)
        os.symlink("x", d + "/l")
        os.mkfifo(d + "/p", 0o666)
        os.close(os.open(d, os.O_TMPFILE | os.O_RDWR, 0o666))

    for umask in (0o022, 0o077, 0):
        expect("make", as_user(1234, 1235, make, umask=umask), 0)
        for name in "fdlp":
            expect(f"owner of {name}", owner(f"{s}/{name}"), (1234, 1235))
        expect("modes", (mode(s + "/f"), mode(s + "/d"), mode(s + "/p")),
               (0o666 & ~umask, 0o777 & ~umask, 0o666 & ~umask))
        expect("clear", as_user(1234, 1235, lambda: [os.unlink(d + "/f"), os.rmdir(d + "/d"),
                                                     os.unlink(d + "/l"), os.unlink(d + "/p")]), 0)
    # rights
    write(d + "/mine", "x")
    os.chmod(d + "/mine", 0o600)
    expect("read", as_user(1234, 1235, lambda: open(d + "/mine")), errno.EACCES)
    expect("chmod", as_user(1234, 1235, lambda: os.chmod(d + "/mine", 0o777)), errno.EPERM)
    expect("chown", as_user(1234, 1235, lambda: os.chown(d + "/mine", 1234, -1)), errno.EPERM)
    os.chmod(d + "/mine", 0o640)
    os.chown(d + "/mine", 0, 77)
    expect("by group", as_user(1234, 1235, lambda: open(d + "/mine"), groups=(77,)), 0)
    os.chmod(d, 0o1777)
    expect("sticky", as_user(1234, 1235, lambda: os.unlink(d + "/mine")), errno.EPERM)
    os.chmod(d, 0o777)
    # set-gid directories
    os.mkdir(d + "/g")
    os.chown(d + "/g", 0, 77)
    os.chmod(d + "/g", 0o2777)
    expect("make", as_user(1234, 1235, lambda: [write(d + "/g/f", ""), os.mkdir(d + "/g/d")],
                           umask=0o022), 0)
    expect("group", (owner(s + "/g/f"), owner(s + "/g/d")), ((1234, 77), (1234, 77)))
    expect("set-gid", mode(s + "/g/d"), 0o2755)
    # default ACLs beat the umask
    os.mkdir(d + "/acl")
    subprocess.run(["setfacl", "-d", "-m", "u::rwx,g::rwx,o::---,u:55:rw", d + "/acl"], check=True)
    os.chmod(d + "/acl", 0o777)
    expect("make", as_user(1234, 1235, lambda: [write(d + "/acl/f", ""), os.mkdir(d + "/acl/d")],
                           umask=0o077), 0)
    expect("mode by ACL", (mode(s + "/acl/f"), mode(s + "/acl/d")), (0o660, 0o770))
    acl = lambda p: subprocess.run(["getfacl", "-ncp", p], check=True, capture_output=True).stdout
    expect("ACL seen", acl(d + "/acl/d"), acl(s + "/acl/d"))
    expect("by ACL", as_user(55, 55, lambda: open(d + "/acl/f", "r+")), 0)
    expect("not by ACL", as_user(56, 56, lambda: open(d + "/acl/f", "r+")), errno.EACCES)
    # set-id bits and capabilities go when someone writes
    for change in (lambda p: write(p, "x", "a"), lambda p: os.truncate(p, 1),
                   lambda p: open(p, "w").close()):
        write(d + "/suid", "abc")
        os.chown(d + "/suid", 0, 0)
        os.chmod(d + "/suid", 0o6777)
        subprocess.run(["setcap", "cap_net_raw+ep", d + "/suid"], check=True)
        expect("set", mode(s + "/suid"), 0o6777)
        expect("write", as_user(1234, 1235, lambda: change(d + "/suid")), 0)
        expect("stripped", mode(s + "/suid"), 0o777)
        expect("capabilities gone", "security.capability" in os.listxattr(s + "/suid"), False)
        os.unlink(d + "/suid")
    write(d + "/suid", "abc")
    os.chown(d + "/suid", 1234, 1235)
    os.chmod(d + "/suid", 0o6777)
    subprocess.run(["setcap", "cap_net_raw+ep", d + "/suid"], check=True)
    os.chown(d + "/suid", 4, 5)
    expect("stripped by chown", mode(s + "/suid"), 0o777)
    expect("capabilities gone by chown", "security.capability" in os.listxattr(s + "/suid"), False)
    subprocess.run(["rm", "-r", d], check=True)


def attributes():
    f = VIEW + "/attr"
    s = SOURCE + "/attr"
    write(f, "x")
    os.setxattr(f, "user.a", b"1" * 1000)
    fails(errno.EEXIST, os.setxattr, f, "user.a", b"", os.XATTR_CREATE)
    fails(errno.ENODATA, os.setxattr, f, "user.b", b"", os.XATTR_REPLACE)
    expect("on the host", os.getxattr(s, "user.a"), b"1" * 1000)
    os.setxattr(f, "trusted.t", b"t")
    expect("list", sorted(os.listxattr(f)), sorted(os.listxattr(s)))
    os.removexattr(f, "user.a")
    fails(errno.ENODATA, os.getxattr, f, "user.a")
    os.utime(f, ns=(1_000_000_001, 2_000_000_002))
    expect("times", (os.stat(s).st_atime_ns, os.stat(s).st_mtime_ns),
           (1_000_000_001, 2_000_000_002))
    expect("touch -a", subprocess.run(["touch", "-a", f]).returncode, 0)
    expect("mtime stays", os.stat(s).st_mtime_ns, 2_000_000_002)
    expect("atime is now", abs(os.stat(s).st_atime - time.time()) < 60, True)
    os.symlink("nowhere", VIEW + "/sym")
    os.utime(VIEW + "/sym", ns=(5, 6), follow_symlinks=False)
    os.chown(VIEW + "/sym", 3, 4, follow_symlinks=False)
    expect("link", (os.lstat(SOURCE + "/sym").st_mtime_ns, owner(SOURCE + "/sym")), (6, (3, 4)))
    os.unlink(VIEW + "/sym")
    get, set_ = 0x80086601, 0x40086602
    fd = os.open(f, os.O_RDONLY)
    try:
        native = struct.unpack("I", fcntl.ioctl(os.open(s, os.O_RDONLY), get, b"\0" * 4))[0]
    except OSError:
        native = None
    if native is not None:
        expect("flags", struct.unpack("I", fcntl.ioctl(fd, get, b"\0" * 4))[0], native)
        expect("chattr", subprocess.run(["chattr", "+i", f]).returncode, 0)
        fails(errno.EPERM, os.unlink, f)
        expect("chattr", subprocess.run(["chattr", "-i", f]).returncode, 0)
        expect("lsattr -d", subprocess.run(["lsattr", "-d", VIEW + "/."],
                                           capture_output=True).returncode, 0)
    fails(errno.ENOTTY, fcntl.ioctl, fd, 0x5401, b"\0" * 60)  # TCGETS
    os.unlink(f)


def deep():
    top = os.open(VIEW, os.O_PATH)
    os.chdir(SOURCE)
    for _ in range(1500):
        os.mkdir("deep" * 10)
        os.chdir("deep" * 10)
    write("end", "x")
    os.chdir(top)
    for _ in range(1500):
        os.chdir("deep" * 10)
    bottom = os.open(".", os.O_PATH)
    os.chdir(top)
    for i in range(500):  # pushes the descriptors of the deep ones out
        os.mkdir(f"wide{i}")
        os.listdir(f"wide{i}")
    expect("at the bottom", os.listdir(os.open(".", os.O_RDONLY, dir_fd=bottom)), ["end"])
    os.fchdir(bottom)
    expect("end", read("end"), "x")
    os.chdir(top)
    subprocess.run("rm -r wide* deep*", shell=True, check=True)


def hammer():
    d = tempfile.mkdtemp(dir=VIEW)
    s = os.path.join(SOURCE, os.path.basename(d))
    for i in range(8):
        os.mkdir(f"{d}/{i}")
    harmless = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR,
                errno.EINVAL, errno.EPERM}
    wrong = []
    end = time.monotonic() + 8

    def work(seed, base):
        r = random.Random(seed)
        name = lambda: f"{base}/{r.randrange(8)}/{r.randrange(30)}"
        while time.monotonic() < end and not wrong:
            try:
                what = r.randrange(8)
                if what == 0:
                    write(name(), "x" * r.randrange(9000))
                elif what == 1:
                    os.rename(name(), name())
                elif what == 2:
                    os.unlink(name())
                elif what == 3:
                    renameat2(name(), name(), EXCHANGE)
                elif what == 4:
                    os.mkdir(name())
                elif what == 5:
                    os.rmdir(name())
                elif what == 6:
                    os.link(name(), name())
                else:
                    for e in os.scandir(f"{base}/{r.randrange(8)}"):
                        e.stat(follow_symlinks=False)
            except OSError as e:
                # Between the kernel's look and ours the other side may have changed things.
                if e.errno not in harmless and e.errno != errno.ESTALE:
                    wrong.append(repr(e))

    children = []
    for seed in range(6):
        pid = os.fork()
        if pid == 0:
            work(seed, s if seed == 0 else d)
            if wrong:
                print(wrong, file=sys.stderr)
            os._exit(1 if wrong else 0)
        children.append(pid)
    for pid in children:
        expect("hammering", os.waitpid(pid, 0)[1], 0)
    look = lambda p: sorted((x[0][len(p):], sorted(x[1]), sorted(x[2])) for x in os.walk(p))
    expect("same tree", look(d), look(s))
    subprocess.run(["rm", "-r", d], check=True)
    expect("removed", os.path.exists(s), False)


globals()[TEST]()
