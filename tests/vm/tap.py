#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes one TAP stream of what the scripts in the virtual machine wrote: stdin to stdout, live.

Checks are numbered anew and named after their script. A script whose plan doesn't fit, that failed in
another way than by a check, or that never ended is a failed check of its own. One that was under way when
the machine stopped ("@@ again") begins anew: what it had checked before is counted, too. Arguments: the scripts that
have to be there.
"""
import re
import sys

CHECK = re.compile(r"^(not ok|ok)\b\s*\d*\s*(?:- )?(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)(.*)$")


class Merger:
    """What was seen so far."""

    def __init__(self):
        self.count = 0
        self.script = None
        self.seen = 0
        self.failed = 0
        self.plan = None
        self.ended = set()

    def check(self, good, name):
        self.count += 1
        print("%s %d - %s" % ("ok" if good else "not ok", self.count, name))

    def begin(self, script):
        self.script, self.seen, self.failed, self.plan = script, 0, 0, None

    def end(self, script, status):
        self.ended.add(script)
        self.script = None
        if self.plan is None:
            self.check(False, "%s: it has a plan (status %s)" % (script, status))
        elif self.plan != self.seen:
            self.check(False, "%s: %d checks planned, %d seen" % (script, self.plan, self.seen))
        elif status != "0" and not self.failed:
            self.check(False, "%s: it ended with status %s" % (script, status))

    def line(self, line):
        if line.startswith("@@ "):
            word, _, rest = line[3:].partition(" ")
            if word == "begin":
                self.begin(rest)
            elif word == "end":
                self.end(*rest.rsplit(" ", 1))
            else:
                if word == "again":
                    self.script = None
                print("# %s %s" % (word, rest))
            return
        check, plan = CHECK.match(line), PLAN.match(line)
        if check and self.script:
            self.seen += 1
            self.failed += check.group(1) != "ok"
            self.check(check.group(1) == "ok", "%s: %s" % (self.script, check.group(2)))
        elif plan and self.script:
            self.plan = int(plan.group(1))
            if self.plan == 0:
                self.check(True, "%s: all%s" % (self.script, plan.group(2)))
                self.seen = -1
                self.plan = -1
        else:
            print(line if line.startswith("#") else "# " + line)

    def finish(self, wanted):
        if self.script:
            self.check(False, "%s: it ran to its end" % self.script)
            self.ended.add(self.script)
        for script in wanted:
            if script not in self.ended:
                self.check(False, "%s: it was run" % script)
        print("1..%d" % self.count)


def main():
    merger = Merger()
    for raw in sys.stdin.buffer:
        merger.line(raw.decode(errors="replace").rstrip("\r\n"))
        sys.stdout.flush()
    merger.finish(sys.argv[1:])


if __name__ == "__main__":
    main()
