"""A model beside a known truth: the oracle itself captures everything, chance nothing, and what is missed is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.evaluation.oracle import compare_with_truth, plot_truth

N = 4000
CAUSES = ("pricing", "competition", "payment_failure")


def rows_of(seen: float = 1.0, seed: int = 3) -> pd.DataFrame:
    """Return customers whose risk has two drivers; of the second the model sees the share `seen`."""
    rng = np.random.default_rng(seed)
    price, rival = rng.normal(size=N), rng.normal(size=N)
    true = 1 / (1 + np.exp(3 - price - rival))
    predicted = 1 / (1 + np.exp(3 - price - seen * rival))
    cause = np.where(price > rival, "pricing", "competition")
    return pd.DataFrame(
        {
            "churn_probability": predicted, "true_probability": true, "true_error": 0.001, "true_cause": cause,
            "cause": cause, "churned": (rng.random(N) < true).astype(int),
            "severity_pricing": price, "severity_competition": rival, "past_due_weeks": 0,
        }
    )  # fmt: skip


def test_the_oracle_itself_captures_the_whole() -> None:
    metrics = compare_with_truth(rows_of()).metrics
    assert metrics["captured_auc_share"] == metrics["expected_captured_auc_share"] == 1.0
    assert metrics["calibration_error_against_truth"] == pytest.approx(0)
    assert metrics["cause_agreement"] == 1.0 and 0.4 < metrics["cause_base_rate"] < 0.6
    assert metrics["log_loss"] == metrics["oracle_log_loss"]
    assert metrics["true_probability_error"] == pytest.approx(0.001)


def test_a_score_of_chance_captures_nothing() -> None:
    rows = rows_of()
    rows["churn_probability"] = np.random.default_rng(0).random(N)
    assert abs(compare_with_truth(rows).metrics["expected_captured_auc_share"]) < 0.1


def test_the_expected_auc_does_not_hang_on_the_draw_of_outcomes() -> None:
    rows = rows_of(seen=0.3)
    again = rows.assign(churned=(np.random.default_rng(9).random(N) < rows["true_probability"]).astype(int))
    first, second = compare_with_truth(rows).metrics, compare_with_truth(again).metrics
    assert first["auc"] != second["auc"]
    assert first["expected_auc"] == second["expected_auc"]
    assert first["expected_auc"] == pytest.approx(first["auc"], abs=0.05)


def test_what_the_features_miss_comes_first_with_the_sign_of_the_error() -> None:
    missed = compare_with_truth(rows_of(seen=0.2)).missed.set_index("driver")
    assert missed.index[0] == "severity_competition"
    assert missed.loc["severity_competition", "correlation"] > 0.9
    assert missed.loc["past_due_weeks", "share_of_error"] == 0.0
    assert compare_with_truth(rows_of()).metrics["missed_severity_competition"] == pytest.approx(0.0)


def test_agreement_is_told_per_true_cause_beside_how_often_it_is_named_at_all() -> None:
    rows = rows_of()
    rows["cause"] = "pricing"
    report = compare_with_truth(rows)
    causes = report.causes.set_index("cause")
    assert causes.loc["pricing", ["agreement", "base_rate", "lift"]].tolist() == [1.0, 1.0, 1.0]
    assert causes.loc["competition", ["agreement", "base_rate", "lift"]].tolist() == [0.0, 0.0, 0.0]
    top = int(causes["customers"].sum())
    assert abs(top - N / 10) <= 1 and report.confusion.to_numpy().sum() == top
    assert report.metrics["cause_agreement_competition"] == 0.0


def test_pictures_are_drawn() -> None:
    assert set(plot_truth(compare_with_truth(rows_of(seen=0.5)))) == {"oracle_calibration", "oracle_causes"}


def test_the_picture_of_causes_says_how_many_and_keeps_a_place_for_what_is_never_named() -> None:
    rows = rows_of().assign(cause="pricing")
    report = compare_with_truth(rows)
    axes = plot_truth(report)["oracle_causes"].axes[0]
    named = [label.get_text() for label in axes.get_xticklabels()]
    assert named == sorted({*report.confusion.index, "pricing"}) and len(named) > 1
    customers = report.confusion.sum(axis=1)
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"{c} ({n})" for c, n in customers.items()]
    assert {text.get_text() for text in axes.texts} == {"100%"}
