from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import ibis
import pytest

from churn.core import windows as w
from tests.builders import days, plain


def test_outcome_window_is_half_open_after_the_lead():
    window = w.outcome_window(date(2024, 1, 25), lead_days=7, horizon_days=30, grace_days=14)
    assert (window.start, window.end, window.complete_on) == days("2024-02-01", "2024-03-02", "2024-03-16")


def test_without_lead_the_outcome_starts_at_the_as_of_date():
    assert w.outcome_window(date(2024, 1, 25), 0, 7).start == date(2024, 1, 25)


def test_a_leap_day_is_a_day():
    assert w.outcome_window(date(2024, 2, 1), 0, 29).end == date(2024, 3, 1)
    assert w.outcome_window(date(2023, 2, 1), 0, 28).end == date(2023, 3, 1)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("2024-01-01", ["2024-01-01"]),
        ("2024-01-07", ["2024-01-01"]),
        ("2024-01-08", ["2024-01-01", "2024-01-08"]),
    ],
)
def test_date_grid_ends_at_the_last_date_inclusive(last: str, expected: list[str]):
    assert w.date_grid(date(2024, 1, 1), date.fromisoformat(last), 7) == days(*expected)


def test_automatic_grid_is_laid_backwards_from_the_last_complete_label():
    grid = w.automatic_grid(date(2024, 1, 1), date(2024, 5, 1), cadence_days=30, history_days=30, label_days=37)
    assert grid == days("2024-02-24", "2024-03-25")
    assert grid[-1] + timedelta(days=37) == date(2024, 5, 1)


def test_automatic_grid_takes_the_one_date_that_just_fits():
    bounds = {"cadence_days": 7, "history_days": 10, "label_days": 5}
    assert w.automatic_grid(date(2024, 1, 1), date(2024, 1, 16), **bounds) == days("2024-01-11")
    assert w.automatic_grid(date(2024, 1, 1), date(2024, 1, 15), **bounds) == ()


def test_a_date_exactly_one_embargo_earlier_may_train():
    dates = days("2024-01-31", "2024-01-01", "2024-01-02")
    assert w.before_embargo(dates, date(2024, 1, 31), 30) == days("2024-01-01")


def test_segments_are_disjoint_and_every_window_is_a_union_of_them():
    as_of, lookbacks = days("2024-01-20", "2024-01-25", "2024-03-01"), (3, 7, 30)
    segments = w.cut_segments(as_of, lookbacks)
    assert all(a.end <= b.start for a, b in pairwise(segments))
    for day in as_of:
        for back in lookbacks:
            inside = [s for s in segments if day - timedelta(days=back) <= s.start and s.end <= day]
            assert sum((s.end - s.start).days for s in inside) == back


def test_days_that_no_window_sees_are_in_no_segment():
    segments = w.cut_segments(days("2024-01-10", "2024-06-10"), [5])
    assert [(s.start.isoformat(), s.end.isoformat()) for s in segments] == [
        ("2024-01-05", "2024-01-10"),
        ("2024-06-05", "2024-06-10"),
    ]


def test_segment_days_lists_each_day_once():
    listed = w.segment_days(w.cut_segments(days("2024-01-10"), [2, 5]))
    assert [(day.day, segment) for day, segment in listed] == [(5, 0), (6, 0), (7, 0), (8, 1), (9, 1)]


HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("occurred", "delay_us", "first"),
    [
        ("2024-01-04 23:59:59.999999", 0, "2024-01-05"),  # just before midnight: the next instant sees it
        ("2024-01-05 00:00:00", 0, "2024-01-06"),  # exactly at an as-of instant: the outcome side of that date
        ("2024-01-04 12:00:00", 12 * HOUR, "2024-01-05"),  # known exactly at the instant: visible (known_at <= as_of)
        ("2024-01-04 12:00:00", 12 * HOUR + 1, "2024-01-06"),  # known a microsecond later: not yet
        ("2024-01-04 12:00:00", 10 * 24 * HOUR, "2024-01-15"),
        ("2024-02-28 10:00:00", 24 * HOUR, "2024-03-01"),  # over a leap day
        ("2023-12-31 10:00:00", 0, "2024-01-01"),
    ],
)
def test_first_visible_date(engine, occurred: str, delay_us: int, first: str):
    facts = ibis.memtable(
        [{"at": datetime.fromisoformat(occurred), "delay": delay_us}], schema={"at": "timestamp(6)", "delay": "int64"}
    )
    seen = plain(facts.select(day=w.first_visible_date(facts["at"], facts["delay"]).cast("date")))
    assert seen == [{"day": date.fromisoformat(first)}]


