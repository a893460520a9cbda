"""As of 1 February 2024, observed for 90 days."""

from __future__ import annotations

from tests.builders import features_of, staged_table

DAY = "2024-02-01"
TERMS = """
subscription_id | customer_id | plan  | mrr | started_at | ended_at   | trial_ends_at
S1              | A           | basic | 10  | 2023-01-01 | 2023-06-01 | 2023-01-15
S2              | A           | basic | 10  | 2023-11-01 | 2023-12-01 | 2023-11-15
S3              | A           | basic | 12  | 2023-12-01 | 2024-01-01 |
S4              | A           | lite  | 5   | 2024-01-01 |            |
S5              | B           | pro   | 30  | 2024-01-02 |            | 2024-02-05
S6              | A           | lite  | 9   | 2024-02-01 |            |
"""


def journey(*as_of: str, terms: str = TERMS):
    return features_of(
        {"subscriptions": staged_table("subscriptions", terms)}, ["journey"], *(as_of or (DAY,)), customers="AB"
    )


def test_a_journey_by_hand(engine):
    a = journey()["A", DAY]
    assert (a["jour_spells_count"], a["jour_spell_days"]) == (2.0, 92.0)  # away from June to November
    assert (a["jour_price_rise_recency_days"], a["jour_price_rise_ratio"]) == (62.0, 1.2)
    assert a["jour_downgrade_recency_days"] == 31.0
    assert a["jour_trial_end_recency_days"] == 78.0


def test_what_never_happened_is_as_far_back_as_anything_is_read(engine):
    b = journey()["B", DAY]
    assert (b["jour_price_rise_recency_days"], b["jour_price_rise_ratio"]) == (90.0, None)
    assert (b["jour_spells_count"], b["jour_spell_days"], b["jour_trial_end_recency_days"]) == (1.0, 30.0, 90.0)


def test_terms_that_begin_at_the_instant_count_a_day_later(engine):
    rows = journey(DAY, "2024-02-02")
    assert [rows["A", day]["jour_price_rise_recency_days"] for day in (DAY, "2024-02-02")] == [62.0, 1.0]


def test_an_end_that_is_not_known_yet_is_no_break(engine):
    terms = """
    subscription_id | customer_id | started_at | ended_at
    S1              | A           | 2023-12-01 | 2024-02-03
    S2              | A           | 2024-01-10 |
    """
    row = journey(terms=terms)["A", DAY]
    assert (row["jour_spells_count"], row["jour_spell_days"]) == (1.0, 62.0)
    assert {name for name in row if name.startswith("jour_")} == {"jour_spells_count", "jour_spell_days"}
