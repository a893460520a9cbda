from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from churn.explanation.reasons import choose_reasons, facts_told, tells
from churn.features.catalog import Catalog
from tests.unit.modeling.toys import make_feature

ACTIVE = make_feature(
    "active_30", topic="activity", prior_of="active_before",
    reason_en="Active on {value} days in the last 30, {prior} in the 30 before (typical: {typical})",
    reason_ja="直近30日間の利用は{value}日、その前は{prior}日（標準: {typical}日）",
)  # fmt: skip
TREND = make_feature(
    "active_trend", topic="activity", value_of="active_30", reason_en="Active on {value} days, falling"
)
PLAN = make_feature("plan", kind="category", reason_en="Plan: {value}", reason_ja="プラン: {value}")
TICKETS = make_feature("tickets", topic="tickets", reason_en="{value} tickets open")
CATALOG = Catalog([ACTIVE, TREND, PLAN, TICKETS])


class TestChoice:
    @staticmethod
    def _chosen(values: list[float], count: int = 3) -> list[str]:
        return [feature.name for feature in choose_reasons(np.array([values]), CATALOG, count)[0]]

    def test_the_strongest_topics_come_first(self) -> None:
        assert self._chosen([0.1, 0.0, 0.2, 0.9]) == ["tickets", "plan", "active_30"]

    def test_only_what_raises_the_risk_becomes_a_reason(self) -> None:
        assert self._chosen([-0.5, -0.1, 0.2, 0.0]) == ["plan"]
        assert self._chosen([-0.5, -0.1, -0.2, 0.0]) == []

    def test_a_topic_speaks_once_by_its_strongest_feature(self) -> None:
        assert self._chosen([0.3, 0.4, 0.0, 0.1]) == ["active_trend", "tickets"]

    def test_a_topic_is_weighed_as_a_whole(self) -> None:
        # each of the two is weaker than the tickets, together they are stronger
        assert self._chosen([0.3, 0.3, 0.0, 0.5]) == ["active_30", "tickets"]
        # one raises, the other lowers more: the topic as a whole does not raise the risk
        assert self._chosen([0.3, -0.4, 0.1, 0.0]) == ["plan"]

    def test_no_more_than_asked_for(self) -> None:
        assert self._chosen([0.1, 0.1, 0.2, 0.9], count=1) == ["tickets"]

    def test_every_row_has_reasons_of_its_own(self) -> None:
        chosen = choose_reasons(np.array([[1.0, 0, 0, 0], [0, 0, 1.0, 0]]), CATALOG, 3)
        assert [[f.name for f in row] for row in chosen] == [["active_30"], ["plan"]]

    def test_a_topic_without_a_telling_value_stays_silent(self) -> None:
        values, can_tell = np.array([[0.3, 0.4, 0.0, 0.9]]), np.array([[True, False, True, False]])
        assert [f.name for f in choose_reasons(values, CATALOG, 3, can_tell)[0]] == ["active_30"]
        values = np.array([[-0.1, 0.4, 0.0, 0.9]])  # what could be told lowers the risk
        assert [f.name for f in choose_reasons(values, CATALOG, 3, can_tell)[0]] == []

    def test_the_named_cause_shows_its_evidence_first(self) -> None:
        weak = make_feature("weak", topic="weak", cause="pricing")
        catalog = Catalog([ACTIVE, PLAN, TICKETS, weak])
        values = np.array([[0.9, 0.8, 0.7, 0.1]])
        names = [f.name for f in choose_reasons(values, catalog, 3, causes=["pricing"])[0]]
        assert names == ["weak", "active_30", "plan"]
        assert choose_reasons(values, catalog, 3, causes=["competition"]) == choose_reasons(values, catalog, 3)


class TestFacts:
    """The only ticket there was, and the only ticket about billing, are one ticket."""

    ALL = make_feature("tickets_30d")
    BILLING = make_feature("billing_30d", part_of="tickets_30d")
    LATE = make_feature("late_30d", part_of="billing_30d")
    TREND = make_feature("billing_trend", value_of="billing_30d")
    CATALOG = Catalog([TREND, LATE, ALL, BILLING, PLAN])

    @classmethod
    def _told(cls, tickets: float, billing: float, late: float) -> list[str]:
        row = pd.DataFrame({"tickets_30d": [tickets], "billing_30d": [billing], "late_30d": [late], "plan": ["pro"]})
        row = row.assign(billing_trend=0.5)
        return [cls.CATALOG.names[number] for number in facts_told(row, cls.CATALOG)[0]]

    def test_a_part_as_large_as_the_whole_tells_its_fact(self) -> None:
        assert self._told(3, 2, 1) == ["billing_30d", "late_30d", "tickets_30d", "billing_30d", "plan"]
        assert self._told(2, 2, 1) == ["tickets_30d", "late_30d", "tickets_30d", "tickets_30d", "plan"]
        assert self._told(2, 2, 2) == ["tickets_30d"] * 4 + ["plan"]

    def test_nothing_known_is_no_common_fact(self) -> None:
        assert self._told(np.nan, np.nan, np.nan) == ["billing_30d", "late_30d", "tickets_30d", "billing_30d", "plan"]

    def test_a_whole_that_the_model_does_not_have_is_left_aside(self) -> None:
        told = facts_told(pd.DataFrame({"late_30d": [1.0]}), Catalog([self.LATE]))
        assert told.tolist() == [[0]]

    def test_a_fact_is_told_once_and_the_next_reason_takes_the_place(self) -> None:
        values = np.array([[0.0, 0.1, 0.9, 0.8, 0.2]])
        row = pd.DataFrame({"tickets_30d": [1.0], "billing_30d": [1.0], "late_30d": [0.0], "billing_trend": [0.5]})
        facts = facts_told(row.assign(plan="pro"), self.CATALOG)
        names = [f.name for f in choose_reasons(values, self.CATALOG, 3, facts=facts)[0]]
        assert names == ["tickets_30d", "plan", "late_30d"]

    def test_the_evidence_of_the_cause_tells_it_rather_than_what_is_stronger(self) -> None:
        catalog = Catalog([self.ALL, make_feature("billing_30d", cause="pricing", part_of="tickets_30d")])
        facts = facts_told(pd.DataFrame({"tickets_30d": [1.0], "billing_30d": [1.0]}), catalog)
        chosen = choose_reasons(np.array([[0.9, 0.1]]), catalog, 3, causes=["pricing"], facts=facts)[0]
        assert [f.name for f in chosen] == ["billing_30d"]


