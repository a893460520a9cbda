from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.explanation.contributions import explain_rows
from churn.explanation.tables import rank_features, to_long, unseen_rows
from tests.unit.modeling.toys import CATALOG, DATES, fitted, make_matrix, rows_of


class TestUnseenRows:
    def test_are_later_than_all_the_model_learned_from(self) -> None:
        rows = unseen_rows(make_matrix(), "2024-04-01", max_rows=10_000)
        assert set(rows["as_of_date"]) == set(DATES[4:])

    def test_are_a_sample_that_is_the_same_again_and_in_order(self) -> None:
        first, second = (unseen_rows(make_matrix(), "2024-04-01", 50) for _ in range(2))
        pd.testing.assert_frame_equal(first, second)
        assert len(first) == 50
        assert first[["as_of_date", "customer_id"]].equals(first[["as_of_date", "customer_id"]].sort_values(
            ["as_of_date", "customer_id"], ignore_index=True))  # fmt: skip

    def test_are_all_rows_where_none_is_later(self) -> None:
        assert len(unseen_rows(make_matrix(20), "2025-01-01", 10_000)) == 20 * len(DATES)


class TestLongTable:
    long = to_long(rows_of(customers=20), explain_rows(fitted("trees"), rows_of(customers=20)), fitted("trees").catalog)

    def test_a_row_is_a_customer_a_date_and_a_feature(self) -> None:
        assert not self.long.duplicated(["customer_id", "as_of_date", "feature"]).any()
        assert set(self.long["as_of_date"]) == {"2024-06-01"}

    def test_contributions_and_base_still_add_up(self) -> None:
        sums = self.long.groupby("customer_id").agg(total=("contribution", "sum"), raw=("raw_score", "first"))
        assert (sums["total"] + self.long["base"].iloc[0]).to_numpy() == pytest.approx(sums["raw"].to_numpy(), abs=1e-9)

    def test_what_contributes_nothing_is_left_out(self) -> None:
        assert (self.long["contribution"] != 0).all()
        assert "never_filled" not in set(self.long["feature"])

    def test_every_feature_carries_its_cause(self) -> None:
        assert set(zip(self.long["feature"], self.long["cause"], strict=True)) <= {
            (f.name, f.cause) for f in CATALOG.features
        }


def test_features_are_ranked_by_strength_with_their_words() -> None:
    values = np.zeros((2, len(CATALOG.names)))
    values[:, 3], values[:, 1] = [-2.0, 2.0], [0.5, 0.5]
    ranking = rank_features(values, CATALOG)
    assert [line["feature"] for line in ranking[:2]] == ["tickets_open", "eng_activity_recency_days"]
    assert ranking[0]["mean_absolute_contribution"] == 2.0
    assert ranking[0]["cause"] == "poor_support"
    assert {"en", "ja"} <= set(ranking[0])
    assert len(ranking) == len(CATALOG.names)
