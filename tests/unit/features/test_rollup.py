from __future__ import annotations

from datetime import date

from churn.core.windows import Block
from churn.features.rollup import KNOWN_ON, known_on, merge_blocks, sum_days
from tests.builders import plain, staged_table

EVENTS = """
customer_id | occurred_at         | event_type | value | known_at
A           | 2024-02-01 00:00:00 | in         | 1     |
A           | 2024-02-01 23:59:59 | out        | 2     |
A           | 2024-02-02 10:00:00 | in         | 4     | 2024-02-02 18:00:00
A           | 2024-02-02 11:00:00 | in         | 8     | 2024-02-03 00:00:00
A           | 2024-02-02 12:00:00 | in         | 16    | 2024-02-03 00:00:01
B           | 2024-01-20 10:00:00 | out        | 64    | 2024-02-01 10:00:00
"""
TYPES = ("in", "out")


def sums(first: int, days: int):
    return sum_days(staged_table("events", EVENTS), Block(date(2024, 2, first), days), TYPES, TYPES)


def test_a_fact_belongs_to_the_last_day_before_the_first_date_that_sees_it(engine):
    events = staged_table("events", EVENTS)
    listed = plain(events.mutate(known=known_on(events)), "occurred_at")
    # known at midnight: seen from that date on, so it became known the day before
    assert [row["known"].day for row in listed] == [1, 1, 1, 2, 2, 3]


def test_what_became_known_on_its_own_day_is_one_row_and_late_facts_keep_theirs(engine):
    rows = plain(sums(1, 4), KNOWN_ON, "customer_id")
    assert [(r[KNOWN_ON].day, r["customer_id"], r["day"], r["events"], r["v0"] + r["v1"]) for r in rows] == [
        (1, "A", date(2024, 2, 1), 2, 3.0),
        (1, "B", date(2024, 1, 20), 1, 64.0),
        (2, "A", date(2024, 2, 2), 2, 12.0),
        (3, "A", date(2024, 2, 2), 1, 16.0),
    ]
    assert [r["late_from"] for r in rows] == [None, date(2024, 2, 2), None, date(2024, 2, 4)]


def test_only_the_days_asked_for_are_summed(engine):
    assert {row[KNOWN_ON].day for row in plain(sums(2, 1))} == {2}


def test_merged_days_are_put_on_the_last_one_and_what_came_late_stays(engine):
    merged = merge_blocks(sums(1, 4).drop(KNOWN_ON), 4)  # blocks of four days begin on 30 January and 3 February
    rows = plain(merged, KNOWN_ON, "customer_id", "late_from")
    assert [(r[KNOWN_ON].day, r["customer_id"], r["day"], r["late_from"], r["events"]) for r in rows] == [
        (2, "A", date(2024, 2, 2), None, 4),
        (2, "B", date(2024, 1, 20), date(2024, 2, 2), 1),
        (6, "A", date(2024, 2, 2), date(2024, 2, 4), 1),
    ]
    assert [r["day_bits"] for r in rows] == [0b11, 1, 1]  # bit 0 is the last day of the block
    assert rows[0]["last0"] - rows[0]["last1"] == 1
