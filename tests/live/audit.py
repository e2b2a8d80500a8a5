#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""audit.py JOURNAL CHECK [ARG...]: reads the journal as its manual describes it, and starts what audit.sh compares it
with. With our own eyes: nothing of the product's is used to read."""
import collections
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

NAMES = [
    b"new\nline", b'quo"te', b"apo'strophe", b"res=success", b"a b\tc", b"vm=\"evil\" uuid=1 res=success",
    b"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", b"no\xff\xfe\x80utf8", b"esc\x1b[2J\x7f", b"back\\slash\\u0041",
    b"' type=USER_CMD msg=audit(1.0:1): pid=1 res=success", b"{\"seq\":1,\"prev\":\"\"}", b"%s%n", b"\xed\xa0\x80",
    b"x" * 255,
]
DEEP = b"d" * 199
DEPTH = 19
MANY = [b"arg%d" % i for i in range(4998)] + [b"", b"z" * 120000]


def files(journal):
    found = [journal]
    for n in range(1, 1001):
        if not os.path.exists("%s.%d" % (journal, n)):
            break
        found.insert(0, "%s.%d" % (journal, n))
    return [f for f in found if os.path.exists(f)]


def lines(journal):
    for name in files(journal):
        with open(name, "rb") as f:
            yield from f.read().splitlines(keepends=True)


def records(journal, event=None):
    for line in lines(journal):
        record = json.loads(line)
        if event is None or record["event"] == event:
            yield record


def raw(value):
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value.encode()


def fail(message):
    sys.exit("audit.py: " + message)


def chain(journal):
    """Each line ends, is JSON, has the next number, and the hash of the one before it."""
    seq, digest, n = None, None, 0
    for line in lines(journal):
        if not line.endswith(b"\n"):
            fail("a torn line: %r" % line[:100])
        record = json.loads(line)
        if seq is not None and record["seq"] != seq + 1:
            fail("%d follows %d" % (record["seq"], seq))
        if digest is not None and record["prev"] != digest:
            fail("%d does not follow %d" % (record["seq"], seq))
        seq, digest, n = record["seq"], hashlib.sha256(line[:-1]).hexdigest(), n + 1
    if n == 0:
        fail("no records")


def session(journal, *wanted):
    counts = collections.Counter(r["event"] for r in records(journal))
    for item in wanted:
        event, n = item.split("=")
        if counts[event] != int(n):
            fail("%d of %s, wanted %s: %s" % (counts[event], event, n, dict(counts)))
    if len({r["session"] for r in records(journal)}) != 1:
        fail("more than one session")


def place(name):
    return b"/".join([DEEP] * DEPTH) + b"/" + name if name == b"deep" else name


def names(_, directory):
    """Programs of the container with such names."""
    directory = os.fsencode(directory)
    os.chdir(directory)
    for _ in range(DEPTH):
        os.mkdir(DEEP)
        os.chdir(DEEP)
    write(b"deep")
    os.chdir(directory)
    for name in NAMES:
        write(name)


def write(path):
    with open(path, "wb") as f:
        f.write(b"#!/bin/busybox true\n")
    os.chmod(path, 0o755)


def run(path, argv, wait=True):
    pid = os.posix_spawn(path, argv, os.environ)
    return os.waitpid(pid, 0)[1] if wait else pid


def run_names(_, directory):
    for name in NAMES:
        run(b"/c/bin/" + name, [b"/c/bin/" + name, name, b"", b"\n", b"last"])
    path = b"/c/bin/" + place(b"deep")
    run(path, [path])


def check_names(journal, directory):
    attempts = list(records(journal, "attempt"))
    wanted = [(b"/bin/" + n, [b"/c/bin/" + n, n, b"", b"\n", b"last"]) for n in NAMES]
    wanted.append((b"/bin/" + place(b"deep"), [b"/c/bin/" + place(b"deep")]))
    if len(wanted[-1][0]) < 3800:
        fail("the long name is not long")
    got = [(raw(a["path"]), [raw(x) for x in a["argv"]]) for a in attempts]
    for w, g in zip(wanted, got):
        if w != g:
            fail("wanted %r\ngot %r" % (w, g))
    if len(wanted) != len(got):
        fail("%d attempts, wanted %d" % (len(got), len(wanted)))
    outcomes = [r["result"] for r in records(journal, "outcome")]
    if outcomes != ["success"] * len(wanted):
        fail("outcomes %r" % outcomes)


def run_many_args(_):
    run(b"/c/bin/true", [b"/c/bin/true"] + MANY)


def check_many_args(journal):
    [attempt] = records(journal, "attempt")
    if [raw(x) for x in attempt["argv"][1:]] != MANY:
        fail("the arguments differ")


def arguments(i):
    rng = random.Random(i)
    return [bytes(rng.randrange(1, 256) for _ in range(rng.randrange(200))) for _ in range(rng.randrange(1, 9))] + [b"%d" % i]


def run_parallel(_, n):
    pids = [run(b"/c/bin/true", [b"/c/bin/true"] + arguments(i), wait=False) for i in range(int(n))]
    for pid in pids:
        os.waitpid(pid, 0)


