"""Pictures of the feature report: what families carry and cost, what features tell alone, what moves and is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn.evaluation.feature_report import DATE
from churn.evaluation.figures import BLUE, GREY, RED, in_percent, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIRECTIONS = {
    "raises": (RED, "more of it goes with leaving"),
    "lowers": (BLUE, "more of it goes with staying"),
    "": (GREY, "category"),
}
LINE = 0.26  # inches per bar
PANELS = 6


def plot_families(families: pd.DataFrame) -> Figure:
    """Return importance, best AUC alone and seconds of every family, side by side."""
    ordered = families.sort_values(["importance", "best_auc_alone"], na_position="first")
    figure = new_figure(11, 1.4 + 1.4 * LINE * len(ordered))
    panels = figure.subplots(1, 3, sharey=True)
    columns = (
        ("importance", "share of the model's contributions"),
        ("best_auc_alone", "AUC of its best feature alone"),
    )
    for axes, (column, label) in zip(panels, (*columns, ("seconds", "seconds for one date")), strict=True):
        values = ordered[column].fillna(0)
        axes.barh(ordered["family"], values, color=BLUE)
        axes.set(xlabel=label if ordered[column].notna().any() else f"{label}: not measured")
        axes.grid(axis="x", alpha=0.25)
    in_percent(panels[0], "x")
    panels[1].set_xlim(0.5, max(0.55, float(ordered["best_auc_alone"].max()) * 1.02))
    figure.suptitle("Families of features: what they carry, tell and cost")
    return figure


def plot_alone(features: pd.DataFrame, max_shown: int) -> Figure:
    """Return the features that rank best alone, on the training dates, coloured by direction."""
    best = features.nlargest(max_shown, "auc_alone").iloc[::-1]
    figure = new_figure(8.4, 1.4 + LINE * len(best))
    axes = figure.subplots()
    colours = [DIRECTIONS[direction][0] for direction in best["direction"]]
    axes.barh(best["feature"], best["auc_alone"] - 0.5, left=0.5, color=colours)
    axes.set(title="What a feature tells alone (training dates)", xlabel="AUC alone")
    axes.grid(axis="x", alpha=0.25)
    shown = [_patch(*DIRECTIONS[d]) for d in DIRECTIONS if d in set(best["direction"])]
    figure.legend(handles=shown, loc="outside lower right", ncols=len(shown))
    return figure


def plot_missing(features: pd.DataFrame, by_date: pd.DataFrame) -> Figure:
    """Return the mean share of missing values by family and as-of date."""
    shares = by_date.merge(features[["feature", "family"]], on="feature")
    table = shares.pivot_table(index="family", columns=DATE, values="missing_share", sort=False)
    figure = new_figure(2.4 + max(0.42 * table.shape[1], 4), 1.8 + 1.4 * LINE * len(table))
    axes = figure.subplots()
    axes.imshow(table, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(table.shape[1]), table.columns, rotation=90)
    axes.set_yticks(range(len(table)), table.index)
    for (row, column), value in np.ndenumerate(table.to_numpy(dtype=float)):
        colour = "white" if value > 0.6 else "black"
        axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=7, color=colour)
    axes.set(title="Missing values by family and date, percent")
    return figure


def plot_distributions(features: pd.DataFrame, by_date: pd.DataFrame) -> Figure:
    """Return quantiles from date to date: of each family the feature that moved most, as many as there are panels."""
    numbers = features[features["feature"].isin(by_date.loc[by_date["median"].notna(), "feature"])]
    chosen = numbers.sort_values("drift", ascending=False).drop_duplicates("family").head(PANELS)
    figure = new_figure(11, 6.2)
    panels = figure.subplots(2, 3).ravel()
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    for axes, line in zip(panels, chosen.itertuples(), strict=False):
        _draw_quantiles(axes, by_date[by_date["feature"] == line.feature].sort_values(DATE), line)
    figure.suptitle("Distribution by as-of date: median, middle half, middle nine tenths; dots where it has moved")
    return figure


def _draw_quantiles(axes: Any, rows: pd.DataFrame, line: Any) -> None:
    x = np.arange(len(rows))
    axes.fill_between(x, rows["low"], rows["high"], color=BLUE, alpha=0.15, lw=0)
    axes.fill_between(x, rows["lower"], rows["upper"], color=BLUE, alpha=0.35, lw=0)
    axes.plot(x, rows["median"], color=BLUE)
    is_moved = rows["is_drifting"].to_numpy(dtype=bool)
    axes.plot(x[is_moved], rows["median"].to_numpy()[is_moved], "o", ms=4, color=RED)
    axes.set_title(f"{line.feature} (drift {line.drift:.2f})", fontsize=8)
    shown = x[:: -(-len(x) // 4)]
    axes.set_xticks(shown, rows[DATE].to_numpy()[shown], fontsize=7)
    axes.set_ylabel(line.unit, fontsize=7)
    axes.tick_params(axis="y", labelsize=7)
    axes.grid(alpha=0.25)


def _patch(colour: str, name: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour, label=name)
