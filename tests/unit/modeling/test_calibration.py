from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

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


class TestCentred:
    bent = (np.random.default_rng(1).random(4000) < 0.05 + 0.4 * (RAW > 0.3)).astype(int)  # a shape no sigmoid has

    def test_follows_a_shape_that_no_sigmoid_has(self) -> None:
        def error(method: str) -> float:
            found = fit_calibrator(method, RAW, self.bent).predict(RAW)  # type: ignore[arg-type]
            return float(np.abs(found - (0.05 + 0.4 * (RAW > 0.3))).mean())

        assert error("centred") < 0.02 < error("sigmoid")

    def test_rises_everywhere_so_no_two_scores_become_one(self) -> None:
        found = fit_calibrator("centred", RAW, self.bent).predict(np.linspace(-6, 6, 2000))
        assert (np.diff(found) > 0).all()
        assert 0 < found.min() < found.max() < 1

    def test_where_isotonic_ties_it_ranks_as_the_score_does(self) -> None:
        ties, apart = (fit_calibrator(m, RAW, self.bent).predict(RAW) for m in ("isotonic", "centred"))  # type: ignore[arg-type]
        assert len(np.unique(ties)) < len(np.unique(RAW)) == len(np.unique(apart))

    def test_gives_the_mean_that_was_seen(self) -> None:
        assert fit_calibrator("centred", RAW, self.bent).predict(RAW).mean() == pytest.approx(
            self.bent.mean(), abs=4e-3
        )


def test_scores_that_rank_upside_down_never_turn_the_ranking_round() -> None:
    calibrator = fit_calibrator("sigmoid", -RAW, CHURNED)
    assert calibrator.slope == LEAST_SLOPE
    assert (np.diff(calibrator.predict(np.sort(RAW))) > 0).all()
    assert calibrator.predict(-RAW).mean() == pytest.approx(CHURNED.mean(), abs=1e-3)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "centred"])
@pytest.mark.parametrize("churned", [np.zeros(5), np.ones(5), np.empty(0)], ids=["none left", "all left", "no rows"])
def test_without_two_outcomes_scores_are_taken_at_their_word(method: str, churned: np.ndarray) -> None:
    calibrator = fit_calibrator(method, np.linspace(-1, 1, len(churned)), churned)  # type: ignore[arg-type]
    assert calibrator == Calibrator("none")


@pytest.mark.parametrize("method", ["none", "sigmoid", "isotonic", "centred"])
def test_comes_back_from_plain_content_unchanged(method: str) -> None:
    import json

    calibrator = fit_calibrator(method, RAW, CHURNED)  # type: ignore[arg-type]
    again = Calibrator.from_dict(json.loads(json.dumps(calibrator.to_dict())))
    assert again == calibrator
    assert (again.predict(RAW) == calibrator.predict(RAW)).all()


def test_a_slope_from_few_leavers_is_drawn_towards_one() -> None:
    few, rate = fit_calibrator("sigmoid", RAW[:60], CHURNED[:60]), CHURNED[:60].mean()
    free = LogisticRegression(C=np.inf).fit(RAW[:60].reshape(-1, 1), CHURNED[:60]).coef_[0, 0]
    assert abs(few.slope - 1) < 0.5 * abs(free - 1)
    assert few.predict(RAW[:60]).mean() == pytest.approx(rate, abs=1e-6)


def test_separated_outcomes_still_give_probabilities() -> None:
    calibrator = fit_calibrator("sigmoid", np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert np.isfinite(calibrator.predict(np.array([-1.0, 1.0]))).all()
    assert calibrator.slope > 0


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "centred"])
def test_a_weight_counts_as_so_many_rows(method: str) -> None:
    generator = np.random.default_rng(3)
    weight = generator.integers(1, 5, len(RAW))
    weighted = fit_calibrator(method, RAW, CHURNED, weight.astype(float))  # type: ignore[arg-type]
    repeated = fit_calibrator(method, np.repeat(RAW, weight), np.repeat(CHURNED, weight))  # type: ignore[arg-type]
    tolerance = 1e-9 if method == "isotonic" else 0.01  # few leavers are trusted by their number
    assert weighted.predict(RAW) == pytest.approx(repeated.predict(RAW), abs=tolerance)
    assert np.average(weighted.predict(RAW), weights=weight) == pytest.approx(
        np.average(CHURNED, weights=weight), abs=0.005
    )


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "centred"])
def test_moved_to_other_scores_it_keeps_its_shape_and_gives_their_rate(method: str) -> None:
    generator = np.random.default_rng(0)
    raw = generator.normal(-2, 1, 4000)
    churned = (generator.random(4000) < sigmoid(raw)).astype(int)
    fitted = fit_calibrator(method, raw, churned)  # type: ignore[arg-type]
    moved = fitted.moved_to(raw + 0.7, churned)
    assert moved.shift == pytest.approx(-0.7, abs=0.02)
    assert moved.predict(raw + 0.7).mean() == pytest.approx(churned.mean(), abs=1e-3)


def test_scores_taken_at_their_word_are_not_moved() -> None:
    untouched = fit_calibrator("none", np.array([-1.0, 1.0]), np.array([0, 1]))
    assert untouched.moved_to(np.array([3.0, 4.0]), np.array([0, 1])) == untouched
