"""As of Thursday, 1 February 2024, over the last 30 days."""

from __future__ import annotations

import math

import pytest

from tests.builders import features_of, staged_table

DAY = "2024-02-01"
EVENTS = """
customer_id | occurred_at      | event_type | user_id
A           | 2024-01-27 23:30 | use        | u1
A           | 2024-01-28 05:59 | use        | u2
A           | 2024-01-28 06:00 | use        | u1
A           | 2024-01-29 12:00 | use        |
A           | 2024-01-15 12:00 | use        | u3
A           | 2023-12-01 12:00 | use        | u4
A           | 2023-10-01 12:00 | use        | u5
A           | 2024-02-01 00:00 | use        | u6
"""


def built(family: str, *as_of: str, events: str = EVENTS, customers="AZ"):
    return features_of({"events": staged_table("events", events)}, [family], *(as_of or (DAY,)), customers=customers)


def test_rhythm_by_hand(engine):
    row = built("rhythm")["A", DAY]
    assert (row["rhy_gap_days_mean_30d"], row["rhy_gap_days_max_30d"]) == (14 / 3, 12.0)  # gaps of 12, 1 and 1
    spread = math.sqrt(((12 - 14 / 3) ** 2 + 2 * (1 - 14 / 3) ** 2) / 3)
    assert row["rhy_irregularity_ratio_30d"] == pytest.approx(spread / (14 / 3))
    assert row["rhy_silence_ratio_30d"] == pytest.approx(3 / (14 / 3))
    assert row["rhy_streak_days_max_30d"] == 3.0
    assert (row["rhy_weekend_ratio_30d"], row["rhy_night_ratio_30d"]) == (0.6, 0.4)
    assert (row["rhy_weekday_ratio_30d"], row["rhy_day_part_ratio_30d"]) == (0.4, 0.4)  # two Sundays, Mondays; noons


def test_a_streak_is_present_only_where_it_reaches_the_day_before(engine):
    rows = built("rhythm", "2024-01-30", "2024-01-31", customers="A")
    assert rows["A", "2024-01-30"]["rhy_streak_days_last_30d"] == 3.0
    assert rows["A", "2024-01-31"]["rhy_streak_days_last_30d"] == 0.0


def test_one_active_day_has_no_gap_and_none_no_rhythm(engine):
    rows = built("rhythm", events="customer_id | occurred_at | event_type\nA | 2024-01-30 12:00 | use")
    one, none = rows["A", DAY], rows["Z", DAY]
    assert (one["rhy_gap_days_mean_30d"], one["rhy_silence_ratio_30d"], one["rhy_streak_days_max_30d"]) == (
        None,
        None,
        1,
    )
    assert (none["rhy_weekend_ratio_30d"], none["rhy_streak_days_max_30d"]) == (None, 0.0)


def test_seats_by_hand(engine):
    rows = built("seats", DAY, "2024-02-02")
    row = rows["A", DAY]
    assert (row["seat_active_count_7d"], row["seat_active_count_30d"]) == (2.0, 3.0)
    assert (row["seat_active_ratio_7d"], row["seat_active_ratio_30d"]) == (0.5, 0.75)  # of the four in sight
    assert rows["A", "2024-02-02"]["seat_active_count_7d"] == 3.0
    assert (rows["Z", DAY]["seat_active_count_7d"], rows["Z", DAY]["seat_active_ratio_7d"]) == (0.0, None)


def test_without_named_users_there_are_no_seats(engine):
    staged = {
        "events": staged_table("events", "customer_id | occurred_at | event_type\nA | 2024-01-30 | use"),
        "customers": staged_table("customers", "customer_id | signed_up_at\nA | 2024-01-01"),
    }
    row = features_of(staged, ["seats", "profile"], DAY)["A", DAY]
    assert set(row) == {"customer_id", "as_of_date", "prof_age_days"}
