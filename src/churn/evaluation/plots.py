"""Pictures of a report: ROC, precision and recall, calibration, gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import beta
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from churn.evaluation.figures import CAPACITY, COLOURS, INTERVAL, in_percent, new_figure
from churn.evaluation.metrics import in_words
from churn.evaluation.ranking import rank_within_dates
from churn.evaluation.reliability import reliability_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# How models are drawn: the first one broad, so that it shows beneath another that has the same curve.
LINES: Sequence[Mapping[str, Any]] = tuple(
    {"color": colour, "lw": 1.5 if number else 3.0} for number, colour in enumerate(COLOURS)
)
POINTS = 2000


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = new_figure(6.4, 5.2)
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.25)
    return figure, axes


def _thin(*curves: np.ndarray) -> list[np.ndarray]:
    keep = np.unique(np.linspace(0, len(curves[0]) - 1, POINTS).astype(int))
    return [curve[keep] for curve in curves]


def plot_roc(churned: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> Figure:
    """Return the ROC curves of the models, each named with its AUC."""
    figure, axes = _figure(
        "ROC: leavers caught against stayers disturbed", "share of stayers listed", "share of leavers listed"
    )
    for line, (name, probability) in zip(LINES, probabilities.items(), strict=False):
        false, true, _ = roc_curve(churned, probability)
        axes.plot(*_thin(false, true), label=f"{name}: AUC {roc_auc_score(churned, probability):.3f}", **line)
    axes.plot([0, 1], [0, 1], color="black", lw=0.8, ls=":", label="chance: AUC 0.500")
    axes.legend(loc="lower right")
    in_percent(axes, "xy")
    return figure


def plot_precision_recall(churned: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> Figure:
    """Return the precision-recall curves of the models, each named with its average precision, the area below it.

    They are steps: customers of equal score are listed together, so between two lists there is nothing to draw a slope
    through; the precision of the shortest list there is reaches back to a recall of zero.
    """
    figure, axes = _figure(
        "Precision and recall", "recall: share of leavers listed", "precision: share of the list that leaves"
    )
    for line, (name, probability) in zip(LINES, probabilities.items(), strict=False):
        precision, recall, _ = precision_recall_curve(churned, probability)
        precision[-1] = precision[-2]  # the last point is a convention, "precision 1 of nobody", and no list
        label = f"{name}: average precision {average_precision_score(churned, probability):.3f}"
        axes.plot(*_thin(recall, precision), label=label, **line, drawstyle="steps-post")
    rate = churned.mean()
    axes.axhline(rate, color="black", lw=0.8, ls=":", label=f"chance: average precision {rate:.3f}")
    axes.legend(loc="upper right")
    in_percent(axes, "xy")
    return figure


def plot_calibration(churned: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> Figure:
    """Return predicted against observed rate in equal-mass bins, with what chance does to those of the first model.

    References
    ----------
    Brown, Cai, DasGupta 2001, Interval estimation for a binomial proportion (Jeffreys' interval).
    """
    first = next(iter(probabilities))
    figure, axes = _figure(
        "Calibration: what was said against what happened",
        "predicted probability",
        f"observed share of leavers (bars: {INTERVAL:.0%} of {first})",
    )
    top = 0.0
    for line, (name, probability) in zip(LINES, probabilities.items(), strict=False):
        table = pd.DataFrame(reliability_table(probability, churned))
        top = max(top, table["predicted"].max(), table["observed"].max())
        axes.plot(table["predicted"], table["observed"], "o-", ms=4, label=name, **line)
        if name == first:
            low, high = _by_chance(table["observed"] * table["rows"], table["rows"])
            axes.vlines(table["predicted"], low, high, color=line["color"], lw=1, alpha=0.6)
    axes.plot([0, top], [0, top], color="black", lw=0.8, ls=":", label="perfect")
    axes.legend(loc="upper left")
    in_percent(axes, "xy")
    return figure


def _by_chance(leavers: pd.Series, rows: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of a share of so many rows; it reaches to the end where nobody or everybody left."""
    tail = (1 - INTERVAL) / 2
    low, high = (beta.ppf(q, leavers + 0.5, rows - leavers + 0.5) for q in (tail, 1 - tail))
    return np.where(leavers > 0, low, 0.0), np.where(leavers < rows, high, 1.0)


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
    axes.axvline(min(capacity / sizes.mean(), 1), **{**CAPACITY, "label": f"{CAPACITY['label']}: {capacity:,} a date"})
    axes.legend(loc="lower right")
    in_percent(axes, "xy")
    return figure


def plot_folds(folds: Mapping[str, np.ndarray], names: Sequence[str], metric: str) -> Figure:
    """Return one metric from fold to fold, one line per model."""
    words = in_words(metric)
    figure, axes = _figure(f"Backtest: {words} from fold to fold", "fold", words)
    for colour, (model, values) in zip(COLOURS, folds.items(), strict=False):
        axes.plot(range(len(names)), values, "o-", color=colour, label=model)
    axes.set_xticks(range(len(names)), [name.removeprefix("fold-") for name in names])
    axes.legend()
    return figure
