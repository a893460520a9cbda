from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn.core.errors import DataRefused
from churn.core.settings import PolicySettings
from churn.features.catalog import Catalog
from churn.modeling.fit import fit_bundle
from churn.scoring.batch import (
    ModelMark,
    check_categories,
    check_scores,
    risk_bands,
    score_customers,
    segment_columns,
    summarise_scores,
)
from churn.scoring.worklist import build_worklist
from tests.unit.modeling.toys import CATALOG, PROBLEM, fitted, make_candidate, make_fold, make_matrix, rows_of

POLICY = PolicySettings(capacity=10)
MARK = ModelMark("churn-toy", "3", "abc")


def _scored(rows: pd.DataFrame | None = None, **policy: Any) -> pd.DataFrame:
    return score_customers(rows_of() if rows is None else rows, fitted("trees"), POLICY.model_copy(update=policy), MARK)


class TestScores:
    def test_customers_in_are_customers_out(self) -> None:
        scores = _scored()
        assert sorted(scores["customer_id"]) == sorted(rows_of()["customer_id"])
        assert sorted(scores["risk_rank"]) == list(range(1, 201))

    def test_are_ordered_by_rank_and_carry_the_models_probability(self) -> None:
        rows, bundle, scores = rows_of(), fitted("trees"), _scored()
        assert scores["risk_rank"].is_monotonic_increasing
        expected = dict(zip(rows["customer_id"], bundle.probability(bundle.raw_score(rows)), strict=True))
        assert dict(zip(scores["customer_id"], scores["churn_probability"], strict=True)) == expected
        assert scores["churn_probability"].is_monotonic_decreasing

    def test_row_order_changes_nothing(self) -> None:
        shuffled = rows_of().sample(frac=1, random_state=0)
        pd.testing.assert_frame_equal(_scored(shuffled), _scored())

    def test_are_not_written_into_the_rows_that_were_given(self) -> None:
        rows = rows_of()
        before = rows.copy()
        _scored(rows)
        pd.testing.assert_frame_equal(rows, before)

    def test_say_what_is_at_risk_why_and_what_to_do(self) -> None:
        first = _scored().iloc[0]
        assert first["mrr_at_risk"] == pytest.approx(first["churn_probability"] * first["mrr"])
        assert 1 <= len(first["reasons_en"]) == len(first["reasons_ja"]) <= 3
        assert first["action_en"] and first["action_ja"]
        assert first["risk_band"] == "high"

    def test_name_the_version_they_come_from(self) -> None:
        scores = _scored()
        assert set(scores["model_name"] + "/" + scores["model_version"] + "/" + scores["model_run_id"]) == {
            "churn-toy/3/abc"
        }
        assert set(scores["as_of_date"]) == {"2024-06-01"}

    def test_carry_segments_to_filter_by(self) -> None:
        rows, scores = rows_of(), _scored()
        assert segment_columns(fitted("trees")) == {"plan": "plan", "country": "country"}
        expected = dict(zip(rows["customer_id"], rows["country"].where(rows["country"].notna(), None), strict=True))
        assert dict(zip(scores["customer_id"], scores["country"], strict=True)) == expected

    def test_as_many_reasons_as_the_policy_wants_at_most(self) -> None:
        assert max(len(reasons) for reasons in _scored(reasons=1)["reasons_en"]) == 1

    def test_a_customer_without_a_single_fact_is_scored(self) -> None:
        bare = rows_of().assign(eng_activity_recency_days=np.nan, eng_sessions_count_30d=np.nan, tickets_open=np.nan)
        rows = pd.concat([rows_of(), bare.head(1).assign(customer_id="nothing known")], ignore_index=True)
        scores = _scored(rows)
        assert len(scores) == 201
        assert scores.loc[scores["customer_id"] == "nothing known", "churn_probability"].between(0, 1).all()

    def test_without_a_price_money_is_unknown_and_the_list_still_stands(self) -> None:
        matrix = make_matrix()
        no_price = Catalog([f for f in CATALOG.features if f.name != "sub_mrr_sum"])
        bundle = fit_bundle(matrix, make_fold(matrix), make_candidate("trees"), no_price, "sigmoid", PROBLEM)
        scores = score_customers(rows_of().drop(columns="sub_mrr_sum"), bundle, POLICY, MARK)
        assert scores["mrr_at_risk"].isna().all()
        assert len(build_worklist(scores, POLICY)) == 10

    def test_an_empty_cohort_is_refused(self) -> None:
        with pytest.raises(DataRefused) as refused:
            _scored(rows_of().head(0))
        assert refused.value.code == "empty_cohort"

    def test_a_missing_feature_is_refused(self) -> None:
        with pytest.raises(DataRefused) as refused:
            _scored(rows_of().drop(columns="tickets_open"))
        assert refused.value.code == "feature_mismatch"


