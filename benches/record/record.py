#!/usr/bin/env python3
"""Writes what criterion measured of this commit into speed.csv, and the table of it for README.md to stdout.

Run the benches first, on a machine that does nothing else, then this, from anywhere and with nothing uncommitted:

    cargo bench --bench matcher --bench peers --bench snapshot --bench index
    benches/record/record.py "cargo bench --bench matcher --bench peers --bench snapshot --bench index"

Takes no figure from elsewhere: results older than the commit are left out, rows of other commits are kept. Figures
are medians with criterion's 95 % interval, in nanoseconds for one element: a read, or an entry where a list is built.
"""

import csv
import datetime
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TABLE = HERE / "speed.csv"
COLUMNS = ["bench", "ns", "ns_low", "ns_high", "bound_ns", "date", "commit", "cores", "cpu", "rustc", "command"]
GROUPS = ("matcher/", "index/", "snapshot/", "peers/")

# What the project promises, in nanoseconds for one element.
BOUNDS = {
    "matcher/exact/1m": 30,
    "matcher/all/1m": 150,
    "matcher/all/10m": 450,
    "matcher/candidates10/1m": 1200,
    "matcher/patterns/100k": 250,
    "matcher/scored-hit/1m": 5000,
    "snapshot/build/1m": 500,
    "snapshot/build/10m": 800,
}


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def measured(since):
    """Every result of criterion that is not older than a time."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    for about in sorted(target.glob("criterion/**/new/benchmark.json")):
        estimates = about.with_name("estimates.json")
        bench = json.loads(about.read_text())
        if not bench["full_id"].startswith(GROUPS) or estimates.stat().st_mtime < since:
            continue
        elements = bench["throughput"]["Elements"]
        median = json.loads(estimates.read_text())["median"]
        interval = median["confidence_interval"]
        figures = (median["point_estimate"], interval["lower_bound"], interval["upper_bound"])
        yield bench["full_id"], [f"{figure / elements:.4g}" for figure in figures]


def plain(number):
    """Thousands apart, and no more digits than were measured."""
    value = float(number)
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if output("git", "status", "--porcelain", "--", "src", "benches/*.rs", "benches/support", "Cargo.lock", "Cargo.toml"):
        sys.exit("there are uncommitted changes: nobody could measure this again")
    commit = output("git", "rev-parse", "--short=10", "HEAD")
    since = int(output("git", "log", "-1", "--format=%ct", "HEAD"))
    facts = {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "commit": commit,
        "cores": os.cpu_count(),
        "cpu": cpu(),
        "rustc": output("rustc", "--version").split()[1],
        "command": sys.argv[1],
    }
    rows = {}
    if TABLE.exists():
        with TABLE.open(newline="") as table:
            rows = {(row["commit"], row["bench"]): row for row in csv.DictReader(table)}
    new = {}
    for bench, (ns, low, high) in measured(since):
        bound = BOUNDS.get(bench, "")
        new[commit, bench] = {"bench": bench, "ns": ns, "ns_low": low, "ns_high": high, "bound_ns": bound, **facts}
    if not new:
        sys.exit("criterion has no results of this commit")
    with TABLE.open("w", newline="") as table:
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows((rows | new).values())
    print("| bench | ns | 95 % interval | bound |\n|---|---:|---:|---:|")
    for row in new.values():
        bound = plain(row["bound_ns"]) if row["bound_ns"] else ""
        print(f"| `{row['bench']}` | {plain(row['ns'])} | {plain(row['ns_low'])} to {plain(row['ns_high'])} | {bound} |")


if __name__ == "__main__":
    main()
