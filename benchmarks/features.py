"""Point-in-time features: the project's way against SQL, Polars, a naive range join and featuretools, a process each.

Usage: python benchmarks/features.py [--share SHARE] [--runs N] [--without WAY ...] [--growth] [--featuretools PYTHON]
The work is 200,000 customers, 18.4 million events, 1 million tickets and 6 monthly dates, times SHARE. Results are
compared on every shared column before any time counts. Ratios of the best run of each way, JSON last.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import duckdb

from benchmarks.feature_work.build import WAYS, Job
from benchmarks.feature_work.work import Work, write_work

Figures = dict[str, dict[str, float]]
BUILDER = Path(__file__).parent / "feature_work" / "build.py"
PEERS = ("sql", "polars", "range_join")
MEMORY = "2500MB"
BUSY = 10  # times the events of each customer
TOLERANCE = 1e-5  # of the value, plus as much: our values are put on a grid of 2**-20 before they are summed
SLICE = 2_000  # customers, all dates; featuretools takes a minute or so for a thousand


def measure(job: Job, python: str) -> dict[str, float]:
    """Build in a new process; return its seconds, CPU seconds and peak memory."""
    done = subprocess.run([python, BUILDER, json.dumps(asdict(job))], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{job.way} failed:\n{done.stderr[-2000:]}")
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
    counts = [count_rows(path) for path in (ours, other)]
    wrong = [name for name, count in zip(shared, rows[1:], strict=True) if count]
    return len(shared), wrong + ([] if counts[0] == counts[1] == rows[0] else ["the rows themselves"])


def count_rows(path: Path) -> int:
    """Return the number of rows of a Parquet file."""
    return int(duckdb.connect().execute(f"SELECT count(*) FROM '{path}'").fetchall()[0][0])


def compare(work: Work, given: argparse.Namespace, pythons: dict[str, str]) -> Figures:
    """Measure ways in turn, check that they agree, print the table; return the best figures of each.

    `pythons` maps each way to the interpreter that builds it, the project's own way first.
    """
    folder, ways = write_work(work, given.folder), list(pythons)
    best: Figures = {}
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        outs = {way: Path(scratch) / f"{way}.parquet" for way in ways}
        for _ in range(given.runs):
            for way, python in pythons.items():
                job = Job(way, work.to_dict(), str(folder), str(outs[way]), given.memory)
                figures = measure(job, python)
                if way not in best or figures["seconds"] < best[way]["seconds"]:
                    best[way] = figures | {"rows": count_rows(outs[way])}
        for way in ways[1:]:
            shared, wrong = differences(outs[ways[0]], outs[way])
            if wrong:
                raise SystemExit(f"{way} gives other values: {', '.join(wrong[:5])}; no time counts")
            best[way]["shared_columns"] = shared
    show(work, best)
    return best


def show(work: Work, best: Figures) -> None:
    """Print the figures of each way, and what the project's way takes of them."""
    ours = best["churn"]
    rows = f"{ours['rows']:,} rows"
    print(f"\n{work.customers:,} customers, {work.events:,} events, {work.dates} dates: {rows}")
    for way, figures in best.items():
        cost = f"{figures['seconds']:8.2f} s {figures['cpu_seconds']:8.2f} CPU s {figures['peak_gib']:6.2f} GiB"
        print(f"  {way:<12} {cost}   churn / {way}: {share_of(ours, figures)}")


def share_of(ours: dict[str, float], others: dict[str, float]) -> str:
    """Return the ratio of seconds, and of CPU seconds, which other work on the machine disturbs less."""
    return " ".join(f"{ours[key] / others[key]:.3g}{unit}" for key, unit in (("seconds", ""), ("cpu_seconds", " CPU")))


def compare_growth(work: Work, given: argparse.Namespace, whole: dict[str, float]) -> dict[str, Figures]:
    """Measure one date, twice the dates and twice the events, and print the ratios to the whole."""
    others = {
        "one_date": replace(work, dates=1),
        "twice_the_dates": replace(work, dates=2 * work.dates, cadence_days=work.cadence_days // 2),
        "twice_the_events": replace(work, events=2 * work.events),
    }
    results = {}
    for name, other in others.items():
        results[name] = compare(other, given, {"churn": sys.executable})
        print(f"  {name} / {work.dates} dates: {share_of(results[name]['churn'], whole)}")
    return results


def compare_nights(work: Work, given: argparse.Namespace, whole: dict[str, float]) -> dict[str, Figures]:
    """Measure one date with the rollup of the night before: the work itself, and as many events of fewer customers."""
    ways = dict.fromkeys(("churn", "night"), sys.executable)
    nights = {
        "night": replace(work, dates=1),
        "busy_night": replace(work.times(1 / BUSY), events=work.events, dates=1),
    }
    results = {name: compare(night, given, ways) for name, night in nights.items()}
    print(f"  night / {work.dates} dates of the work: {share_of(results['night']['night'], whole)}")
    return results


def compare_featuretools(given: argparse.Namespace, whole: dict[str, float]) -> Figures:
    """Measure featuretools on a slice of the customers, and print how much longer a row takes than in the whole work.

    `alike` is the project's way with the columns alone that featuretools builds.
    """
    work = replace(Work().times(given.slice / Work().customers), late_share=0.0)
    ways = {"churn": sys.executable, "alike": sys.executable, "featuretools": given.featuretools}
    results = compare(work, given, ways)
    theirs = results["featuretools"]
    print(f"  the same columns of the same slice: alike / featuretools: {share_of(results['alike'], theirs)}")
    per_row = [figures["cpu_seconds"] / figures["rows"] * 1e6 for figures in (theirs, whole)]
    print(f"  a row: {per_row[0]:.0f} CPU us by featuretools, {per_row[1]:.1f} by churn in the work above: "
          f"{per_row[0] / per_row[1]:.0f} times")  # fmt: skip
    return results


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[], choices=PEERS)
    parser.add_argument("--growth", action="store_true", help="also one date, twice the dates, twice the events")
    parser.add_argument("--night", action="store_true", help="also one date with the rollup of the night before")
    parser.add_argument("--featuretools", metavar="PYTHON", help="an interpreter that has featuretools")
    parser.add_argument("--slice", type=int, default=SLICE, help="customers that featuretools is measured on")
    parser.add_argument("--memory", default=MEMORY, help="what DuckDB may use")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "churn-feature-work")
    given = parser.parse_args()
    work = Work().times(given.share)
    ways = [way for way in WAYS if way == "churn" or (way in PEERS and way not in given.without)]
    whole = compare(work, given, dict.fromkeys(ways, sys.executable))
    results = {"six_dates": whole}
    if given.growth:
        results |= compare_growth(work, given, whole["churn"])
    if given.night:
        results |= compare_nights(work, given, whole["churn"])
    if given.featuretools:
        results["featuretools_slice"] = compare_featuretools(given, whole["churn"])
    else:
        print("\nfeaturetools: not measured, no --featuretools PYTHON was given (benchmarks/README.md says how)")
    print(json.dumps({"work": work.to_dict(), **results}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
