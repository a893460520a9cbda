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

from churn.core.settings import EvaluationSettings
from churn.evaluation.ranking import RankedScore, rank_within_dates, top_lists
from churn.evaluation.reliability import calibration_error, calibration_line, equal_mass_bins, row_losses

LINE_POINTS = 2000


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
            for name, estimate in metrics.items():
                ends = ((f"{prefix}{name}", estimate.value), (f"{prefix}{name}_low", estimate.low),
                        (f"{prefix}{name}_high", estimate.high))  # fmt: skip
                values |= {key: value for key, value in ends if not number or np.isfinite(value)}
        return values


class _Measured:
    """One model on the test rows, prepared so that a resample costs little."""

    def __init__(self, rows: pd.DataFrame, probability: np.ndarray, value: np.ndarray | None, capacity: int) -> None:
        self.churned = rows["churned"].to_numpy(dtype=float)
        self.probability = probability
        self.ranked = RankedScore(probability, self.churned)
        self.lists = top_lists(rows, rank_within_dates(rows, probability, value), capacity)
        self.bins = equal_mass_bins(probability)
        self.losses = row_losses(probability, self.churned)
        self.line_bins = equal_mass_bins(probability, min(LINE_POINTS, len(rows)))

    def measure(self, weights: np.ndarray | None = None) -> dict[str, float]:
        metrics = {
            "auc": self.ranked.auc(weights),
            "average_precision": self.ranked.average_precision(weights),
            **{name: float(np.average(loss, weights=weights)) for name, loss in self.losses.items()},
            "calibration_error": calibration_error(self.probability, self.churned, self.bins, weights),
            "mean_predicted": float(np.average(self.probability, weights=weights)),
            "observed_rate": float(np.average(self.churned, weights=weights)),
        }
        slope, intercept = self._line(weights)
        metrics |= {"calibration_slope": slope, "calibration_intercept": intercept}
        for top in self.lists:
            metrics |= top.measure(self.churned, weights)
        return metrics

    def _line(self, weights: np.ndarray | None) -> tuple[float, float]:
        """Fit the calibration line on up to 2,000 equal-mass points instead of every row."""
        weight = np.ones(len(self.churned)) if weights is None else weights
        total = np.bincount(self.line_bins.of_row, weight, minlength=self.line_bins.number)
        kept = total > 0
        predicted = np.bincount(self.line_bins.of_row, weight * self.probability, minlength=self.line_bins.number)
        observed = np.bincount(self.line_bins.of_row, weight * self.churned, minlength=self.line_bins.number)
        return calibration_line(predicted[kept] / total[kept], observed[kept] / total[kept], total[kept])


def build_report(
    rows: pd.DataFrame,
    probabilities: Mapping[str, np.ndarray],
    settings: EvaluationSettings,
    capacity: int,
    value: np.ndarray | None = None,
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
    """
    measured = {name: _Measured(rows, p, value, capacity) for name, p in probabilities.items()}
    points = {name: m.measure() for name, m in measured.items()}
    draws: dict[str, list[dict[str, float]]] = {name: [] for name in measured}
    for weights in resample_customers(rows["customer_id"], settings):
        for name, m in measured.items():
            draws[name].append(m.measure(weights))
    tables = {name: pd.DataFrame(values) for name, values in draws.items()}
    first = next(iter(measured))
    metrics = {n: {k: _estimate(v, tables[n][k], settings) for k, v in points[n].items()} for n in measured}
    against = {
        other: {
            k: _estimate(points[first][k] - points[other][k], tables[first][k] - tables[other][k], settings)
            for k in points[first]
        }
        for other in measured
        if other != first
    }
    return Report(metrics, against, len(rows), int(rows["churned"].sum()))


def measure_models(
    rows: pd.DataFrame, probabilities: Mapping[str, np.ndarray], capacity: int
) -> dict[str, dict[str, float]]:
    """Return every metric of every model on the same rows, without intervals."""
    return {name: _Measured(rows, p, None, capacity).measure() for name, p in probabilities.items()}


def resample_customers(customer_ids: pd.Series, settings: EvaluationSettings) -> Iterator[np.ndarray]:
    """Yield row weights, shape (rows,): how often each row's customer was drawn, with replacement."""
    codes, customers = pd.factorize(customer_ids, sort=True)
    generator = np.random.default_rng(settings.seed)
    for _ in range(settings.bootstrap_samples):
        drawn = generator.integers(0, len(customers), len(customers))
        yield np.bincount(drawn, minlength=len(customers)).astype(float)[codes]


def _estimate(value: float, draws: pd.Series, settings: EvaluationSettings) -> Estimate:
    tail = (1 - settings.interval) / 2
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


def _cell(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
