"""Build the features one way in a process of its own, and print what it cost as JSON.

The module of a way is imported only when it is asked for: each needs packages that another's interpreter may lack.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from benchmarks.feature_work.work import Work

WAYS = {
    "churn": ("ours", "build_ours"),
    "alike": ("ours", "build_alike"),
    "night": ("nightly", "build_night"),
    "sql": ("in_sql", "build_sql"),
    "polars": ("in_polars", "build_polars"),
    "range_join": ("range_join", "build_range_join"),
    "featuretools": ("in_featuretools", "build_featuretools"),
}


@dataclass(frozen=True)
class Job:
    """What to build, of which tables, into which file, and the memory an engine with a limit may use."""

    way: str
    work: dict[str, float]
    folder: str
    out: str
    memory: str

    def run(self) -> dict[str, float]:
        """Build in this process; return its cost and the peak memory of the process."""
        module, function = WAYS[self.way]
        build = getattr(import_module(f"benchmarks.feature_work.{module}"), function)
        cost: dict[str, float] = build(Work(**self.work), Path(self.folder), Path(self.out), self.memory)
        return cost | {"peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


if __name__ == "__main__":
    print(json.dumps(Job(**json.loads(sys.argv[1])).run()))