def test_a_fact_without_a_time_is_never_visible(engine):
    facts = ibis.memtable([{"at": None, "delay": 0}], schema={"at": "timestamp(6)", "delay": "int64"})
    assert plain(facts.select(day=w.first_visible_date(facts["at"], facts["delay"]))) == [{"day": None}]


@pytest.mark.parametrize(("delay_us", "expected"), [(0, 0), (1, 1), (86_400_000_000, 1), (86_400_000_001, 2)])
def test_a_delay_in_days_is_rounded_up(engine, delay_us: int, expected: int):
    rows = ibis.memtable([{"delay": delay_us}], schema={"delay": "int64"})
    assert plain(rows.select(days=w.whole_days(rows.delay))) == [{"days": expected}]


def test_hours_count_whole_seconds_whatever_the_engine_keeps(engine):
    start, end = (ibis.timestamp(text) for text in ("2024-01-01 00:00:00.9", "2024-01-01 01:00:01.1"))
    assert w.hours_between(start, end).to_pyarrow().as_py() == pytest.approx(3601 / 3600)


def test_days_between_is_negative_when_the_later_date_comes_first(engine):
    rows = ibis.memtable([{"a": date(2024, 3, 1), "b": date(2024, 2, 28)}], schema={"a": "date", "b": "date"})
    assert plain(rows.select(forth=w.days_between(rows.b, rows.a), back=w.days_between(rows.a, rows.b))) == [
        {"forth": 2, "back": -2}
    ]


@pytest.mark.parametrize(
    ("start", "months", "day", "renewal", "before"),
    [
        ("2024-01-31", 1, "2024-02-15", "2024-02-29", 0),  # the last day of a shorter month
        ("2023-01-31", 1, "2023-02-28", "2023-02-28", 0),  # today: not yet behind us
        ("2024-01-31", 1, "2024-03-01", "2024-03-31", 1),  # the 31st again, not the 29th
        ("2024-01-31", 1, "2024-04-30", "2024-04-30", 2),
        ("2024-01-15", 1, "2024-02-16", "2024-03-15", 1),
        ("2024-01-31", 3, "2024-03-01", "2024-04-30", 0),
        ("2024-02-29", 12, "2025-03-01", "2026-02-28", 1),
        ("2024-02-29", 12, "2028-02-29", "2028-02-29", 3),
        ("2024-01-15", 12, "2024-01-16", "2025-01-15", 0),
        ("2024-01-15", 12, "2026-01-16", "2027-01-15", 2),
    ],
)
def test_next_anniversary(engine, start: str, months: int, day: str, renewal: str, before: int):
    rows = ibis.memtable(
        [{"start": date.fromisoformat(start), "months": months, "day": date.fromisoformat(day)}],
        schema={"start": "date", "months": "int64", "day": "date"},
    )
    following, passed = w.next_anniversary(rows.start, rows.months, rows.day)
    assert plain(rows.select(following=following.cast("date"), passed=passed)) == [
        {"following": date.fromisoformat(renewal), "passed": before}
    ]


@pytest.mark.parametrize("longest_days", [1, 4, 16])
def test_blocks_cover_each_segment_once_and_reach_across_no_edge(longest_days: int):
    segments = w.cut_segments(days("2024-01-20", "2024-01-25", "2024-06-01"), (3, 7, 30, 60))
    blocks = w.cover_segments(segments, longest_days)
    covered = [day for block in blocks for day in block.dates()]
    assert covered == [day for day, _ in w.segment_days(segments)]
    assert all(any(s.start <= block.first and block.last < s.end for s in segments) for block in blocks)
    assert max(block.days for block in blocks) <= longest_days


def test_blocks_are_the_same_whatever_is_covered_and_made_of_two_halves():
    long, short = (w.Segment(0, date(2024, 1, day), date(2024, 5, 1)) for day in (1, 3))
    later = {block for block in w.cover_segments([long], 16) if block.first >= date(2024, 1, 11)}
    assert later <= set(w.cover_segments([short], 16))
    block = max(later, key=lambda b: b.days)
    assert [day for half in block.halves() for day in half.dates()] == block.dates()
