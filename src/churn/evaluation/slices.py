"""Every metric by plan, tenure, country, size and each protected attribute, with intervals: where the model is weak.

Protected attributes stand beside the matrix and are only counted in groups of a least size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from churn.core.settings import EvaluationSettings, SliceSettings
from churn.evaluation.metrics import Measured
from churn.evaluation.ranking import TopList, share_of
from churn.evaluation.resampling import estimate, freed_of_noise, resampled
from churn.features.catalog import Catalog, plain_name

NO_VALUE = "(none)"
KEY = ["attribute", "value", "is_protected", "rows", "customers", "positives"]


def slice_labels(
    rows: pd.DataFrame, beside: pd.DataFrame, catalog: Catalog, settings: SliceSettings
) -> dict[str, np.ndarray]:
    """Return for each attribute the slice every row belongs to, as text, shape (rows,) each.

    Parameters
    ----------
    rows
        Test rows with the catalogue's columns: categories as they are, numbers in bins of about equal size.
    beside
        Attributes that are no features, one row per row of `rows`.
    """
    labels = {name: _as_text(beside[name]) for name in beside.columns}
    for feature in catalog.features:
        name = plain_name(feature.name)
        if feature.kind == "category":
            labels[name] = _as_text(rows[feature.name])
        elif feature.name in settings.numbers or feature.family == "profile":
            labels[name] = _in_bins(rows[feature.name].to_numpy(dtype=float), settings.bins)
    return labels


def measure_slices(
    rows: pd.DataFrame,
    labels: dict[str, np.ndarray],
    probability: np.ndarray,
    lists: Sequence[TopList],
    settings: EvaluationSettings,
    protected: Sequence[str] = (),
) -> pd.DataFrame:
    """Return one row per attribute and value that is large enough: every metric with `_low` and `_high`.

    Beside the metrics of a whole model: `listed_share` (how much of the slice is on the team's list) and
    `predicted_to_observed` (mean prediction by observed rate; 1 is right). Precision and capture are those of the one
    list of all customers, seen in this slice: `capture_rate_at_capacity` is the share of its leavers that were listed.
    """
    churned = rows["churned"].to_numpy(dtype=float)
    customers = pd.Series(pd.factorize(rows["customer_id"], sort=True)[0])
    draws = settings.model_copy(update={"bootstrap_samples": settings.slices.bootstrap_samples})
    records = []
    for attribute, value, mask in _large_enough(labels, churned, settings.slices):
        measured = MeasuredSlice(churned[mask], probability[mask], [TopList(t.name, t.chosen[mask]) for t in lists])
        drawn = freed_of_noise(resampled({value: measured}, customers[mask], draws)[value])
        leavers = customers[mask & (churned == 1)].nunique()
        counts = int(mask.sum()), customers[mask].nunique(), int(churned[mask].sum())
        record = dict(zip(KEY, (attribute, value, attribute in protected, *counts), strict=True))
        for name, point in measured.measure().items():
            found = estimate(point, drawn[name], draws, leavers)
            record |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        records.append(record)
    return pd.DataFrame(records, columns=None if records else KEY)


class MeasuredSlice(Measured):
    """One model on the rows of a slice, with the two figures that only a part of the rows has."""

    def resample(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return every metric under each column of row weights, (rows, draws); shape (draws,) each."""
        metrics = super().resample(weights)
        metrics["predicted_to_observed"] = share_of(metrics["mean_predicted"], metrics["observed_rate"])
        for top in self.lists:
            if top.name == "capacity":
                metrics["listed_share"] = weights[top.chosen].sum(axis=0) / weights.sum(axis=0)
        return metrics


def worst_slice(slices: pd.DataFrame) -> pd.Series | None:
    """Return the slice the model ranks worst beyond its noise: the lowest upper end of AUC; None without slices."""
    return None if slices.empty else slices.iloc[int(slices["auc_high"].argmin())]


def worst_calibrated(slices: pd.DataFrame) -> pd.Series | None:
    """Return the slice whose mean prediction is furthest from what happened, beyond its noise; None without slices."""
    return None if slices.empty else slices.iloc[int(calibration_gap(slices).argmax())]


def calibration_gap(slices: pd.DataFrame) -> pd.Series:
    """Return by which factor the mean prediction is off at least, either way; 1 where the interval holds the truth."""
    low, high = slices["predicted_to_observed_low"], slices["predicted_to_observed_high"]
    return pd.concat([low, 1 / high], axis=1).max(axis=1).clip(lower=1.0)


def describe_slice(found: pd.Series) -> str:
    """Return a slice in words: attribute, value, AUC, and predicted against observed rate."""
    return (
        f"{found['attribute']} = {found['value']} ({found['rows']:,} rows): AUC {found['auc']:.3f} "
        f"[{found['auc_low']:.3f}, {found['auc_high']:.3f}], predicted {found['mean_predicted']:.1%}, "
        f"observed {found['observed_rate']:.1%}"
    )


def _large_enough(
    labels: dict[str, np.ndarray], churned: np.ndarray, settings: SliceSettings
) -> Iterator[tuple[str, str, np.ndarray]]:
    for attribute, of_row in labels.items():
        values, counts = np.unique(of_row, return_counts=True)
        frequent = np.sort(values[np.argsort(-counts, kind="stable")[: settings.max_values]])
        for value in frequent if len(values) > 1 else []:
            mask = of_row == value
            positives = int(churned[mask].sum())
            if mask.sum() >= settings.min_rows and settings.min_positives <= positives < mask.sum():
                yield attribute, str(value), mask


def _as_text(values: pd.Series) -> np.ndarray:
    return values.astype("object").where(values.notna(), NO_VALUE).astype(str).to_numpy(dtype=str)


def _in_bins(numbers: np.ndarray, bins: int) -> np.ndarray:
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return np.full(len(numbers), NO_VALUE)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1), method="nearest"))
    of_row = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, max(len(edges) - 2, 0))
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)] or [f"{edges[0]:g}"]
    return np.where(np.isfinite(numbers), np.array(names)[of_row], NO_VALUE)
