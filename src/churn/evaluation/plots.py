"""Pictures of a report: ROC, precision and recall, calibration, gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from churn.evaluation.figures import COLOURS, ORANGE, new_figure
from churn.evaluation.ranking import rank_within_dates
from churn.evaluation.reliability import reliability_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# How models are drawn: the first one broad, so that it shows beneath another that has the same curve.
LINES = tuple({"color": colour, "lw": 1.5 if number else 3.0} for number, colour in enumerate(COLOURS))
POINTS = 2000


def _figure(title: str, x: str, y: str) -> tuple[Figure, Any]:
    figure = new_figure(6.4, 5.2)
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.25)
    return figure, axes


def _thin(*curves: np.ndarray) -> list[np.ndarray]:
    keep = np.unique(np.linspace(0, len(curves[0]) - 1, POINTS).astype(int))
    return [curve[keep] for curve in curves]


def plot_roc(churned: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> Figure:
    """Return the ROC curves of the models."""
    figure, axes = _figure(
        "ROC: leavers caught against stayers disturbed", "share of stayers listed", "share of leavers listed"
    )
    for line, (name, probability) in zip(LINES, probabilities.items(), strict=False):
        false, true, _ = roc_curve(churned, probability)
        axes.plot(*_thin(false, true), label=name, **line)
    axes.plot([0, 1], [0, 1], color="black", lw=0.8, ls=":", label="chance")
    axes.legend()
    return figure


def plot_precision_recall(churned: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> Figure:
    """Return the precision-recall curves of the models, as steps: the area below one is its average precision.

    Customers of equal score are listed together, so between two lists there is nothing to draw a slope through; the
    precision of the shortest list there is reaches back to a recall of zero.
    """
    figure, axes = _figure(
        "Precision and recall", "recall: share of leavers listed", "precision: share of the list that leaves"
    )
    for line, (name, probability) in zip(LINES, probabilities.items(), strict=False):
        precision, recall, _ = precision_recall_curve(churned, probability)
        precision[-1] = precision[-2]  # the last point is a convention, "precision 1 of nobody", and no list
        axes.plot(*_thin(recall, precision), label=name, **line, drawstyle="steps-post")
    axes.axhline(churned.mean(), color="black", lw=0.8, ls=":", label="base rate")
    axes.legend()
    return figure


def plot_calibration(churned: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> Figure:
    """Return predicted against observed rate in equal-mass bins."""
    figure, axes = _figure(
        "Calibration: what was said against what happened", "predicted probability", "observed share of leavers"
    )
    top = 0.0
    for line, (name, probability) in zip(LINES, probabilities.items(), strict=False):
        table = pd.DataFrame(reliability_table(probability, churned))
        top = max(top, table["predicted"].max(), table["observed"].max())
        axes.plot(table["predicted"], table["observed"], "o-", ms=4, label=name, **line)
    axes.plot([0, top], [0, top], color="black", lw=0.8, ls=":", label="perfect")
    axes.legend()
    return figure


def plot_gain(rows: pd.DataFrame, probabilities: Mapping[str, np.ndarray], capacity: int) -> Figure:
    """Return the share of leavers caught by lists of growing length, ranked within each as-of date."""
    figure, axes = _figure(
        "Gain: leavers caught by the length of the list", "share of customers listed", "share of leavers caught"
    )
    churned = rows["churned"].to_numpy(dtype=float)
    sizes = rows.groupby("as_of_date")["customer_id"].transform("size").to_numpy()
    for line, (name, probability) in zip(LINES, probabilities.items(), strict=False):
        depth = rank_within_dates(rows, probability) / sizes
        order = np.argsort(depth, kind="stable")
        caught = np.cumsum(churned[order]) / churned.sum()
        axes.plot(*_thin(depth[order], caught), label=name, **line)
    axes.plot([0, 1], [0, 1], color="black", lw=0.8, ls=":", label="chance")
    axes.axvline(min(capacity / sizes.mean(), 1), color=ORANGE, lw=1, label="the team's capacity")
    axes.legend()
    return figure


def plot_folds(folds: Mapping[str, np.ndarray], names: Sequence[str], metric: str) -> Figure:
    """Return one metric from fold to fold, one line per model."""
    figure, axes = _figure(f"Backtest: {metric} from fold to fold", "", metric)
    for colour, (model, values) in zip(COLOURS, folds.items(), strict=False):
        axes.plot(range(len(names)), values, "o-", color=colour, label=model)
    axes.set_xticks(range(len(names)), [name.removeprefix("fold-") for name in names])
    axes.legend()
    return figure
