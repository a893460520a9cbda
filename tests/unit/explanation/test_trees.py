from __future__ import annotations

import logging
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier

from churn.explanation import trees
from churn.explanation.trees import ENOUGH_ROWS, explain_trees

ROWS = ENOUGH_ROWS + 1
GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(ROWS, 12)).astype(np.float32)
INPUTS[:, 8:10] = np.round(INPUTS[:, 8:10])  # ties, and zeros among them
INPUTS[:, 10] = GENERATOR.integers(-1, 5, ROWS)  # codes of categories, as the encoder for trees gives them
INPUTS[GENERATOR.random(INPUTS.shape) < 0.1] = np.nan
CHURNED = GENERATOR.random(ROWS) < 1 / (1 + np.exp(2 - np.nan_to_num(INPUTS[:, ::2]).sum(axis=1)))
ENCODED = INPUTS.astype(float)


def _booster(categories: str | list[int] = "auto", **settings: Any) -> Any:
    model = LGBMClassifier(
        n_estimators=40, num_leaves=15, random_state=0, n_jobs=1, verbose=-1, deterministic=True, **settings
    )
    return model.fit(INPUTS, CHURNED, categorical_feature=categories).booster_


def _raw(booster: Any) -> np.ndarray:
    return np.asarray(booster.predict(ENCODED, raw_score=True), dtype=float)


def _expected(booster: Any) -> np.ndarray:
    return np.asarray(booster.predict(ENCODED, pred_contrib=True), dtype=float)


class TestByWoodelf:
    @pytest.mark.parametrize("settings", [{}, {"max_depth": 3}, {"monotone_constraints": [1] * 12}], ids=str)
    def test_contributions_are_lightgbms_own_but_for_rounding(self, settings: dict[str, Any]) -> None:
        booster = _booster(**settings)
        found = trees._by_woodelf(booster, ENCODED, _raw(booster))
        assert found is not None
        assert found[0] == pytest.approx(_expected(booster)[:, :-1], abs=1e-4)
        assert found[1] == pytest.approx(_expected(booster)[0, -1])

    def test_they_add_up_exactly(self) -> None:
        booster = _booster()
        values, base = explain_trees(booster, ENCODED, _raw(booster))
        assert values.sum(axis=1) + base == pytest.approx(_raw(booster), abs=1e-9)

    def test_the_strongest_of_a_row_stay_the_strongest(self) -> None:
        booster = _booster()
        values, _ = explain_trees(booster, ENCODED, _raw(booster))
        expected = _expected(booster)[:, :-1]
        assert (values.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.999


@pytest.mark.parametrize(
    "settings",
    [
        {"zero_as_missing": True},
        {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        {"categories": [10]},
    ],
    ids=["zeros are missing", "random forest", "categorical splits"],
)
def test_trees_that_woodelf_gets_wrong_are_left_to_lightgbm_and_said(
    settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    booster = _booster(**settings)
    with caplog.at_level(logging.INFO):
        values, base = explain_trees(booster, ENCODED, _raw(booster))
    assert np.array_equal(values, _expected(booster)[:, :-1])
    assert base == _expected(booster)[0, -1]
    assert "contributions: by LightGBM" in caplog.text


def test_without_the_extra_lightgbm_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    booster = _booster()
    monkeypatch.setitem(sys.modules, "woodelf", None)
    values, _ = explain_trees(booster, ENCODED, _raw(booster))
    assert np.array_equal(values, _expected(booster)[:, :-1])


def test_scores_that_are_not_the_trees_are_not_made_to_fit(caplog: pytest.LogCaptureFixture) -> None:
    booster = _booster()
    with caplog.at_level(logging.INFO):
        values, _ = explain_trees(booster, ENCODED, _raw(booster) + 0.01)
    assert np.array_equal(values, _expected(booster)[:, :-1])
    assert "Woodelf's are off by up to 0.01" in caplog.text


def test_few_rows_are_lightgbms() -> None:
    booster = _booster()
    few = pd.DataFrame(ENCODED).head(50).to_numpy()
    values, _ = explain_trees(booster, few, _raw(booster)[:50])
    assert np.array_equal(values, _expected(booster)[:50, :-1])
