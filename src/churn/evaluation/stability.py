"""Whether a feature's distribution on a date is still that of the dates the model learned from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2

BINS = 10
CONFIDENCE = 0.99
LEAST = 0.5  # what an empty bin is counted as, so that no logarithm is of nothing


class Drift(NamedTuple):
    """How far each group has moved (population stability index) and how far chance alone would move it, (groups,)."""

    psi: np.ndarray
    by_chance: np.ndarray


def measure_drift(values: pd.Series, is_reference: np.ndarray, group: np.ndarray) -> Drift:
    """Return how far the values of each group have moved from those of the reference.

    Numbers fall into tenths of the reference, categories are their own bins, missing values are one more.

    Parameters
    ----------
    values
        One feature, shape (rows,).
    is_reference
        Which rows are compared with, shape (rows,).
    group
        Number of each row's group, from 0, shape (rows,).

    References
    ----------
    Siddiqi 2006, Credit Risk Scorecards (the index and its limits of 0.1 and 0.25).
    Yurdakul 2018, Statistical properties of population stability index (its distribution where nothing has moved).
    """
    bins = _tenths(values, is_reference) if pd.api.types.is_numeric_dtype(values) else _names(values)
    width, groups = int(bins.max()) + 1, int(group.max()) + 1
    before = np.bincount(bins[is_reference], minlength=width)[None, :]
    now = np.bincount(group * width + bins, minlength=groups * width).reshape(groups, width)
    is_used = before + now > 0
    expected, found = (np.maximum(counts, LEAST) / counts.sum(axis=1, keepdims=True) for counts in (before, now))
    psi = np.where(is_used, (found - expected) * np.log(found / expected), 0.0).sum(axis=1)
    noise = 1 / before.sum() + 1 / now.sum(axis=1)
    return Drift(psi, noise * chi2.ppf(CONFIDENCE, np.maximum(is_used.sum(axis=1) - 1, 1)))


def _tenths(values: pd.Series, is_reference: np.ndarray) -> np.ndarray:
    """Return the bin of every number: which tenth of the reference it falls into; missing ones are bin 0."""
    numbers = values.to_numpy(dtype=float)
    is_known = ~np.isnan(numbers)
    known = numbers[is_reference & is_known]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[:-1])) if len(known) else np.empty(0)
    return np.where(is_known, 1 + np.searchsorted(edges, numbers, side="left"), 0)


def _names(values: pd.Series) -> np.ndarray:
    return pd.factorize(values.astype("object"))[0] + 1
