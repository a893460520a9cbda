"""The source's SELECTs run again on raw inputs from which the future was removed: what they yield may not change.

Removing staged facts cannot show what a SELECT computed from all of them (a total over the whole history, a column
joined from the end of a contract). So the raw inputs themselves are cut at a date. What the SELECTs yield of facts
before the date must then be the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from churn.auditing.cut_comparison import CUT, REPEATED, WHOLE, Claims, compare_results, key_of
from churn.auditing.differences import COLUMNS
from churn.auditing.input_cuts import PLANS, cut_view
from churn.auditing.input_times import TimeColumn, find_times
from churn.auditing.known import PLANNED, later_times
from churn.core.contract import CONTRACT
from churn.core.errors import DataRefused
from churn.core.source import SourceSettings
from churn.core.suggestions import did_you_mean
from churn.integrations.engine import Engine, columns_of, identifier
from churn.integrations.sources import explain_engine_error, open_inputs
from churn.staging.contracts import contract_of
from churn.staging.typing import HAPPENED

PROBE = "probe_"
_REWRITTEN = re.compile(r"(updated|modified|changed|last_|latest)", re.IGNORECASE)


@dataclass(frozen=True)
class SourceCut:
    """What the SELECTs yield otherwise without the future, and what the cut could not reach."""

    differences: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Inputs:
    """The raw inputs: the relation each reads, its times by column, and the zone of those that name none."""

    relations: Mapping[str, str]
    times: Mapping[str, Mapping[str, TimeColumn]]
    zone: str

    def read_by(self, select: str) -> list[str]:
        """Return the inputs that a SELECT reads."""
        return [name for name in self.relations if re.search(rf"\b{re.escape(name)}\b", select)]


def cut_source(engine: Engine, source: SourceSettings, dates: Sequence[date]) -> SourceCut:
    """Return every value that a SELECT of the source takes from after a date, although it says it lies before.

    Parameters
    ----------
    dates
        Where the inputs are cut, in order: an early date leaves more future to be missed, a late one more facts that
        may miss it.

    Returns
    -------
    SourceCut
        Differences in the columns of `find_differences`; the feature is `table.column`, `customer_id` whose row it is
        and, in brackets, which one.
    """
    opened, selects = open_inputs(engine, source), source.tables.values()
    relations = {name: f"{relation} AS {identifier(name)}" for name, relation in opened.items()}
    times = {name: find_times(engine, opened[name], selects, source.inputs[name].times) for name in opened}
    inputs = _Inputs(relations, times, source.time_zone or "UTC")
    keep_results(engine, source, source.tables, WHOLE)
    plans = _find_plans(engine, source, inputs, dates[0])
    end = _end_of_data(engine, source)
    found = [part for day in dates for part in _cut_at(engine, source, inputs, plans, day, end)]
    differences = pd.concat(found, ignore_index=True)[COLUMNS]
    return SourceCut(differences, tuple(_notes(engine, source, inputs, dates[0])))


def _cut_at(
    engine: Engine,
    source: SourceSettings,
    inputs: _Inputs,
    plans: Mapping[str, set[str]],
    as_of: date,
    end: date | None,
) -> Iterable[pd.DataFrame]:
    """Yield what each SELECT makes otherwise of the inputs as they stood on a date."""
    for name, relation in inputs.relations.items():
        view = cut_view(engine, relation, inputs.times[name], plans[name], inputs.zone, as_of, end)
        engine.run(f"CREATE OR REPLACE VIEW {identifier(name)} AS {view}")
    keep_results(engine, source, source.tables, CUT)
    active = next((table for table in ("subscriptions", "events") if table in source.tables), None)
    for table, select in source.tables.items():
        read = [time for name in inputs.read_by(select) for time in inputs.times[name].values()]
        is_exact, lag_hours = all(time.is_exact for time in read), source.lag_hours.get(table, 0)
        claims = Claims(as_of, columns_of(engine, f"{WHOLE}{table}"), is_exact, inputs.zone, lag_hours, active)
        yield compare_results(engine, contract_of(source, table), claims)


def _end_of_data(engine: Engine, source: SourceSettings) -> date | None:
    """Return the last day on which the SELECTs say that something happened, or None where they say of nothing."""
    told = []
    for table in (name for name in HAPPENED if name in source.tables):
        there = list(columns_of(engine, f"{WHOLE}{table}"))
        for time in (name for name in (CONTRACT[table].time, *later_times(table, there)) if name in there):
            day = f"TRY_CAST(left({identifier(time)}::VARCHAR, 10) AS DATE)"
            told.append(f"SELECT max({day}) AS day FROM {WHOLE}{table}")
    end: date | None = engine.run(f"SELECT max(day) FROM ({' UNION ALL '.join(told)})")[0][0] if told else None
    return end


def keep_results(engine: Engine, source: SourceSettings, tables: Iterable[str], prefix: str) -> None:
    """Keep what SELECTs yield, of rows whose key is theirs alone: of repeated ones nobody can say which is which.

    Rows without a key are told by all they say but their numbers, and these are summed.

    Raises
    ------
    DataRefused
        When a SELECT cannot be run.
    """
    for table in tables:
        select = source.tables[table].strip().rstrip(";")
        try:
            engine.run(f"CREATE OR REPLACE TEMP TABLE {prefix}{table} AS {select}")
        except Exception as error:
            raise explain_engine_error(error, table) from error
        contract, there = contract_of(source, table), columns_of(engine, f"{prefix}{table}")
        key = ", ".join(identifier(k) for k in key_of(contract, there))
        rows, repeated = (
            f"FROM {prefix}{table} QUALIFY count(*) OVER (PARTITION BY {key}) {n}" for n in ("= 1", "> 1")
        )
        if not any(k in there for k in contract.key):
            numbers = [identifier(c.name) for c in contract.columns if c.kind == "number" and c.name in there]
            sums = "".join(f", sum(TRY_CAST({n}::VARCHAR AS DOUBLE)) AS {n}" for n in numbers)
            rows, repeated = f"SELECT {key}{sums} FROM {prefix}{table} GROUP BY {key}", f"FROM {prefix}{table} LIMIT 0"
        if key:
            engine.run(f"CREATE OR REPLACE TEMP TABLE {REPEATED}{prefix}{table} AS {repeated}")
            engine.run(f"CREATE OR REPLACE TEMP TABLE {prefix}{table} AS {rows}")


def _find_plans(engine: Engine, source: SourceSettings, inputs: _Inputs, as_of: date) -> dict[str, set[str]]:
    """Return by input the times that are plans, known with their row: stated, by name, or by what the SELECTs make.

    A column is a plan where hiding its times to come changes planned times (a due date) and no others. One that moves
    the end of a subscription as well happens, and a due date taken from it looks ahead.
    """
    plans = {
        name: {column for column in times if column in PLANS} | _stated_plans(source, name, times)
        for name, times in inputs.times.items()
    }
    for table, names in PLANNED.items():
        planned = set(names) & set(columns_of(engine, f"{WHOLE}{table}")) if table in source.tables else set()
        for name in inputs.read_by(source.tables[table]) if planned else ():
            for column, time in inputs.times[name].items():
                if column not in plans[name] and _moves_only(engine, source, inputs, name, time, table, planned, as_of):
                    plans[name].add(column)
    return plans


def _stated_plans(source: SourceSettings, name: str, times: Collection[str]) -> set[str]:
    stated = set(source.inputs[name].plans)
    if stray := sorted(stated - set(times)):
        raise DataRefused(
            f"plans: no column of times {', '.join(stray)}",
            table=name,
            code="missing_column",
            remedy=f"Name columns of the input '{name}' that hold times{did_you_mean(stray[0], times)}",
        )
    return stated


def _moves_only(
    engine: Engine, source: SourceSettings, inputs: _Inputs, name: str, time: TimeColumn, table: str,
    planned: set[str], as_of: date,
) -> bool:  # fmt: skip
    """Return whether hiding one column's times to come changes planned times of a table, and no others."""
    column, relation = identifier(time.name), inputs.relations[name]
    hidden = f"SELECT * REPLACE (CASE WHEN {time.has_come(inputs.zone, as_of)} THEN {column} END AS {column})"
    engine.run(f"CREATE OR REPLACE VIEW {identifier(name)} AS {hidden} FROM {relation}")
    keep_results(engine, source, [table], PROBE)
    engine.run(f"CREATE OR REPLACE VIEW {identifier(name)} AS SELECT * FROM {relation}")
    contract, there = contract_of(source, table), columns_of(engine, f"{WHOLE}{table}")
    on = " AND ".join(f"w.{identifier(k)} IS NOT DISTINCT FROM p.{identifier(k)}" for k in key_of(contract, there))
    times = [column for column in contract.times if column in there]
    counts = ", ".join(f"count_if(w.{identifier(t)} IS DISTINCT FROM p.{identifier(t)})" for t in times)
    moved = engine.run(f"SELECT {counts} FROM {WHOLE}{table} w LEFT JOIN {PROBE}{table} p ON {on}")[0]
    changed = {time for time, count in zip(times, moved, strict=True) if count}
    return bool(changed) and changed <= planned


def _notes(engine: Engine, source: SourceSettings, inputs: _Inputs, as_of: date) -> Iterable[str]:
    uncut = [name for name, found in inputs.times.items() if not found]
    if uncut:
        listed = ", ".join(uncut)
        yield f"inputs without a point in time cannot be cut, so what is read from them is not proven: {listed}"
    empty = [table for table in source.tables if not engine.run(f"SELECT 1 FROM {CUT}{table} LIMIT 1")]
    if empty:
        yield f"no row is left before {as_of}, so what SELECTs take from later is not proven: {', '.join(empty)}"
    customers = source.tables.get("customers", "valid_from")
    for name in inputs.read_by(customers) if "valid_from" not in customers else ():
        for column, time in inputs.times[name].items():
            if not _REWRITTEN.search(column):
                continue
            later = f"NOT {time.has_come(inputs.zone, as_of)}"
            share = engine.run(f"SELECT avg(({later})::INT) FROM {inputs.relations[name]}")[0][0] or 0.0
            if share > 0:
                yield (
                    f"{name}.{column}: {share:.0%} of the rows were written after {as_of}, so attributes read from "
                    "them may be later than the date; map their history with valid_from"
                )
