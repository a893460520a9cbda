"""What a search has found: defaults against the best values, and pictures of its course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from churn.evaluation.figures import BLUE, RED, in_percent, new_figure
from churn.evaluation.metrics import in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def compare_folds(default: Sequence[float], tuned: Sequence[float], is_falling: bool) -> str:
    """Return the paired comparison of one metric over the same folds, in words.

    Examples
    --------
    >>> compare_folds([0.30, 0.20], [0.28, 0.21], is_falling=True)
    'default 0.2500, tuned 0.2450 (-0.0050 +- 0.0150 over 2 folds, better on 1)'
    """
    first, second = np.asarray(default, dtype=float), np.asarray(tuned, dtype=float)
    gain = second - first
    better = int((gain < 0).sum() if is_falling else (gain > 0).sum())
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0
    return (
        f"default {first.mean():.4f}, tuned {second.mean():.4f} ({gain.mean():+.4f} +- {error:.4f} over {len(gain)} "
        f"folds, better on {better})"
    )


def as_overrides(values: Mapping[str, Any]) -> str:
    """Return estimator parameters as words for the command line.

    Examples
    --------
    >>> as_overrides({"num_leaves": 7, "leaving__max_depth": 2, "C": 0.1234567})
    'model.estimator.num_leaves=7 model.estimator.leaving.max_depth=2 model.estimator.C=0.12346'
    """
    return " ".join(f"model.estimator.{name.replace('__', '.')}={_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else "null" if value is None else str(value)


def plot_history(values: Mapping[int, float], default: float, metric: str, is_falling: bool) -> Figure:
    """Return the metric of every complete trial, the best so far, and the default."""
    figure = new_figure(7.2, 4.6)
    axes = figure.subplots()
    numbers, found = list(values), np.array(list(values.values()))
    best = np.minimum.accumulate(found) if is_falling else np.maximum.accumulate(found)
    axes.plot(numbers, found, "o", color=BLUE, ms=4, label="trials")
    axes.step(numbers, best, where="post", color=RED, label="best so far")
    axes.axhline(default, color="black", lw=0.8, ls=":", label="default")
    words = in_words(metric)
    axes.set(title=f"Search: {words}, mean over the folds of the backtest", xlabel="trial", ylabel=words)
    axes.locator_params(axis="x", integer=True)
    axes.legend()
    return figure


def plot_importance(importance: Mapping[str, float], metric: str) -> Figure:
    """Return how much of the metric's variance each parameter explains."""
    figure = new_figure(7.2, 0.5 * len(importance) + 1.6)
    axes = figure.subplots()
    ordered = sorted(importance.items(), key=lambda item: item[1])
    axes.barh([name for name, _ in ordered], [share for _, share in ordered], color=BLUE)
    axes.set(title=f"Which parameters move the {in_words(metric)}", xlabel="share of its variance")
    in_percent(axes, "x")
    return figure
