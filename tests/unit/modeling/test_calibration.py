from __future__ import annotations

import logging

import numpy as np
import pytest

from churn.modeling.calibration import LEAST_SLOPE, Calibrator, fit_calibrator, logit, sigmoid

GENERATOR = np.random.default_rng(0)
RAW = GENERATOR.normal(size=4000)
CHURNED = (GENERATOR.random(4000) < sigmoid(0.5 * RAW - 1.5)).astype(int)


def test_sigmoid_and_logit_undo_each_other_and_never_overflow() -> None:
    values = np.array([-8.0, 0.0, 3.0])
    assert logit(sigmoid(values)) == pytest.approx(values)
    assert sigmoid(np.array([-1e9, 1e9])).tolist() == [0.0, 1.0]
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()


def test_none_takes_scores_at_their_word() -> None:
    calibrator = fit_calibrator("none", RAW, CHURNED)
    assert calibrator.predict(RAW) == pytest.approx(sigmoid(RAW))


def test_sigmoid_finds_slope_and_shift() -> None:
    calibrator = fit_calibrator("sigmoid", RAW, CHURNED)
    assert (calibrator.slope, calibrator.intercept) == pytest.approx((0.5, -1.5), abs=0.1)
    assert calibrator.predict(RAW).mean() == pytest.approx(CHURNED.mean(), abs=1e-4)


def test_sigmoid_keeps_the_ranking() -> None:
    calibrated = fit_calibrator("sigmoid", RAW, CHURNED).predict(np.sort(RAW))
    assert (np.diff(calibrated) > 0).all()


def test_isotonic_rises_in_steps_and_stays_between_zero_and_one() -> None:
    calibrator = fit_calibrator("isotonic", RAW, CHURNED)
    calibrated = calibrator.predict(np.linspace(-20, 20, 500))
    assert (np.diff(calibrated) >= 0).all()
    assert 0 <= calibrated.min() <= calibrated.max() <= 1
    assert calibrator.predict(RAW).mean() == pytest.approx(CHURNED.mean(), abs=1e-2)


def test_scores_that_rank_upside_down_never_turn_the_ranking_round(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        calibrator = fit_calibrator("sigmoid", -RAW, CHURNED)
    assert calibrator.slope == LEAST_SLOPE
    assert (np.diff(calibrator.predict(np.sort(RAW))) > 0).all()
    assert calibrator.predict(-RAW).mean() == pytest.approx(CHURNED.mean(), abs=1e-3)
    assert "do not rise with the outcome" in caplog.text


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("churned", [np.zeros(5), np.ones(5), np.empty(0)], ids=["none left", "all left", "no rows"])
def test_without_two_outcomes_scores_are_taken_at_their_word(method: str, churned: np.ndarray) -> None:
    calibrator = fit_calibrator(method, np.linspace(-1, 1, len(churned)), churned)  # type: ignore[arg-type]
    assert calibrator == Calibrator("none")


@pytest.mark.parametrize("method", ["none", "sigmoid", "isotonic"])
def test_comes_back_from_plain_content_unchanged(method: str) -> None:
    import json

    calibrator = fit_calibrator(method, RAW, CHURNED)  # type: ignore[arg-type]
    again = Calibrator.from_dict(json.loads(json.dumps(calibrator.to_dict())))
    assert again == calibrator
    assert (again.predict(RAW) == calibrator.predict(RAW)).all()


def test_separated_outcomes_still_give_probabilities() -> None:
    calibrator = fit_calibrator("sigmoid", np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert np.isfinite(calibrator.predict(np.array([-1.0, 1.0]))).all()
    assert calibrator.slope > 0
