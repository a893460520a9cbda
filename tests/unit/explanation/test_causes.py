from __future__ import annotations

import numpy as np
import pandas as pd

from churn.core.contract import CAUSES
from churn.explanation.causes import CAUSE_TEXTS, OFFERS, sum_by_cause, top_cause
from churn.features.catalog import Catalog
from tests.unit.modeling.toys import make_feature

CATALOG = Catalog(
    [
        make_feature("recency", "low_engagement"),
        make_feature("sessions", "low_engagement"),
        make_feature("wait", "poor_support"),
        make_feature("country", "unexplained"),
    ]
)


def test_every_cause_has_words_and_an_action_in_both_languages() -> None:
    assert list(CAUSE_TEXTS) == list(CAUSES)
    for texts in CAUSE_TEXTS.values():
        assert all(text.strip() for text in texts)


def test_a_failed_payment_leads_to_dunning_and_never_to_a_discount() -> None:
    assert "no discount" in CAUSE_TEXTS["payment_failure"].action_en
    assert "割引はしない" in CAUSE_TEXTS["payment_failure"].action_ja
    assert "payment_failure" not in OFFERS


def test_contributions_of_one_cause_are_summed_and_every_cause_is_a_column() -> None:
    summed = sum_by_cause(np.array([[0.5, -0.2, 0.1, 1.0], [0.0, 0.0, 0.0, 0.0]]), CATALOG)
    assert list(summed.columns) == list(CAUSES)
    assert summed["low_engagement"].round(12).tolist() == [0.3, 0.0]
    assert summed["pricing"].tolist() == [0.0, 0.0]


def test_nothing_is_lost_in_the_sums() -> None:
    values = np.random.default_rng(0).normal(size=(20, 4))
    assert np.allclose(sum_by_cause(values, CATALOG).sum(axis=1), values.sum(axis=1))


class TestTopCause:
    @staticmethod
    def _top(**raised: float) -> str:
        return str(top_cause(pd.DataFrame([{**dict.fromkeys(CAUSES, 0.0), **raised}]))[0])

    def test_is_the_one_that_raises_risk_most(self) -> None:
        assert self._top(low_engagement=0.2, poor_support=0.7) == "poor_support"

    def test_is_not_the_profile_while_another_carries_its_part(self) -> None:
        assert self._top(unexplained=1.0, pricing=0.25) == "pricing"

    def test_is_unexplained_when_the_best_is_a_trifle_beside_the_profile(self) -> None:
        assert self._top(unexplained=1.0, pricing=0.15) == "unexplained"

    def test_is_unexplained_when_nothing_else_raises_risk(self) -> None:
        assert self._top(unexplained=0.4, pricing=-0.3) == "unexplained"
        assert self._top() == "unexplained"
