"""Pictures of contributions: beeswarm, bar, waterfall, and contributions by cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import matplotlib as mpl

if mpl.get_backend(auto_select=False) is None:  # a notebook has chosen its own; here no window is wanted
    mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import shap
from matplotlib.figure import Figure

from churn.evaluation.figures import BLUE, new_figure
from churn.explanation.causes import CAUSE_TEXTS
from churn.explanation.contributions import Contributions
from churn.explanation.sentences import SHARE, shown
from churn.features.catalog import Catalog

AXIS = "contribution to the risk (log-odds)"
PATH = "score (log-odds), from nobody in particular to this customer"
ABOVE_SCORE, BELOW_START = 28, 22  # points: a waterfall writes the score above its axes, and below where it starts


def plot_contributions(
    contributions: Contributions, features: pd.DataFrame, catalog: Catalog, max_shown: int
) -> Mapping[str, Figure]:
    """Return the shap pictures of a set of rows: `beeswarm`, `bar`, and the `waterfall` of its riskiest row."""
    explanation = shap.Explanation(
        values=contributions.values,
        base_values=np.full(len(contributions.values), contributions.base),
        data=_numbers(features, catalog),
        display_data=_in_words(features, catalog),
        feature_names=[feature.en for feature in catalog.features],
    )
    riskiest = int(contributions.raw_score.argmax())
    options = {"max_display": max_shown, "show": False}
    # Only the beeswarm's jitter is random; a generator of its own keeps the picture the same from run to run.
    return {
        "beeswarm": _drawn(
            lambda: shap.plots.beeswarm(explanation, **options), "What moves the risk, customer by customer"
        ),
        "bar": _drawn(lambda: shap.plots.bar(explanation, **options), "What moves the risk most, on average"),
        "waterfall": _drawn(
            lambda: shap.plots.waterfall(explanation[riskiest], **options), "The riskiest customer's score"
        ),
    }


def _in_words(features: pd.DataFrame, catalog: Catalog) -> np.ndarray:
    """Return what pictures of single customers quote: values as sentences write them."""
    columns = [
        features[f.name].astype(object).map(partial(shown, language="en", is_share=f.unit == SHARE))
        for f in catalog.features
    ]
    return np.column_stack([column.to_numpy() for column in columns])


def plot_causes(by_cause: pd.DataFrame) -> Figure:
    """Return the mean contribution that raises risk, by cause."""
    raised = by_cause.clip(lower=0).mean().sort_values()
    figure = new_figure(7.2, 4.6)
    axes = figure.subplots()
    axes.barh([CAUSE_TEXTS[cause].en for cause in raised.index], raised.to_numpy(), color=BLUE)
    axes.set(title="What raises the risk, by cause", xlabel="mean raising contribution (log-odds)")
    axes.grid(axis="x", alpha=0.25)
    return figure


def _numbers(features: pd.DataFrame, catalog: Catalog) -> np.ndarray:
    columns = []
    for feature in catalog.features:
        values = features[feature.name]
        codes = values.astype("category").cat.codes if feature.kind != "number" else values
        columns.append(codes.to_numpy(dtype=float))
    return np.column_stack(columns)


def _drawn(draw: Callable[[], object], title: str) -> Figure:
    plt.figure()
    state = np.random.get_state()  # noqa: NPY002 - shap draws from the global generator
    np.random.seed(0)  # noqa: NPY002
    try:
        draw()
    finally:
        np.random.set_state(state)  # noqa: NPY002
    figure: Figure = plt.gcf()
    plt.close(figure)  # pyplot would keep it for good; it can be drawn on and saved without
    axes = figure.axes[0]
    if axes.get_xlabel():  # shap's own words are of its trade
        axes.set_xlabel(AXIS)
        axes.set_title(title)
    else:
        axes.set_xlabel(PATH, labelpad=BELOW_START)
        axes.set_title(title, pad=ABOVE_SCORE)
    return figure
