from __future__ import annotations

from datetime import date

import ibis

from churn.features.segments import Lookback, plan_segments
from tests.builders import days, plain

LOOKBACKS = (Lookback("week", 7), Lookback("before", 14, 7))
DATES = days("2024-02-01", "2024-02-04")


def plan(dates=DATES, reach_days: int = 20):
    return plan_segments(dates, LOOKBACKS, reach_days)


def test_each_date_sees_its_own_reach_and_no_further(engine):
    seen = plain(plan().membership())
    for day in DATES:
        segments = [plan().segments[row["segment_id"]] for row in seen if row["as_of_date"] == day]
        assert sum((s.end - s.start).days for s in segments) == 20
        assert max(s.end for s in segments) == day


def test_flags_tell_which_segments_make_up_a_look_back(engine):
    for row in plain(plan().membership()):
        segment = plan().segments[row["segment_id"]]
        age = (row["as_of_date"] - segment.start).days
        assert (row["week"], row["before"]) == (int(age <= 7), int(7 < age <= 14))


def test_the_calendar_covers_each_day_once(engine):
    listed = [row["day"] for row in plain(plan().calendar())]
    assert len(listed) == len(set(listed)) == 23
    assert (min(listed), max(listed)) == (date(2024, 1, 12), date(2024, 2, 3))


def test_a_fact_joins_from_the_first_date_that_sees_it(engine):
    late_from = [None, *days("2024-02-01", "2024-02-02", "2024-02-04", "2024-02-05")]
    rows = [{"late_from": late, "on_time": DATES[0]} for late in late_from]
    facts = ibis.memtable(rows, schema={"late_from": "date", "on_time": "date"})
    first = {row["late_from"]: row["seen"] for row in plain(facts.mutate(seen=plan().first_seen(facts)))}
    seen = [*days("2024-02-01", "2024-02-01", "2024-02-04", "2024-02-04"), None]
    assert first == dict(zip(late_from, seen, strict=True))


def test_dates_may_come_in_any_order(engine):
    assert plan(DATES[::-1]).as_of_dates == DATES
