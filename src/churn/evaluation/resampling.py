"""Intervals of metrics: customers are drawn again with all their rows, for a customer's dates are not independent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

from churn.core.settings import EvaluationSettings
from churn.evaluation.metrics import NOISE, Measured
from churn.evaluation.reliability import without_noise

BLOCK = 2_000_000  # row weights at a time: 16 MB


class Estimate(NamedTuple):
    """A metric with its interval.

    Examples
    --------
    >>> f"{Estimate(0.8251, 0.81, 0.8432):.2f}"
    '0.83 [0.81, 0.84]'
    """

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Write the metric and its interval, each number as asked for."""
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def resampled(
    measured: Mapping[str, Measured], customer_ids: pd.Series, settings: EvaluationSettings
) -> dict[str, dict[str, np.ndarray]]:
    """Return every metric of several models on the same resamples of customers, shape (draws,) each."""
    blocks = [
        {name: m.resample(weights) for name, m in measured.items()}
        for weights in resample_customers(customer_ids, settings)
    ]
    return {name: {k: np.concatenate([b[name][k] for b in blocks]) for k in blocks[0][name]} for name in measured}


def resample_customers(customer_ids: pd.Series, settings: EvaluationSettings) -> Iterator[np.ndarray]:
    """Yield row weights, shape (rows, draws): how often each row's customer was drawn, with replacement.

    Some draws at a time, so that the weights of many rows do not fill the memory.
    """
    codes, customers = pd.factorize(customer_ids, sort=True)
    generator = np.random.default_rng(settings.seed)
    at_once = max(BLOCK // len(codes), 1)
    for begin in range(0, settings.bootstrap_samples, at_once):
        drawn = np.empty((len(customers), min(at_once, settings.bootstrap_samples - begin)))
        for draw in drawn.T:
            chosen = generator.integers(0, len(customers), len(customers))
            draw[:] = np.bincount(chosen, minlength=len(customers))
        yield drawn[codes]


def interval_tail(interval: float, leavers: int) -> float:
    """Return the share of resamples cut off at each end.

    Plain percentile intervals are too narrow when few leavers carry the figure: they take the normal distribution for
    Student's, and lose a factor of n / (n - 1) of variance. The share is smaller by just that.

    References
    ----------
    Hesterberg 2015, What teachers should know about the bootstrap: the expanded percentile interval.

    Examples
    --------
    >>> [round(interval_tail(0.95, leavers), 4) for leavers in (10, 100, 100_000)]
    [0.0086, 0.0231, 0.025]
    """
    n = max(leavers, 3)
    return float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - interval) / 2)))


def count_leavers(rows: pd.DataFrame) -> int:
    """Return how many different customers churned."""
    return int(rows.loc[rows["churned"] == 1, "customer_id"].nunique())


def freed_of_noise(draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the metrics of a model's resamples, shape (draws,) each, with the calibration error freed of chance."""
    others = {name: values for name, values in draws.items() if name != NOISE}
    return {**others, "calibration_error": without_noise(draws["calibration_error"], draws[NOISE])}


def estimate(value: float, draws: np.ndarray, settings: EvaluationSettings, leavers: int) -> Estimate:
    """Return a metric with the interval of its resamples; those that are not a number are left out.

    The interval holds the metric itself, which may lie outside where the resamples were freed of noise and it was not.
    """
    tail = interval_tail(settings.interval, leavers)
    finite = draws[np.isfinite(draws)]
    if not len(finite):
        return Estimate(value, float("nan"), float("nan"))
    low, high = (float(end) for end in np.quantile(finite, [tail, 1 - tail]))
    return Estimate(value, min(low, value), max(high, value))