class TestSanity:
    @pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1, np.inf])
    def test_scores_that_are_no_probabilities_are_refused_and_counted(self, bad: float) -> None:
        with pytest.raises(DataRefused, match=r"\(2 rows\)") as refused:
            check_scores(np.array([0.1, bad, 0.3, bad]), 0.2)
        assert refused.value.code == "invalid_scores"

    def test_scores_all_equal_are_refused(self) -> None:
        with pytest.raises(DataRefused, match=r"all 50 scores are 0.2000") as refused:
            check_scores(np.full(50, 0.2), 0.2)
        assert refused.value.code == "constant_scores"

    def test_a_handful_of_customers_may_be_alike(self) -> None:
        check_scores(np.full(5, 0.2), 0.2)

    @pytest.mark.parametrize("mean", [0.9, 0.001])
    def test_a_mean_far_from_training_is_refused(self, mean: float) -> None:
        with pytest.raises(DataRefused, match=r"in training 10\.00% left") as refused:
            check_scores(np.linspace(0.9 * mean, 1.1 * mean, 50).clip(0, 1), 0.1)
        assert refused.value.code == "shifted_scores"

    def test_an_ordinary_spread_passes(self) -> None:
        check_scores(np.linspace(0.01, 0.4, 50), 0.1)


class TestBands:
    def test_are_multiples_of_the_odds_in_training(self) -> None:
        bands = risk_bands(np.array([0.1, 0.142, 0.143, 0.249, 0.251, 1.0]), 0.1, POLICY)
        assert list(bands) == ["low", "low", "medium", "medium", "high", "high"]

    def test_never_fall_with_the_probability(self) -> None:
        order = {"low": 0, "medium": 1, "high": 2}
        bands = [order[band] for band in risk_bands(np.linspace(0, 1, 101), 0.3, POLICY)]
        assert bands == sorted(bands)


@pytest.mark.parametrize("encoding", ["trees", "linear"])
class TestUnseenCategories:
    def test_known_and_missing_values_are_not_unseen(self, encoding: str) -> None:
        assert check_categories(rows_of(), fitted(encoding), 0.0) == {"plan": 0.0, "country": 0.0}  # type: ignore[arg-type]

    def test_their_share_is_reported(self, encoding: str) -> None:
        rows = rows_of(customers=10)
        rows["plan"] = ["brand new"] + ["basic"] * 9
        assert check_categories(rows, fitted(encoding), 0.2)["plan"] == pytest.approx(0.1)  # type: ignore[arg-type]

    def test_above_the_limit_the_column_is_named(self, encoding: str) -> None:
        with pytest.raises(DataRefused, match=r"plan: 100.0% of rows hold values training never saw") as refused:
            check_categories(rows_of().assign(plan="brand new"), fitted(encoding), 0.2)  # type: ignore[arg-type]
        assert refused.value.code == "unseen_categories"
        assert "policy.max_unseen_share (now 0.2)" in str(refused.value)

    def test_a_missing_column_is_a_feature_mismatch(self, encoding: str) -> None:
        with pytest.raises(DataRefused) as refused:
            check_categories(rows_of().drop(columns="plan"), fitted(encoding), 0.2)  # type: ignore[arg-type]
        assert refused.value.code == "feature_mismatch"


def test_summary_counts_customers_and_money() -> None:
    scores = _scored()
    summary = summarise_scores(scores, build_worklist(scores, POLICY), {"plan": 0.1, "country": 0.0})
    assert (summary["customers_scored"], summary["customers_listed"], summary["max_unseen_share"]) == (200, 10, 0.1)
    assert summary["mrr_at_risk"] == pytest.approx(scores["mrr_at_risk"].sum())
