"""How fast a company is simulated, and in how much memory.

Usage: python benchmarks/simulation.py [profile] [customers ...]      (default telecom 200000; 18 months each)
Each size is one `churn simulate` in a process of its own, start-up and truth included. Prints seconds, CPU seconds,
peak memory and events per customer, and how memory grows with the customers; the same figures as JSON last. Whatever
else runs on the machine makes the seconds longer; half the CPU seconds is what two idle cores need at best.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

MONTHS = 18
WANTED = {"seconds": 90.0, "peak_gib": 4.0}
COLUMNS = ("customers", "events_per_customer", "rows", "seconds", "cpu_seconds", "load", "peak_gib", "written_gib")


def measure(profile: str, customers: int, work: Path) -> dict[str, float]:
    """Return what one simulation took and wrote."""
    places = [f"paths.{name}={work}/{name}" for name in ("data", "models", "runs")]
    words = [f"simulation={profile}", f"simulation.customers={customers}", f"simulation.months={MONTHS}", *places]
    load, began = os.getloadavg()[0], time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "churn.cli", "simulate", *words])
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"churn simulate ended with {os.waitstatus_to_exitcode(status)}")
    manifest = next((work / "data").glob("*/raw/manifest.json"))
    rows = json.loads(manifest.read_text())["rows"]
    written = sum(path.stat().st_size for path in (work / "data").rglob("*.parquet"))
    return {
        "customers": customers,
        "events_per_customer": rows["events"] / customers,
        "rows": sum(rows.values()),
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "load": load,
        "peak_gib": used.ru_maxrss / 2**20,
        "written_gib": written / 2**30,
    }


def main(words: list[str]) -> int:
    """Run every size, print the table and the growth of memory."""
    profile = words[0] if words else "telecom"
    found = []
    for customers in [int(word) for word in words[1:]] or [200_000]:
        with tempfile.TemporaryDirectory() as work:
            found.append(measure(profile, customers, Path(work)))
    print("\n| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    for row in found:
        print("| " + " | ".join(f"{row[name]:,.{0 if row[name] >= 1000 else 2}f}" for name in COLUMNS) + " |")
    print("wanted for 200,000: " + ", ".join(f"{name} below {limit:g}" for name, limit in WANTED.items()))
    for small, large in pairwise(found):
        times, longer, more = (large[name] / small[name] for name in ("customers", "cpu_seconds", "peak_gib"))
        print(f"{times:.1f} times the customers: {longer:.2f} times the CPU seconds, {more:.2f} times the memory")
    print(json.dumps({"profile": profile, "sizes": found}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
