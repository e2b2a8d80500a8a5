#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults injected into every system call of each of our programs in turn.

faults.py SALLYPORT HELPERS FAILING SCRATCH INIT COUNT SEED

For each program of a session, strace(1) says which system calls it makes. Then the session is run
again and again, each time with one of them failing: the first, the last and those between, once, and
each of its kind for good. Of the launcher, which becomes the container's program, each that this doesn't
make too, for good (failing.c). INIT is a container whose /bin/status prints what it is. Whatever fails:

  - nothing hangs, nothing crashes;
  - what runs in the container is the container's in full, or doesn't run;
  - each program that ran has its records, where they are required;
  - nothing stays behind;
  - a session that fails says why.

COUNT injections are drawn at random by SEED; 0: all. Prints the matrix, a line for each program, then
a line for each wrong outcome; fails where there is one.
"""
import collections
import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WORLD = os.path.join(HERE, "..", "live", "world.py")
JOURNAL = "/var/log/sallyport/journal.jsonl"

# What takes longer hangs: some thirty times what a session takes under strace, since how fast a machine is
# at the moment is not what is tested.
LIMIT_S = 30

# Not to be failed: they can't fail, or there is nobody to tell; after a brk that fails glibc's malloc
# crashes by itself (sysmalloc(), 2.36), and a futex that fails it answers with abort().
NEVER = {"exit", "exit_group", "rt_sigreturn", "restart_syscall", "execve", "brk", "futex", "umask"}

# Of one program. A reply to the FUSE device is taken by the kernel or not waited for any more.
NEVER_OF = {"sallyport-fs": {"writev", "splice"}}

ERRORS = {
    "openat": ["EMFILE", "EACCES"], "open": ["EMFILE"], "openat2": ["EMFILE"],
    "mmap": ["ENOMEM"], "mprotect": ["ENOMEM"], "clone": ["EAGAIN"],
    "clone3": ["EAGAIN"], "fork": ["EAGAIN"],
    "read": ["EIO", "EINTR"], "pread64": ["EIO"], "readv": ["EIO"], "recvmsg": ["ENOBUFS", "EINTR"],
    "recvfrom": ["ENOBUFS"], "write": ["ENOSPC", "EINTR"], "writev": ["EIO"], "sendmsg": ["ENOBUFS", "EINTR"],
    "sendto": ["ENOBUFS"], "poll": ["ENOMEM", "EINTR"], "ppoll": ["ENOMEM", "EINTR"],
    "wait4": ["EINTR"], "waitid": ["EINTR"], "flock": ["EINTR"], "ptrace": ["ESRCH", "EPERM"],
    "fdatasync": ["EIO"], "fsync": ["EIO"], "socket": ["EMFILE"], "socketpair": ["EMFILE"],
    "pipe2": ["EMFILE"], "epoll_create1": ["EMFILE"], "accept4": ["EMFILE", "EINTR"],
    "dup": ["EMFILE"], "fcntl": ["EMFILE"], "close": ["EIO"], "kill": ["EPERM"],
    "pidfd_open": ["EMFILE"], "ioctl": ["EIO"], "readlink": ["EACCES"], "readlinkat": ["EACCES"],
    "getdents64": ["EIO"], "statx": ["EACCES"], "newfstatat": ["EACCES"], "fstat": ["EIO"],
}

# Which argument says what such a call of the launcher's is about.
TELLING = {"prctl": 0, "setns": 1, "unshare": 0, "close_range": 2, "fcntl": 1}

LAUNCHER = "sallyport-launch"
FAILING = "/run/failing"  # where failing.c looks
ARG_NONE = (-1, 0)

Fault = collections.namedtuple("Fault", "program call error when")


class Session:
    """One kind of session, with one of its programs under strace."""

    def __init__(self, name, program, folder, command, wanted):
        self.name = name
        self.program = program  # None: the front
        self.folder = folder
        self.command = command
        self.wanted = wanted  # how many programs of the container print what they are
        self.reference = None  # what they print when all is well


class Outcome:
    """What came of one run."""

    def __init__(self, status, out, err, hung):
        self.status, self.out, self.err, self.hung = status, out, err, hung

    def blocks(self):
        """What each program printed that ran to its end, or was begun."""
        parts = self.out.split("== begin\n")[1:]
        return [part.partition("== end\n")[0] for part in parts if "== end\n" in part], \
               [part for part in parts if "== end\n" not in part]


class Matrix:
    """All of it."""

    def __init__(self, sallyport, helpers, failing, scratch, init):
        self.failing = failing
        self.scratch = scratch
        self.init = init
        self.log = os.path.join(scratch, "strace")
        self.options = os.path.join(scratch, "options")
        self.sessions = []
        self.before = set(self.leavings())
        attach = ["attach", init, "--", "sh", "-c",
                  "cat /c/etc/mark; /c/bin/status; /.sallyport/enter /bin/status; ls /c/bin >/dev/null;"
                  " echo new >/c/tmp/new; rm /c/tmp/new; true"]
        for name, program, command, wanted in [
                ("exec: front", None, ["exec", init, "--", "/bin/status"], 1),
                ("exec: launcher", LAUNCHER, ["exec", init, "--", "/bin/status"], 1),
                ("attach: front", None, attach, 2),
                ("attach: gate", "sallyport-gate", attach, 2),
                ("attach: fs", "sallyport-fs", attach, 2)]:
            folder = os.path.join(scratch, name.replace(": ", "-"))
            self.install(sallyport, helpers, folder, program)
            self.sessions.append(Session(name, program, folder, command, wanted))

    def install(self, sallyport, helpers, folder, program):
        """Copies of our programs, of which one is started under strace."""
        os.makedirs(folder)
        shutil.copy2(sallyport, os.path.join(folder, "sallyport"))
        for name in ("sallyport-gate", "sallyport-fs", LAUNCHER):
            target = os.path.join(folder, name + (".real" if name == program else ""))
            shutil.copy2(os.path.join(helpers, name), target)
        if program == LAUNCHER:
            shutil.copy2(self.failing, os.path.join(folder, program))
            os.symlink(folder, FAILING)
        elif program:
            path = os.path.join(folder, program)
            # -D: it stays the child of its front, and strace is the one beside.
            with open(path, "w", encoding="ascii") as f:
                f.write("#!/bin/sh\nPATH=/usr/bin:/bin\nexec strace -D -f -qq -o %s.$$ $(cat %s) %s.real \"$@\"\n"
                        % (self.log, self.options, path))
            os.chmod(path, 0o755)

    def leavings(self):
        """What there is of the product."""
        out = subprocess.run([WORLD, "leavings", self.scratch], stdout=subprocess.PIPE, check=False)
        return out.stdout.decode().splitlines()

    @staticmethod
    def end(pid):
        """Kills PID, if it is there still."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def end_all(self):
        """Kills what there is of the session, ours and the container's."""
        for line in self.leavings():
            if line.startswith("process "):
                self.end(int(line.split()[1]))
        # A program goes on where nobody is left who knows of it.
        for pid in subprocess.run([WORLD, "in-namespace", self.init], stdout=subprocess.PIPE,
                                  check=False).stdout.decode().split():
            if pid != self.init:
                self.end(int(pid))

    def run(self, session, options):
        """One session, strace with OPTIONS."""
        for name in os.listdir(self.scratch):
            if name.startswith("strace."):
                os.unlink(os.path.join(self.scratch, name))
        shutil.rmtree("/var/log/sallyport", ignore_errors=True)
        command = [os.path.join(session.folder, "sallyport"), session.command[0], "--audit", "required"]
        command += session.command[1:]
        if session.program == LAUNCHER:
            with open(os.path.join(session.folder, "fault"), "w", encoding="ascii") as f:
                # The fault that nobody meets is as much of a filter as any.
                f.write(" ".join(options or ["uselib", "-1", "0", "1"]))
        elif session.program is None:
            command = ["strace", "-qq", "-o", self.log + ".front"] + options + command
        else:
            with open(self.options, "w", encoding="ascii") as f:
                f.write(" ".join(options))
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, start_new_session=True) as process:
            try:
                out, err = process.communicate(timeout=LIMIT_S)
                hung = False
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                self.end_all()
                out, err = process.communicate()
                hung = True
        return Outcome(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"), hung)

    def traces(self):
        """What strace wrote, for each process."""
        for name in sorted(os.listdir(self.scratch)):
            if name.startswith("strace."):
                with open(os.path.join(self.scratch, name), encoding="utf-8", errors="replace") as f:
                    yield f.read()

    @staticmethod
    def count(trace):
        """How often each thread in TRACE makes each call, and how often before it is our program: that
        begins when the loader has unmapped its cache."""
        counts, before = {}, collections.Counter()
        began = False
        for thread, call in re.findall(r"^(?:(\d+) +)?(\w+)\(", trace, re.M):
            counts.setdefault(thread, collections.Counter())[call] += 1
            if not began:
                before[call] += 1
                began = call == "munmap"
        most = collections.Counter()
        for thread in counts.values():
            most |= thread
        return {call: (before[call], n) for call, n in most.items() if n > before[call]}

    def learn(self, session):
        """What SESSION's program calls, and how often; and what it is like when all is well."""
        counts = {}
        for _ in range(2):
            outcome = self.run(session, [])
            blocks, begun = outcome.blocks()
            if outcome.status != 0 or len(blocks) != session.wanted or begun:
                raise SystemExit("%s without a fault: status %s: %s%s"
                                 % (session.name, outcome.status, outcome.out, outcome.err))
            session.reference = session.reference or blocks[0]
            if session.program == LAUNCHER:
                return self.launchers_calls()
            if session.reference != self.sessions[0].reference:
                raise SystemExit("%s: another program than %s's" % (session.name, self.sessions[0].name))
            for trace in self.traces():
                for call, (before, n) in self.count(trace).items():
                    known = counts.get(call, (before, 0))
                    counts[call] = (min(before, known[0]), max(n, known[1]))
        return counts

    def launchers_calls(self):
        """What the launcher calls, and the container's program doesn't: (call, argument's index, its value)."""
        # The front refuses to start one that is traced; a session doesn't.
        folder = self.sessions[0].folder
        subprocess.run([os.path.join(folder, "sallyport"), "attach", self.init, "--", "strace", "-ff", "-X", "raw",
                        "-qq", "-o", self.log, "/.sallyport/enter", "/bin/status"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        calls, others = set(), set()
        for trace in self.traces():
            launcher, execve, program = trace.partition('\nexecve("/bin/status"')
            if execve:
                calls |= set(self.telling(launcher))
            others |= set(self.telling(program if execve else launcher))
        return calls - others

    @staticmethod
    def telling(trace):
        """The calls in TRACE, each with the argument that says what it is about."""
        for call, arguments in re.findall(r"^(\w+)\((.*)", trace, re.M):
            index = TELLING.get(call)
            values = re.findall(r"(?:^|, )(0x[0-9a-f]+|\d+)", arguments)
            yield (call, index, int(values[index], 0)) if index is not None else (call, *ARG_NONE)

    def faults(self, session, counts):
        """All that is to be tried with SESSION."""
        if session.program == LAUNCHER:
            for call, index, value in sorted(counts):
                if call not in NEVER:
                    for error in ERRORS.get(call, ["EPERM"]):
                        if error != "EINTR":
                            yield Fault(session, call, error, "%d %d" % (index, value))
            return
        for call, (before, count) in sorted(counts.items()):
            if call in NEVER or call in NEVER_OF.get(session.program, ()):
                continue
            first = before + 1
            places = sorted({first, first + 1, first + 2, (first + count) // 2, count - 1, count} &
                            set(range(first, count + 1)))
            for error in ERRORS.get(call, ["EPERM"]):
                for when in places:
                    yield Fault(session, call, error, str(when))
                if error != "EINTR":
                    yield Fault(session, call, error, "%d+" % first)

    def journal(self):
        """The records' events."""
        try:
            with open(JOURNAL, encoding="utf-8") as f:
                return [json.loads(line) for line in f if line.endswith("\n")]
        except OSError:
            return []

    def judge(self, fault, outcome):
        """The wrong outcomes of a run, in words."""
        blocks, begun = outcome.blocks()
        if outcome.hung:
            yield "hung"
        crash = re.search(r"\+\+\+ killed by (SIG(SEGV|ABRT|BUS|FPE|ILL|SYS))", "".join(self.traces()))
        if crash or -outcome.status in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGSYS):
            yield "crashed: %s" % (crash.group(1) if crash else -outcome.status)
        for block in blocks + begun:
            reference = fault.program.reference
            if block != reference and not (block in begun and reference.startswith(block)):
                yield "ran with other properties: %r" % block
        done = [r for r in self.journal() if r["event"] == "outcome" and r["result"] == "success"]
        attempts = [r for r in self.journal() if r["event"] == "attempt"]
        if len(blocks) + len(begun) > min(len(done), len(attempts)):
            yield "%d ran, of which there are %d attempts and %d outcomes" % (
                len(blocks) + len(begun), len(attempts), len(done))
        # One that was killed has nothing to say, and its status says that.
        mute = fault.call == "write" and fault.when.endswith("+")
        if 0 < outcome.status <= 128 and not outcome.err.strip() and not outcome.hung and not mute:
            yield "status %d without a word" % outcome.status
        if outcome.status == 0 and len(blocks) < fault.program.wanted and not outcome.err.strip():
            yield "%d of %d programs, and no word of it" % (len(blocks), fault.program.wanted)

    def left(self):
        """What stays, after some time to go."""
        for _ in range(25):
            new = set(self.leavings()) - self.before
            if not new:
                return new
            time.sleep(0.1)
        return new

    def attempt(self, fault):
        """Tries FAULT. Returns the wrong outcomes."""
        # Another call in its place: of none at all our own seccomp filters would make an end.
        inject = "inject=%s:error=%s:syscall=getpid:when=%s" % (fault.call, fault.error, fault.when)
        options = ["-e", "trace=" + fault.call, "-e", inject]
        if fault.program.program == LAUNCHER:
            options = [fault.call, fault.when, str(getattr(errno, fault.error))]
        outcome = self.run(fault.program, options)
        wrong = list(self.judge(fault, outcome))
        left = self.left()
        if left and "/run/sallyport" in " ".join(left):
            # Where a whole session was killed at once, the next one clears up.
            self.run(self.sessions[0], [])
            left = self.left()
        for line in sorted(left):
            wrong.append("left behind: " + line)
        self.end_all()
        if wrong:
            wrong.append("status %s; it said: %s" % (outcome.status, outcome.err.strip()[-600:]))
        return wrong


def main():
    sallyport, helpers, failing, scratch, init, count, seed = sys.argv[1:]
    matrix = Matrix(sallyport, helpers, failing, scratch, init)
    faults = [fault for session in matrix.sessions for fault in matrix.faults(session, matrix.learn(session))]
    total = len(faults)
    if int(count):
        faults = random.Random(seed).sample(faults, min(int(count), total))
    print("%d faults of %d, seed %s" % (len(faults), total, seed))
    table = collections.Counter()
    failed = 0
    for fault in faults:
        wrong = matrix.attempt(fault)
        table[fault.program.name] += 1
        if wrong:
            failed += 1
            print("WRONG %s: %s fails with %s (%s): %s"
                  % (fault.program.name, fault.call, fault.error, fault.when, "; ".join(wrong)), flush=True)
    for session in matrix.sessions:
        print("%-14s %4d faults" % (session.name, table[session.name]))
    print("%d injections, %d wrong outcomes" % (len(faults), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
