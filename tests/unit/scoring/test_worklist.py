from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from churn.core.errors import ConfigRefused
from churn.core.settings import PolicySettings
from churn.scoring.worklist import assign_arm
from tests.unit.scoring.tables import worklist_of


def _scores(rows: list[tuple[str, float, float | None]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "churn_probability", "mrr_at_risk"])
    return frame.assign(as_of_date="2024-06-01", mrr_at_risk=frame["mrr_at_risk"].astype(float))


FIVE = _scores([("e", 0.9, 1.0), ("a", 0.5, 50.0), ("d", 0.5, 60.0), ("b", 0.5, 60.0), ("c", 0.1, 99.0)])


def _ids(**policy: Any) -> list[str]:
    return list(worklist_of(FIVE, PolicySettings(**{"capacity": 5, **policy}))["customer_id"])


def test_the_riskiest_come_first_then_the_more_money_then_the_lower_id() -> None:
    assert _ids() == ["e", "b", "d", "a", "c"]


def test_money_first_where_the_policy_says_so() -> None:
    assert _ids(rank_by="mrr_at_risk") == ["c", "b", "d", "a", "e"]


class TestExpectedProfit:
    WORTH = FIVE.assign(expected_profit=[3.0, -1.0, 8.0, np.nan, 8.0])

    def test_comes_first_where_the_policy_says_so_and_nobody_who_costs_is_listed(self) -> None:
        worklist = worklist_of(self.WORTH, PolicySettings(capacity=5, rank_by="expected_profit"))
        assert list(worklist["customer_id"]) == ["d", "c", "e"]

    def test_is_cut_at_the_capacity(self) -> None:
        worklist = worklist_of(self.WORTH, PolicySettings(capacity=1, rank_by="expected_profit"))
        assert list(worklist["customer_id"]) == ["d"]


@pytest.mark.parametrize("rank_by", ["mrr_at_risk", "expected_profit"])
def test_money_without_any_price_is_refused(rank_by: Any) -> None:
    priceless = FIVE.assign(mrr_at_risk=np.nan, expected_profit=np.nan)
    with pytest.raises(ConfigRefused, match=f"policy.rank_by={rank_by}: no customer has a price"):
        worklist_of(priceless, PolicySettings(capacity=5, rank_by=rank_by))


@pytest.mark.parametrize(("capacity", "expected"), [(1, 1), (3, 3), (5, 5), (500, 5)])
def test_is_no_longer_than_the_team_can_work(capacity: int, expected: int) -> None:
    worklist = worklist_of(FIVE, PolicySettings(capacity=capacity))
    assert list(worklist["list_position"]) == list(range(1, expected + 1))


def test_a_tie_at_the_cut_is_always_cut_the_same_way() -> None:
    for seed in range(5):
        shuffled = FIVE.sample(frac=1, random_state=seed)
        assert list(worklist_of(shuffled, PolicySettings(capacity=2))["customer_id"]) == ["e", "b"]


def test_unknown_money_counts_as_nothing_and_stays_unknown() -> None:
    scores = _scores([("a", 0.5, None), ("b", 0.5, 1.0), ("c", 0.9, None)])
    worklist = worklist_of(scores, PolicySettings(capacity=3))
    assert list(worklist["customer_id"]) == ["c", "b", "a"]
    assert np.isnan(worklist["mrr_at_risk"].iloc[0])


def test_the_scores_that_were_given_stay_as_they_are() -> None:
    before = FIVE.copy()
    worklist_of(FIVE, PolicySettings(capacity=2, control_share=0.5))
    pd.testing.assert_frame_equal(FIVE, before)


class TestArms:
    IDS: ClassVar = [f"customer {n}" for n in range(4000)]

    def test_depend_on_customer_and_date_alone(self) -> None:
        scores = _scores([(name, 0.5, 1.0) for name in self.IDS[:50]])
        policy = PolicySettings(capacity=50, control_share=0.3)
        arms = worklist_of(scores, policy).set_index("customer_id")["arm"]
        fewer = worklist_of(scores.tail(20), policy).set_index("customer_id")["arm"]
        assert fewer.to_dict() == arms.loc[list(fewer.index)].to_dict()

    def test_about_the_wanted_share_is_left_uncontacted(self) -> None:
        share = np.mean([assign_arm(name, "2024-06-01", 0.1) == "control" for name in self.IDS])
        assert share == pytest.approx(0.1, abs=0.02)

    def test_are_drawn_anew_on_every_date(self) -> None:
        first, second = ([assign_arm(n, d, 0.5) for n in self.IDS] for d in ("2024-06-01", "2024-07-01"))
        assert np.mean([a == b for a, b in zip(first, second, strict=True)]) == pytest.approx(0.5, abs=0.05)

    def test_raising_the_share_only_adds_to_the_control_arm(self) -> None:
        low, high = ({n for n in self.IDS if assign_arm(n, "2024-06-01", share) == "control"} for share in (0.1, 0.2))
        assert low < high

    def test_without_a_control_share_everybody_is_treated(self) -> None:
        assert {assign_arm(name, "2024-06-01", 0.0) for name in self.IDS} == {"treatment"}
