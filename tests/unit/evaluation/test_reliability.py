from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from churn.evaluation.reliability import (
    calibration_line,
    equal_mass_bins,
    place_values,
    reliability_table,
    row_losses,
    without_noise,
)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_row_losses_average_to_the_metrics_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    probability, churned = generator.random(100), (generator.random(100) < 0.3).astype(float)
    weights = generator.integers(0, 3, 100).astype(float)
    losses = row_losses(probability, churned)
    assert np.average(losses["log_loss"], weights=weights) == pytest.approx(
        log_loss(churned, probability, sample_weight=weights)
    )
    assert losses["brier"].mean() == pytest.approx(brier_score_loss(churned, probability))


def test_certainty_that_was_wrong_costs_much_but_stays_finite() -> None:
    losses = row_losses(np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    assert np.isfinite(losses["log_loss"]).all()
    assert (losses["log_loss"] > 15).all()


class TestBins:
    def test_hold_about_as_many_rows_each(self) -> None:
        counts = np.bincount(equal_mass_bins(np.linspace(0, 1, 300)))
        assert len(counts) == 15
        assert set(counts) <= {19, 20, 21}

    def test_rows_of_equal_probability_share_one(self) -> None:
        probability = np.repeat([0.1, 0.2, 0.7], [90, 5, 5])
        bins = equal_mass_bins(probability)
        for value in (0.1, 0.2, 0.7):
            assert len(set(bins[probability == value])) == 1

    @pytest.mark.parametrize("rows", [[3, 1], [1, 3]])
    def test_a_value_that_most_rows_share_does_not_swallow_the_others(self, rows: list[int]) -> None:
        assert place_values(np.array(rows), 2).tolist() == [0, 1]

    def test_one_value_makes_one_bin_of_all_rows(self) -> None:
        assert len(set(equal_mass_bins(np.full(10, 0.3)))) == 1


class TestCalibrationLine:
    def test_is_one_and_zero_for_honest_probabilities(self) -> None:
        probability = np.repeat([0.1, 0.5, 0.9], 10)
        churned = np.concatenate([[1] + [0] * 9, [1] * 5 + [0] * 5, [1] * 9 + [0]]).astype(float)
        assert calibration_line(probability, churned) == pytest.approx((1.0, 0.0), abs=1e-6)

    def test_finds_the_slope_and_shift_of_overconfident_probabilities(self) -> None:
        true = np.linspace(-3, 3, 61)
        said = _sigmoid(2 * true + 0.5)  # so true = 0.5 * said's log-odds - 0.25
        assert calibration_line(said, _sigmoid(true)) == pytest.approx((0.5, -0.25), abs=1e-6)

    def test_agrees_with_an_unpenalised_logistic_regression(self) -> None:
        generator = np.random.default_rng(2)
        log_odds = generator.normal(size=400)
        churned = (generator.random(400) < _sigmoid(0.7 * log_odds - 0.3)).astype(float)
        weights = generator.integers(1, 4, 400).astype(float)
        fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds[:, None], churned, sample_weight=weights)
        expected = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
        assert calibration_line(_sigmoid(log_odds), churned, weights) == pytest.approx(expected, abs=1e-4)

    @pytest.mark.parametrize("slope", [0.1, 0.3, 5.0])
    @pytest.mark.parametrize("shift", [-3.0, 0.0, 1.0])
    def test_is_found_however_far_the_probabilities_are_off(self, slope: float, shift: float) -> None:
        true = np.linspace(-3, 3, 61)
        said = _sigmoid((true - shift) / slope)
        kept = (said > 1e-6) & (said < 1 - 1e-6)
        assert calibration_line(said[kept], _sigmoid(true[kept])) == pytest.approx((slope, shift), abs=1e-5)

    def test_falls_when_the_scores_are_upside_down(self) -> None:
        probability = np.repeat([0.2, 0.8], 10)
        churned = np.concatenate([[1] * 8 + [0] * 2, [1] * 2 + [0] * 8]).astype(float)
        assert calibration_line(probability, churned)[0] == pytest.approx(-1.0, abs=1e-6)

    def test_is_not_a_number_for_probabilities_that_do_not_vary(self) -> None:
        assert np.isnan(calibration_line(np.full(4, 0.3), np.array([0.0, 1, 0, 1]))).all()

    @pytest.mark.parametrize("churned", [[0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], ids=["separated", "none", "all"])
    def test_is_not_a_number_where_no_line_fits(self, churned: list[int]) -> None:
        line = calibration_line(np.array([0.1, 0.3, 0.6, 0.9]), np.array(churned, dtype=float))
        assert np.isnan(line).all()


def test_reliability_table_has_a_row_per_bin_that_holds_something() -> None:
    probability = np.array([0.1, 0.1, 0.1, 0.9])
    table = reliability_table(probability, np.array([0.0, 1, 0, 1]))
    assert table == [
        {"rows": 3, "predicted": pytest.approx(0.1), "observed": pytest.approx(1 / 3)},
        {"rows": 1, "predicted": pytest.approx(0.9), "observed": pytest.approx(1.0)},
    ]


@pytest.mark.parametrize("seed", range(8))
def test_the_line_is_found_where_a_full_step_would_run_away(seed: int) -> None:
    rng = np.random.default_rng(seed)
    churned = (np.arange(950) < 41).astype(float)
    is_high = rng.random(950) < np.where(churned == 1, 0.8, 0.01)
    log_odds = np.where(is_high, rng.normal(1.0, 0.3, 950), rng.normal(-5.0, 0.3, 950))
    slope, intercept = calibration_line(1 / (1 + np.exp(-log_odds)), churned)
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(log_odds[:, None], churned)
    assert slope == pytest.approx(reference.coef_[0, 0], rel=1e-3)
    assert intercept == pytest.approx(reference.intercept_[0], rel=1e-3)


def test_small_samples_that_hardly_vary_or_are_separated_give_no_line_and_no_warning() -> None:
    generator = np.random.default_rng(0)
    for _ in range(500):
        said = generator.choice([0.01, 0.1]) + generator.random(3) * 10.0 ** -generator.integers(1, 14)
        rows = generator.integers(3, 12)
        probability, weights = said[generator.integers(0, 3, rows)], generator.integers(0, 3, rows).astype(float)
        churned = (generator.random(rows) < 0.4).astype(float)
        if weights.sum():
            assert np.shape(calibration_line(probability, churned, weights)) == (2,)


class TestNoise:
    """Half of all intervals of a perfect model would exclude the truth if chance were not taken out."""

    DRAWN, NOISE = np.array([0.05, 0.06, 0.08]), np.array([0.02, 0.03, 0.04])

    def test_resamples_as_small_as_chance_alone_makes_them_are_none(self) -> None:
        assert without_noise(np.array([0.03, 0.04]), self.NOISE).tolist() == [0.0, 0.0]

    def test_without_chance_everything_stays_as_it_is(self) -> None:
        assert without_noise(self.DRAWN, np.zeros(3)) == pytest.approx(self.DRAWN)

    def test_resamples_that_doubled_the_chance_lie_around_the_true_distance(self) -> None:
        drawn = without_noise(np.array([np.sqrt(0.04**2 + 2 * 0.03**2)]), np.array([0.03]))
        assert drawn[0] == pytest.approx(0.04)
