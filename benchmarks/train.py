"""What the train stage costs beside the fits inside it, its memory, and how fast a command starts.

Usage: python benchmarks/train.py [rows] [features] [override ...]      (default 200,000 x 120)
A flat table of that size takes the real path: validate, features, train; the large case is 2,000,000 x 120. The
fits, encoders among them, are timed where they happen, so that the ratio compares one run with itself. `ratio` is of
seconds and wants an idle machine; `ratio_loaded` leaves out what was imported on the way, which a sweep pays once;
`ratio_cpu` is of CPU seconds, and lower because fits use every core. `log` is what a run costs in MLflow: tables,
pictures, model and card. `start` is until a mistake in the settings would be said, `loaded` until all that training
needs is imported. These, `help` and `log` are CPU seconds: other work on the machine stretches the wall's.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

DATES = 12
GIB = 1024**2
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
TARGETS = {
    "ratio": "<= 1.3",
    "ratio_loaded": "",
    "ratio_cpu": "",
    "log": "< 2 s",
    "help": "< 0.5 s",
    "start": "< 2.5 s",
    "loaded": "",
    "peak_gib": "< 6 (2 million rows)",
}


def write_table(path: Path, rows: int, features: int) -> None:
    """Write a flat table: customers on twelve dates, numbers of which a tenth tell something, one in ten missing."""
    signal = " + ".join(f"coalesce(x{n}, 0)" for n in range(0, features, 10))
    columns = ", ".join(
        f"CASE WHEN hash(i, {n}, 1) % 10 > 0 THEN (hash(i, {n}) % 10000) / 5000.0 - 1 END AS x{n}"
        for n in range(features)
    )
    duckdb.sql(
        f"COPY (SELECT * EXCLUDE (luck), CAST(luck < 1 / (1 + exp(3 - ({signal}) / 2)) AS INTEGER) AS churned FROM "
        f"(SELECT 'c' || (i // {DATES}) AS customer_id, (hash(i, {features}) % 10000) / 10000.0 AS luck, "
        f"DATE '2024-01-01' + CAST(30 * (i % {DATES}) AS INTEGER) AS as_of_date, {columns} "
        f"FROM range({rows}) t(i))) TO '{path}' (FORMAT parquet)"
    )


def describe_source(work: Path, features: int) -> list[str]:
    """Write the source of that table and return the words that choose it."""
    content = {
        "name": "bench", "kind": "flat", "time_zone": "UTC", "recency_column": "x0",
        "inputs": {"raw": {"path": f"{work}/table.parquet"}}, "tables": {"matrix": "SELECT * FROM raw"},
        "attributes": {f"x{n}": {"role": "number"} for n in range(features)},
    }  # fmt: skip
    (work / "conf" / "source").mkdir(parents=True)
    (work / "conf" / "source" / "bench.yaml").write_text(json.dumps(content))
    settled = ["windows.lead_days=0", "windows.embargo_days=30", "label.grace_days=0"]
    split = [*settled, "split.test_dates=2", "split.calibration_dates=2"]
    folders = [f"paths.{name}={work}/{name}" for name in ("data", "models", "runs")]
    return ["--config-dir", f"{work}/conf", "source=bench", *split, *folders]


class Clock:
    """Seconds of the wall and of the CPU inside wrapped functions; of calls inside each other the outer counts."""

    def __init__(self) -> None:
        self.wall: Counter[str] = Counter()
        self.cpu: Counter[str] = Counter()
        self._is_running: set[str] = set()

    def wrap(self, owner: Any, name: str, label: str) -> None:
        """Time every call of a function or method."""
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            if label in self._is_running:
                return inner(*arguments, **options)
            self._is_running.add(label)
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                return inner(*arguments, **options)
            finally:
                self.wall[label] += time.perf_counter() - wall
                self.cpu[label] += time.process_time() - cpu
                self._is_running.remove(label)

        setattr(owner, name, timed)


def train_here(overrides: list[str]) -> dict[str, float]:
    """Train in this process and return seconds: the stage, the fits inside it, and what logging took."""
    from lightgbm import LGBMClassifier
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression

    from churn.modeling.competing import CompetingCauses
    from pipelines import train
    from pipelines.stages import main_of

    clock = Clock()
    for owner in (LGBMClassifier, CompetingCauses, LogisticRegression):
        clock.wrap(owner, "fit", f"fit {owner.__name__}")
    clock.wrap(ColumnTransformer, "fit_transform", "fit ColumnTransformer")
    for name in ("log_measurement", "register_bundle", "write_card", "describe_version"):
        clock.wrap(train, name, "log")
    clock.wrap(builtins, "__import__", "imports")
    clock.wrap(importlib, "import_module", "imports")
    main, began, began_cpu = main_of("train"), time.perf_counter(), time.process_time()
    code = main(overrides)
    stage, stage_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    if code:
        raise SystemExit(code)
    wall, cpu = (sum(s for label, s in of.items() if label.startswith("fit ")) for of in (clock.wall, clock.cpu))
    return {
        "stage": stage,
        "fits": wall,
        "ratio": stage / wall,
        "ratio_loaded": (stage - clock.wall["imports"]) / wall,
        "ratio_cpu": stage_cpu / cpu,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB,
        "log": clock.cpu["log"],
        **{label: seconds for label, seconds in clock.wall.items() if label.startswith(("fit ", "imports"))},
    }


def seconds_of(*command: str) -> float:
    """Return the CPU seconds of a command on one thread, the best of three runs."""
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], check=False, capture_output=True, env={**os.environ, **ONE_THREAD})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def main(arguments: list[str]) -> int:
    """Build the table, train in a process of its own, and print one table and the same figures as JSON."""
    if arguments[:1] == ["--train"]:
        print(json.dumps(train_here(json.loads(arguments[1]))))
        return 0
    rows, features = (int(arguments[n]) if len(arguments) > n else default for n, default in ((0, 200_000), (1, 120)))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_table(work / "table.parquet", rows, features)
        overrides = [*describe_source(work, features), *arguments[2:]]
        for stage in ("validate", "features"):
            done = subprocess.run(
                [sys.executable, "-m", "churn.cli", stage, *overrides], check=False, text=True, capture_output=True
            )
            print((done.stdout.splitlines() or [""])[-1], done.stderr, flush=True)
        trained = subprocess.run(
            [sys.executable, __file__, "--train", json.dumps(overrides)], check=True, text=True, capture_output=True
        )
        print(trained.stdout, end="")
        figures = json.loads(trained.stdout.splitlines()[-1])
        figures["help"] = seconds_of("-m", "churn.cli", "--help")
        figures["start"] = seconds_of("-m", "churn.cli", "train", "windows.lead_days=-1")
        figures["loaded"] = seconds_of("-c", "import pipelines.train, mlflow, lightgbm")
    print(f"\n{rows:,} rows x {features} features\n\n| figure | value | wanted |\n|---|---|---|")
    for name, value in figures.items():
        print(f"| {name} | {value:.2f} | {TARGETS.get(name, '')} |")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
