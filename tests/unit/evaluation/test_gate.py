from __future__ import annotations

import pandas as pd
import pytest

from churn.core.settings import GateSettings
from churn.evaluation.gate import Evidence, judge_promotion, judge_signal
from churn.evaluation.report import Report
from churn.evaluation.resampling import Estimate

GATE = GateSettings()
ABOVE, TOUCHING, BELOW = Estimate(0.05, 0.01, 0.09), Estimate(0.05, 0.0, 0.09), Estimate(-0.05, -0.09, -0.01)
STRONG = {"auc": Estimate(0.8, 0.7, 0.9), "average_precision": Estimate(0.4, 0.3, 0.5)}


def _report(gain_auc: Estimate = ABOVE, gain_ap: Estimate = ABOVE, own: dict[str, Estimate] | None = None) -> Report:
    """A report of a model and the recency rule, on rows of which a tenth left."""
    metrics = {**STRONG, "calibration_slope": Estimate(1.1, 0.8, 1.4), "observed_rate": Estimate(0.1, 0.08, 0.12)}
    gains = {"auc": gain_auc, "average_precision": gain_ap, "capture_rate_at_capacity": ABOVE}
    return Report({"model": {**metrics, **(own or {})}}, {"recency": gains}, 100, 10)


def test_a_model_beyond_chance_and_the_recency_rule_passes() -> None:
    verdict = judge_signal(_report(), GATE)
    assert verdict.has_passed
    assert verdict.reasons[0] == "better than the recency rule"
    assert "AUC beats the recency rule beyond its interval: +0.0500 [+0.0100, +0.0900]" in verdict.reasons


@pytest.mark.parametrize(
    ("gain_auc", "gain_ap"),
    [(ABOVE, TOUCHING), (TOUCHING, ABOVE), (BELOW, ABOVE), (TOUCHING, TOUCHING), (ABOVE, Estimate(0.05, -0.01, 0.1))],
)
def test_a_gain_whose_interval_reaches_zero_does_not_pass(gain_auc: Estimate, gain_ap: Estimate) -> None:
    verdict = judge_signal(_report(gain_auc, gain_ap), GATE)
    assert not verdict.has_passed
    assert any("does not beat the recency rule" in reason for reason in verdict.reasons)


def test_a_model_that_is_not_above_chance_has_no_signal_whatever_the_rule_is_worth() -> None:
    own = {"auc": Estimate(0.52, 0.48, 0.56), "average_precision": Estimate(0.11, 0.09, 0.13)}
    assert judge_signal(_report(own=own), GATE).headline == "no signal beyond chance"


@pytest.mark.parametrize(
    ("gain_auc", "gain_ap", "headline"),
    [
        (BELOW, TOUCHING, "no signal beyond recency"),
        (ABOVE, TOUCHING, "too weak a signal: no proof of average precision beyond the recency rule"),
        (TOUCHING, ABOVE, "too weak a signal: no proof of AUC beyond the recency rule"),
    ],
)
def test_the_headline_says_what_is_missing(gain_auc: Estimate, gain_ap: Estimate, headline: str) -> None:
    assert judge_signal(_report(gain_auc, gain_ap), GATE).headline == headline


@pytest.mark.parametrize(
    "own",
    [{"auc": Estimate(0.55, 0.49, 0.6)}, {"average_precision": Estimate(0.15, 0.1, 0.2)}],
    ids=["AUC reaches one half", "average precision reaches the base rate"],
)
def test_better_than_a_bad_rule_but_no_better_than_chance_does_not_pass(own: dict[str, Estimate]) -> None:
    verdict = judge_signal(_report(own=own), GATE)
    assert not verdict.has_passed
    assert any("is not above chance" in reason for reason in verdict.reasons)


def test_a_gain_without_an_interval_does_not_pass() -> None:
    assert not judge_signal(_report(Estimate(0.05, float("nan"), float("nan"))), GATE).has_passed


def test_a_slope_out_of_bounds_is_a_warning_where_a_model_is_only_asked_for_a_signal() -> None:
    verdict = judge_signal(_report(own={"calibration_slope": Estimate(0.3, 0.2, 0.4)}), GATE)
    warning = "calibration slope 0.30 [0.20, 0.40] is outside 0.5 to 2: trust the order, not the probabilities"
    assert verdict.has_passed
    assert verdict.warnings == verdict.reasons[-1:] == (warning,)
    assert judge_signal(_report(), GATE).warnings == ()


def test_without_a_recency_rule_beside_it_does_not_pass() -> None:
    alone = Report(_report().metrics, {}, 100, 10)
    assert "no recency rule stands beside this model" in judge_signal(alone, GATE).failures


