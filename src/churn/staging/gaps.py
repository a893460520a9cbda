"""What did not arrive although it should have: days, values; and rows that are there although nothing happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo, available_timezones

import ibis.expr.types as ir

USUAL_ROWS = 20  # a day of 20 expected rows stays empty by chance once in 500 million
PERIODS = 3
PERIOD_DAYS = 6  # from one day with rows to the next: a week's total, not a shop that is closed at weekends
QUARTER = 15  # minutes; by as many, or a multiple, time zones differ from UTC
IDLE_SHARE = 0.2
MOVED_MIDNIGHTS = 2  # of one zone in UTC: in winter and in summer
SAME_WEEKDAYS = 4  # compared with: as many weeks before and after


def count_by_day(rows: ir.Table, time: str) -> dict[date, int]:
    """Return the number of rows on each UTC day that has any."""
    by_day = rows.group_by(day=rows[time].date()).agg(rows=rows.count()).to_pyarrow().to_pylist()
    return {row["day"]: row["rows"] for row in by_day if row["day"] is not None}


def find_periodic(rows: ir.Table, time: str, kind: str) -> dict[str, int]:
    """Return the kinds whose many rows fall on few days, with the days from one of these to the next (the median).

    Such times are those of periods, weeks or months that a row sums up, not of what happened. Those a second before
    midnight, wherever that is, are ends of periods already.
    """
    at = rows[time]
    rows = rows.filter(~((at.minute() % QUARTER == QUARTER - 1) & (at.second() == 59)))
    by_day = rows.group_by(kind=rows[kind], day=rows[time].date()).agg(rows=rows.count()).drop_null()
    days: dict[str, dict[date, int]] = {}
    for row in by_day.to_pyarrow().to_pylist():
        days.setdefault(row["kind"], {})[row["day"]] = row["rows"]
    found = {}
    for name, counts in sorted(days.items()):
        gaps = [(later - earlier).days for earlier, later in pairwise(sorted(counts))]
        if len(gaps) >= PERIODS and median(counts.values()) >= USUAL_ROWS and median(gaps) >= PERIOD_DAYS:
            found[name] = round(median(gaps))
    return found


def find_idle(rows: ir.Table, value: str, kind: str) -> dict[str, float]:
    """Return the kinds of which many rows have the value 0, though not all, with their share."""
    return _find_many(rows, kind, rows[value] == 0)


def find_unvalued(rows: ir.Table, value: str, kind: str) -> dict[str, float]:
    """Return the kinds of which many rows have no value, though not all, with their share."""
    return _find_many(rows, kind, rows[value].isnull())


def _find_many(rows: ir.Table, kind: str, is_so: ir.BooleanValue) -> dict[str, float]:
    by_kind = rows.group_by(kind=rows[kind]).agg(share=is_so.mean(), rows=rows.count()).drop_null()
    shares = {r["kind"]: r["share"] for r in by_kind.to_pyarrow().to_pylist() if r["rows"] >= USUAL_ROWS}
    return {name: share for name, share in sorted(shares.items()) if IDLE_SHARE <= share < 1}


def is_by_the_day(rows: ir.Table, time: str, zone: str) -> bool:
    """Return whether many times are days without an hour: midnights of a zone, which in UTC are at another hour.

    One time of day then, or two where the clocks change. Times at another hour of the zone are meant as they stand.
    """
    at = rows[time]
    clock = at.hour() * 60 + at.minute()
    clocks = {"kinds": clock.nunique(), "least": clock.min(), "most": clock.max()}
    [seen] = rows.agg(rows=at.count(), first=at.min(), last=at.max(), **clocks).to_pyarrow().to_pylist()
    if seen["rows"] < USUAL_ROWS or seen["kinds"] > MOVED_MIDNIGHTS or seen["most"] == 0:
        return False
    return {seen["least"], seen["most"]} <= _midnights(zone, range(seen["first"].year, seen["last"].year + 1))


def _midnights(zone: str, years: range) -> set[int]:
    """Return at which minutes of the UTC day a zone's days began in these years.

    Examples
    --------
    >>> sorted(_midnights("Europe/Berlin", range(2024, 2025)))
    [1320, 1380]
    """
    names = {name.casefold(): name for name in available_timezones()}  # the engine reads them in any case
    there = ZoneInfo(names[zone.casefold()]) if zone.casefold() in names else UTC
    local = (datetime(year, month, 1, tzinfo=there) for year in years for month in range(1, 13))
    return {utc.hour * 60 + utc.minute for utc in (day.astimezone(UTC) for day in local)}


def find_silent_days(rows_by_day: Mapping[date, int]) -> list[date]:
    """Return the days without any row between the first and the last, where the same weekdays around are busy.

    Examples
    --------
    >>> busy = {date(2024, 1, 1) + timedelta(days=n): 50 for n in range(30) if n != 9}
    >>> find_silent_days(busy)
    [datetime.date(2024, 1, 10)]
    """
    if not rows_by_day:
        return []
    first, last = min(rows_by_day), max(rows_by_day)
    days = (first + timedelta(days=n) for n in range((last - first).days))
    return [day for day in days if day not in rows_by_day and _usual(rows_by_day, day, first, last) >= USUAL_ROWS]


def _usual(rows_by_day: Mapping[date, int], day: date, first: date, last: date) -> float:
    steps = [n for n in range(-SAME_WEEKDAYS, SAME_WEEKDAYS + 1) if n]
    near = [day + timedelta(weeks=n) for n in steps]
    return median([rows_by_day.get(other, 0) for other in near if first <= other <= last] or [0])


def find_empty_columns(rows: ir.Table) -> list[str]:
    """Return the columns that have no value in any row, in the table's order; an empty table has none of them."""
    if not rows.columns:
        return []
    counts = rows.agg(**{name: rows[name].count() for name in rows.columns}, rows_in_all=rows.count())
    [filled] = counts.to_pyarrow().to_pylist()
    return [name for name in rows.columns if filled["rows_in_all"] and not filled[name]]
