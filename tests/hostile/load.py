#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Many sessions at once, for long, and many one after the other.

load.py SALLYPORT CYCLES SESSIONS TRANSITIONS SECONDS INIT...

First CYCLES sessions in turn on the first container: what one takes must not grow. Then SESSIONS at
once over all the containers INIT, with TRANSITIONS between them, each at mixed work on both views for
SECONDS at least: what was written is read back, nothing may be lost, and what our processes hold must
not grow over the second half. Prints what it saw; fails where that is not so.
"""
import json
import os
import re
import statistics
import subprocess
import sys
import time

JOURNAL = "/var/log/sallyport/journal.jsonl"

# Of the second half against the first: what a malloc gives back late.
GROWTH_MAX = 1.15

# $1: transitions, $2: seconds. Each pass writes a tree, reads it back in other ways, and removes it.
WORK = r"""
set -e
here=$(mktemp -d -p /c/tmp); there=$(mktemp -d)
end=$(($(date +%s) + $2)); n=0; pass=0
while [ $n -lt $1 ] || [ $(date +%s) -lt $end ]; do
    pass=$((pass + 1))
    mkdir -p "$there/tree/a/b" && seq 2000 >"$there/tree/a/b/numbers" && seq $pass >"$there/tree/pass"
    cp -r "$there/tree" "$here/copy"
    tar -C "$here" -cf - copy | tar -C "$there" -xf -
    cmp "$there/copy/a/b/numbers" "$there/tree/a/b/numbers"
    [ "$(find "$here/copy" -type f | wc -l)" = 2 ]
    [ "$(grep -rc . "$here/copy/pass")" = $pass ]
    sqlite3 "$here/db" "create table if not exists t (x); insert into t values ($pass);"
    [ "$(sqlite3 "$here/db" 'select count(*), sum(x) from t')" = "$pass|$((pass * (pass + 1) / 2))" ]
    git init -q "$there/repo"
    cp -r "$there/tree" "$there/repo"
    git -C "$there/repo" add .
    git -C "$there/repo" -c user.name=load -c user.email=load@localhost commit -q -m "pass $pass"
    git clone -q "$there/repo" "$here/repo"
    git -C "$here/repo" fsck --no-progress
    [ -z "$(git -C "$here/repo" status --porcelain)" ]
    printf '#include <stdio.h>\nint main(void) { return printf("compiled %%d\\n", %d) < 0; }\n' $pass >"$there/main.c"
    gcc -static -O1 -o "$here/compiled" "$there/main.c"
    [ "$("$here/compiled")" = "compiled $pass" ]
    n=$((n + 1))
    (cd "$there" && fio --name=load --filename="$here/fio" --size=1M --bs=4k --rw=randwrite --ioengine=psync \
        --verify=crc32c --verify_fatal=1 --output="$there/fio.log")
    mv "$here/copy" "$here/moved"
    [ "$(/c/bin/busybox wc -l <"$here/moved/a/b/numbers")" = 2000 ] && n=$((n + 1))
    for i in 1 2 3 4 5 6 7 8 9; do
        [ $n -ge $1 ] || { [ "$(/c/bin/busybox echo $n)" = $n ]; n=$((n + 1)); }
    done
    rm -rf "$here/moved" "$there/copy" "$there/tree" "$there/repo" "$here/repo"
done
rm -r "$here" "$there"
echo "done $n $pass"
"""


def ours(fronts):
    """Our processes of the sessions FRONTS, with their programs."""
    for front in fronts:
        yield front, "front"
        try:
            with open("/proc/%d/task/%d/children" % (front, front), encoding="ascii") as f:
                children = f.read().split()
        except OSError:
            continue
        for child in children:
            try:
                exe = os.path.basename(os.readlink("/proc/%s/exe" % child))
            except OSError:
                continue
            if exe.startswith("sallyport"):
                yield int(child), exe


def holdings(fronts):
    """KiB resident of their own (not of files that all share), descriptors: of all, and the most of one."""
    memory = descriptors = most = 0
    for pid, _ in ours(fronts):
        try:
            with open("/proc/%d/status" % pid, encoding="ascii") as f:
                for line in f:
                    if line.startswith("RssAnon:"):
                        memory += int(line.split()[1])
            count = len(os.listdir("/proc/%d/fd" % pid))
        except OSError:
            continue
        descriptors += count
        most = max(most, count)
    return memory, descriptors, most


def cycles(sallyport, init, count):
    """COUNT sessions, one after the other. Returns what is wrong."""
    took = []
    for _ in range(count):
        began = time.monotonic()
        subprocess.run([sallyport, "attach", init, "--", "/c/bin/busybox", "true"], check=True,
                       stdin=subprocess.DEVNULL)
        took.append(time.monotonic() - began)
    tenth = max(1, count // 10)
    first, last = statistics.median(took[:tenth]), statistics.median(took[-tenth:])
    print("%d sessions in turn: %.0f ms at first, %.0f ms at last" % (count, first * 1000, last * 1000))
    if last > 1.5 * first:
        yield "a session takes longer and longer"


def together(sallyport, inits, sessions, transitions, seconds):
    """SESSIONS at once. Returns what is wrong."""
    each = (transitions + sessions - 1) // sessions
    with open(JOURNAL, encoding="utf-8") as f:
        before = sum(1 for _ in f)
    running = []
    began = time.monotonic()
    for i in range(sessions):
        running.append(subprocess.Popen(
            [sallyport, "attach", "--audit", "required", inits[i % len(inits)], "--", "sh", "-c", WORK, "sh",
             str(each), str(seconds)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    samples = []
    while all(p.poll() is None for p in running):
        samples.append(holdings([p.pid for p in running]))
        time.sleep(1)
    total = 0
    for p in running:
        out = p.communicate()[0].decode(errors="replace")
        done = re.fullmatch(r"done (\d+) \d+\n", out)
        if p.returncode != 0 or done is None or int(done[1]) < each:
            yield "a session: status %d: %s" % (p.returncode, out[-400:])
        else:
            total += int(done[1])
    took = time.monotonic() - began
    attempts = outcomes = lost = 0
    with open(JOURNAL, encoding="utf-8") as f:
        for n, line in enumerate(f):
            if n < before:
                continue
            record = json.loads(line)
            attempts += record["event"] == "attempt"
            outcomes += record["event"] == "outcome" and record["result"] == "success"
            lost += record["event"] == "degraded"
    print("%d sessions at once: %d transitions in %.0f s; %d attempts, %d outcomes, %d losses told"
          % (sessions, total, took, attempts, outcomes, lost))
    if attempts != total or outcomes != attempts or lost:
        yield "transitions and records differ"
    half = len(samples) // 2
    if half < 3:
        return
    # Not the beginning, while they start, nor the end, while they go.
    first = samples[half // 2:half]
    second = samples[half:-1]
    for index, what in ((0, "KiB of memory of their own"), (1, "descriptors")):
        a = statistics.median(s[index] for s in first)
        b = statistics.median(s[index] for s in second)
        print("per session: %.0f %s in the first half, %.0f in the second" % (a / sessions, what, b / sessions))
        if b > a * GROWTH_MAX + 64 * sessions:
            yield "it grows: " + what
    print("the most descriptors that one process had: %d" % max(s[2] for s in samples))


def main():
    sallyport = sys.argv[1]
    count, sessions, transitions, seconds = (int(arg) for arg in sys.argv[2:6])
    inits = sys.argv[6:]
    wrong = list(cycles(sallyport, inits[0], count))
    wrong += together(sallyport, inits, sessions, transitions, seconds)
    for line in wrong:
        print("WRONG " + line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
