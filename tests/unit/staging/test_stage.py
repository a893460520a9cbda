from __future__ import annotations

import logging

import pytest

from churn.core.contract import DELAY
from churn.core.errors import DataRefused
from churn.staging.stage import stage_tables
from tests.builders import make_source, plain, text_table

CUSTOMERS = "customer_id | signed_up_at\nA | 2024-01-01\nB | 2024-01-02"
EVENTS = """
event_id | customer_id | occurred_at         | event_type
E2       | B           | 2024-02-01T10:00:00 | login
E1       | A           | 2024-02-02T10:00:00 | login
E3       | A           | 2024-02-01T10:00:00 | share
"""


def stage(source=None, **tables: str):
    return stage_tables({name: text_table(rows) for name, rows in tables.items()}, source or make_source())


def test_customers_come_first_whatever_the_order_of_the_mapping(engine):
    staged = stage(events=EVENTS, customers=CUSTOMERS)
    assert list(staged) == ["customers", "events"]


def test_rows_are_ordered_by_customer_and_time(engine):
    staged = stage(customers=CUSTOMERS, events=EVENTS)
    assert [row["event_id"] for row in plain(staged["events"].rows)] == ["E3", "E1", "E2"]


def test_counts_tell_what_came_in_and_what_was_left_out(engine):
    source = make_source(max_orphan_share=0.5, max_null_share=0.5)
    more = EVENTS + "E4 | X | 2024-02-01 | login\nE5 |  | 2024-02-01 | login\nE1 | A | 2024-02-02T10:00:00 | login"
    events = stage(source, customers=CUSTOMERS, events=more)["events"]
    assert events.rows_in == 6
    assert dict(events.counts) == {"orphan:customer_id": 1, "null:customer_id": 1, "duplicate": 1}
    assert events.has_rejected
    assert {(row["event_id"], row["broken_rule"]) for row in plain(events.rejected)} == {
        ("E4", "orphan:customer_id"), ("E5", "null:customer_id"),
    }  # fmt: skip
    assert len(plain(events.rows)) == 3


def test_a_customer_that_is_rejected_takes_its_facts_along(engine):
    source = make_source(max_null_share=0.5, max_orphan_share=0.5)
    staged = stage(source, customers=CUSTOMERS.replace("2024-01-02", ""), events=EVENTS)
    assert [row["customer_id"] for row in plain(staged["customers"].rows)] == ["A"]
    assert dict(staged["events"].counts) == {"orphan:customer_id": 1}


def test_marks_do_not_reach_the_staged_rows(engine):
    staged = stage(customers=CUSTOMERS, events=EVENTS)
    assert set(staged["events"].rows.columns) == {"event_id", "customer_id", "occurred_at", "event_type", DELAY}
    assert set(staged["customers"].rows.columns) == {"customer_id", "signed_up_at"}


def test_customers_are_no_facts_and_have_no_delay(engine):
    staged = stage(make_source(lag_hours={"events": 1}), customers=CUSTOMERS, events=EVENTS)
    assert DELAY not in staged["customers"].rows.columns
    assert {row[DELAY] for row in plain(staged["events"].rows)} == {3_600_000_000}


def test_versions_of_a_customer_are_not_orphans_of_each_other(engine):
    versions = "customer_id | signed_up_at | valid_from\nA | 2024-01-01 | 2024-01-01\nA | 2024-01-01 | 2024-03-01"
    staged = stage(customers=versions, events="customer_id | occurred_at | event_type\nA | 2024-02-01 | x")
    assert len(plain(staged["events"].rows)) == 1


def test_a_table_without_any_of_its_keys_is_refused(engine):
    with pytest.raises(DataRefused) as refused:
        stage(customers=CUSTOMERS, tickets="customer_id | opened_at\nA | 2024-02-01")
    assert (refused.value.code, refused.value.column) == ("missing_column", "ticket_id")


def test_a_flat_table_has_one_row_per_customer_and_date(engine):
    source = make_source(kind="flat", tables={"matrix": "x"}, attributes={"seats": "number"})
    flat = """
    customer_id | as_of_date | seats | churned
    A           | 2024-01-01 | 3     | 1
    A           | 2024-02-01 | 4     |
    B           | 2024-01-01 | 5     | 0
    """.rstrip()
    rows = plain(stage(source, matrix=flat)["matrix"].rows)
    assert [(r["customer_id"], r["seats"], r["churned"]) for r in rows] == [
        ("A", 3.0, 1.0),
        ("A", 4.0, None),
        ("B", 5.0, 0.0),
    ]
    assert DELAY not in rows[0]
    with pytest.raises(
        DataRefused, match=r"the same customer_id \+ as_of_date more than once \(1 row\); for example A"
    ):
        stage(source, matrix=flat + "\nA | 2024-01-01 | 9 | 0")


def test_what_is_dropped_is_said_once(engine, caplog: pytest.LogCaptureFixture):
    source = make_source(attributes={"email": "pii"})
    with caplog.at_level(logging.INFO, "churn"):
        stage(source, customers="customer_id | signed_up_at | email | colour\nA | 2024-01-01 | a@x | red")
    assert caplog.messages == ["customers: columns nobody listed are dropped: colour"]
