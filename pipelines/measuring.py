"""What a training run measured on its test rows, and how it is logged: metrics, slices, money, pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn.core.settings import ChurnSettings
from churn.evaluation.money import (
    customer_values,
    money_metrics,
    monthly_revenue,
    mrr_feature,
    plot_profit,
    profit_curve,
)
from churn.evaluation.plots import plot_calibration, plot_gain, plot_precision_recall, plot_roc
from churn.evaluation.predictions import fingerprint_of, to_predictions
from churn.evaluation.ranking import rank_within_dates, top_lists
from churn.evaluation.report import Report, build_report, table_lines
from churn.evaluation.slices import describe_slice, measure_slices, slice_labels, worst_calibrated, worst_slice
from churn.features.catalog import Catalog
from churn.integrations.frames import read_attributes
from churn.integrations.layers import Layer
from churn.integrations.tracker import Tracker
from churn.integrations.training_runs import PREDICTIONS, TEST_TAG
from churn.modeling.experiment import Experiment


@dataclass(frozen=True)
class Measurement:
    """The first model's report, its slices, and what its lists are worth (empty without prices)."""

    report: Report
    slices: pd.DataFrame
    money: dict[str, float]
    curve: pd.DataFrame | None

    def metrics(self) -> dict[str, float]:
        """Return every figure by name, for MLflow."""
        worst = worst_slice(self.slices)
        named = {} if worst is None else {"worst_slice_auc": worst["auc"], "worst_slice_auc_high": worst["auc_high"]}
        return {**self.report.flat(), **self.money, **{name: float(value) for name, value in named.items()}}

    def lines(self, currency: str) -> list[str]:
        """Return the main figures as lines of text."""
        lines = table_lines(self.report)
        worst, off = worst_slice(self.slices), worst_calibrated(self.slices)
        if worst is not None and off is not None:
            lines.append(f"slices: {len(self.slices)} measured; worst ranked: {describe_slice(worst)}")
            lines.append(f"slices: furthest from what happened: {describe_slice(off)}")
        if self.money:
            lines.append(
                f"money: contacting {self.money['best_list_size']:,.0f} customers a date is expected to pay; "
                f"at capacity the list would have earned {self.money['profit_at_capacity']:,.0f} {currency} a date "
                f"(expected {self.money['expected_profit_at_capacity']:,.0f})"
            )
        return lines


def measure_experiment(
    experiment: Experiment, catalog: Catalog, dataset: Layer, settings: ChurnSettings
) -> Measurement:
    """Return what the test rows say of an experiment's models."""
    rows, probabilities, policy = experiment.test_rows, experiment.probabilities, settings.policy
    mrr = monthly_revenue(rows, mrr_feature(settings.source))
    report = build_report(rows, probabilities, settings.evaluation, policy.capacity, mrr, policy.money)
    first = probabilities[experiment.names[0]]
    labels = slice_labels(rows, read_attributes(dataset, rows), catalog, settings.evaluation.slices)
    lists = top_lists(rows, rank_within_dates(rows, first, mrr), policy.capacity)
    protected = settings.source.attributes_of("protected")
    slices = measure_slices(rows, labels, first, lists, settings.evaluation, protected)
    if mrr is None or not np.isfinite(mrr).any():
        return Measurement(report, slices, {}, None)
    value = customer_values(mrr, policy.money)
    money = money_metrics(rows, first, value, policy)
    return Measurement(report, slices, money, profit_curve(rows, first, value, policy.money))


def log_measurement(
    measurement: Measurement, experiment: Experiment, tracker: Tracker, settings: ChurnSettings
) -> None:
    """Log metrics, the table of slices and every picture."""
    rows, probabilities, policy = experiment.test_rows, experiment.probabilities, settings.policy
    tracker.metrics(measurement.metrics())
    written = measurement.slices.astype(object).where(measurement.slices.notna(), None)
    tracker.json(written.to_dict("split", index=False), "slices.json")
    mrr = monthly_revenue(rows, mrr_feature(settings.source))
    predictions = to_predictions(rows, probabilities, mrr)
    tracker.frame(predictions, PREDICTIONS)
    tracker.tag(**{TEST_TAG: fingerprint_of(predictions)})
    churned = rows["churned"].to_numpy(dtype=float)
    pictures = {
        "roc": plot_roc(churned, probabilities),
        "precision_recall": plot_precision_recall(churned, probabilities),
        "calibration": plot_calibration(churned, probabilities),
        "gain": plot_gain(rows, probabilities, policy.capacity),
    }
    if measurement.curve is not None:
        pictures["profit"] = plot_profit(measurement.curve, policy.capacity, policy.currency)
    for name, picture in pictures.items():
        tracker.figure(picture, name)
