from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score

from churn.evaluation.plots import plot_calibration, plot_gain, plot_precision_recall, plot_roc

GENERATOR = np.random.default_rng(0)
CHURNED = (GENERATOR.random(200) < 0.3).astype(float)
PROBABILITIES = {"lightgbm": GENERATOR.random(200), "recency": np.full(200, 0.3)}


def _line(figure: Figure, label: str) -> tuple[np.ndarray, np.ndarray]:
    line = next(line for line in figure.axes[0].get_lines() if str(line.get_label()).split(":")[0] == label)
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


@pytest.mark.parametrize("plot", [plot_roc, plot_precision_recall, plot_calibration])
def test_every_model_is_a_named_line_and_axes_are_titled(plot: object) -> None:
    figure = plot(CHURNED, PROBABILITIES)  # type: ignore[operator]
    axes = figure.axes[0]
    assert set(PROBABILITIES) <= {str(line.get_label()).split(":")[0] for line in axes.get_lines()}
    assert axes.get_title() and axes.get_xlabel() and axes.get_ylabel()


def test_precision_of_customers_who_all_score_the_same_is_the_base_rate() -> None:
    recall, precision = _line(plot_precision_recall(CHURNED, PROBABILITIES), "recency")
    assert recall.tolist() == [1.0, 0.0]
    assert precision == pytest.approx(CHURNED.mean())


def test_the_area_below_the_steps_is_the_average_precision() -> None:
    tied = np.round(GENERATOR.random(200), 1)
    recall, precision = _line(plot_precision_recall(CHURNED, {"m": tied}), "m")
    area = float(-np.diff(recall) @ precision[:-1])
    assert area == pytest.approx(average_precision_score(CHURNED, tied))


def test_gain_ends_with_everybody_caught_and_shows_the_capacity() -> None:
    rows = pd.DataFrame(
        {"customer_id": [f"c{n}" for n in range(200)], "as_of_date": pd.Timestamp("2024-01-01"), "churned": CHURNED}
    )
    figure = plot_gain(rows, PROBABILITIES, capacity=20)
    depth, caught = _line(figure, "lightgbm")
    assert (depth[-1], caught[-1]) == (1.0, 1.0)
    assert (np.diff(caught) >= 0).all()
    assert _line(figure, "the team's capacity")[0][0] == pytest.approx(0.1)


def test_perfect_probabilities_lie_on_the_diagonal() -> None:
    probability = np.repeat([0.2, 0.6], 50)
    churned = np.concatenate([[1] * 10 + [0] * 40, [1] * 30 + [0] * 20]).astype(float)
    said, happened = _line(plot_calibration(churned, {"m": probability}), "m")
    assert happened == pytest.approx(said)


def test_a_model_is_named_with_the_figure_that_its_curve_shows() -> None:
    probability = np.where(CHURNED > 0, 0.9, 0.1)
    names = {plot: str(plot(CHURNED, {"m": probability}).axes[0].get_lines()[0].get_label())
             for plot in (plot_roc, plot_precision_recall)}  # fmt: skip
    assert names == {plot_roc: "m: AUC 1.000", plot_precision_recall: "m: average precision 1.000"}


def test_calibration_shows_what_chance_does_to_the_first_model() -> None:
    probability = np.repeat([0.2, 0.6], 50)
    churned = np.concatenate([np.zeros(50), [1] * 30 + [0] * 20]).astype(float)
    axes = plot_calibration(churned, {"m": probability, "other": np.full(100, 0.3)}).axes[0]
    (bars,) = axes.collections
    none_left, some_left = ([point[1] for point in bar] for bar in bars.get_segments())
    assert none_left[0] == 0 and none_left[1] < 0.1
    assert some_left == pytest.approx([0.46, 0.73], abs=0.01)  # 30 of 50
    assert axes.get_ylabel().endswith("95% of m)")
