"""What the SELECTs of a source yield of the whole inputs and of the cut ones, compared row by row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from churn.auditing.differences import COLUMNS
from churn.auditing.known import PLANNED, later_times
from churn.core.contract import CONTRACT, TableContract
from churn.integrations.engine import Engine, identifier, quoted
from churn.staging.typing import HAPPENED

CHECK = "source without the future"
ROW = "(row)"
TOLD = "announced_at"
WHOLE, CUT, REPEATED = "whole_", "cut_", "repeated_"
LABEL = "churned"  # of a ready table: it lies after its date, and nothing else may


@dataclass(frozen=True)
class Claims:
    """SQL for what a row of a SELECT says lies before the date.

    Where the inputs name their instants (`is_exact`), times are taken at their word, local ones as the source's `zone`
    reads them; of others, and of days, only what lies before by more than any time zone counts. The rows of the table
    `active` say with whom the company has to do: subscriptions, or events where there are none.
    """

    as_of: date
    kinds: Mapping[str, str]
    is_exact: bool
    zone: str
    lag_hours: int
    active: str | None = None

    def has_come(self, name: str) -> str:
        """Return SQL that is true where a time of the row, if there is one, lies before the date."""
        return f"coalesce({self._is_before(name, 0)}, true)"

    def was_known(self, name: str) -> str:
        """Return SQL that is true where a time lies before the date by more than the lag the source declares."""
        return self._is_before(name, self.lag_hours)

    def _is_before(self, name: str, lag_hours: int) -> str:
        column, kind = f"w.{identifier(name)}", self.kinds[name]
        if self.is_exact and kind.startswith("TIMESTAMP"):
            instant = column if "TIME ZONE" in kind else f"timezone('{quoted(self.zone)}', {column}::TIMESTAMP)"
            return f"{instant} < TIMESTAMPTZ '{self.as_of} 00:00:00+00' - INTERVAL {lag_hours} HOUR"
        return f"TRY_CAST(left({column}::VARCHAR, 10) AS DATE) < DATE '{self.as_of}' - {1 + -(-lag_hours // 24)}"


def key_of(contract: TableContract, there: Mapping[str, str]) -> list[str]:
    """Return the columns that tell rows apart: the key where it is there, else everything but numbers."""
    key = [name for name in contract.key if name in there]
    return key or [c.name for c in contract.columns if c.name in there and c.kind != "number"]


def compare_results(engine: Engine, contract: TableContract, claims: Claims) -> pd.DataFrame:
    """Return the values and rows of a table that are other in `whole_<table>` than in `cut_<table>`.

    Compared is what the rows of the whole say lies before the date. Where no key tells rows apart, nothing is.
    """
    table, there = contract.name, claims.kinds
    key = key_of(contract, there)
    if not key:
        return pd.DataFrame(columns=COLUMNS)
    past, whose = _is_past(contract, there, claims), _name_of_row(key, there)
    on, repeated = (f"ON {_same(key, other)}" for other in ("c", "r"))
    parts = [
        f"SELECT '{quoted(n)}', {whose}, {shown(n)} "
        f"FROM {WHOLE}{table} w JOIN {CUT}{table} c {on} WHERE {past} AND {when} AND {differs(n)}"
        for n, when in _compared(contract, there, key, claims).items()
    ]
    times = [c.name for c in contract.columns if c.kind == "time" and c.name in key and c.name not in contract.key]
    dated = "".join(f" AND w.{identifier(name)} IS NOT NULL" for name in times)  # else the cut itself took the time
    parts.append(
        f"SELECT '{ROW}', {whose}, 'left out', 'there' FROM {CUT}{table} w ANTI JOIN {WHOLE}{table} c {on} "
        f"ANTI JOIN {REPEATED}{WHOLE}{table} r {repeated} WHERE {past}{dated}"
    )
    told = _when_told(contract, there, claims)
    if told:  # made of nothing that had come by then
        parts.append(
            f"SELECT '{ROW}', {whose}, 'there', 'not yet' FROM {WHOLE}{table} w ANTI JOIN {CUT}{table} c {on} "
            f"ANTI JOIN {REPEATED}{CUT}{table} r {repeated} WHERE {past} AND {told}"
        )
    rows = [row for part in parts for row in engine.run(f"{part} ORDER BY 2")]
    found = pd.DataFrame(rows, columns=["feature", "customer_id", "value", "other_value"])
    found["feature"] = f"{table}." + found["feature"]
    return found.assign(check=CHECK, as_of_date=pd.Timestamp(claims.as_of))[COLUMNS]


def _same(key: Iterable[str], other: str) -> str:
    return " AND ".join(f"w.{identifier(k)} IS NOT DISTINCT FROM {other}.{identifier(k)}" for k in key)


def _name_of_row(key: Iterable[str], there: Collection[str]) -> str:
    """Return SQL for the customer whose row it is, with what tells the row from the customer's others in brackets."""
    others = ", ".join(f"w.{identifier(k)}::VARCHAR" for k in key if k != "customer_id")
    if "customer_id" not in there:
        return f"concat_ws(', ', {others})"
    customer = f"w.{identifier('customer_id')}::VARCHAR"
    return f"concat({customer}, ' (' || nullif(concat_ws(', ', {others}), '') || ')')" if others else customer


