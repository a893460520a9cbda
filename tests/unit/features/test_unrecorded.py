from __future__ import annotations

import logging
from datetime import date

import pytest

from churn.features.matrix import build_features
from churn.features.unrecorded import hide_unrecorded, unrecorded_dates
from churn.features.words import describe
from tests.builders import features_of, make_inputs, staged_table

EVENTS = """
customer_id | occurred_at         | event_type | user_id
A           | 2024-01-01 09:00:00 | login      | u
A           | 2024-01-20 09:00:00 | login      | v
"""
TICKETS = """
ticket_id | customer_id | opened_at
T1        | A           | 2024-01-20 09:00:00
"""
STAGED = {"events": staged_table("events", EVENTS), "tickets": staged_table("tickets", TICKETS)}
EARLY, LATE = ("A", "2024-01-30"), ("A", "2024-01-31")
BEGUN = {"events": "2024-01-01"}


def built(*families: str, beginnings: dict[str, str] | None = None, **options):
    return features_of(
        STAGED, families, EARLY[1], LATE[1], event_types=["login"], beginnings=beginnings or BEGUN, **options
    )


def test_a_window_is_known_from_the_day_on_which_it_begins_with_its_table():
    rows = built("engagement")
    assert (rows[EARLY]["eng_events_count_30d"], rows[LATE]["eng_events_count_30d"]) == (None, 2)
    assert (rows[EARLY]["eng_login_count_30d"], rows[LATE]["eng_login_count_30d"]) == (None, 2)
    assert rows[EARLY]["eng_events_count_7d"] == 0


def test_what_is_compared_with_the_window_before_needs_both_on_record():
    rows = built("engagement", windows_days=(7, 14, 15))
    for name in ("eng_active_days_prior", "eng_active_days_trend", "eng_events_trend", "eng_login_trend"):
        assert rows[EARLY][f"{name}_14d"] is not None
        assert rows[EARLY][f"{name}_15d"] is None
        assert rows[LATE][f"{name}_15d"] is not None


def test_the_usual_pace_needs_the_longest_window_and_the_share_of_seats_all_that_is_read():
    rows = built("engagement", "seats", observation_days=30)
    for name in ("eng_active_days_pace_trend_7d", "seat_active_ratio_7d"):
        assert rows[EARLY][name] is None
        assert rows[LATE][name] is not None
    assert rows[EARLY]["seat_active_count_7d"] == 0


def test_each_table_has_its_own_beginning():
    rows = built("engagement", "support", beginnings={"events": "2020-01-01", "tickets": "2024-01-24"})
    assert rows[EARLY]["eng_events_count_30d"] == 2
    assert rows[EARLY]["sup_tickets_count_7d"] is None
    assert rows[LATE]["sup_tickets_count_7d"] == 0


def test_a_state_and_the_time_since_something_speak_of_no_window():
    rows = built("engagement", "support", beginnings={"events": "2024-01-30", "tickets": "2024-01-30"})
    assert rows[EARLY]["eng_login_recency_days"] == 10
    assert rows[EARLY]["sup_tickets_recency_days"] == 10


def test_what_is_derived_from_an_unknown_window_is_unknown():
    terms = "subscription_id | customer_id | mrr | started_at | ended_at\nS | A | 30 | 2023-01-01 |"
    staged = {
        **STAGED,
        "customers": staged_table("customers", "customer_id | signed_up_at\nA | 2024-01-28"),
        "subscriptions": staged_table("subscriptions", terms),
    }
    families = ["peers", "pricing"]
    rows = features_of(staged, families, EARLY[1], LATE[1], event_types=["login"], beginnings=BEGUN)
    for name in ("peer_events_rank_30d", "peer_adoption_ratio_30d", "price_active_day_mean_30d"):
        assert rows[EARLY][name] is None
        assert rows[LATE][name] is not None
    assert rows[EARLY]["price_active_day_mean_7d"] is not None


def test_where_everything_is_on_record_the_expression_is_what_it_was():
    rows = make_inputs({}, [], EARLY[1]).snapshots
    month = {"events": [describe("engagement", "eng_events_count", days=30)]}
    assert hide_unrecorded(rows, month, {"events": {date(2024, 1, 31): date(2024, 1, 1)}}) is rows
    assert hide_unrecorded(rows, month, {"tickets": {date(2024, 1, 31): date(2024, 1, 31)}}) is rows


def test_the_log_says_how_many_features_are_unknown_and_when(caplog: pytest.LogCaptureFixture):
    inputs = make_inputs(STAGED, ["seats"], EARLY[1], LATE[1], windows_days=[30], beginnings=BEGUN)
    with caplog.at_level(logging.INFO, logger="churn.features"):
        build_features(inputs)
    assert caplog.messages == [
        "features: 2 reach back to before their table begins on dates from 2024-01-30 to 2024-01-31; unknown there"
    ]


def test_days_to_come_and_ends_of_terms_need_nothing_of_the_past():
    beginnings = {date(2024, 2, 1): date(2024, 2, 1)}
    assert unrecorded_dates(describe("obligations", "obl_coming_count", days=30), beginnings) == []
    assert unrecorded_dates(describe("losses", "loss_peers_ratio", days=30), beginnings) == []
    assert unrecorded_dates(describe("obligations", "obl_due_count", days=30), beginnings) == [date(2024, 2, 1)]
