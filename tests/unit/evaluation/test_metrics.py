"""Every metric under weights is that of rows copied so many times, measured by scikit-learn or by its definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from churn.core.settings import MoneySettings
from churn.evaluation.metrics import NOISE, Measured, find_stretches
from churn.evaluation.ranking import TopList
from churn.evaluation.reliability import BINS, equal_mass_bins

MONEY = MoneySettings(contact_cost=1, incentive=10, acceptance_alpha=6, acceptance_beta=14, value=200)
ROWS, DRAWS = 500, 6


@pytest.fixture(params=[None, 40, 3], ids=["no ties", "some ties", "many ties"])
def drawn(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, probability, the rows on a list, and weights of which some are zero, one column per draw."""
    generator = np.random.default_rng(0)
    probability = generator.uniform(0.02, 0.6, ROWS)
    if request.param:
        probability = (1 + np.floor(probability * request.param)) / (request.param + 1)
    churned = (generator.random(ROWS) < probability).astype(float)
    return churned, probability, generator.random(ROWS) < 0.1, generator.integers(0, 4, (ROWS, DRAWS)).astype(float)


def _calibration_error(said: np.ndarray, left: np.ndarray, bins: np.ndarray) -> float:
    return sum(abs(said[bins == n].sum() - left[bins == n].sum()) for n in range(BINS)) / len(said)


def test_metrics_under_weights_are_those_of_copied_rows(drawn: tuple[np.ndarray, ...]) -> None:
    churned, probability, is_listed, weights = drawn
    found = Measured(churned, probability, [TopList("x", is_listed)], MONEY).resample(weights)
    bins = equal_mass_bins(probability)
    for draw in range(DRAWS):
        copies = np.repeat(np.arange(ROWS), weights[:, draw].astype(int))
        left, said, listed = churned[copies], probability[copies], is_listed[copies]
        expected = {
            "auc": roc_auc_score(left, said),
            "average_precision": average_precision_score(left, said),
            "log_loss": log_loss(left, said),
            "brier": brier_score_loss(left, said),
            "calibration_error": _calibration_error(said, left, bins[copies]),
            "mean_predicted": said.mean(),
            "observed_rate": left.mean(),
            "precision_at_x": left[listed].mean(),
            "capture_rate_at_x": left[listed].sum() / left.sum(),
            "lift_at_x": left[listed].mean() / left.mean(),
        }
        assert {name: found[name][draw] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "rows", "left", "expected"),
    [
        pytest.param((0.2, 0.8), (10, 10), (2, 8), 0.0, id="every bin keeps its word"),
        pytest.param((0.2, 0.8), (30, 10), (15, 6), (30 * 0.3 + 10 * 0.2) / 40, id="off by 0.3 and by 0.2"),
        pytest.param((0.4, 0.6), (10, 10), (6, 4), 0.2, id="gaps of either sign do not cancel"),
    ],
)
def test_the_calibration_error_is_the_mean_gap(said: tuple, rows: tuple, left: tuple, expected: float) -> None:
    churned = np.concatenate([[1.0] * k + [0.0] * (n - k) for n, k in zip(rows, left, strict=True)])
    measured = Measured(churned, np.repeat(said, rows), []).measure()
    assert measured["calibration_error"] == pytest.approx(expected, abs=1e-12)


def test_what_chance_does_to_calibration_is_told_of_resamples_and_is_no_metric(drawn: tuple[np.ndarray, ...]) -> None:
    churned, probability, _, weights = drawn
    measured = Measured(churned, probability, [])
    assert NOISE not in measured.measure()
    of_row = equal_mass_bins(probability)

    def gaps(weight: np.ndarray) -> list[float]:
        rows = list(zip(weight, probability - churned, of_row, strict=True))
        return [sum(w * gap for w, gap, b in rows if b == n) / weight.sum() for n in range(BINS)]

    as_they_are = gaps(np.ones(ROWS))
    expected = [sum(abs(g - own) for g, own in zip(gaps(w), as_they_are, strict=True)) for w in weights.T]
    assert measured.resample(weights)[NOISE] == pytest.approx(np.array(expected))


def test_the_calibration_line_under_weights_is_the_one_scikit_learn_fits(drawn: tuple[np.ndarray, ...]) -> None:
    churned, probability, _, weights = drawn
    found = Measured(churned, probability, []).resample(weights)
    log_odds = np.log(probability / (1 - probability))[:, None]
    for draw in range(DRAWS):
        line = LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds, churned, sample_weight=weights[:, draw])
        assert found["calibration_slope"][draw] == pytest.approx(line.coef_[0, 0], abs=1e-4)
        assert found["calibration_intercept"][draw] == pytest.approx(line.intercept_[0], abs=1e-4)


def test_rows_as_they_are_count_once_each(drawn: tuple[np.ndarray, ...]) -> None:
    churned, probability, is_listed, _ = drawn
    measured = Measured(churned, probability, [TopList("x", is_listed)], MONEY)
    once = measured.resample(np.ones((ROWS, 2)))
    for name, value in measured.measure().items():
        assert once[name] == pytest.approx(value, nan_ok=True)


def test_a_draw_without_leavers_says_nothing_of_rank_and_leaves_the_others_alone() -> None:
    churned, probability = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.2, 0.3, 0.4])
    weights = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    found = Measured(churned, probability, []).resample(weights)
    assert np.isnan([found["auc"][0], found["average_precision"][0], found["calibration_slope"][0]]).all()
    assert found["auc"][1] == 0.75


def test_stretches_keep_leavers_apart_and_ties_together() -> None:
    probability = np.array([0.1, 0.1, 0.2, 0.3, 0.4, 0.5] * 100)
    churned = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0] * 100)
    stretches = find_stretches(probability, churned)
    of_score = {score: set(stretches.of_row[probability == score]) for score in np.unique(probability)}
    assert all(len(found) == 1 for found in of_score.values())
    assert sorted(of_score, key=lambda score: min(of_score[score])) == sorted(of_score)
    assert all(of_score[0.3] != found for score, found in of_score.items() if score != 0.3)
