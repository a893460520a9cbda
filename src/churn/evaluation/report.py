"""All metrics of all models on the test rows, each with an interval, and paired differences between models.

Every model is measured on the same resamples, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn.core.settings import EvaluationSettings, MoneySettings
from churn.evaluation.metrics import Measured
from churn.evaluation.ranking import rank_within_dates, top_lists
from churn.evaluation.resampling import Estimate, count_leavers, estimate, freed_of_noise, resampled


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
    drawn = resampled(measured, rows["customer_id"], settings)
    points = {name: m.measure() for name, m in measured.items()}
    tables = {name: freed_of_noise(draws) for name, draws in drawn.items()}
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


def few_leavers(report: Report, settings: EvaluationSettings) -> list[str]:
    """Return a warning where few leavers on the test dates carry all figures, else nothing."""
    if report.positives >= settings.few_positives:
        return []
    return [
        f"only {report.positives} churned on the test dates: believe the intervals, not the figures"
        " (experiment=small_data is made for that)"
    ]


def table_lines(report: Report) -> list[str]:
    """Return the report's main figures as lines of text: one row per metric, one column per model."""
    shown = ("auc", "average_precision", "lift_at_10pct", "capture_rate_at_capacity", "log_loss", "calibration_error",
             "calibration_slope")  # fmt: skip
    lines = [f"test: {report.rows:,} rows, {report.positives:,} churned; metric and its interval"]
    columns = [[model, *(f"{metrics[name]:.3f}" for name in shown)] for model, metrics in report.metrics.items()]
    widths = [max(map(len, column)) for column in columns]
    for name, *cells in zip(("", *shown), *columns, strict=True):
        lines.append(f"  {name:<25}" + "  ".join(f"{c:<{w}}" for c, w in zip(cells, widths, strict=True)))
    return [line.rstrip() for line in lines]
