from __future__ import annotations

from datetime import date, datetime, timedelta

import ibis
import pyarrow as pa

from churn.staging.gaps import (
    count_by_day,
    find_empty_columns,
    find_idle,
    find_periodic,
    find_silent_days,
    find_unvalued,
    is_by_the_day,
)

FIRST = date(2024, 1, 1)  # a Monday


def days(rows_on, length: int = 56) -> dict[date, int]:
    counts = {FIRST + timedelta(days=n): rows_on(n) for n in range(length)}
    return {day: rows for day, rows in counts.items() if rows}


def test_an_empty_day_among_busy_ones_is_silent():
    assert find_silent_days(days(lambda n: 0 if n == 20 else 60)) == [FIRST + timedelta(days=20)]


def test_weekends_on_which_nothing_ever_happens_are_not():
    assert find_silent_days(days(lambda n: 0 if n % 7 >= 5 else 60)) == []


def test_a_table_with_few_rows_a_day_has_no_silent_days():
    assert find_silent_days(days(lambda n: n % 2)) == []


def test_days_before_the_first_and_after_the_last_row_are_not_looked_at():
    assert find_silent_days({}) == []
    assert find_silent_days({FIRST: 100}) == []


def test_two_silent_days_in_a_row_are_both_found():
    found = find_silent_days(days(lambda n: 0 if n in (20, 21) else 60))
    assert found == [FIRST + timedelta(days=n) for n in (20, 21)]


def test_rows_are_counted_by_utc_day():
    times = [datetime(2024, 1, 1, 23, 59, 59), datetime(2024, 1, 2), datetime(2024, 1, 2, 12)]
    rows = ibis.memtable(pa.table({"occurred_at": times}))
    assert count_by_day(rows, "occurred_at") == {FIRST: 1, FIRST + timedelta(days=1): 2}


def test_columns_without_any_value_are_found():
    rows = ibis.memtable(pa.table({"a": [1, None], "b": pa.nulls(2, pa.string()), "c": pa.nulls(2, pa.float64())}))
    assert find_empty_columns(rows) == ["b", "c"]


def test_an_empty_table_has_no_empty_columns():
    assert find_empty_columns(ibis.memtable(pa.table({"a": pa.array([], pa.string())}))) == []


def events_on(*days_of: tuple[str, int, int], rows: int = 30):
    """Return a table of kinds: on how many days, how many days apart, so many rows each."""
    lines = [
        {"kind": kind, "at": datetime(2024, 1, 1) + timedelta(days=n * apart), "value": float(row % 2)}
        for kind, length, apart in days_of
        for n in range(length)
        for row in range(rows)
    ]
    return ibis.memtable(pa.Table.from_pylist(lines))


def test_kinds_whose_rows_lie_a_period_apart_are_found():
    table = events_on(("monthly", 6, 31), ("daily", 40, 1), ("weekly", 6, 7), ("once", 1, 1))
    assert find_periodic(table, "at", "kind") == {"monthly": 31, "weekly": 7}


def test_totals_that_stand_at_the_end_of_their_period_are_where_they_belong():
    table = events_on(("monthly", 6, 31))
    ends = table.mutate(at=table["at"] - ibis.interval(seconds=1))
    assert find_periodic(ends, "at", "kind") == {}
    in_india = ends.mutate(at=ends["at"] - ibis.interval(minutes=330))
    assert find_periodic(in_india, "at", "kind") == {}


def test_rare_events_are_not_taken_for_totals():
    assert find_periodic(events_on(("rare", 6, 31), rows=2), "at", "kind") == {}


def test_kinds_of_which_many_rows_say_that_nothing_happened_are_found():
    table = events_on(("half", 2, 1))
    never = table.mutate(kind=ibis.literal("never"), value=table.value * 0)
    busy = table.mutate(kind=ibis.literal("busy"), value=table.value + 1)
    assert find_idle(table.union(never).union(busy), "value", "kind") == {"half": 0.5}


def test_kinds_of_which_many_rows_have_no_value_are_found():
    table = events_on(("rated", 2, 1))
    rated = table.mutate(value=table.value.nullif(0))
    never = table.mutate(kind=ibis.literal("never"), value=ibis.null("float64"))
    always = table.mutate(kind=ibis.literal("always"))
    assert find_unvalued(rated.union(never).union(always), "value", "kind") == {"rated": 0.5}


def times_at(*clock: tuple[int, int], rows: int = 30):
    first = datetime(2024, 1, 1)
    return ibis.memtable(
        pa.table({"at": [first + timedelta(days=n, hours=h, minutes=m) for n in range(rows) for h, m in clock]})
    )


def test_midnights_of_another_zone_are_days_without_hours():
    assert is_by_the_day(times_at((15, 0)), "at", "asia/tokyo")
    assert is_by_the_day(times_at((22, 0), (23, 0)), "at", "Europe/Berlin")  # summer and winter
    assert is_by_the_day(times_at((0, 0), (23, 0)), "at", "Europe/London")


def test_midnights_utc_times_of_all_hours_and_few_rows_are_not():
    assert not is_by_the_day(times_at((0, 0)), "at", "UTC")
    assert not is_by_the_day(times_at((9, 30), (12, 0), (15, 0)), "at", "Asia/Tokyo")
    assert not is_by_the_day(times_at((15, 0), rows=5), "at", "Asia/Tokyo")


def test_ends_of_days_and_other_hours_are_not_midnights():
    assert not is_by_the_day(times_at((23, 59)), "at", "UTC")
    assert not is_by_the_day(times_at((12, 0)), "at", "UTC")
    assert not is_by_the_day(times_at((14, 59)), "at", "Asia/Tokyo")
