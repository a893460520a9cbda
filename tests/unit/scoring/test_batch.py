from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn.core.errors import DataRefused
from churn.core.settings import PolicySettings
from churn.features.catalog import Catalog
from churn.modeling.fit import fit_bundle
from churn.scoring.batch import ModelMark, risk_bands, score_rows, segment_columns
from tests.unit.modeling.toys import CATALOG, PROBLEM, fitted, make_candidate, make_fold, make_matrix, rows_of
from tests.unit.scoring.tables import ranked_scores, worklist_of

POLICY = PolicySettings(capacity=10)
MARK = ModelMark("churn-toy", "3", "abc")


def _scored(rows: pd.DataFrame | None = None, **policy: Any) -> pd.DataFrame:
    return ranked_scores(rows_of() if rows is None else rows, fitted("trees"), POLICY.model_copy(update=policy), MARK)


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

    def test_profit_counts_the_incentive_where_the_action_makes_an_offer(self) -> None:
        scores, money = _scored(), POLICY.money
        is_offer = scores["cause"].isin(["pricing", "product_quality", "competition"])
        leaves = scores["churn_probability"]
        assert 0 < is_offer.sum() < len(scores)
        assert scores["action_en"].str.contains("offer an annual|credit|match an offer").equals(is_offer)
        kept = leaves * money.acceptance * scores["mrr"] * money.margin * money.lifetime_months - money.contact_cost
        taken = (leaves * money.acceptance + 1 - leaves) * money.incentive
        np.testing.assert_allclose(scores["expected_profit"], kept - taken * is_offer)

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
        scores = score_rows(rows_of().drop(columns="sub_mrr_sum"), bundle, POLICY, MARK)
        assert scores["mrr_at_risk"].isna().all()
        assert len(worklist_of(scores, POLICY)) == 10

    def test_the_price_is_where_a_ready_table_says_it_is(self) -> None:
        named = ranked_scores(rows_of(), fitted("trees"), POLICY, MARK, price="tickets_open").sort_values("customer_id")
        assert list(named["mrr"]) == list(rows_of().sort_values("customer_id")["tickets_open"])
        assert list(named["mrr_at_risk"]) == list(named["churn_probability"] * named["mrr"])

    def test_a_missing_feature_is_refused(self) -> None:
        with pytest.raises(DataRefused) as refused:
            _scored(rows_of().drop(columns="tickets_open"))
        assert refused.value.code == "feature_mismatch"


class TestBands:
    def test_are_multiples_of_the_odds_in_training(self) -> None:
        bands = risk_bands(np.array([0.1, 0.142, 0.143, 0.249, 0.251, 1.0]), 0.1, POLICY)
        assert list(bands) == ["low", "low", "medium", "medium", "high", "high"]

    def test_never_fall_with_the_probability(self) -> None:
        order = {"low": 0, "medium": 1, "high": 2}
        bands = [order[band] for band in risk_bands(np.linspace(0, 1, 101), 0.3, POLICY)]
        assert bands == sorted(bands)
