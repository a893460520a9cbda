from __future__ import annotations

import ibis

from churn.features.family import facts_as_of, is_within
from tests.builders import make_inputs, plain, staged_table

DAY = "2024-02-01"
TICKETS = """
ticket_id | customer_id | opened_at           | resolved_at         | known_at
inside    | A           | 2023-11-03 00:00:00 | 2024-01-05 10:00:00 |
before    | A           | 2023-11-02 23:59:59 | 2024-01-05 10:00:00 |
at        | A           | 2024-02-01 00:00:00 |                     |
late      | A           | 2024-01-20 00:00:00 | 2024-01-25 00:00:00 | 2024-01-28 00:00:00
unknown   | A           | 2024-01-20 00:00:00 |                     | 2024-02-01 00:00:01
stranger  | B           | 2024-01-20 00:00:00 |                     |
"""


def facts(still_open=None):
    inputs = make_inputs({"tickets": staged_table("tickets", TICKETS)}, ["support"], DAY)
    rows = plain(facts_as_of(inputs, "tickets", ["opened_at", "resolved_at", "csat_at"], still_open))
    return {row["ticket_id"]: row for row in rows}


def test_facts_of_the_cohort_known_on_the_date_and_inside_the_observation(engine):
    assert set(facts()) == {"inside", "late"}


def test_times_that_are_not_known_yet_are_null(engine):
    found = facts()
    assert found["inside"]["resolved_at"] is not None
    assert found["late"]["resolved_at"] is None  # 25 January, known eight days later


def test_older_facts_stay_where_something_is_still_open(engine):
    assert set(facts(lambda rows: rows.resolved_at.isnull())) == {"inside", "late"}
    assert set(facts(lambda rows: ibis.literal(True))) == {"inside", "late", "before"}


def test_within_the_last_days_is_half_open(engine):
    inputs = make_inputs({"tickets": staged_table("tickets", TICKETS)}, ["support"], DAY)
    rows = facts_as_of(inputs, "tickets", ["opened_at"])
    exact = rows.mutate(inside=is_within(rows, "opened_at", 90), shorter=is_within(rows, "opened_at", 89))
    found = {row["ticket_id"]: (row["inside"], row["shorter"]) for row in plain(exact)}
    assert found["inside"] == (True, False)
