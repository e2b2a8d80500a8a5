#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""asciicast.py FILE [FIELD]

Reads a recording as the documentation of asciicast v2 describes it, strictly, and says "valid" or
what is wrong (status 1). With FIELD it prints instead, of a valid one:
  header NAME    a field of the header (env.TERM too), as JSON
  output         all that was printed
  input          all that was typed
  markers        one a line
  resizes        one a line
  times          the time of the first and of the last event
https://docs.asciinema.org/manual/asciicast/v2/
"""
import json
import re
import sys

HEADER = {  # field: types, required
    "version": (int, True), "width": (int, True), "height": (int, True),
    "timestamp": (int, False), "duration": ((int, float), False),
    "idle_time_limit": ((int, float), False), "command": (str, False), "title": (str, False),
    "env": (dict, False), "theme": (dict, False),
}


def fail(why):
    print(why)
    sys.exit(1)


def read(path):
    """The header and the events of a valid recording."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        fail("not UTF-8: %s" % error)
    if not text.endswith("\n"):
        fail("the last line has no end")
    lines = text[:-1].split("\n")
    header = json.loads(lines[0])
    for name, value in header.items():
        if name not in HEADER:
            fail("the header has an unknown field %s" % name)
        if not isinstance(value, HEADER[name][0]) or isinstance(value, bool):
            fail("the header's %s is %r" % (name, value))
    for name, (_, required) in HEADER.items():
        if required and name not in header:
            fail("the header has no %s" % name)
    if header["version"] != 2 or header["width"] <= 0 or header["height"] <= 0:
        fail("the header is %r" % header)
    if not all(isinstance(value, str) for value in header.get("env", {}).values()):
        fail("env is %r" % header["env"])
    events, last = [], 0
    for number, line in enumerate(lines[1:], 2):
        event = json.loads(line)
        if not isinstance(event, list) or len(event) != 3:
            fail("line %d is no event: %s" % (number, line[:80]))
        time, code, data = event
        if isinstance(time, bool) or not isinstance(time, (int, float)) or time < last:
            fail("line %d: the time %r after %r" % (number, time, last))
        if code not in ("o", "i", "m", "r") or not isinstance(data, str):
            fail("line %d: %r" % (number, event))
        if code == "r" and not re.fullmatch("[1-9][0-9]*x[1-9][0-9]*", data):
            fail("line %d: a resize to %r" % (number, data))
        if any(0xd800 <= ord(c) <= 0xdfff for c in data):
            fail("line %d: half a character" % number)
        last = time
        events.append(event)
    return header, events


def main():
    header, events = read(sys.argv[1])
    what = sys.argv[2] if len(sys.argv) > 2 else "valid"
    if what == "valid":
        print("valid")
    elif what == "header":
        value = header
        for part in sys.argv[3].split("."):
            value = value.get(part) if isinstance(value, dict) else None
        print(json.dumps(value, ensure_ascii=False))
    elif what == "times":
        print(events[0][0], events[-1][0])
    elif what in ("output", "input"):
        sys.stdout.write("".join(e[2] for e in events if e[1] == what[0]))
    else:
        for event in events:
            if event[1] == what[0]:
                print(event[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
