from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from churn.core.problem import CohortSettings, LabelSettings, WindowSettings
from churn.core.settings import EvaluationSettings
from churn.evaluation.card import (
    calibration_in_words,
    cohort_in_words,
    features_in_words,
    fill_card,
    label_in_words,
    leaks_in_words,
    metrics_table,
    money_in_words,
    slices_in_words,
)
from churn.evaluation.report import Report
from churn.evaluation.resampling import Estimate
from churn.features.catalog import Catalog
from tests.unit.modeling.toys import make_feature

WINDOWS = WindowSettings(lead_days=0, horizon_days=90, embargo_days=90, cadence_days=30, observation_days=365)
TEMPLATE = Path(__file__).parents[3] / "models" / "model_card_template.md"


def _report() -> Report:
    own = {name: Estimate(0.7, 0.6, 0.8) for name in
           ("auc", "log_loss", "calibration_slope", "mean_predicted", "observed_rate")}  # fmt: skip
    return Report({"lightgbm": own, "recency": own}, {}, 100, 10)


def test_a_fact_that_is_missing_is_no_card() -> None:
    with pytest.raises(KeyError):
        fill_card(TEMPLATE.read_text(encoding="utf-8"), {"name": "churn-demo"})


def test_the_question_is_said_in_words() -> None:
    cohort = CohortSettings(active="events", active_days=180, min_tenure_days=30, qualifying_events=["purchase"])
    assert "an event (purchase) in the last 180 days, for at least 30 days" in cohort_in_words(cohort)
    label = LabelSettings(kind="inactivity", qualifying_events=["purchase"])
    assert label_in_words(label, WINDOWS) == "no event (purchase) happens 0 to 90 days after the as-of date"


def test_features_are_counted_by_family_and_the_first_are_named() -> None:
    features = [make_feature(f"x{n}", family="support") for n in range(5)] + [make_feature("y", family="profile")]
    assert features_in_words(Catalog(features)).splitlines() == ["- support: 5 (x0; x1; x2; ...)", "- profile: 1 (y)"]


def test_metrics_of_every_model_stand_side_by_side_with_intervals() -> None:
    head, rule, auc, *_ = metrics_table(_report()).splitlines()
    assert head == "| | lightgbm | recency |" and rule == "|---|---|---|"
    assert auc == "| AUC | 0.700 [0.600, 0.800] | 0.700 [0.600, 0.800] |"
    assert "mean predicted 70.00% against 70.00% observed" in calibration_in_words(_report())


def test_money_is_said_or_its_absence() -> None:
    money = {"best_list_size": 470.4, "profit_at_capacity": 16104.0, "expected_profit_at_capacity": 25415.0}
    assert "A list of 50, ranked by expected profit, would have earned 16,104 EUR" in money_in_words(money, "EUR", 50)
    assert "hold no price" in money_in_words({}, "EUR", 50)


def test_slices_name_the_worst_and_every_protected_one() -> None:
    usual = {"attribute": "plan", "value": "basic", "is_protected": False, "rows": 300, "auc": 0.7, "auc_low": 0.6,
             "auc_high": 0.8, "mean_predicted": 0.1, "observed_rate": 0.1, "predicted_to_observed_low": 0.9,
             "predicted_to_observed_high": 1.1}  # fmt: skip
    slices = pd.DataFrame([usual, {**usual, "attribute": "age_band", "value": "20-29", "is_protected": True}])
    lines = slices_in_words(slices, EvaluationSettings()).splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [
        "- worst ranked",
        "- furthest from what happened",
        "- protected",
    ]
    assert "None is large enough" in slices_in_words(slices.iloc[:0], EvaluationSettings())


def test_leaks_say_what_was_checked_and_what_was_not() -> None:
    aucs = {"a": 0.6, "b": 0.8}
    temporal = leaks_in_words(aucs, 0.95, "passed", is_ready_table=False, is_split_by_time=True)
    assert "`b`, AUC 0.800 (alarm above 0.95)" in temporal
    assert "embargo apart" in temporal and "leak audit of the data set: passed" in temporal
    flat = leaks_in_words(aucs, 0.95, None, is_ready_table=True, is_split_by_time=False)
    assert "not made yet" in flat and "embargo" not in flat and "not checked: when the columns" in flat
