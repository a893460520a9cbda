from __future__ import annotations

import pytest

from tests.builders import features_of, make_source, staged_table

DAY = "2024-02-01"
CUSTOMERS = """
customer_id | signed_up_at | product:text
A           | 2023-01-01   | x
B           | 2023-01-01   | x
C           | 2023-01-01   | x
D           | 2023-01-01   | y
E           | 2023-01-01   | x
F           | 2023-01-01   | x
G           | 2023-01-01   | y
"""
EVENTS = """
customer_id | occurred_at | event_type
A           | 2024-01-29  | use
"""
SUBSCRIPTIONS = """
subscription_id | customer_id | started_at | ended_at   | end_reason | known_at
1               | A           | 2023-01-01 |            |            |
2               | B           | 2023-01-01 | 2024-01-20 | switched   |
3               | B           | 2024-01-20 |            |            |
4               | C           | 2023-01-01 | 2024-01-28 | voluntary  |
5               | D           | 2023-01-01 |            |            |
6               | E           | 2023-01-01 | 2024-01-10 | involuntary|
7               | F           | 2023-01-01 | 2024-02-01 | voluntary  |
8               | G           | 2023-01-01 | 2024-01-28 | switched   |
"""


def losses(here: str, *as_of: str, segment: bool = True, subscriptions: str = SUBSCRIPTIONS):
    source = make_source(attributes={"product": "segment"} if segment else {})
    tables = {"customers": CUSTOMERS, "events": EVENTS, "subscriptions": subscriptions}
    staged = {name: staged_table(name, rows) for name, rows in tables.items()}
    return features_of(
        staged, ["losses", "profile"], *(as_of or (DAY,)), customers=here, source=source, event_types=["use"]
    )


def test_the_share_of_the_segment_that_left_is_of_those_who_left_and_those_who_are_here(engine):
    rows = losses("ABDF")
    assert {customer: row["loss_peers_ratio_7d"] for (customer, _), row in rows.items()} == {
        "A": 0.25, "B": 0.25, "D": 0.0, "F": 0.25,
    }  # fmt: skip
    assert rows["A", DAY]["loss_peers_ratio_30d"] == pytest.approx(2 / 5)


def test_an_end_at_the_instant_or_known_later_is_not_known(engine):
    assert losses("ABDF")["A", DAY]["loss_peers_ratio_7d"] == 0.25  # F is still here
    told_after_five_days = "C | 2024-01-27 | 2024-01-28 | voluntary | 2024-02-01"
    late = SUBSCRIPTIONS.replace("C           | 2023-01-01 | 2024-01-28 | voluntary  |", told_after_five_days)
    assert late != SUBSCRIPTIONS
    rows = losses("ABDF", DAY, "2024-02-03", subscriptions=late)
    assert rows["A", DAY]["loss_peers_ratio_7d"] == 0.0
    assert rows["A", "2024-02-03"]["loss_peers_ratio_7d"] == 0.25


def test_who_ended_one_subscription_and_is_still_here_has_not_left(engine):
    assert losses("ABCDF")["A", DAY]["loss_peers_ratio_7d"] == 0.0


def test_without_segments_there_is_no_such_share(engine):
    assert not [name for name in losses("ABDF", segment=False)["A", DAY] if "loss" in name]
