"""Stage a source: read, type, check, reject, report."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

import ibis.expr.types as ir

from churn.core.settings import ChurnSettings
from churn.core.source import SourceSettings
from churn.core.suggestions import did_you_mean
from churn.integrations.forgetting import read_forgotten, without_forgotten
from churn.integrations.interrupts import interruptible
from churn.integrations.layers import open_tables, recent_rows, write_staged
from churn.integrations.results import StageResult
from churn.integrations.sources import explain_engine_error, open_source
from churn.integrations.tracking import stage_run
from churn.integrations.workplace import layer_engine
from churn.snapshots.coverage import Coverage, measure_coverage
from churn.staging.contracts import contract_of
from churn.staging.gaps import (
    count_by_day,
    find_empty_columns,
    find_idle,
    find_periodic,
    find_silent_days,
    is_by_the_day,
)
from churn.staging.id_shapes import find_alike
from churn.staging.stage import StagedTable, is_rejection, stage_tables
from churn.staging.typing import HAPPENED
from churn.staging.volume import check_volume
from pipelines.stages import main_of

log = logging.getLogger(__name__)
SHOWN_DAYS = 5
SHOWN_IDS = 3
OTHERWISE = {"duplicate": "repeated rows left out", "clock_moved": "times moved by a change of the clocks"}


def run(settings: ChurnSettings) -> StageResult:
    """Write the staged tables of the source, or refuse it before anything is written."""
    result = StageResult()
    source = settings.source
    with (
        layer_engine(settings, "staged") as engine,
        stage_run("validate", settings) as tracker,
        interruptible(engine),
    ):
        with result.timed("read_and_check"):
            raw = without_forgotten(open_source(engine, source), read_forgotten(settings))
            staged = stage_tables(raw, source, partial(explain_engine_error, inputs=source.inputs))
            result.rows_in = {name: table.rows_in for name, table in staged.items()}
            check_volume(result.rows_in, recent_rows(settings), source.min_share_of_recent)
        with result.timed("write"):
            layer = write_staged(engine, staged, settings, {"run_id": tracker.run_id, "rows_in": result.rows_in})
        for name, table in staged.items():
            rows = int(engine.run(f"SELECT count(*) FROM '{layer.path(name)}'")[0][0])
            result.rows_out[name] = rows
            log.info("%-14s %12s rows in, %12s staged%s", name, f"{table.rows_in:,}", f"{rows:,}", _counted(table))
        tables = open_tables(engine, layer)
        if source.kind == "tables":
            coverage = measure_coverage(tables, source)
            result.notes += [f"the data covers {coverage.start} to {coverage.end}", *coverage.notes]
            result.notes += _silent_days(tables, coverage)
            result.notes += [*_no_events(tables), *_days_without_hours(tables, source)]
        result.notes += _alike_ids(tables["customers" if source.kind == "tables" else "matrix"])
        result.notes += [*_empty_columns(tables), *_misspelt_kinds(tables, source)]
        report = {
            "counts": {n: dict(t.counts) for n, t in staged.items()},
            "in": result.rows_in,
            "out": result.rows_out,
        }
        tracker.table(report, "validation.json")
        tracker.dataset(source.name, layer.folder, layer.fingerprint, "staged")
        tracker.tag(data_fingerprint=layer.fingerprint)
        tracker.metrics({f"rows_staged_{name}": rows for name, rows in result.rows_out.items()})
    result.run_id, result.artifacts = tracker.run_id, {"staged": str(layer.folder)}
    staged_rows = f"{sum(result.rows_out.values()):,} rows staged in {len(staged)} tables"
    result.summary = "; ".join([staged_rows, *result.notes])
    return result


def _silent_days(tables: Mapping[str, ir.Table], coverage: Coverage) -> list[str]:
    found = find_silent_days(count_by_day(tables["events"], "occurred_at")) if "events" in tables else []
    silent = [day for day in found if coverage.start <= day < coverage.end]
    shown = ", ".join(str(day) for day in silent[:SHOWN_DAYS])
    return [f"no event at all on {len(silent)} days ({shown}): closed, or a failed delivery?"] if silent else []


def _no_events(tables: Mapping[str, ir.Table]) -> list[str]:
    """Return notes on the event types whose rows seem to sum up periods, or to say that nothing happened."""
    if "events" not in tables:
        return []
    events = tables["events"]
    periodic = find_periodic(events, "occurred_at", "event_type")
    idle = find_idle(events, "value", "event_type") if "value" in events.columns else {}
    notes = []
    if periodic:
        found = ", ".join(f"'{name}' {days} days" for name, days in periodic.items())
        notes.append(
            f"times of events lie far apart ({found}): a row that sums up a period belongs at the period's end "
            "(or give known_at), for stamped with its beginning it knows the future"
        )
    if idle:
        found = ", ".join(f"'{name}' {share:.0%}" for name, share in idle.items())
        notes.append(
            f"the value is 0 in many rows ({found}): they count as activity; leave them out if nothing happened"
        )
    return notes


def _days_without_hours(tables: Mapping[str, ir.Table], source: SourceSettings) -> list[str]:
    told = [name for name in HAPPENED if name in tables and name not in source.lag_hours]
    found = [name for name in told if is_by_the_day(tables[name], contract_of(source, name).time)]
    if not found:
        return []
    lags = ", ".join(f"{name}: 24" for name in found)
    return [
        f"times of {', '.join(found)} are days without hours, and in {source.time_zone} a day does not begin at "
        f"midnight UTC: rows that sum up their day are known at its end (lag_hours: {{{lags}}})"
    ]


def _empty_columns(tables: Mapping[str, ir.Table]) -> list[str]:
    empty = [f"{name}.{column}" for name, table in tables.items() for column in find_empty_columns(table)]
    return [f"no value in any row of {', '.join(empty)}: is the column mapped rightly?"] if empty else []


def _alike_ids(customers: ir.Table) -> list[str]:
    pairs = find_alike(customers)
    shown = ", ".join(f"'{one}' and '{other}'" for one, other in pairs[:SHOWN_IDS])
    return (
        [f"customers whose ids differ only by spaces or letter case: {len(pairs)} ({shown}); one or two?"]
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


def _counted(table: StagedTable) -> str:
    """Return in words what was rejected, what repeated, and what was read otherwise than it stood there."""
    rejected = [f"{key} {count:,}" for key, count in table.counts.items() if is_rejection(key)]
    others = [f"{OTHERWISE.get(k.partition(':')[0], k)} {n:,}" for k, n in table.counts.items() if not is_rejection(k)]
    return "; ".join(["", f"rejected: {', '.join(rejected) or 'none'}", *others])


if __name__ == "__main__":
    raise SystemExit(main_of("validate")(None))