class TestAlike:
    """Who was active on one day has few actions: where the two go together, one of them is told."""

    CATALOG = Catalog([make_feature("days"), make_feature("actions"), make_feature("rank", value_of="actions"), PLAN])

    @classmethod
    def _names(cls, values: list[float], count: int = 3, **more: Any) -> list[str]:
        row = pd.DataFrame({"days": [1.0], "actions": [14.0], "rank": [3.0], "plan": ["pro"]})
        facts = facts_told(row, cls.CATALOG)
        chosen = choose_reasons(np.array([values]), cls.CATALOG, count, facts=facts, **more)
        return [feature.name for feature in chosen[0]]

    def test_of_two_alike_the_stronger_is_told_and_the_next_reason_takes_the_place(self) -> None:
        alike = [["days", "actions"]]
        assert self._names([0.9, 0.8, 0.0, 0.1], 2, alike=alike) == ["days", "plan"]
        assert self._names([0.8, 0.9, 0.0, 0.1], 2, alike=alike) == ["actions", "plan"]
        assert self._names([0.9, 0.8, 0.0, 0.1], 2) == ["days", "actions"]

    def test_what_quotes_one_of_them_is_alike_as_well(self) -> None:
        assert self._names([0.5, 0.0, 0.9, 0.1], alike=[["days", "actions"]]) == ["rank", "plan"]


class TestTelling:
    def test_a_number_near_the_typical_one_or_not_known_says_nothing(self) -> None:
        catalog = Catalog([ACTIVE])
        features = pd.DataFrame({"active_30": [10.0, 10.4, 10.6, 9.0, np.nan], "active_before": 5.0})
        assert tells(features, catalog, {"active_30": 10.0}).ravel().tolist() == [False, False, True, True, False]

    def test_any_difference_from_a_typical_zero_tells(self) -> None:
        told = tells(
            pd.DataFrame({"active_30": [0.0, 0.1], "active_before": 5.0}), Catalog([ACTIVE]), {"active_30": 0.0}
        )
        assert told.ravel().tolist() == [False, True]

    def test_a_reason_that_compares_with_nothing_typical_tells_what_is_known(self) -> None:
        features = pd.DataFrame({"plan": ["pro", None], "tickets": [1.0, np.nan]})
        told = tells(features, Catalog([PLAN, TICKETS]), {"plan": "pro", "tickets": 1.0})
        assert told.tolist() == [[True, True], [False, False]]

    def test_a_change_from_what_is_not_known_says_nothing(self) -> None:
        features = pd.DataFrame({"active_30": [3.0, 3.0], "active_before": [14.0, np.nan]})
        assert tells(features, Catalog([ACTIVE]), {}).ravel().tolist() == [True, False]

    def test_a_feature_that_quotes_another_is_judged_by_what_it_quotes(self) -> None:
        features = pd.DataFrame({"active_30": [np.nan], "active_trend": [0.5]})
        assert tells(features, Catalog([TREND]), {}).tolist() == [[False]]

    def test_a_feature_that_quotes_what_is_not_there_says_nothing(self) -> None:
        assert tells(pd.DataFrame({"active_trend": [0.5]}), Catalog([TREND]), {}).tolist() == [[False]]

    def test_what_can_only_raise_the_risk_by_falling_is_not_told_when_it_rose(self) -> None:
        features = pd.DataFrame({"active_30": [3.0, 32.0, 5.0], "active_before": [14.0, 0.0, 5.0]})
        for direction, told in ((-1, [True, False, False]), (1, [False, True, False]), (0, [True, True, False])):
            feature = replace(ACTIVE, direction=direction)
            assert tells(features, Catalog([feature]), {}).ravel().tolist() == told

    def test_nor_when_it_is_better_than_the_typical_value(self) -> None:
        errors = make_feature("errors", reason_en="{value} errors (typical: {typical})", direction=1)
        features = pd.DataFrame({"errors": [1.0, 9.0]})
        assert tells(features, Catalog([errors]), {"errors": 4.0}).ravel().tolist() == [False, True]

    def test_a_rank_near_the_middle_of_comparable_customers_says_nothing(self) -> None:
        base = make_feature("use", direction=-1)
        rank = make_feature("rank", reason_en="{value} uses ({rank})", value_of="use", prior_of="rank")
        features = pd.DataFrame({"use": 3.0, "rank": [0.0, 44.0, 47.0, 60.0]})
        assert tells(features, Catalog([base, rank]), {})[:, 1].tolist() == [True, True, False, False]

    def test_a_change_of_nothing_says_nothing(self) -> None:
        change = make_feature("change", reason_en="{value} (change: {change})", value_of="use", prior_of="change")
        features = pd.DataFrame({"use": 3.0, "change": [-2.0, 0.0, 2.0]})
        assert tells(features, Catalog([change]), {}).ravel().tolist() == [True, False, True]
