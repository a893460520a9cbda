from __future__ import annotations

import pytest

from churn.evaluation.comparison import judge
from churn.evaluation.report import Estimate, Report

ABOVE, TOUCHING, BELOW = Estimate(0.05, 0.01, 0.09), Estimate(0.05, 0.0, 0.09), Estimate(-0.05, -0.09, -0.01)
STRONG = {"auc": Estimate(0.8, 0.7, 0.9), "average_precision": Estimate(0.4, 0.3, 0.5)}


def _report(gain_auc: Estimate = ABOVE, gain_ap: Estimate = ABOVE, own: dict[str, Estimate] | None = None) -> Report:
    """A report of a model and the recency rule, on rows of which a tenth left."""
    metrics = {**STRONG, **(own or {}), "observed_rate": Estimate(0.1, 0.08, 0.12)}
    return Report({"model": metrics}, {"recency": {"auc": gain_auc, "average_precision": gain_ap}}, 100, 10)


def test_a_model_beyond_chance_and_the_recency_rule_passes() -> None:
    verdict = judge(_report())
    assert verdict.has_passed
    assert verdict.reasons[0] == "better than the recency rule"
    assert "AUC beats the recency rule beyond its interval: +0.0500 [+0.0100, +0.0900]" in verdict.reasons


@pytest.mark.parametrize(
    ("gain_auc", "gain_ap"),
    [(ABOVE, TOUCHING), (TOUCHING, ABOVE), (BELOW, ABOVE), (TOUCHING, TOUCHING), (ABOVE, Estimate(0.05, -0.01, 0.1))],
)
def test_a_gain_whose_interval_reaches_zero_does_not_pass(gain_auc: Estimate, gain_ap: Estimate) -> None:
    verdict = judge(_report(gain_auc, gain_ap))
    assert not verdict.has_passed
    assert verdict.reasons[0] == "no signal beyond recency"
    assert any("does not beat the recency rule" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    "own",
    [{"auc": Estimate(0.55, 0.49, 0.6)}, {"average_precision": Estimate(0.15, 0.1, 0.2)}],
    ids=["AUC reaches one half", "average precision reaches the base rate"],
)
def test_better_than_a_bad_rule_but_no_better_than_chance_does_not_pass(own: dict[str, Estimate]) -> None:
    verdict = judge(_report(own=own))
    assert not verdict.has_passed
    assert any("is not above chance" in reason for reason in verdict.reasons)


def test_a_gain_without_an_interval_does_not_pass() -> None:
    assert not judge(_report(Estimate(0.05, float("nan"), float("nan")))).has_passed
