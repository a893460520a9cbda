from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from churn.core.errors import DataRefused
from churn.features.catalog import Catalog
from churn.modeling.certainty import CertainGroup
from churn.modeling.leaks import raise_certainty_alarm, raise_leak_alarm, raise_model_alarm, single_feature_aucs
from tests.unit.modeling.toys import make_feature

GENERATOR = np.random.default_rng(0)
CHURNED = (np.arange(400) % 5 == 0).astype(int)


def _auc(values: object, kind: str = "number") -> float:
    rows = pd.DataFrame({"churned": CHURNED, "x": values})
    return single_feature_aucs(rows, Catalog([make_feature("x", kind=kind)]))["x"]


def test_a_number_is_measured_as_scikit_learn_does_in_whichever_direction_is_better() -> None:
    noise = CHURNED + GENERATOR.normal(size=400)
    assert _auc(noise) == pytest.approx(roc_auc_score(CHURNED, noise))
    assert _auc(-noise) == pytest.approx(roc_auc_score(CHURNED, noise))


def test_a_column_that_is_filled_only_for_those_who_left_is_seen() -> None:
    reason = np.where(CHURNED == 1, 3.0, np.nan)
    assert _auc(reason) == 1.0
    assert _auc(np.where(CHURNED == 1, np.nan, 3.0)) == 1.0


def test_a_category_is_ranked_by_its_churn_rate() -> None:
    plan = pd.Series(np.where(CHURNED == 1, "cancelled", "running"))
    assert _auc(plan, "category") == 1.0
    assert _auc(plan.where(CHURNED == 1, None), "category") == 1.0


def test_rare_categories_do_not_learn_the_outcome_by_heart() -> None:
    each_its_own = pd.Series([f"value {n}" for n in range(400)])
    assert _auc(each_its_own, "category") == 0.5


def test_a_constant_or_empty_column_knows_nothing() -> None:
    assert _auc(np.full(400, 7.0)) == 0.5
    assert _auc(np.full(400, np.nan)) == 0.5


def test_one_class_knows_nothing() -> None:
    rows = pd.DataFrame({"churned": np.zeros(10), "x": np.arange(10.0)})
    assert single_feature_aucs(rows, Catalog([make_feature("x")])) == {"x": 0.5}


class TestAlarm:
    def test_names_the_suspects_best_first_and_what_to_do(self) -> None:
        with pytest.raises(DataRefused) as refused:
            raise_leak_alarm({"fine": 0.8, "refund": 0.97, "cancel_reason": 1.0}, 0.95)
        assert refused.value.code == "suspected_leak"
        assert (
            "2 single features rank the outcome above AUC 0.95: cancel_reason (AUC 1.000), refund (AUC 0.970)"
            in str(refused.value)
        )
        assert "leave it out of the mapping" in str(refused.value)

    def test_a_model_too_good_to_be_true_is_refused_with_what_makes_it_so(self) -> None:
        raise_model_alarm(0.97, ["refund"], 0.97)
        with pytest.raises(DataRefused) as refused:
            raise_model_alarm(0.981, ["refund", "cancel_reason"], 0.97)
        assert refused.value.code == "suspected_leak"
        assert "AUC 0.981, above 0.97; what contributes most: refund, cancel_reason" in str(refused.value)

    def test_features_that_know_some_for_certain_are_named_with_how_many(self) -> None:
        raise_certainty_alarm([], 0.9)
        with pytest.raises(DataRefused) as refused:
            raise_certainty_alarm([CertainGroup("reason", "'price'", 112, 112, 0.944)], 0.9)
        assert refused.value.code == "suspected_leak"
        assert "reason (112 of 112 with 'price' left)" in str(refused.value)
        assert "raise evaluation.max_certainty and say why" in str(refused.value)

    def test_is_silent_at_the_limit(self) -> None:
        raise_leak_alarm({"strong": 0.95}, 0.95)
