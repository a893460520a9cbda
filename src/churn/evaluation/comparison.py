"""Several runs on the same customers and dates: a leaderboard, and paired differences to the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from churn.core.errors import ConfigRefused, DataRefused
from churn.core.settings import EvaluationSettings, PolicySettings
from churn.core.suggestions import did_you_mean
from churn.core.tuning import SMALLER_IS_BETTER
from churn.evaluation.predictions import (
    fingerprint_of,
    in_order_of,
    judged_probability,
    measured_rows,
    prices_of,
)
from churn.evaluation.report import Report, build_report, measure_models
from churn.evaluation.resampling import Estimate

SHOWN = ("auc", "average_precision", "lift_at_10pct", "capture_rate_at_capacity", "log_loss", "calibration_error",
         "calibration_slope", "empc")  # fmt: skip
UNRANKED = ("mean_predicted", "observed_rate", "calibration_slope", "calibration_intercept")


@dataclass(frozen=True)
class Comparison:
    """Runs from best to worst by one metric; `report.against` holds the best run's lead over each other run."""

    metric: str
    report: Report
    rows: pd.DataFrame
    probabilities: Mapping[str, np.ndarray]

    @property
    def names(self) -> list[str]:
        """Runs, best first."""
        return list(self.report.metrics)

    def lead(self, name: str) -> Estimate | None:
        """Return by how much the best run leads another (positive is better, whatever the metric); None for itself."""
        if name == self.names[0]:
            return None
        found = self.report.against[name][self.metric]
        return Estimate(-found.value, -found.high, -found.low) if self.metric in SMALLER_IS_BETTER else found

    def is_within_noise(self, name: str) -> bool:
        """Whether the best run's lead over another may be nothing: its interval holds zero."""
        lead = self.lead(name)
        return lead is None or not lead.low > 0

    def describe_rows(self) -> str:
        """Return the test set in words."""
        dates = pd.to_datetime(self.rows["as_of_date"])
        return (
            f"{self.report.rows:,} rows of {self.rows['customer_id'].nunique():,} customers on "
            f"{dates.nunique()} as-of dates, {dates.min():%Y-%m-%d} to {dates.max():%Y-%m-%d}; "
            f"{self.report.positives:,} churned ({self.report.positives / self.report.rows:.1%})"
        )


def compare_runs(
    predictions: Mapping[str, pd.DataFrame], metric: str, evaluation: EvaluationSettings, policy: PolicySettings
) -> Comparison:
    """Return runs ranked by a metric of their judged model, with paired differences on the same resamples.

    Parameters
    ----------
    predictions
        What `to_predictions` gave, by run.

    Raises
    ------
    DataRefused
        When the runs were not tested on the same customers, dates and outcomes.
    ConfigRefused
        When there is no such metric to rank by.
    """
    require_same_rows(predictions)
    first = next(iter(predictions.values()))
    rows, prices = measured_rows(first), prices_of(first)
    judged = {name: judged_probability(in_order_of(p, first)) for name, p in predictions.items()}
    points = measure_models(rows, judged, policy.capacity, prices, policy.money)
    _require_metric(metric, next(iter(points.values())))
    sign = 1 if metric in SMALLER_IS_BETTER else -1
    ranked = {name: judged[name] for name in sorted(judged, key=lambda name: (sign * points[name][metric], name))}
    report = build_report(rows, ranked, evaluation, policy.capacity, prices, policy.money)
    return Comparison(metric, report, rows, ranked)


def require_same_rows(predictions: Mapping[str, pd.DataFrame]) -> None:
    """Refuse to compare runs that were tested on different rows.

    Raises
    ------
    DataRefused
        Naming the test set of each run.
    """
    marks = {name: fingerprint_of(frame) for name, frame in predictions.items()}
    if len(set(marks.values())) > 1:
        sets = "; ".join(f"{name}: {_describe(frame)}" for name, frame in islice(predictions.items(), 5))
        raise DataRefused(
            f"these runs were not tested on the same customers, dates and outcomes ({sets})",
            code="different_test_sets",
            remedy="A difference between them would compare dates, not models. Compare runs of the same source, "
            "windows, label and split, or train again",
        )


def leaderboard(comparison: Comparison) -> pd.DataFrame:
    """Return one row per run, best first: `run`, every shown metric as text, `lead` of the best with its interval."""
    records = []
    for name in comparison.names:
        metrics, lead = comparison.report.metrics[name], comparison.lead(name)
        shown = {metric: f"{metrics[metric].value:.4f}" for metric in dict.fromkeys((comparison.metric, *SHOWN))}
        behind = "best" if lead is None else f"{0 - lead.value:+.4f} [{0 - lead.high:+.4f}, {0 - lead.low:+.4f}]"
        noise = "within noise" if lead is not None and comparison.is_within_noise(name) else ""
        records.append({"run": name, **shown, "difference": behind, "noise": noise})
    return pd.DataFrame(records)


def leaderboard_lines(comparison: Comparison) -> list[str]:
    """Return the leaderboard as lines of text: the metric with its interval and the difference to the best."""
    width = max(len(name) for name in comparison.names) + 2
    head = f"   # {'run':<{width}}{comparison.metric:<27}{'against the best':<28}{'':<14}{'auc':<8}log_loss"
    lines = [f"test: {comparison.describe_rows()}", head]
    for place, record in enumerate(leaderboard(comparison).to_dict("records"), start=1):
        found = comparison.report.metrics[record["run"]][comparison.metric]
        cell = f"{found:.4f}"
        lines.append(
            f"  {place:>2} {record['run']:<{width}}{cell:<27}{record['difference']:<28}{record['noise']:<14}"
            f"{record['auc']:<8}{record['log_loss']}"
        )
    return lines


def _require_metric(metric: str, points: Mapping[str, float]) -> None:
    known = [name for name in points if name not in UNRANKED]
    if metric not in known:
        raise ConfigRefused([f"--metric {metric}: no such metric{did_you_mean(metric, known)} ({', '.join(known)})"])


def _describe(predictions: pd.DataFrame) -> str:
    dates = pd.to_datetime(predictions["as_of_date"])
    return f"{len(predictions):,} rows from {dates.min():%Y-%m-%d} to {dates.max():%Y-%m-%d}"
