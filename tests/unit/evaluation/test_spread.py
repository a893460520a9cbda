from __future__ import annotations

import numpy as np
import pytest

from churn.evaluation.plots import plot_folds
from churn.evaluation.spread import SHOWN, Spread

FOLDS = {
    "fold-a": {"model": dict.fromkeys(SHOWN, 0.6), "rule": {**dict.fromkeys(SHOWN, 0.5), "log_loss": np.nan}},
    "fold-b": {"model": dict.fromkeys(SHOWN, 0.8), "rule": dict.fromkeys(SHOWN, 0.5)},
}


def test_the_parent_gets_mean_spread_and_extremes_of_every_metric() -> None:
    flat = Spread.of(FOLDS).flat()
    assert flat["auc"] == pytest.approx(0.7)
    assert flat["auc_std"] == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert (flat["auc_min"], flat["auc_max"]) == (0.6, 0.8)
    assert (flat["rule_auc"], flat["rule_auc_std"]) == (0.5, 0.0)


def test_what_is_no_number_is_left_out_for_others_but_never_for_the_model() -> None:
    flat = Spread.of(FOLDS).flat()
    assert "rule_log_loss" not in flat
    turned = {fold: {"rule": models["rule"]} for fold, models in FOLDS.items()}
    assert np.isnan(Spread.of(turned).flat()["log_loss"])


def test_one_fold_alone_shows_no_spread() -> None:
    spread = Spread.of({"fold-a": FOLDS["fold-a"]})
    assert spread.points()["auc"] == pytest.approx(0.6)
    assert spread.flat()["auc_std"] == 0


def test_lines_name_every_model_with_mean_and_spread() -> None:
    lines = Spread.of(FOLDS).lines()
    assert lines[1].split() == ["model", "rule"]
    assert "0.7000 +- 0.1414" in lines[2]


def test_the_picture_has_a_line_per_model_and_a_tick_per_fold() -> None:
    figure = plot_folds({"model": np.array([0.6, 0.8]), "rule": np.array([0.5, 0.5])}, ["fold-a", "fold-b"], "auc")
    assert [line.get_label() for line in figure.axes[0].lines] == ["model", "rule"]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["a", "b"]
