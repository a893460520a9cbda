"""The source's SELECTs run again on raw inputs from which the future was removed: what they yield may not change.

Removing staged facts cannot show what a SELECT computed from all of them (a total over the whole history, a column
joined from the end of a contract). So the raw inputs themselves are cut at a date: times to come become null, rows of
which no time has come are gone. What the SELECTs yield of facts before the date must then be the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from churn.auditing.differences import COLUMNS
from churn.auditing.known import COMPANIONS
from churn.core.contract import Column, TableContract
from churn.core.source import SourceSettings
from churn.integrations.engine import Engine, identifier, quoted
from churn.integrations.sources import explain_engine_error, open_inputs
from churn.staging.contracts import contract_of
from churn.staging.typing import HAPPENED

CHECK = "source without the future"
ROW = "(row)"
SAMPLE = 5000
_ISO = r"^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}.*)?$"
_OFFSET = r":\d{2}.*([Zz]|UTC|[+-]\d{2}(:?\d{2})?)$"
_VERSION = re.compile(r"^(valid_from|effective_(from|date)|known_at)$", re.IGNORECASE)
_REWRITTEN = re.compile(r"(updated|modified|changed|last_|latest)", re.IGNORECASE)


@dataclass(frozen=True)
class SourceCut:
    """What the SELECTs yield otherwise without the future, and what the cut could not reach."""

    differences: pd.DataFrame
    notes: tuple[str, ...]


def cut_source(engine: Engine, source: SourceSettings, as_of: date) -> SourceCut:
    """Return every value that a SELECT of the source takes from after a date, although it says it lies before.

    Parameters
    ----------
    as_of
        Where the inputs are cut; an early date leaves more future to be missed.

    Returns
    -------
    SourceCut
        Differences in the columns of `find_differences`; the feature is `table.column`, `customer_id` the row's key.
    """
    relations = open_inputs(engine, source)
    selects = {name: text.strip().rstrip(";") for name, text in source.tables.items()}
    _keep_results(engine, selects, "whole")
    _keep_unique(engine, source, "whole")
    times = {name: _time_columns(engine, relation) for name, relation in relations.items()}
    notes = [*_notes(engine, source, relations, times, as_of)]
    for name, relation in relations.items():
        view = _cut_view(relation, times[name], source.time_zone or "UTC", as_of)
        engine.run(f"CREATE OR REPLACE VIEW {identifier(name)} AS {view}")
    _keep_results(engine, selects, "cut")
    _keep_unique(engine, source, "cut")
    found = [_compare(engine, contract_of(source, name), as_of, source.lag_hours.get(name, 0)) for name in selects]
    return SourceCut(pd.concat(found, ignore_index=True)[COLUMNS], tuple(notes))


def _keep_results(engine: Engine, selects: Mapping[str, str], name: str) -> None:
    for table, select in selects.items():
        try:
            engine.run(f"CREATE OR REPLACE TEMP TABLE {name}_{table} AS {select}")
        except Exception as error:
            raise explain_engine_error(error, table) from error


def _keep_unique(engine: Engine, source: SourceSettings, name: str) -> None:
    """Leave rows whose key is theirs alone: of repeated ones nobody can say which is which.

    Rows without a key are told by all they say but their numbers, and these are summed.
    """
    for table in source.tables:
        contract, there = contract_of(source, table), _columns(engine, f"{name}_{table}")
        key = ", ".join(identifier(k) for k in _key(contract, there))
        rows = f"FROM {name}_{table} QUALIFY count(*) OVER (PARTITION BY {key}) = 1"
        if not any(k in there for k in contract.key):
            numbers = [identifier(c.name) for c in contract.columns if c.kind == "number" and c.name in there]
            sums = "".join(f", sum(TRY_CAST({n}::VARCHAR AS DOUBLE)) AS {n}" for n in numbers)
            rows = f"SELECT {key}{sums} FROM {name}_{table} GROUP BY {key}"
        if key:
            engine.run(f"CREATE OR REPLACE TEMP TABLE {name}_{table} AS {rows}")


def _key(contract: TableContract, there: Mapping[str, str]) -> list[str]:
    """Return the columns that tell rows apart: the key where it is there, else everything but numbers."""
    key = [name for name in contract.key if name in there]
    return key or [c.name for c in contract.columns if c.name in there and c.kind != "number"]


def _columns(engine: Engine, relation: str) -> dict[str, str]:
    return {row[0]: row[1] for row in engine.run(f"DESCRIBE SELECT * FROM {relation}")}


def _time_columns(engine: Engine, relation: str) -> dict[str, str]:
    """Return the columns that hold points in time, with their type; text counts where all of a sample reads as such."""
    kinds = _columns(engine, relation)
    texts = [name for name, kind in kinds.items() if kind == "VARCHAR"]
    tests = [f"coalesce(bool_and(regexp_matches({identifier(n)}, '{_ISO}')), false)" for n in texts]
    found = engine.run(f"SELECT {', '.join(tests)} FROM (FROM {relation} LIMIT {SAMPLE})")[0] if tests else ()
    is_time = dict(zip(texts, found, strict=True))
    return {n: k for n, k in kinds.items() if k.startswith(("DATE", "TIMESTAMP")) or is_time.get(n)}


def _instant(column: str, kind: str) -> str:
    """Return SQL that reads a time column as an instant, local times still naive."""
    name = identifier(column)
    return f"TRY_CAST({name} AS TIMESTAMP)" if "TIME ZONE" not in kind else f"timezone('UTC', {name})"


def _has_come(column: str, kind: str, zone: str, as_of: date) -> str:
    """Return SQL that is true for a time before the instant; local times are compared in their own zone."""
    local = f"{_instant(column, kind)} < timezone('{quoted(zone)}', TIMESTAMPTZ '{as_of} 00:00:00+00')"
    if "TIME ZONE" in kind:
        return f"{identifier(column)} < TIMESTAMPTZ '{as_of} 00:00:00+00'"
    if kind != "VARCHAR":
        return local
    aware = f"TRY_CAST({identifier(column)} AS TIMESTAMPTZ) < TIMESTAMPTZ '{as_of} 00:00:00+00'"
    return f"CASE WHEN regexp_matches({identifier(column)}, '{_OFFSET}') THEN {aware} ELSE {local} END"


def _cut_view(relation: str, times: Mapping[str, str], zone: str, as_of: date) -> str:
    if not times:
        return f"SELECT * FROM {relation}"
    come = {name: f"coalesce({_has_come(name, kind, zone, as_of)}, false)" for name, kind in times.items()}
    masked = [f"CASE WHEN {come[n]} THEN {identifier(n)} END AS {identifier(n)}" for n in times]
    has_none = " AND ".join(f"{identifier(name)} IS NULL" for name in times)
    begun = f"(({' OR '.join(come.values())}) OR ({has_none}))"
    versions = [f"({identifier(n)} IS NULL OR {come[n]})" for n in times if _VERSION.match(n)]
    return f"SELECT * REPLACE ({', '.join(masked)}) FROM {relation} WHERE {' AND '.join([begun, *versions])}"


def _notes(
    engine: Engine, source: SourceSettings, relations: Mapping[str, str], times: Mapping[str, Mapping[str, str]],
    as_of: date,
) -> Iterable[str]:  # fmt: skip
    uncut = [name for name, found in times.items() if not found]
    if uncut:
        listed = ", ".join(uncut)
        yield f"inputs without a point in time cannot be cut, so what is read from them is not proven: {listed}"
    for name in times:
        if not re.search(rf"\b{re.escape(name)}\b", source.tables.get("customers", "")):
            continue
        for column, kind in times[name].items():
            if not _REWRITTEN.search(column) or "valid_from" in source.tables["customers"]:
                continue
            later = f"NOT {_has_come(column, kind, source.time_zone or 'UTC', as_of)}"
            share = engine.run(f"SELECT avg(({later})::INT) FROM {relations[name]}")[0][0] or 0.0
            if share > 0:
                yield (
                    f"{name}.{column}: {share:.0%} of the rows were written after {as_of}, so attributes read from "
                    "them may be later than the date; map their history with valid_from"
                )


def _compare(engine: Engine, contract: TableContract, as_of: date, lag_hours: int) -> pd.DataFrame:
    table = contract.name
    there = _columns(engine, f"whole_{table}")
    key = _key(contract, there)
    if not key:
        return pd.DataFrame(columns=COLUMNS)
    past = _is_past(contract, there, as_of)
    if table != "customers" and "customer_id" in there:  # facts of customers yet to come are nobody's
        past += " AND w.customer_id IN (SELECT customer_id FROM cut_customers)"
    values = [c.name for c in contract.columns if c.name in there and _is_compared(c, contract)]
    on = " AND ".join(f"w.{identifier(k)} IS NOT DISTINCT FROM c.{identifier(k)}" for k in key)
    shown = f"concat_ws(' | ', {', '.join(f'w.{identifier(k)}::VARCHAR' for k in key)})"
    parts = [
        f"SELECT '{quoted(n)}', {shown}, w.{identifier(n)}::VARCHAR, c.{identifier(n)}::VARCHAR "
        f"FROM whole_{table} w JOIN cut_{table} c ON {on} WHERE {past} AND {_differs(n)}"
        for n in values
    ]
    if contract.duplicates == "refuse":  # of repeated rows one may lie on either side of the date
        parts.append(
            f"SELECT '{ROW}', {shown}, 'left out', 'there' FROM cut_{table} w ANTI JOIN whole_{table} c ON {on} "
            f"WHERE {past}"
        )
    if (
        table in HAPPENED
    ):  # dated before, but made of nothing that had come by then; of plans, only the end may be on record
        late = f"{past} AND {_day(contract.time)} < DATE '{as_of}' - {1 + -(-lag_hours // 24)}"
        parts.append(
            f"SELECT '{ROW}', {shown}, 'there', 'not yet' FROM whole_{table} w ANTI JOIN cut_{table} c ON {on} "
            f"WHERE {late}"
        )
    rows = [row for part in parts for row in engine.run(f"{part} ORDER BY 2")]
    found = pd.DataFrame(rows, columns=["feature", "customer_id", "value", "other_value"])
    found["feature"] = f"{table}." + found["feature"]
    return found.assign(check=CHECK, as_of_date=pd.Timestamp(as_of))


def _is_past(contract: TableContract, there: Mapping[str, str], as_of: date) -> str:
    """Return SQL that is true for rows that lie before the date by more than any time zone, and were known by then."""
    keys = [f"w.{identifier(name)} IS NOT NULL" for name in contract.key if name in there and name != "valid_from"]
    days = [_day(name) for name in (contract.time, "known_at", "valid_from") if name in there]
    return " AND ".join([*keys, *(f"coalesce({day} < DATE '{as_of}' - 1, true)" for day in days)])


def _day(name: str) -> str:
    return f"TRY_CAST(left(w.{identifier(name)}::VARCHAR, 10) AS DATE)"


def _is_compared(column: Column, contract: TableContract) -> bool:
    with_times = {name for names in COMPANIONS.get(contract.name, {}).values() for name in names}
    return column.kind != "time" and column.name not in contract.key and column.name not in with_times


def _differs(name: str) -> str:
    w, c = f"w.{identifier(name)}", f"c.{identifier(name)}"
    numbers = f"TRY_CAST({w}::VARCHAR AS DOUBLE)", f"TRY_CAST({c}::VARCHAR AS DOUBLE)"
    is_close = f"coalesce(abs({numbers[0]} - {numbers[1]}) <= 1e-9 * greatest(1, abs({numbers[0]})), false)"
    return f"{w}::VARCHAR IS DISTINCT FROM {c}::VARCHAR AND NOT {is_close}"
