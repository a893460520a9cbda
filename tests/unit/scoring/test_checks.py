from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from churn.core.errors import DataRefused
from churn.core.settings import PolicySettings
from churn.modeling.fit import fit_bundle
from churn.scoring.batch import ModelMark, score_rows
from churn.scoring.checks import check_categories, check_scores, count_customers, measure_scores, summarise_scores
from tests.unit.modeling.toys import CATALOG, PROBLEM, fitted, make_candidate, make_fold, make_matrix, rows_of
from tests.unit.scoring.tables import as_table


def check(probability: np.ndarray, base_rate: float) -> None:
    """Check scores as the stage does: measured as a table, then judged."""
    scores = as_table(pd.DataFrame({"churn_probability": probability, "mrr_at_risk": 1.0}))
    check_scores(measure_scores(scores), len(probability), base_rate)


def test_an_empty_cohort_is_refused() -> None:
    with pytest.raises(DataRefused) as refused:
        count_customers(ibis.memtable({"customer_id": []}, schema={"customer_id": "string"}))
    assert refused.value.code == "empty_cohort"


def test_a_customer_who_went_missing_on_the_way_is_a_defect() -> None:
    scores = as_table(pd.DataFrame({"churn_probability": [0.1, 0.2], "mrr_at_risk": 1.0}))
    with pytest.raises(RuntimeError, match="customers in are not customers out"):
        check_scores(measure_scores(scores), 3, 0.1)


class TestSanity:
    @pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1, np.inf])
    def test_scores_that_are_no_probabilities_are_refused_and_counted(self, bad: float) -> None:
        with pytest.raises(DataRefused, match=r"\(2 rows\)") as refused:
            check(np.array([0.1, bad, 0.3, bad]), 0.2)
        assert refused.value.code == "invalid_scores"

    def test_scores_all_equal_are_refused(self) -> None:
        with pytest.raises(DataRefused, match=r"all 50 scores are 0.2000") as refused:
            check(np.full(50, 0.2), 0.2)
        assert refused.value.code == "constant_scores"

    def test_a_handful_of_customers_may_be_alike(self) -> None:
        check(np.full(5, 0.2), 0.2)

    @pytest.mark.parametrize("mean", [0.9, 0.001])
    def test_a_mean_far_from_training_is_refused(self, mean: float) -> None:
        with pytest.raises(DataRefused, match=r"in training 10\.00% left") as refused:
            check(np.linspace(0.9 * mean, 1.1 * mean, 50).clip(0, 1), 0.1)
        assert refused.value.code == "shifted_scores"

    def test_an_ordinary_spread_passes(self) -> None:
        check(np.linspace(0.01, 0.4, 50), 0.1)


@pytest.mark.parametrize("encoding", ["trees", "linear"])
class TestUnseenCategories:
    def test_known_and_missing_values_are_not_unseen(self, encoding: str) -> None:
        assert check_categories(as_table(rows_of()), fitted(encoding), 0.0) == {"plan": 0.0, "country": 0.0}  # type: ignore[arg-type]

    def test_their_share_is_reported(self, encoding: str) -> None:
        rows = rows_of(customers=10)
        rows["plan"] = ["brand new"] + ["basic"] * 9
        assert check_categories(as_table(rows), fitted(encoding), 0.2)["plan"] == pytest.approx(0.1)  # type: ignore[arg-type]

    def test_above_the_limit_the_column_is_named(self, encoding: str) -> None:
        with pytest.raises(DataRefused, match=r"plan: 100.0% of rows hold values training never saw") as refused:
            check_categories(as_table(rows_of().assign(plan="brand new")), fitted(encoding), 0.2)  # type: ignore[arg-type]
        assert refused.value.code == "unseen_categories"
        assert "policy.max_unseen_share (now 0.2)" in str(refused.value)

    def test_the_rows_are_counted_and_values_shown(self, encoding: str) -> None:
        with pytest.raises(DataRefused, match=r"\(200 rows\); for example 'brand new'\."):
            check_categories(as_table(rows_of().assign(plan="brand new")), fitted(encoding), 0.2)  # type: ignore[arg-type]

    def test_of_a_column_that_was_empty_in_training_every_value_is_unseen(self, encoding: str) -> None:
        matrix = make_matrix().assign(country=pd.Series([None] * len(make_matrix()), dtype="str"))
        bundle = fit_bundle(matrix, make_fold(matrix), make_candidate(encoding), CATALOG, "none", PROBLEM)  # type: ignore[arg-type]
        still_empty = rows_of().assign(country=pd.Series([None] * 200, dtype="str"))
        assert check_categories(as_table(still_empty), bundle, 0.2)["country"] == 0.0
        with pytest.raises(DataRefused, match="country"):
            check_categories(as_table(rows_of()), bundle, 0.2)

    def test_a_missing_column_is_a_feature_mismatch(self, encoding: str) -> None:
        with pytest.raises(DataRefused) as refused:
            check_categories(as_table(rows_of().drop(columns="plan")), fitted(encoding), 0.2)  # type: ignore[arg-type]
        assert refused.value.code == "feature_mismatch"


def test_summary_counts_customers_and_money() -> None:
    scores = score_rows(rows_of(), fitted("trees"), PolicySettings(capacity=10), ModelMark("m", "1", "r"))
    summary = summarise_scores(measure_scores(as_table(scores)), 10, {"plan": 0.1, "country": 0.0})
    assert (summary["customers_scored"], summary["customers_listed"], summary["max_unseen_share"]) == (200, 10, 0.1)
    assert summary["mrr_at_risk"] == pytest.approx(scores["mrr_at_risk"].sum())
