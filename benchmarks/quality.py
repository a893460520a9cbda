"""How good the models are on public data and on a company whose truth is known, beside published figures.

Usage: python benchmarks/quality.py [telco] [oulad_students] [oulad_temporal] [simulated] [CUSTOMERS] (default: all)
Sets are read from `paths.real` (CHURN_REAL_DATA); a set that is not there is skipped with a line. `simulated` is the
company of `benchmarks/oracle.py`, with 50,000 customers unless a number says otherwise. benchmarks/README.md says
where the published figures come from, and how far they compare.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks import oracle
from churn.core.settings import ChurnSettings
from pipelines import features, train, validate
from pipelines.composition import compose

CUSTOMERS = 50_000
FIRST_DAYS = "windows.as_of=[{first: 2013-02-01, last: 2013-04-05}, {first: 2013-10-01, last: 2013-12-03}]"
Row = tuple[str, str, float, str, str]  # task, figure, ours, published, wanted


def train_on(work: Path, *overrides: str) -> dict[str, float]:
    """Return the metrics of validate, features and train with these overrides; empty where the data are not there."""
    places = [f"paths.{name}={work}/{name}" for name in ("data", "models", "runs")]
    settings = compose("train", ChurnSettings, [*overrides, *places])
    if not settings.paths.real.is_dir():
        print(f"{overrides[0]}: skipped, {settings.paths.real} is not there (set CHURN_REAL_DATA)")
        return {}
    for stage in (validate, features, train):
        began = time.perf_counter()
        result = stage.run(settings)
        print(f"  {overrides[0]}: {stage.__name__}: {result.summary} ({time.perf_counter() - began:.0f} s)", flush=True)
    return result.metrics


def reliability(task: str, metrics: dict[str, float], limit: str) -> list[Row]:
    """Return the rows on probabilities: calibration error, and mean predicted by observed."""
    return [
        (task, "calibration error", metrics["calibration_error"], "", limit),
        (task, "mean predicted / observed", metrics["mean_predicted"] / metrics["observed_rate"], "", "0.95 to 1.05"),
    ]


def telco(work: Path) -> list[Row]:
    """Return the figures on IBM's telecom sample, five folds by customer."""
    metrics = train_on(work, "experiment=telco")
    task = "Telco, 5 folds"
    return metrics and [
        (task, "AUC", metrics["auc"], "0.8445 (AutoGluon)", ">= 0.845"), *reliability(task, metrics, "")
    ]  # type: ignore[return-value]  # fmt: skip


def oulad_students(work: Path) -> list[Row]:
    """Return those on courses of 2013: who leaves next week, weeks 1 to 10, folds by student."""
    metrics = train_on(work, "experiment=oulad_2013_students")
    task = "OULAD 2013, next week, folds by student"
    return metrics and [
        (task, "AUC", metrics["auc"], "0.8436 (CatBoost, random rows)", ">= 0.845"),
        (task, "average precision", metrics["average_precision"], "0.159 (CatBoost, random rows)", ">= 0.16"),
        *reliability(task, metrics, "< 0.01"),
    ]  # type: ignore[return-value]


def oulad_temporal(work: Path) -> list[Row]:
    """Return those in time: fitted on February's courses, measured on October's, without and with the first day."""
    rows: list[Row] = []
    grids = {"OULAD 2013B to 2013J, in time": [], "the same, asked on the first day too": [FIRST_DAYS]}
    for task, overrides in grids.items():
        if metrics := train_on(work, "experiment=oulad_2013", *overrides):
            rows += [
                (task, "AUC", metrics["auc"], "none", ""),
                (task, "average precision", metrics["average_precision"], "none", ""),
                *reliability(task, metrics, "< 0.01"),
            ]
    return rows


def simulated(work: Path, customers: int = CUSTOMERS) -> list[Row]:
    """Return those on the simulated company: how much of what can be known the model knows."""
    metrics = oracle.mean_of(oracle.run(customers, work))
    task = f"simulated, {customers:,} customers, mean of two dates"
    ratio = metrics["mean_probability"] / metrics["mean_true_probability"]
    return [
        (task, "captured share of the oracle's AUC", metrics["expected_captured_auc_share"], "", ">= 0.97"),
        (task, "calibration error against the truth", metrics["calibration_error_against_truth"], "", "< 0.01"),
        (task, "mean predicted / true", ratio, "", "0.95 to 1.05"),
    ]


PARTS: Mapping[str, Callable[[Path], list[Row]]] = {
    "telco": telco, "oulad_students": oulad_students, "oulad_temporal": oulad_temporal, "simulated": simulated,
}  # fmt: skip


def main(words: list[str]) -> int:
    """Run the parts in folders of their own, and print one table and the same figures as JSON last."""
    sizes, names = [int(word) for word in words if word.isdigit()], [word for word in words if not word.isdigit()]
    parts: Mapping[str, Callable[[Path], list[Row]]] = PARTS
    if sizes:
        parts = {**PARTS, "simulated": partial(simulated, customers=sizes[-1])}
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"error: no part {', '.join(unknown)} (there are {', '.join(PARTS)})", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    rows: list[Row] = []
    for name in names or PARTS:
        with tempfile.TemporaryDirectory() as work:
            rows += parts[name](Path(work)) or []
    print("\n| task | figure | ours | published | wanted |\n|---|---|---|---|---|")
    for task, figure, ours, published, wanted in rows:
        print(f"| {task} | {figure} | {ours:.4f} | {published} | {wanted} |")
    print(json.dumps([dict(zip(("task", "figure", "ours", "published", "wanted"), row, strict=True)) for row in rows]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