def _slices(**changes: float) -> pd.DataFrame:
    usual = {"attribute": "plan", "value": "basic", "rows": 300, "auc": 0.75, "auc_low": 0.7, "auc_high": 0.8,
             "mean_predicted": 0.1, "observed_rate": 0.1, "predicted_to_observed_low": 0.8,
             "predicted_to_observed_high": 1.2}  # fmt: skip
    return pd.DataFrame([usual, {**usual, "value": "team", **changes}])


def _evidence(champion_gain: Estimate | None = ABOVE, **changes: object) -> Evidence:
    report = _report()
    against = dict(report.against)
    if champion_gain is not None:
        against["champion"] = {"capture_rate_at_capacity": champion_gain}
    usual = {"report": Report(report.metrics, against, 100, 10), "slices": _slices(), "champion": "3",
             "audit": "passed", "is_clean": True}  # fmt: skip
    return Evidence(**{**usual, **changes})  # type: ignore[arg-type]


class TestPromotion:
    def test_passes_when_every_check_does(self) -> None:
        verdict = judge_promotion(_evidence(), GATE)
        assert verdict.has_passed and verdict.failures == ()
        assert verdict.headline == "all 10 checks passed"
        assert (
            "capture rate at capacity beats champion 3 beyond its interval: +0.0500 [+0.0100, +0.0900]"
            in verdict.reasons
        )

    @pytest.mark.parametrize("gain", [TOUCHING, BELOW])
    def test_a_gain_over_the_champion_within_noise_does_not_pass(self, gain: Estimate) -> None:
        (failure,) = judge_promotion(_evidence(gain), GATE).failures
        assert failure.startswith("capture rate at capacity does not beat champion 3 beyond its interval")

    def test_a_champion_that_was_not_measured_beside_it_does_not_pass(self) -> None:
        (failure,) = judge_promotion(_evidence(None), GATE).failures
        assert "version 3, was not measured on the same test rows: train this model again" in failure

    def test_the_first_champion_needs_no_other_to_beat(self) -> None:
        assert judge_promotion(_evidence(None, champion=None), GATE).has_passed

    @pytest.mark.parametrize("slope", [0.49, 2.01, float("nan")])
    def test_a_slope_out_of_bounds_does_not_pass(self, slope: float) -> None:
        report = _evidence().report
        bent = {"model": {**report.metrics["model"], "calibration_slope": Estimate(slope, slope, slope)}}
        (failure,) = judge_promotion(_evidence(report=Report(bent, report.against, 100, 10)), GATE).failures
        assert failure.startswith("calibration slope") and "is outside 0.5 to 2" in failure

    @pytest.mark.parametrize(
        "changes",
        [{"auc_high": 0.64}, {"predicted_to_observed_low": 2.1, "predicted_to_observed_high": 3.0},
         {"predicted_to_observed_low": 0.2, "predicted_to_observed_high": 0.45}],
        ids=["ranks far worse", "told twice too much", "told half too little"],
    )  # fmt: skip
    def test_a_slice_that_collapses_beyond_its_noise_does_not_pass_and_is_named(
        self, changes: dict[str, float]
    ) -> None:
        (failure,) = judge_promotion(_evidence(slices=_slices(**changes)), GATE).failures
        assert failure.startswith("1 of 2 slices collapse: plan = team (300 rows)")

    def test_a_slice_that_is_only_noisy_passes(self) -> None:
        noisy = _slices(auc=0.5, auc_low=0.3, auc_high=0.7, predicted_to_observed_high=9.0)
        assert judge_promotion(_evidence(slices=noisy), GATE).has_passed

    @pytest.mark.parametrize(
        ("audit", "said"), [("failed", "failed"), (None, "was never made: run 'churn audit' first")]
    )
    def test_without_a_passed_audit_does_not_pass(self, audit: str | None, said: str) -> None:
        assert judge_promotion(_evidence(audit=audit), GATE).failures == (f"the leak audit of its data set {said}",)

    @pytest.mark.parametrize("is_clean", [False, None])
    def test_code_that_nobody_can_find_again_does_not_pass(self, is_clean: bool | None) -> None:
        (failure,) = judge_promotion(_evidence(is_clean=is_clean), GATE).failures
        assert failure.startswith("it was trained from code")

    def test_a_company_may_ask_for_less(self) -> None:
        gate = GateSettings(require_audit=False, require_clean_git=False)
        assert judge_promotion(_evidence(audit=None, is_clean=None), gate).has_passed
