"""Point-in-time features: the project's way against Polars by hand and a naive range join, each in its own process.

Usage: python benchmarks/features.py [--share SHARE] [--runs N] [--folder FOLDER] [--without WAY ...]
The work is 200,000 customers, 18.4 million events, 1 million tickets and 6 monthly dates, times SHARE. Results are
compared on every shared column before any time counts. Ratios of the best run of each way, JSON last.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import duckdb

from benchmarks.feature_work.work import Work, write_work

WAYS = {
    "churn": ("ours", "build_ours"),
    "polars": ("in_polars", "build_polars"),
    "range_join": ("range_join", "build_range_join"),
}
MEMORY = "2500MB"
TOLERANCE = 1e-5  # of the value, plus as much: our values are put on a grid of 2**-20 before they are summed


def build_one(way: str, work: Work, folder: Path, out: Path) -> None:
    """Build in this process and print seconds and peak memory as JSON."""
    module, function = WAYS[way]
    seconds = getattr(import_module(f"benchmarks.feature_work.{module}"), function)(work, folder, out, MEMORY)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "peak_gib": peak}))


def measure(way: str, work: Work, folder: Path, out: Path) -> dict[str, float]:
    """Build in a new process; return its seconds and peak memory."""
    given = json.dumps(work.to_dict())
    command = [sys.executable, __file__, "--build", way, "--work", given, "--folder", str(folder), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{way} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def differences(ours: Path, other: Path) -> tuple[int, list[str]]:
    """Return how many columns both files have, and those that differ in any row."""
    con = duckdb.connect()
    names = [[row[0] for row in con.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()] for path in (ours, other)]
    shared = [name for name in names[1] if name in names[0] and name not in ("customer_id", "as_of_date")]
    off = ", ".join(
        f"count(*) FILTER ((a.{n} IS NULL) <> (b.{n} IS NULL) OR abs(a.{n} - b.{n}) > {TOLERANCE} * (1 + abs(b.{n})))"
        for n in shared
    )
    rows = con.execute(
        f"SELECT count(*), {off} FROM '{ours}' a FULL JOIN '{other}' b USING (customer_id, as_of_date)"
    ).fetchall()[0]
    counts = [con.execute(f"SELECT count(*) FROM '{path}'").fetchall()[0][0] for path in (ours, other)]
    wrong = [name for name, count in zip(shared, rows[1:], strict=True) if count]
    return len(shared), wrong + ([] if counts[0] == counts[1] == rows[0] else ["the rows themselves"])


def compare(work: Work, parent: Path, ways: list[str], runs: int) -> dict[str, dict[str, float]]:
    """Measure the ways in turn, check that they agree, print the table; return the best figures of each."""
    folder = write_work(work, parent)
    best: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(dir=parent) as scratch:
        outs = {way: Path(scratch) / f"{way}.parquet" for way in ways}
        for _ in range(runs):
            for way in ways:
                figures = measure(way, work, folder, outs[way])
                if way not in best or figures["seconds"] < best[way]["seconds"]:
                    best[way] = figures
        for way in ways[1:]:
            shared, wrong = differences(outs[ways[0]], outs[way])
            if wrong:
                raise SystemExit(f"{way} gives other values: {', '.join(wrong[:5])}; no time counts")
            best[way]["shared_columns"] = shared
    print(f"\n{work.customers:,} customers, {work.events:,} events, {work.dates} dates")
    for way, figures in best.items():
        ratio = best[ways[0]]["seconds"] / figures["seconds"]
        print(f"  {way:<12} {figures['seconds']:8.2f} s {figures['peak_gib']:6.2f} GiB   churn / {way}: {ratio:.2f}")
    return best


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[], choices=[w for w in WAYS if w != "churn"])
    parser.add_argument("--growth", action="store_true", help="also one date, twice the dates, twice the events")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "churn-feature-work")
    for hidden in ("--build", "--work", "--out"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build:
        build_one(given.build, Work(**json.loads(given.work)), given.folder, Path(given.out))
        return 0
    whole = Work()
    sizes = {name: round(getattr(whole, name) * given.share) for name in ("customers", "events", "tickets")}
    work = replace(whole, **sizes)
    results = {"six_dates": compare(work, given.folder, [w for w in WAYS if w not in given.without], given.runs)}
    if given.growth:
        others = {
            "one_date": replace(work, dates=1),
            "twice_the_dates": replace(work, dates=12, cadence_days=15),
            "twice_the_events": replace(work, events=2 * work.events),
        }
        for name, other in others.items():
            results[name] = compare(other, given.folder, ["churn"], given.runs)
            ratio = results[name]["churn"]["seconds"] / results["six_dates"]["churn"]["seconds"]
            print(f"  {name} / six dates: {ratio:.2f}")
    print(json.dumps({"work": work.to_dict(), **results}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
