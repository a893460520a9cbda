"""Contributions of trees three ways: LightGBM's own, shap's TreeExplainer, and Woodelf (the extra `fast`).

Usage: python benchmarks/explain.py [rows] [features]      (default 50,000 x 100; shap takes a tenth of the rows)
Two models of 300 trees, as deep as the default (depth 3) and twice that. CPU microseconds a row on one thread, fixed
costs included; how far values are from LightGBM's; and for how many rows the strongest feature is the same.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
from lightgbm import LGBMClassifier

from churn.explanation.trees import explain_trees

SHAPES = {
    "depth 3, 8 leaves": {"max_depth": 3, "num_leaves": 8},
    "depth 6, 31 leaves": {"max_depth": 6, "num_leaves": 31},
}


def make_rows(rows: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs, one in ten missing, and outcomes that a tenth of the inputs tell of."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(rows, features))
    inputs[generator.random(inputs.shape) < 0.1] = np.nan
    score = np.nan_to_num(inputs[:, ::10]).sum(axis=1)
    return inputs, generator.random(rows) < 1 / (1 + np.exp(3 - score))


def by_shap(booster: Any, inputs: np.ndarray) -> np.ndarray:
    """Return what shap's explainer gives of a tenth of the rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from shap import TreeExplainer

        return np.asarray(TreeExplainer(booster, feature_perturbation="tree_path_dependent").shap_values(inputs[::10]))


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """Return what comes out, and the CPU seconds it took the second time, when everything is loaded."""
    work()
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def main(arguments: list[str]) -> int:
    """Explain the same rows every way and print one table."""
    rows, features = (int(arguments[n]) if len(arguments) > n else default for n, default in ((0, 50_000), (1, 100)))
    inputs, churned = make_rows(rows, features)
    print("| trees | way | µs a row | times LightGBM's | furthest off | same strongest |\n|---|---|---|---|---|---|")
    for name, shape in SHAPES.items():
        model = LGBMClassifier(
            n_estimators=300, learning_rate=0.05, colsample_bytree=0.3, n_jobs=1, verbose=-1, **shape
        )
        booster = model.fit(inputs, churned).booster_
        raw = np.asarray(booster.predict(inputs, raw_score=True))
        own, base_seconds = timed(lambda b=booster: np.asarray(b.predict(inputs, pred_contrib=True))[:, :-1])
        peer, peer_seconds = timed(lambda b=booster: by_shap(b, inputs))
        fast, fast_seconds = timed(lambda b=booster, r=raw: explain_trees(b, inputs, r)[0])
        ways = {
            "LightGBM, `pred_contrib`": (own, own, base_seconds),
            "`shap.TreeExplainer`": (peer, own[::10], peer_seconds * rows / len(peer)),
            "ours (Woodelf behind its guard)": (fast, own, fast_seconds),
        }
        for way, (values, expected, seconds) in ways.items():
            same = (values.argmax(axis=1) == expected.argmax(axis=1)).mean()
            print(
                f"| {name} | {way} | {seconds / rows * 1e6:,.0f} | {seconds / base_seconds:.2f} "
                f"| {np.abs(values - expected).max():.1g} | {same:.2%} |"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
