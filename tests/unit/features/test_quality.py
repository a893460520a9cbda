"""As of 1 February 2024 over windows of 7 and 30 days, observed for 90."""

from __future__ import annotations

import math

import pytest

from tests.builders import features_of, staged_table

DAY = "2024-02-01"
SUBSCRIPTIONS = """
subscription_id | customer_id | plan  | started_at | ended_at
S1              | A           | basic | 2023-12-01 | 2024-01-20
S2              | A           | pro   | 2024-01-20 |
S3              | B           | basic | 2024-01-01 |
"""
INCIDENTS = """
incident_id | started_at       | ended_at         | kind          | plan  | magnitude | announced_at
I1          | 2024-01-10 10:00 | 2024-01-10 13:00 | outage        |       | 2         |
I2          | 2024-01-30 10:00 | 2024-02-01 10:00 | outage        | pro   | 5         |
I3          | 2024-01-25 00:00 |                  | price_change  | basic | 0.1       | 2024-01-01
I4          | 2023-12-10 00:00 | 2023-12-10 06:00 | outage        | basic | 1         |
I5          | 2024-02-11 00:00 |                  | policy_change |       | 1         | 2024-01-31
I6          | 2024-02-21 00:00 |                  | price_change  | pro   | 0.2       | 2024-02-01
"""


def quality(*as_of: str, subscriptions: str | None = SUBSCRIPTIONS, incidents: str = INCIDENTS, customers="AB"):
    staged = {
        "incidents": staged_table("incidents", incidents),
        "customers": staged_table("customers", "customer_id | signed_up_at\nA | 2023-12-01\nB | 2024-01-01"),
    }
    if subscriptions is not None:
        staged["subscriptions"] = staged_table("subscriptions", subscriptions)
    return features_of(staged, ["quality"], *(as_of or (DAY,)), customers=customers)


def test_an_outage_touches_those_whose_plan_it_was_then(engine):
    rows = quality()
    a, b = rows["A", DAY], rows["B", DAY]
    assert (a["inc_outage_count_7d"], a["inc_outage_count_30d"], a["inc_outage_recency_days"]) == (1.0, 2.0, 2.0)
    assert (b["inc_outage_count_7d"], b["inc_outage_count_30d"], b["inc_outage_recency_days"]) == (0.0, 1.0, 22.0)
    assert (a["inc_outage_size_last"], b["inc_outage_size_last"]) == (5.0, 2.0)
    assert b["inc_outage_hours_sum"] == 3.0
    assert a["inc_outage_hours_sum"] == 3.0 + 38.0 + 6.0  # the second goes on: until now


def test_a_price_change_is_of_the_plan_one_has(engine):
    rows = quality()
    assert (rows["A", DAY]["inc_price_change_recency_days"], rows["B", DAY]["inc_price_change_recency_days"]) == (90, 7)
    assert (rows["A", DAY]["inc_price_change_size_last"], rows["B", DAY]["inc_price_change_size_last"]) == (None, 0.1)


def test_what_is_announced_lies_ahead_and_what_is_not_is_unknown(engine):
    rows = quality(DAY, "2024-02-02")
    assert rows["A", DAY]["inc_policy_change_ahead_days"] == 10.0
    assert rows["A", DAY]["inc_policy_change_recency_days"] == 90.0
    assert [rows["A", d]["inc_price_change_ahead_days"] for d in (DAY, "2024-02-02")] == [None, 19.0]


def test_without_subscriptions_an_incident_of_all_plans_touches_who_was_there(engine):
    rows = quality(subscriptions=None)
    assert (rows["A", DAY]["inc_outage_count_30d"], rows["B", DAY]["inc_outage_count_30d"]) == (1.0, 1.0)
    assert rows["B", DAY]["inc_outage_recency_days"] == 22.0


def test_with_only_kinds_and_starts_there_are_counts_and_days(engine):
    row = quality(incidents="incident_id | started_at | kind\nI1 | 2024-01-30 | outage")["A", DAY]
    names = {name.removeprefix("inc_") for name in row if name.startswith("inc_")}
    kinds = ("outage", "price_change", "feature_removed", "policy_change", "competitor_launch")
    assert names == {"outage_count_7d", "outage_count_30d", *(f"{kind}_recency_days" for kind in kinds)}
    assert (row["inc_outage_count_7d"], row["inc_outage_recency_days"]) == (1.0, 2.0)


class TestUseAround:
    """The last incident that touched A lies on 30 January: two days after it and two before."""

    EVENTS = """
    customer_id | occurred_at      | event_type | known_at
    A           | 2024-01-27 12:00 | use        |
    A           | 2024-01-28 12:00 | use        |
    A           | 2024-01-29 12:00 | use        |
    A           | 2024-01-29 13:00 | use        |
    A           | 2024-01-30 09:00 | use        | 2024-02-02
    """

    def use(self, day: str, incidents: str = INCIDENTS) -> tuple[float, ...]:
        staged = {
            "incidents": staged_table("incidents", incidents),
            "subscriptions": staged_table("subscriptions", SUBSCRIPTIONS),
            "events": staged_table("events", self.EVENTS),
        }
        row = features_of(staged, ["quality"], day)["A", day]
        return tuple(row[f"inc_use_days_{name}"] for name in ("count", "prior", "trend"))

    def test_use_that_breaks_off_shows_as_known_on_the_date(self, engine):
        assert self.use(DAY) == (0.0, 2.0, pytest.approx(math.log(1 / 3)))
        assert self.use("2024-02-02") == (1.0, 3.0, pytest.approx(math.log(2 / 4)))

    def test_only_the_last_incident_counts_and_only_with_as_much_time_before_it(self, engine):
        first = "incident_id | started_at | kind\nI1 | 2023-12-02 | outage"
        assert self.use("2024-02-01", first) == (0.0, 0.0, 0.0)
        assert self.use("2024-02-28", first) == (None, None, None), "observed since 30 November"
