"""Notes on staged tables that break no rule and are seldom meant, each with what may have happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import ibis.expr.types as ir

from churn.core.source import SourceSettings
from churn.core.suggestions import did_you_mean
from churn.staging.contracts import contract_of
from churn.staging.gaps import (
    count_by_day,
    find_empty_columns,
    find_idle,
    find_periodic,
    find_silent_days,
    find_unvalued,
    is_by_the_day,
)
from churn.staging.id_shapes import find_alike
from churn.staging.typing import HAPPENED

SHOWN_DAYS = 5
SHOWN_IDS = 3


def note_silent_days(tables: Mapping[str, ir.Table], start: date, end: date) -> list[str]:
    """Return a note on the days of `[start, end)` on which no event arrived although others of their kind are busy."""
    found = find_silent_days(count_by_day(tables["events"], "occurred_at")) if "events" in tables else []
    silent = [day for day in found if start <= day < end]
    shown = ", ".join(str(day) for day in silent[:SHOWN_DAYS])
    return [f"no event at all on {len(silent)} days ({shown}): closed, or a failed delivery?"] if silent else []


def note_oddities(tables: Mapping[str, ir.Table], source: SourceSettings) -> list[str]:
    """Return notes on what breaks no rule in the staged tables of a source and is seldom meant."""
    return [
        *_odd_kinds(tables),
        *_days_without_hours(tables, source),
        *_alike_ids(tables[source.people]),
        *_empty_columns(tables),
        *_misspelt_kinds(tables, source),
    ]


def _odd_kinds(tables: Mapping[str, ir.Table]) -> list[str]:
    """Return notes on the event types whose rows seem to sum up periods, say that nothing happened, or lack a value."""
    if "events" not in tables:
        return []
    events = tables["events"]
    periodic = find_periodic(events, "occurred_at", "event_type")
    notes = []
    if periodic:
        found = ", ".join(f"'{name}' {days} days" for name, days in periodic.items())
        notes.append(
            f"times of events lie far apart ({found}): a row that sums up a period belongs at the period's end "
            "(or give known_at), for stamped with its beginning it knows the future"
        )
    return notes + (_odd_values(events) if "value" in events.columns else [])


def _odd_values(events: ir.Table) -> list[str]:
    """Return notes on the event types of which many rows have the value 0, or none."""
    notes = []
    if idle := find_idle(events, "value", "event_type"):
        notes.append(
            f"the value is 0 in many rows ({_shares(idle)}): they count as activity; leave them out if nothing happened"
        )
    if unvalued := find_unvalued(events, "value", "event_type"):
        notes.append(
            f"there is no value in many rows ({_shares(unvalued)}), though in others: averages count them as 0; give "
            "rows with a value (a rating) an event type of their own"
        )
    return notes


def _shares(kinds: Mapping[str, float]) -> str:
    return ", ".join(f"'{name}' {share:.0%}" for name, share in kinds.items())


def _days_without_hours(tables: Mapping[str, ir.Table], source: SourceSettings) -> list[str]:
    zone = source.time_zone
    if zone is None:
        return []
    told = [name for name in HAPPENED if name in tables and name not in source.lag_hours]
    found = [name for name in told if is_by_the_day(tables[name], contract_of(source, name).time, zone)]
    if not found:
        return []
    lags = ", ".join(f"{name}: 24" for name in found)
    return [
        f"times of {', '.join(found)} are days without hours, and in {zone} a day does not begin at midnight UTC: rows "
        f"that sum up their day are known at its end (lag_hours: {{{lags}}}; or, where no table has hours, "
        "time_zone: UTC, so that days stay as they are written)"
    ]


def _empty_columns(tables: Mapping[str, ir.Table]) -> list[str]:
    empty = [f"{name}.{column}" for name, table in tables.items() for column in find_empty_columns(table)]
    return [f"no value in any row of {', '.join(empty)}: is the column mapped rightly?"] if empty else []


def _alike_ids(customers: ir.Table) -> list[str]:
    pairs = find_alike(customers)
    shown = ", ".join(f"{one!a} and {other!a}" for one, other in pairs[:SHOWN_IDS])  # they may well look the same
    return (
        [f"customers whose ids differ only by spaces, letter case or Unicode form: {len(pairs)} ({shown}); one or two?"]
        if pairs
        else []
    )


def _misspelt_kinds(tables: Mapping[str, ir.Table], source: SourceSettings) -> list[str]:
    """Return a note for each kind that the source words, no row has, and that is nearly one which has no words."""
    notes = []
    for table, column, worded in (
        ("events", "event_type", source.event_types),
        ("tickets", "category", source.ticket_categories),
    ):
        if worded and table in tables and column in tables[table].columns:
            there = set(tables[table].select(column).distinct().drop_null().to_pyarrow()[column].to_pylist())
            near = {name: did_you_mean(name, sorted(there - set(worded))) for name in worded if name not in there}
            notes += [f"no row of {table} is of {column} '{name}'{text}" for name, text in near.items() if text]
    return notes
