"""Contributions of LightGBM's trees: LightGBM's own, or five to ten times as fast by Woodelf where that proves right.

Woodelf is an extra (`pip install '.[fast]'`). It computes in single precision and does not know every kind of tree
(it raises on categorical splits, and is silently wrong with `zero_as_missing` and with random forests). So it is never
believed: a sample is compared with LightGBM's own contributions, and every row must add up to its score.

References
----------
Lundberg et al. 2020, From local explanations to global understanding with explainable AI for trees.
Nadel and Wettenstein 2026, From Decision Trees to Boolean Logic: A Fast and Unified SHAP Algorithm (Woodelf).
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd

from churn.explanation.paths import share_out

log = logging.getLogger(__name__)
ENOUGH_ROWS = 5_000  # below, what Woodelf prepares for a model costs more than it saves
SAMPLE_ROWS = 200
SINGLE_PRECISION = 1e-4  # in log-odds, of a score of 1; what is off is a wrong branch, and misses by far more


def explain_trees(booster: Any, encoded: np.ndarray, raw_score: np.ndarray) -> tuple[np.ndarray, float]:
    """Return contributions (rows, inputs) and the base; per row their sum is the raw score.

    Parameters
    ----------
    booster
        A LightGBM booster of one output.
    encoded
        What it reads, shape (rows, inputs).
    raw_score
        Its log-odds, shape (rows,).
    """
    if len(encoded) >= ENOUGH_ROWS:
        found = _by_woodelf(booster, encoded, raw_score)
        if found is not None:
            return found
    values = _by_lightgbm(booster, encoded)
    return values[:, :-1], float(values[0, -1])


def _by_lightgbm(booster: Any, encoded: np.ndarray) -> np.ndarray:
    return np.asarray(booster.predict(encoded, pred_contrib=True), dtype=float)


def _by_woodelf(booster: Any, encoded: np.ndarray, raw_score: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Return what Woodelf finds where it is installed and right, else None; rounding is shared out."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns about while it is imported is its own affair
            from woodelf import WoodelfExplainer
    except ImportError:
        return None
    try:
        names = booster.feature_name()
        values = WoodelfExplainer(booster).shap_values(pd.DataFrame(encoded, columns=names), verbose=False)
    except Exception as error:  # noqa: BLE001 - whatever it cannot do, LightGBM can
        log.info("contributions: by LightGBM, Woodelf cannot read these trees (%s)", type(error).__name__)
        return None
    values = np.asarray(values, dtype=float)
    sample = np.linspace(0, len(encoded) - 1, SAMPLE_ROWS).astype(int)
    expected = _by_lightgbm(booster, encoded[sample])
    base = float(expected[0, -1])
    rest = raw_score - base - values.sum(axis=1)
    off = max(np.abs(values[sample] - expected[:, :-1]).max(), np.abs(rest).max())
    if not off <= SINGLE_PRECISION * max(1.0, float(np.abs(raw_score).max())):
        log.info("contributions: by LightGBM, Woodelf's are off by up to %.2g", off)
        return None
    return share_out(values, rest), base
