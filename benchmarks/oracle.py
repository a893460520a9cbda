"""How far the model is from the best possible one, on a company whose truth is known.

Usage: python benchmarks/oracle.py [CUSTOMERS] [OVERRIDE ...]     (50,000; default company and training configuration)
Prints, for each of the test dates and their mean, the share of the oracle's AUC above chance that the model captures,
log loss against the oracle's, calibration against true probabilities, how often the top cause is the true one; and of
the mean, the causes one by one beside chance, and which drivers of the truth the model's error goes with: what the
features miss. One date alone says little: what happened to the company just before moves it by 0.01.
`readable_share` is what the same features reach when the true probabilities themselves are learned: hardly any model
can do better with them. JSON last.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pandas as pd
from lightgbm import LGBMRegressor

from churn.evaluation.ranking import auc
from churn.integrations.frames import read_matrix
from churn.integrations.layers import source_folder
from churn.modeling.encoding import build_pipeline
from churn.simulation.answers import read_truth, truth_folder
from churn.simulation.settings import SimulateSettings
from pipelines import features, oracle, score, simulate, train, validate
from pipelines.composition import compose
from pipelines.features import ensure_dataset

AS_OF = (date(2024, 4, 1), date(2024, 4, 29))  # the test dates of the training configuration
LEARNED_ROWS = 100_000
TARGETS = {"expected_captured_auc_share": 0.95, "cause_agreement": 0.70}
FIGURES = (
    "auc", "oracle_auc", "captured_auc_share", "expected_auc", "expected_oracle_auc", "expected_captured_auc_share",
    "readable_share", "log_loss", "oracle_log_loss", "calibration_error_against_truth", "true_probability_error",
    "cause_agreement", "cause_base_rate",
)  # fmt: skip


def readable_shares(settings: SimulateSettings) -> dict[date, float]:
    """Return by date the captured share the same features reach when the true probabilities themselves are learned.

    Learning from who happened to leave can hardly do better with these features: what is missing above it is not in
    them, what the model lacks below it is lost in the chance of outcomes.
    """
    matrix, catalog = read_matrix(ensure_dataset(settings))
    folder, tables = truth_folder(settings), source_folder(settings, "raw")
    kinds = {name: [f.name for f in catalog.features if f.kind == name] for name in ("number", "category")}
    rows = []
    for as_of, of_date in matrix.groupby("as_of_date"):
        truth = read_truth(folder, tables, pd.Timestamp(as_of).date(), settings.windows.horizon_days)
        rows.append(of_date.merge(truth[["customer_id", "true_probability"]], on="customer_id"))
    known = pd.concat(rows, ignore_index=True)
    known["as_of_date"] = pd.to_datetime(known["as_of_date"])
    past = known[known["as_of_date"] < pd.Timestamp(min(AS_OF))]
    past = past.sample(min(LEARNED_ROWS, len(past)), random_state=0)
    learner = LGBMRegressor(objective="cross_entropy", n_estimators=400, learning_rate=0.05, num_leaves=15,
                            min_child_samples=50, colsample_bytree=0.3, reg_lambda=5.0, n_jobs=2,
                            verbose=-1)  # fmt: skip
    pipeline = build_pipeline("trees", kinds["number"], kinds["category"], learner)
    pipeline.fit(past, past["true_probability"].to_numpy())
    found = {}
    for as_of in AS_OF:
        scored = known[known["as_of_date"] == pd.Timestamp(as_of)]
        truth = scored["true_probability"].to_numpy()
        found[as_of] = (auc(pipeline.predict(scored), truth) - 0.5) / (auc(truth, truth) - 0.5)
    return found


def run(customers: int, work: Path, overrides: Sequence[str] = ()) -> dict[date, dict[str, float]]:
    """Return the oracle report's figures by date, for a company of that size under these overrides."""
    places = [f"paths.{name}={work}/{name}" for name in ("data", "models", "runs")]
    words = ["experiment=oracle", f"simulation.customers={customers}", *places, *overrides]
    settings = compose("simulate", SimulateSettings, words)
    for stage in (simulate, validate, features, train):
        began = time.perf_counter()
        print(f"{stage.__name__}: {stage.run(settings).summary} ({time.perf_counter() - began:.0f} s)", flush=True)
    readable = readable_shares(settings)
    return {as_of: _on_date(settings, as_of) | {"readable_share": readable[as_of]} for as_of in AS_OF}


def _on_date(settings: SimulateSettings, as_of: date) -> dict[str, float]:
    scoring = settings.scoring.model_copy(update={"as_of": as_of, "version": "latest"})
    dated = settings.model_copy(update={"scoring": scoring})
    print(f"score: {score.run(dated).summary}", flush=True)
    return dict(oracle.run(dated).metrics)


def mean_of(by_date: Mapping[date, Mapping[str, float]]) -> dict[str, float]:
    """Return every figure's mean over the dates that have it."""
    return {str(name): float(value) for name, value in pd.DataFrame(by_date).mean(axis=1).items()}


def _named(metrics: dict[str, float], prefix: str) -> list[tuple[str, float]]:
    return [(name.removeprefix(prefix), value) for name, value in metrics.items() if name.startswith(prefix)]


def main(words: list[str]) -> int:
    """Run and print; the work folder is removed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    with tempfile.TemporaryDirectory() as work:
        by_date = run(int(words[0]) if words else 50_000, Path(work), words[1:])
    metrics = mean_of(by_date)
    print(f"\n| figure | {' | '.join(str(day) for day in by_date)} | mean | wanted |")
    print(f"|---|{'---|' * (len(by_date) + 2)}")
    for name in FIGURES:
        values = " | ".join(f"{of_date[name]:.4f}" for of_date in (*by_date.values(), metrics))
        print(f"| {name} | {values} | {TARGETS.get(name, '')} |")
    print("\n| true cause | named rightly | named to anybody | ratio |\n|---|---|---|---|")
    for cause, right in _named(metrics, "cause_agreement_"):
        chance = metrics[f"cause_base_rate_{cause}"]
        print(f"| {cause} | {right:.2f} | {chance:.2f} | {f'{right / chance:.1f}' if chance else 'never named'} |")
    print("\n| what the features miss | share of the error |\n|---|---|")
    for driver, share in sorted(_named(metrics, "missed_"), key=lambda row: -row[1]):
        print(f"| {driver} | {share:.3f} |")
    print(json.dumps({"mean": metrics} | {str(day): of_date for day, of_date in by_date.items()}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