def _when_told(contract: TableContract, there: Collection[str], claims: Claims) -> str:
    """Return SQL that is true for rows that say they were on record; nothing of plans: only their end may be.

    Customers say so where the company had to do with them by then.
    """
    if contract.name == "customers" and claims.active:
        time = identifier(CONTRACT[claims.active].time)
        met = f"FROM {CUT}{claims.active} WHERE left({time}::VARCHAR, 10) < '{claims.as_of}'"
        return f"{claims.was_known(contract.time)} AND {_is_among(met)}"
    if contract.name not in (*HAPPENED, "incidents"):
        return ""
    return _or_announced(claims.was_known(contract.time), there, claims)


def _or_announced(begun: str, there: Collection[str], claims: Claims) -> str:
    """Return SQL for what has begun or, of a change of the company, was announced."""
    return f"({begun} OR coalesce({claims.was_known(TOLD)}, false))" if TOLD in there else begun


def _is_past(contract: TableContract, there: Mapping[str, str], claims: Claims) -> str:
    """Return SQL that is true for rows that say they lie before the date and were known by then."""
    keys = [f"w.{identifier(name)} IS NOT NULL" for name in contract.key if name in there and name != "valid_from"]
    times = [claims.has_come(name) for name in ("known_at", "valid_from") if name in there]
    begun = [_or_announced(claims.has_come(contract.time), there, claims)] if contract.time in there else []
    past = " AND ".join([*keys, *begun, *times])
    if contract.name in CONTRACT and contract.name != "customers" and "customer_id" in there:
        # facts of customers yet to come are nobody's
        past += f" AND {_is_among(f'FROM {CUT}customers')}"
    return past


def _is_among(rows: str) -> str:
    """Return SQL that is true for rows of customers found in others; an id may be a number here and a text there."""
    return f"w.customer_id::VARCHAR IN (SELECT customer_id::VARCHAR {rows})"


def _compared(
    contract: TableContract, there: Mapping[str, str], key: list[str], claims: Claims
) -> dict[str, str]:  # fmt: skip
    """Return the columns to compare, each with SQL that says of which rows.

    Times that happen, and the values that arrive with them, count where they say they have come; plans always do.
    """
    happened = later_times(contract.name, list(there)) if contract.name in CONTRACT else {}
    arriving = {value: time for time, values in happened.items() for value in values}
    whens = {}
    for column in contract.columns:
        name = column.name
        if name not in there or name in key or name in (LABEL, "known_at", "valid_from"):
            continue
        time = name if name in happened else arriving.get(name)
        if time is not None and time in there:
            whens[name] = f"w.{identifier(time)} IS NOT NULL AND {claims.has_come(time)}"
        elif name == contract.time:
            whens[name] = claims.has_come(name)
        elif column.kind != "time" or name in PLANNED.get(contract.name, ()):
            whens[name] = "true"
    return whens


def shown(name: str) -> str:
    """Return SQL for what stands in a column of `w` and of `c`, in words."""
    return ", ".join(f"coalesce({side}.{identifier(name)}::VARCHAR, 'null')" for side in "wc")


def differs(name: str) -> str:
    """Return SQL that is true where a column is another in `w` than in `c`, by more than the order of a sum."""
    w, c = f"w.{identifier(name)}", f"c.{identifier(name)}"
    numbers = f"TRY_CAST({w}::VARCHAR AS DOUBLE)", f"TRY_CAST({c}::VARCHAR AS DOUBLE)"
    is_close = f"coalesce(abs({numbers[0]} - {numbers[1]}) <= 1e-9 * greatest(1, abs({numbers[0]})), false)"
    return f"{w}::VARCHAR IS DISTINCT FROM {c}::VARCHAR AND NOT {is_close}"
