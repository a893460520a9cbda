"""Validate to score on the four real data sets, and one table: the model and both baselines, with seconds.

Usage: make real, or: python benchmarks/real.py [SET ...]
The data sets are read from `paths.real` (CHURN_REAL_DATA); a set that is not there is skipped with a line.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from churn.core.errors import ChurnError
from churn.core.settings import ChurnSettings
from churn.integrations.results import StageResult
from pipelines import explain, features, score, train, validate
from pipelines.composition import compose

SETS = ("telco", "oulad_2013", "online_retail", "ravenstack")
METRICS = ("auc", "average_precision", "lift_at_10pct", "calibration_error")


@dataclass(frozen=True)
class Outcome:
    """What one data set gave."""

    name: str
    rows: int
    base_rate: float
    dates: int
    seconds: float
    metrics: dict[str, float]
    models: tuple[str, ...]
    verdict: str
    listed: str


def run_set(name: str) -> Outcome | None:
    """Return the outcome of all stages on one set, or None where its files are not there."""
    settings = compose("train", ChurnSettings, [f"experiment={name}"])
    if not (settings.paths.real).is_dir():
        print(f"{name}: skipped, {settings.paths.real} is not there (set CHURN_REAL_DATA)")
        return None
    began = time.perf_counter()
    done: dict[str, StageResult] = {}
    stages: dict[str, Callable[[ChurnSettings], StageResult]] = {
        "validate": validate.run, "features": features.run, "train": train.run, "explain": explain.run,
    }  # fmt: skip
    for stage, run in stages.items():
        done[stage] = run(settings)
        print(f"  {name}: {stage}: {done[stage].summary}", flush=True)
    trained, built = done["train"], done["features"]
    listed = score_if_good(settings, trained)
    return Outcome(
        name=name,
        rows=int(built.metrics["labelled"]),
        base_rate=built.metrics["base_rate"],
        dates=len(built.as_of_dates),
        seconds=time.perf_counter() - began,
        metrics=trained.metrics,
        models=(settings.model.name, "recency", settings.baseline.name),
        verdict=trained.notes[0],
        listed=listed,
    )


def score_if_good(settings: ChurnSettings, trained: StageResult) -> str:
    """Score the last date with the version just trained where it passed the gate; say so where it did not."""
    if trained.notes[0] != "better than the recency rule":
        return "none published"
    scoring = settings.scoring.model_copy(update={"as_of": "latest", "version": "latest"})
    result = score.run(settings.model_copy(update={"scoring": scoring}))
    print(f"  {settings.source.name}: score: {result.summary}", flush=True)
    return f"{result.rows_out['worklist']} of {result.rows_out['scores']:,}"


def table(outcomes: list[Outcome]) -> str:
    """Return the outcomes as a Markdown table, one row per set and model."""
    names = ("set", "labelled rows", "as-of dates", "base rate", "model", "AUC", "AP", "lift at 10 %",
             "calibration error", "seconds", "gate", "list")  # fmt: skip
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for outcome in outcomes:
        for number, model in enumerate(outcome.models):
            shared = [outcome.name, f"{outcome.rows:,}", str(outcome.dates), f"{outcome.base_rate:.2%}"]
            prefix = f"{model}_" if number else ""
            value, low, high = (outcome.metrics[f"{prefix}auc{end}"] for end in ("", "_low", "_high"))
            auc = f"{value:.3f} [{low:.3f}, {high:.3f}]"
            rest = [f"{outcome.metrics[prefix + metric]:.3f}" for metric in METRICS[1:]]
            ends = [f"{outcome.seconds:.0f}", outcome.verdict, outcome.listed] if not number else [""] * 3
            lines.append("| " + " | ".join([*(shared if not number else [""] * 4), model, auc, *rest, *ends]) + " |")
    return "\n".join(lines)


def main(names: list[str]) -> int:
    """Run the sets, print the table and the same figures as JSON last."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    outcomes, failed = [], 0
    for name in names or list(SETS):
        try:
            outcome = run_set(name)
        except ChurnError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = failed or error.exit_code
            continue
        if outcome is not None:
            outcomes.append(outcome)
    if outcomes:
        print("\n" + table(outcomes) + "\n")
        print(json.dumps([o.__dict__ for o in outcomes]))
    return failed


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
