from __future__ import annotations

import numpy as np
import pytest

from churn.explanation.contributions import explain_rows
from churn.explanation.tables import rank_features, to_long
from tests.unit.modeling.toys import CATALOG, fitted, rows_of


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
