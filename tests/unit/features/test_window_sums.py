from __future__ import annotations

from datetime import date

import ibis

from churn.features.segments import WORD_DAYS, Lookback, plan_segments
from churn.features.window_sums import SHARED, mark_days, sum_segments
from tests.builders import by_key, days, plain, staged_table

LOOKBACKS = (Lookback("week", 7), Lookback("before", 14, 7))
DATES = days("2024-02-01", "2024-02-04")


def plan(dates=DATES, reach_days: int = 20, lookbacks=LOOKBACKS):
    return plan_segments(dates, lookbacks, reach_days)


EVENTS = """
customer_id | occurred_at         | event_type | value | known_at
A           | 2024-01-25 00:00:00 | in         | 1     |
A           | 2024-01-25 12:00:00 | out        | 2     |
A           | 2024-01-31 23:59:59 | in         |       |
A           | 2024-01-24 23:59:59 | in         | 4     |
A           | 2024-01-30 10:00:00 | in         | 8     | 2024-02-02 10:00:00
A           | 2024-02-01 00:00:00 | in         | 16    |
A           | 2024-01-01 10:00:00 | in         | 32    |
B           | 2024-01-20 10:00:00 | out        | 64    |
"""


def test_events_carry_their_day_and_from_when_a_late_one_counts(engine):
    marked = plain(mark_days(staged_table("events", EVENTS), plan()), "customer_id", "day", "event_type")
    assert [(r["customer_id"], r["day"].day, r["event_type"], r["value"]) for r in marked] == [
        ("A", 24, "in", 4.0),
        ("A", 25, "in", 1.0),
        ("A", 25, "out", 2.0),
        ("A", 30, "in", 8.0),
        ("A", 31, "in", None),
        ("A", 1, "in", 16.0),
        ("B", 20, "out", 64.0),
    ]
    assert [r["day"].day for r in marked if r["late_from"] is not None] == [30]
    assert str(next(r["late_from"] for r in marked if r["late_from"]))[:10] == "2024-02-03"


def test_windows_are_sums_of_segments(engine):
    p = plan()
    marked = mark_days(staged_table("events", EVENTS), p)
    sums = by_key(sum_segments(marked, p, ["in", "out"], ["in", "out"]))
    first, second = sums["A", "2024-02-01"], sums["A", "2024-02-04"]

    def of(row: dict, look: str) -> list[float]:
        return [row[f"{look}__{name}"] for name in ("events", "days", "n0", "n1", "v0", "v1")]

    # [25 January, 1 February): two on the 25th, one on the 31st; the 30th is not known yet
    assert of(first, "week") == [3, 2, 2, 1, 1.0, 2.0]
    assert of(first, "before") == [1, 1, 1, 0, 4.0, 0.0]  # [18, 25 January): the 24th
    assert (first["since"], first["since0"], first["since1"]) == (1, 1, 7)
    # [28 January, 4 February): the 30th (known by now), the 31st and 1 February
    assert of(second, "week") == [3, 3, 3, 0, 24.0, 0.0]
    assert of(second, "before") == [3, 2, 2, 1, 5.0, 2.0]
    assert second["since"] == 3  # 1 February
    assert sums["B", "2024-02-01"]["week__events"] == 0
    assert sums["B", "2024-02-01"]["since0"] is None


def test_a_day_seen_late_for_one_type_is_still_one_active_day(engine):
    events = """
    customer_id | occurred_at         | event_type | known_at
    A           | 2024-01-30 08:00:00 | in         |
    A           | 2024-01-30 09:00:00 | out        | 2024-02-03 00:00:00
    """
    p = plan()
    sums = by_key(sum_segments(mark_days(staged_table("events", events), p), p, ["in", "out"]))
    assert [sums["A", str(d)]["week__days"] for d in DATES] == [1, 1]
    assert [sums["A", str(d)]["week__events"] for d in DATES] == [1, 2]


def test_active_days_are_bits_counted_from_the_day_before_the_date(engine):
    events = """
    customer_id | occurred_at
    A           | 2023-11-20 08:00:00
    A           | 2024-01-30 08:00:00
    A           | 2024-01-31 08:00:00
    """
    p = plan(DATES[:1], reach_days=100)
    facts = staged_table("events", events).mutate(event_type=ibis.literal("in"))
    row = by_key(sum_segments(mark_days(facts, p), p, ["in"]))["A", "2024-02-01"]
    assert row["word0"] == 0b11
    assert row["word1"] == 1 << (date(2024, 1, 31) - date(2023, 11, 20)).days - WORD_DAYS


def test_counts_that_share_a_sum_come_apart_to_the_last_event(engine):
    most = SHARED - 1
    looks = (Lookback("day", 1), *LOOKBACKS)  # the third one has a sum to itself
    rows = [
        {"customer_id": "A", "day": day, "late_from": None, "events": events, "last": 1, "day_bits": 1}
        for day, events in zip(days("2024-01-31", "2024-01-30", "2024-01-24"), (1.0, most - 1, most), strict=True)
    ]
    schema = {
        "customer_id": "string", "day": "date", "late_from": "date", "events": "float64", "last": "int32",
        "day_bits": "int64",
    }  # fmt: skip
    p = plan(DATES[:1], lookbacks=looks)
    row = by_key(sum_segments(ibis.memtable(rows, schema=schema), p, []))["A", "2024-02-01"]
    assert [row[f"{look.name}__events"] for look in looks] == [1, most, most]
