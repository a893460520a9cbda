"""Raw inputs as they stood at an instant, as far as they say so themselves.

Times to come become null, with the values that are only there when they are (a rating with the time of rating, a
status `closed` with the time of closing); rows of which no time has come, or that were written later, are gone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from churn.auditing.input_times import TimeColumn
from churn.auditing.known import COMPANIONS, PLANNED
from churn.integrations.engine import Engine, columns_of, identifier, quoted

LEAST_ROWS = 20
MOST_VALUES = 50
MOST_LOOKED_AT = 200_000
SOME = "some_rows"
LOG_CHANCE = math.log(1e4)
MOST_AHEAD = 0.2  # of a column's times, after the end of all data: more are planned
# Plans that the contract knows; those of other names are found by what the SELECTs make of them.
PLANS = frozenset(name for names in PLANNED.values() for name in names)
_VERSION = re.compile(r"^(valid_from|effective_(from|date)|known_at)$", re.IGNORECASE)
_WRITTEN = re.compile(r"^_?(load|ingest|insert|import|sync|etl)\w*_(at|on|time|ts|date)$", re.IGNORECASE)
# Names of when a row arrived, where nobody reads it; a column that is read may be the payment of an invoice.
_ARRIVED = re.compile(
    r"^\w*(received|arrived|recorded|created|processed|collector|captured|extracted|uploaded|stored|posted|available"
    r"|etl|dwh|fivetran|airbyte|batch|sdc)(_(at|on|time|ts|tstamp|timestamp|date|synced))+$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Arrival:
    """A value that is only there when a time is: what stands in its place before (null where it is missing then)."""

    value: str
    time: str
    before: str | None


def find_arrivals(engine: Engine, relation: str, times: Collection[str]) -> list[Arrival]:
    """Return the columns that tell whether a time has come, because they are filled in, or changed, with it.

    A number or a text counts where none is there without the time, a status where every one of its values is there
    either always or never with it. What is known before its time would also be there in rows whose time is still to
    come, so such pairs are no accident where there are enough rows.
    """
    kinds = columns_of(engine, relation)
    counts = engine.run(f"SELECT count(*){''.join(f', count({_said(t)})' for t in times)} FROM {relation}")[0]
    total, filled = counts[0], dict(zip(times, counts[1:], strict=True))
    by_chance = {time: max(LEAST_ROWS, LOG_CHANCE / math.log(total / n)) for time, n in filled.items() if 0 < n < total}
    found: list[Arrival] = []
    if by_chance:
        some = f"FROM {relation} USING SAMPLE reservoir({MOST_LOOKED_AT} ROWS) REPEATABLE (0)"
        engine.run(f"CREATE OR REPLACE TEMP TABLE {SOME} AS {some}")
        found = [a for value in kinds if value not in times for a in _arrivals_of(engine, value, by_chance)]
    named = {(a.value, a.time) for a in found}
    by_contract = [
        Arrival(value, time, None)
        for pairs in COMPANIONS.values()
        for time, values in pairs.items()
        for value in values
        if time in times and value in kinds and (value, time) not in named
    ]
    return [*found, *by_contract]


def _arrivals_of(engine: Engine, value: str, by_chance: Mapping[str, float]) -> Iterable[Arrival]:
    name = identifier(value)
    with_it = "".join(f", count({_said(time)})" for time in by_chance)
    few = f"(SELECT approx_count_distinct({name}) FROM {SOME}) <= {MOST_VALUES}"
    groups = engine.run(
        f"SELECT CASE WHEN {few} THEN {name}::VARCHAR ELSE '' END AS value, count(*){with_it} "
        f"FROM {SOME} WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    for place, (time, least) in enumerate(by_chance.items(), start=2):
        if all(row[place] in (0, row[1]) for row in groups) and sum(row[place] for row in groups) >= least:
            yield Arrival(value, time, next((row[0] for row in groups if row[place] == 0), None))


def cut_view(
    engine: Engine, relation: str, times: Mapping[str, TimeColumn], plans: Collection[str], zone: str, as_of: date,
    end: date | None = None,
) -> str:  # fmt: skip
    """Return SQL for an input as it stood at the instant; plans are known with their row, wherever they lie.

    Nothing arrives with times of which many lie after the `end` of all data: they are planned.
    """
    happened = {name: time for name, time in times.items() if name not in plans}
    written = [name for name in happened if _is_when_written(engine, relation, name, happened, zone, as_of)]
    facts = [name for name, time in happened.items() if name in written or not _tells_writing(time)] or list(happened)
    if not facts:
        return f"SELECT * FROM {relation}"
    kinds, come = columns_of(engine, relation), {name: time.has_come(zone, as_of) for name, time in happened.items()}
    changed = {n: f"CASE WHEN {come[n]} THEN {identifier(n)}{_or_blank(relation, n, kinds[n])} END" for n in facts}
    for arrival in find_arrivals(
        engine, relation, [n for n in facts if not _lies_ahead(engine, relation, times[n], zone, end)]
    ):
        earlier = changed.get(arrival.value, identifier(arrival.value))
        is_to_come = f"{_said(arrival.time)} IS NOT NULL AND NOT {come[arrival.time]}"
        before = "NULL" if arrival.before is None else f"CAST('{quoted(arrival.before)}' AS {kinds[arrival.value]})"
        changed[arrival.value] = f"CASE WHEN {is_to_come} THEN {before} ELSE {earlier} END"
    has_none = " AND ".join(f"{_said(name)} IS NULL" for name in facts)
    begun = f"(({' OR '.join(come[n] for n in facts)}) OR ({has_none}))"
    versions = [f"({_said(n)} IS NULL OR {come[n]})" for n in happened if _VERSION.match(n)]
    late = [f"({_said(n)} IS NULL OR {times[n].has_come(zone, as_of + timedelta(days=1))})" for n in written]
    replaced = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in changed.items())
    return f"SELECT * REPLACE ({replaced}) FROM {relation} WHERE {' AND '.join([begun, *versions, *late])}"


def _said(time: str) -> str:
    """Return SQL for what a time says, null where it is an empty text."""
    return f"nullif(trim({identifier(time)}::VARCHAR), '')"


def _or_blank(relation: str, time: str, kind: str) -> str:
    """Return SQL that goes on with what stands for no time in other rows: an empty text where there is one."""
    name = identifier(time)
    return f" ELSE (SELECT min({name}) FROM {relation} WHERE trim({name}) = '')" if kind == "VARCHAR" else ""


def _lies_ahead(engine: Engine, relation: str, time: TimeColumn, zone: str, end: date | None) -> bool:
    if end is None:
        return False
    ahead = f"NOT {time.has_come(zone, end + timedelta(days=1))}"
    there = f"{_said(time.name)} IS NOT NULL"
    share = engine.run(f"SELECT avg(({ahead})::INT) FROM {relation} WHERE {there}")[0][0]
    return share is not None and share > MOST_AHEAD


def _tells_writing(time: TimeColumn) -> bool:
    """Return whether a column is named as one that says when its rows were written."""
    return bool(_WRITTEN.match(time.name) or (time.is_unread and _ARRIVED.match(time.name)))


def _is_when_written(
    engine: Engine, relation: str, name: str, happened: Mapping[str, TimeColumn], zone: str, as_of: date
) -> bool:
    """Return whether a column says when each row was written: most of what had happened was written by then.

    Otherwise it is the time of an export or a migration, which says nothing about its rows.
    """
    if not _tells_writing(happened[name]):
        return False
    others = [time.has_come(zone, as_of) for time in happened.values() if not _tells_writing(time)]
    if not others:
        return False
    by_then = happened[name].has_come(zone, as_of)
    share = engine.run(f"SELECT avg(({by_then})::INT) FROM {relation} WHERE {' OR '.join(others)}")[0][0]
    return share is not None and share > 0.5
