"""What stretch of time the data covers: up to where every main table still speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import ibis.expr.types as ir

from churn.core.contract import CONTRACT
from churn.core.errors import DataRefused
from churn.core.source import SourceSettings
from churn.core.windows import EPOCH
from churn.staging.gaps import count_by_day

MAIN = ("events", "subscriptions")  # without either, outcome and engagement cannot be read
QUALIFYING = "qualifying events"  # those the label counts: other events may go on when they no longer arrive
STRAY_SHARE = 0.001  # of a table's rows, lying past a gap: dates that are wrong, not data
STRAY_GAP_DAYS = 30
QUIET_DAYS = 7  # a table may lag the others by an export or two
QUIET_ROWS = 10.0  # expected and none seen: by chance once in 20,000 times (Poisson)
RATE_DAYS = 90


@dataclass(frozen=True)
class Coverage:
    """What stretch of time the data covers, `[start, end)` in whole days, and what is to be said about it."""

    start: date
    end: date
    notes: tuple[str, ...] = ()


def measure_coverage(
    staged: Mapping[str, ir.Table], source: SourceSettings, qualifying_events: Sequence[str] = ()
) -> Coverage:
    """Return the days the data covers.

    The start is the first event, or the first subscription where there are no events: contracts are often older than
    the event log, and before the log begins nobody's engagement is known; the source's `covered_from` of that table
    says otherwise. The end is the source's `covered_until` where stated, else the last day of the latest fact table
    (that day itself may be partial and is not counted), but not past the last day of `events`, of the
    `qualifying_events` among them or of `subscriptions` where one of them has fallen silent. Neither goes out to a few
    stray rows. Subscription ends count only up to the end: a scheduled end is not yet data.

    Raises
    ------
    DataRefused
        When no table holds a fact.
    """
    days = {name: count_by_day(table, CONTRACT[name].time) for name, table in staged.items() if CONTRACT[name].is_fact}
    days = {name: found for name, found in days.items() if found}
    if not days:
        raise DataRefused(
            "no fact in any table", code="no_rows", remedy="Check the paths and the SELECTs of the source"
        )
    start, notes = _start(days, source)
    if source.covered_until is not None:
        return Coverage(start, source.covered_until, tuple(notes))
    end, more = _end(days, staged, qualifying_events)
    return Coverage(start, end, (*notes, *more))


def _start(days: Mapping[str, Mapping[date, int]], source: SourceSettings) -> tuple[date, list[str]]:
    """Return the first day of the main table, strays left aside or as the source states it, and notes on strays."""
    main = next(name for name in (*MAIN, *days) if name in days)
    start, stray = first_day(days[main])
    where = f"before the others, which begin on {start}"
    notes = [_stray_note(main, stray, where, "covered_from")] if stray else []
    return source.covered_from.get(main, start), notes


def _end(
    days: Mapping[str, Mapping[date, int]], staged: Mapping[str, ir.Table], qualifying_events: Sequence[str]
) -> tuple[date, list[str]]:
    """Return the first day not covered, and notes on strays and on tables that have fallen silent."""
    found, lasts, notes = dict(days), {}, []
    for name, by_day in days.items():
        lasts[name], stray = last_day(by_day)
        if stray:
            where = f"past the others, which end on {lasts[name]}"
            notes.append(_stray_note(name, stray, where, "covered_until"))
    if "subscriptions" in days:
        found["subscriptions"] = _changes(staged["subscriptions"], max(lasts.values()) if "events" in days else None)
    if qualifying_events and "events" in days:
        events = staged["events"]
        found[QUALIFYING] = count_by_day(events.filter(events.event_type.isin(list(qualifying_events))), "occurred_at")
    lasts |= {name: last_day(found[name])[0] for name in ("subscriptions", QUALIFYING) if found.get(name)}
    end = max(lasts.values())
    missing = {name: _expected_since(found[name], last, end) for name, last in lasts.items()}
    quiet = {name: rows for name, rows in missing.items() if rows > QUIET_ROWS}
    notes += [
        f"{name}: nothing since {lasts[name]}, where about {rows:,.0f} rows were to be expected"
        for name, rows in quiet.items()
    ]
    return min([end, *(lasts[name] for name in (*MAIN, QUALIFYING) if name in quiet)]), notes


def last_day(rows_by_day: Mapping[date, int]) -> tuple[date, int]:
    """Return the last day of a table, strays left aside, and how many stray rows there are.

    Strays are at most a thousandth of the rows, past a gap longer than a month and three times longer than any other.

    Examples
    --------
    >>> last_day({date(2024, 1, 1): 900, date(2024, 1, 2): 900, date(2029, 1, 1): 1})
    (datetime.date(2024, 1, 2), 1)
    """
    days = sorted(rows_by_day)
    total, trailing = sum(rows_by_day.values()), 0
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    for at in range(len(days) - 1, 0, -1):
        trailing += rows_by_day[days[at]]
        if trailing > STRAY_SHARE * total:
            break
        if gaps[at - 1] > max(STRAY_GAP_DAYS, 3 * max(gaps[: at - 1], default=0)):
            return days[at - 1], trailing
    return days[-1], 0


def first_day(rows_by_day: Mapping[date, int]) -> tuple[date, int]:
    """Return the first day of a table, strays left aside, and how many stray rows there are: `last_day` in a mirror."""
    last, strays = last_day({_mirror(day): rows for day, rows in rows_by_day.items()})
    return _mirror(last), strays


def _mirror(day: date) -> date:
    return EPOCH - (day - EPOCH)


def _stray_note(table: str, rows: int, where: str, setting: str) -> str:
    return (
        f"{table}: {rows:,} rows lie far {where}; they are taken for wrong dates ({setting} in the source file says "
        "otherwise)"
    )


def _changes(subscriptions: ir.Table, until: date | None) -> dict[date, int]:
    """Return starts and ends by day, up to the day other tables reach; where there is none, all of them."""
    changes = count_by_day(subscriptions, "started_at")
    if "ended_at" in subscriptions.columns:
        for day, rows in count_by_day(subscriptions, "ended_at").items():
            changes[day] = changes.get(day, 0) + rows
    return {day: rows for day, rows in changes.items() if until is None or day <= until} or changes


def _expected_since(rows_by_day: Mapping[date, int], last: date, end: date) -> float:
    """Return how many rows were to be expected between a table's last day and the end, 0 for a short while.

    A while is short when the table has lately been quiet for half as long (books that change once a month).
    """
    silent_days = (end - last).days
    days = sorted(day for day in rows_by_day if last - timedelta(days=2 * RATE_DAYS) < day <= last)
    usual_gap = max(((later - earlier).days for earlier, later in pairwise(days)), default=0)
    if silent_days <= max(QUIET_DAYS, 2 * usual_gap):
        return 0.0
    recent = sum(rows for day, rows in rows_by_day.items() if last - timedelta(days=RATE_DAYS) < day <= last)
    return recent / RATE_DAYS * silent_days
