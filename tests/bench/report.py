# SPDX-License-Identifier: GPL-2.0-or-later
"""The table, the JSON and the chart of a run's results."""
import json
import math
from xml.sax.saxutils import escape

COLOURS = {"sallyport": "#1b6ca8", "passthrough_hp": "#c98b2b", "passthrough_hp+pt": "#8a5a9e",
           "bindfs": "#9aa0a6"}


def geometric_mean(values):
    values = [v for v in values if v]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def cell(value):
    return "%7.2f" % value if value else "      -"


def table(results, systems):
    """Lines: seconds of native, the ratio of each system, CPU ratio of ours, the aim."""
    names = [s for s in systems if s != "native"]
    yield "%-28s %9s %s  %s  %s" % ("workload", "native s", " ".join("%17s" % n for n in names),
                                    "cpu (ours)", "aim")
    for row in results:
        yield "%-28s %9.3f %s  %10s  %s" % (
            "%s%s: %s" % (row["group"], " (cold)" if row["cold"] else "", row["name"]), row["native_seconds"],
            " ".join("%17s" % cell(row["ratio"].get(n)) for n in names),
            cell(row["cpu_ratio"].get("sallyport")),
            "-" if not row["limit"] else "%.2f %s" % (row["limit"], "met" if (
                row["ratio"].get("sallyport") or 99) <= row["limit"] else "missed"))
    for cold in (False, True):
        rows = [r for r in results if r["cold"] == cold]
        if rows:
            yield "%-28s %9s %s" % ("geometric mean, %s" % ("cold" if cold else "warm"), "", " ".join(
                "%17s" % cell(geometric_mean([r["ratio"].get(n) for r in rows])) for n in names))


def write_json(path, results, machine):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"machine": machine, "results": results}, file, indent=1)
        file.write("\n")


def write_svg(path, results, systems, machine):
    """Horizontal bars on a logarithmic axis of ratios; 1 is native."""
    names = [s for s in systems if s != "native"]
    bar, gap, left, width, top = 7, 8, 190, 520, 60
    step = bar * len(names) + gap
    low, high = 0.5, 16.0

    def x_of(ratio):
        ratio = min(max(ratio, low), high)
        return left + width * math.log(ratio / low) / math.log(high / low)

    height = top + step * len(results) + 40
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" '
           'font-size="11">' % (left + width + 60, height),
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="8" y="18" font-size="14">Time relative to the same files without FUSE (shorter is '
           'better)</text>', '<text x="8" y="34" fill="#666">%s</text>' % escape(machine)]
    for i, name in enumerate(names):
        x = left + i * 130
        out.append('<rect x="%d" y="42" width="10" height="10" fill="%s"/><text x="%d" y="51">%s</text>' % (
            x, COLOURS.get(name, "#555"), x + 14, escape(name)))
    for ratio in (0.5, 1, 2, 4, 8, 16):
        x = x_of(ratio)
        out.append('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s"/><text x="%.1f" y="%d" '
                   'text-anchor="middle" fill="#666">%g</text>' % (
                       x, x, top, height - 24, "#444" if ratio == 1 else "#ddd", x, height - 8, ratio))
    for i, row in enumerate(results):
        y = top + i * step + gap / 2
        label = "%s: %s%s" % (row["group"], row["name"], " (cold)" if row["cold"] else "")
        out.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>' % (
            left - 6, y + step / 2, escape(label)))
        for j, name in enumerate(names):
            ratio = row["ratio"].get(name)
            if not ratio:
                continue
            x0, x1 = sorted((x_of(1), x_of(ratio)))
            out.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s"><title>%s %.2f</title>'
                       '</rect>' % (x0, y + j * bar, max(x1 - x0, 1), bar - 1,
                                    COLOURS.get(name, "#555"), escape(name), ratio))
    out.append("</svg>")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")
