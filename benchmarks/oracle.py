"""How far the model is from the best possible one, on a company whose truth is known.

Usage: python benchmarks/oracle.py [customers]      (default 50,000; default company, default training configuration)
Prints the share of the oracle's AUC above chance that the model captures, log loss against the oracle's, calibration
against true probabilities, how often the top cause is the true one overall and per cause beside chance, and which
drivers of the truth the model's error goes with: what the features miss. The same figures as JSON last.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from pipelines import features, oracle, score, simulate, train, validate
from pipelines.composition import compose
from pipelines.simulate import SimulateSettings

AS_OF = date(2024, 4, 29)
TARGETS = {"expected_captured_auc_share": 0.95, "cause_agreement": 0.70}
FIGURES = (
    "auc", "oracle_auc", "captured_auc_share", "expected_auc", "expected_oracle_auc", "expected_captured_auc_share",
    "log_loss", "oracle_log_loss", "calibration_error_against_truth", "true_probability_error", "cause_agreement",
    "cause_base_rate",
)  # fmt: skip


def run(customers: int, work: Path) -> dict[str, float]:
    """Return the oracle report's figures for a company of that size."""
    places = [f"paths.{name}={work}/{name}" for name in ("data", "models", "runs")]
    words = ["experiment=oracle", f"simulation.customers={customers}", *places]
    settings = compose("simulate", SimulateSettings, words)
    for stage in (simulate, validate, features, train):
        began = time.perf_counter()
        print(f"{stage.__name__}: {stage.run(settings).summary} ({time.perf_counter() - began:.0f} s)", flush=True)
    scoring = settings.scoring.model_copy(update={"as_of": AS_OF, "version": "latest"})
    dated = settings.model_copy(update={"scoring": scoring})
    print(f"score: {score.run(dated).summary}", flush=True)
    return oracle.run(dated).metrics


def _named(metrics: dict[str, float], prefix: str) -> list[tuple[str, float]]:
    return [(name.removeprefix(prefix), value) for name, value in metrics.items() if name.startswith(prefix)]


def main(words: list[str]) -> int:
    """Run and print; the work folder is removed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    with tempfile.TemporaryDirectory() as work:
        metrics = run(int(words[0]) if words else 50_000, Path(work))
    print("\n| figure | value | wanted |\n|---|---|---|")
    for name in FIGURES:
        print(f"| {name} | {metrics[name]:.4f} | {TARGETS.get(name, '')} |")
    print("\n| true cause | named rightly | named to anybody | ratio |\n|---|---|---|---|")
    for cause, right in _named(metrics, "cause_agreement_"):
        chance = metrics[f"cause_base_rate_{cause}"]
        print(f"| {cause} | {right:.2f} | {chance:.2f} | {f'{right / chance:.1f}' if chance else 'never named'} |")
    print("\n| what the features miss | share of the error |\n|---|---|")
    for driver, share in sorted(_named(metrics, "missed_"), key=lambda row: -row[1]):
        print(f"| {driver} | {share:.3f} |")
    print(json.dumps(metrics))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