def check_parallel(journal, n):
    seen = collections.Counter()
    numbers = {}
    for attempt in records(journal, "attempt"):
        argv = [raw(x) for x in attempt["argv"][1:]]
        i = int(argv[-1])
        if argv != arguments(i):
            fail("the arguments of %d differ" % i)
        seen[i] += 1
        numbers[attempt["transition"]] = attempt["pid"]
    if seen != collections.Counter(range(int(n))):
        fail("attempts: %r" % seen)
    for event in "outcome", "exit":
        got = {r["transition"]: r["pid"] for r in records(journal, event)}
        if got != numbers or len(list(records(journal, event))) != int(n):
            fail("the %ss are not those of the attempts" % event)
    bad = [r for r in records(journal, "outcome") if r["result"] != "success"]
    if bad:
        fail("failed: %r" % bad[:2])


def run_timed(_, n):
    """The milliseconds that the quickest tenth of N takes at most."""
    taken = []
    for _ in range(int(n)):
        began = time.perf_counter()
        run(b"/c/bin/true", [b"/c/bin/true"])
        taken.append(time.perf_counter() - began)
    print("%.3f" % (sorted(taken)[len(taken) // 10] * 1000))


def storm(journal, sallyport, container, n):
    """Sessions that run /c/bin/count NUMBER until N were asked for; meanwhile the disk fills up and empties, gates and
    fronts are killed, lines are torn."""
    directory = os.path.dirname(journal)
    fill = os.path.join(directory, "fill")
    rng = random.Random(os.getpid())
    n, asked = int(n), 0
    faults = collections.Counter()
    while asked < n:
        share = min(n - asked, 60)
        script = "for i in $(seq %d %d); do /c/bin/count $i; done" % (asked, asked + share - 1)
        front = subprocess.Popen([sallyport, "attach", "-q", "--audit", "required", container, "--", "sh", "-c", script],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        asked += share
        while front.poll() is None:
            time.sleep(rng.random() * 1.5)
            fault = rng.choice(["full", "full", "gate", "front", "torn", "none"])
            if fault == "full":
                with open(fill, "wb", buffering=0) as f:
                    try:
                        while f.write(bytes(1 << 16)):
                            pass
                    except OSError:
                        pass
                time.sleep(rng.random() * 0.5)
                os.unlink(fill)
            elif fault == "torn":
                torn(journal)
            elif fault != "none" and front.poll() is None:
                kill(journal, front.pid, fault)
            faults[fault] += 1
        front.wait()
    print("asked for %d, faults: %s" % (asked, dict(faults)))


def torn(journal):
    """A piece of a line, as a machine that lost power leaves it."""
    import fcntl
    try:
        with open(journal + ".lock", "rb") as lock, open(journal, "ab", buffering=0) as f:
            fcntl.flock(lock, fcntl.LOCK_EX)
            f.write(b'{"seq":1,"prev":"')
    except OSError:
        pass


def kill(journal, front, what):
    pid = front
    if what == "gate":
        with open("/proc/%d/task/%d/children" % (front, front)) as f:
            for child in f.read().split():
                try:
                    if os.readlink("/proc/%s/exe" % child).endswith("/sallyport-gate"):
                        pid = int(child)
                except OSError:
                    pass
        if pid == front:
            return
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


def check_storm(journal, ran, n):
    """No number was counted whose attempt, and success, or at least unknown outcome, is not recorded."""
    with open(ran) as f:
        counted = collections.Counter(int(line) for line in f)
    attempts, outcomes = {}, collections.Counter()
    results = {}
    for record in records(journal):
        key = (record.get("session"), record.get("transition"))
        if record["event"] == "attempt":
            if key in attempts:
                fail("%r was attempted twice" % (key,))
            attempts[key] = int(raw(record["argv"][1]))
        elif record["event"] == "outcome":
            outcomes[key] += 1
            results[attempts[key]] = record["result"]
    recorded = collections.Counter(attempts.values())
    missing = [i for i in counted if recorded[i] == 0]
    twice = [i for i in counted if counted[i] > 1] + [i for i in recorded if recorded[i] > 1]
    wrong = [i for i in counted if results[i] == "failed"]
    kinds = collections.Counter(results.values())
    print("%d ran; %d attempts; outcomes: %s" % (len(counted), len(attempts), dict(kinds)))
    if missing or twice or wrong:
        fail("without a record: %r; twice: %r; recorded as failed: %r" % (missing[:9], twice[:9], wrong[:9]))
    if set(outcomes) != set(attempts) or set(outcomes.values()) - {1}:
        fail("attempts without exactly one outcome: %r" % [k for k in attempts if outcomes[k] != 1][:9])
    if len(counted) < int(n) // 4:
        fail("only %d of %s ran: that proves little" % (len(counted), n))
    begun = collections.Counter(r["session"] for r in records(journal, "begin"))
    ended = collections.Counter(r["session"] for r in records(journal, "end"))
    if begun != ended or set(begun.values()) - {1}:
        fail("sessions without exactly one end: %r" % [s for s in begun if ended[s] != 1])


if __name__ == "__main__":
    globals()[sys.argv[2].replace("-", "_")](sys.argv[1], *sys.argv[3:])
