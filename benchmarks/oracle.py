"""How far the model is from the best possible one, on a company whose truth is known.

Usage: python benchmarks/oracle.py [customers]      (default 50,000; default company, default training configuration)
Prints the share of the oracle's AUC above chance that the model captures, log loss against the oracle's, calibration
against true probabilities, and how often the top cause is the true one; the same figures as JSON last.
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


def main(words: list[str]) -> int:
    """Run and print; the work folder is removed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    with tempfile.TemporaryDirectory() as work:
        metrics = run(int(words[0]) if words else 50_000, Path(work))
    print("\n| figure | value | wanted |\n|---|---|---|")
    for name in ("auc", "oracle_auc", "captured_auc_share", "expected_captured_auc_share", "log_loss",
                 "oracle_log_loss", "calibration_error_against_truth", "cause_agreement"):  # fmt: skip
        print(f"| {name} | {metrics[name]:.4f} | {TARGETS.get(name, '')} |")
    print(json.dumps(metrics))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
