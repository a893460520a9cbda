"""All metrics of all models on the test rows, each with an interval, and paired differences between models.

Intervals resample customers with all their rows (a customer's dates are not independent). Every model is measured on
the same resamples, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

from churn.core.settings import EvaluationSettings, MoneySettings
from churn.evaluation.metrics import Measured
from churn.evaluation.ranking import rank_within_dates, top_lists


class Estimate(NamedTuple):
    """A metric with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Report:
    """Metrics per model, and differences of each other model against the first, on the same rows."""

    metrics: Mapping[str, Mapping[str, Estimate]]
    against: Mapping[str, Mapping[str, Estimate]]
    rows: int
    positives: int

    def flat(self) -> dict[str, float]:
        """Return metrics for MLflow: `auc`, `auc_low`, `auc_high`, ... of the first model, others as `<model>_auc`.

        The first model has no prefix, so that runs of different models compare under one name. What is not a number is
        left out for the others (a rule that gives everybody one probability has no calibration slope), never for it.
        """
        values: dict[str, float] = {}
        for number, (model, metrics) in enumerate(self.metrics.items()):
            prefix = f"{model}_" if number else ""
            for name, found in metrics.items():
                ends = ((f"{prefix}{name}", found.value), (f"{prefix}{name}_low", found.low),
                        (f"{prefix}{name}_high", found.high))  # fmt: skip
                values |= {key: value for key, value in ends if not number or np.isfinite(value)}
        return values


def build_report(
    rows: pd.DataFrame,
    probabilities: Mapping[str, np.ndarray],
    settings: EvaluationSettings,
    capacity: int,
    value: np.ndarray | None = None,
    money: MoneySettings | None = None,
) -> Report:
    """Return the report of several models on the same test rows.

    Parameters
    ----------
    rows
        `customer_id`, `as_of_date`, `churned`; grain customer x as-of date.
    probabilities
        Calibrated probabilities by model, the model to judge first, shape (rows,) each.
    capacity
        Length of the team's list per as-of date.
    value
        Money per row for the tie rule, shape (rows,).
    money
        Costs and value for EMPC.
    """
    measured = {name: _measured(rows, p, capacity, value, money) for name, p in probabilities.items()}
    points = {name: m.measure() for name, m in measured.items()}
    draws: dict[str, list[dict[str, float]]] = {name: [] for name in measured}
    for weights in resample_customers(rows["customer_id"], settings):
        for name, m in measured.items():
            draws[name].append(m.measure(weights))
    tables = {name: pd.DataFrame(values) for name, values in draws.items()}
    first = next(iter(measured))
    leavers = count_leavers(rows)
    metrics = {n: {k: estimate(v, tables[n][k], settings, leavers) for k, v in points[n].items()} for n in measured}
    against = {
        other: {
            k: estimate(points[first][k] - points[other][k], tables[first][k] - tables[other][k], settings, leavers)
            for k in points[first]
        }
        for other in measured
        if other != first
    }
    return Report(metrics, against, len(rows), int(rows["churned"].sum()))


def measure_models(
    rows: pd.DataFrame,
    probabilities: Mapping[str, np.ndarray],
    capacity: int,
    value: np.ndarray | None = None,
    money: MoneySettings | None = None,
) -> dict[str, dict[str, float]]:
    """Return every metric of every model on the same rows, without intervals."""
    return {name: _measured(rows, p, capacity, value, money).measure() for name, p in probabilities.items()}


def _measured(
    rows: pd.DataFrame,
    probability: np.ndarray,
    capacity: int,
    value: np.ndarray | None,
    money: MoneySettings | None,
) -> Measured:
    lists = top_lists(rows, rank_within_dates(rows, probability, value), capacity)
    return Measured(rows["churned"].to_numpy(dtype=float), probability, lists, money)


def resample_customers(customer_ids: pd.Series, settings: EvaluationSettings) -> Iterator[np.ndarray]:
    """Yield row weights, shape (rows,): how often each row's customer was drawn, with replacement."""
    codes, customers = pd.factorize(customer_ids, sort=True)
    generator = np.random.default_rng(settings.seed)
    for _ in range(settings.bootstrap_samples):
        drawn = generator.integers(0, len(customers), len(customers))
        yield np.bincount(drawn, minlength=len(customers)).astype(float)[codes]


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


def few_leavers(report: Report, settings: EvaluationSettings) -> list[str]:
    """Return a warning where few leavers on the test dates carry all figures, else nothing."""
    if report.positives >= settings.few_positives:
        return []
    return [
        f"only {report.positives} churned on the test dates: believe the intervals, not the figures"
        " (experiment=small_data is made for that)"
    ]


def count_leavers(rows: pd.DataFrame) -> int:
    """Return how many different customers churned."""
    return int(rows.loc[rows["churned"] == 1, "customer_id"].nunique())


def estimate(value: float, draws: pd.Series, settings: EvaluationSettings, leavers: int) -> Estimate:
    """Return a metric with the interval of its resamples; those that are not a number are left out."""
    tail = interval_tail(settings.interval, leavers)
    finite = draws[np.isfinite(draws)]
    if finite.empty:
        return Estimate(value, float("nan"), float("nan"))
    return Estimate(value, float(finite.quantile(tail)), float(finite.quantile(1 - tail)))


def table_lines(report: Report) -> list[str]:
    """Return the report's main figures as lines of text: one row per metric, one column per model."""
    shown = ("auc", "average_precision", "lift_at_10pct", "capture_rate_at_capacity", "log_loss", "calibration_error",
             "calibration_slope")  # fmt: skip
    lines = [f"test: {report.rows:,} rows, {report.positives:,} churned; metric and its interval"]
    lines.append(f"  {'':<25}" + "".join(f"{model:<24}" for model in report.metrics))
    for name in shown:
        cells = [_cell(metrics[name]) for metrics in report.metrics.values()]
        lines.append(f"  {name:<25}" + "".join(f"{cell:<24}" for cell in cells))
    return [line.rstrip() for line in lines]


def _cell(found: Estimate) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
